//! Manifests of the suite, and what of them the embedded API takes.

use meridian_resources::yaml;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The GatewayClass that the Gateways are of.
pub(crate) const CLASS: &str = "meridian";

/// The objects of a manifest.
pub(crate) struct Manifests {
    /// Those that the embedded API knows.
    pub(crate) objects: Vec<Value>,
    /// Deployments, whose pods the test runs.
    pub(crate) deployments: Vec<Value>,
}

impl Manifests {
    /// What stands in some files, in their order.
    pub(crate) fn read_all(files: &[PathBuf]) -> Manifests {
        let mut all = Manifests { objects: Vec::new(), deployments: Vec::new() };
        for manifests in files.iter().map(|file| Manifests::read(file)) {
            all.objects.extend(manifests.objects);
            all.deployments.extend(manifests.deployments);
        }
        all
    }

    fn read(file: &Path) -> Manifests {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let text = text.replace("{GATEWAY_CLASS_NAME}", CLASS);
        let all = yaml::values(&text, &file.display().to_string());
        let all = all.into_iter().map(|value| value.expect("the suite's manifests are well-formed"));
        let (deployments, objects) =
            all.filter(|value| !value.is_null()).partition(|value| value["kind"] == "Deployment");
        Manifests { objects, deployments }
    }

    /// The objects of both.
    pub(crate) fn and(&self, other: &Manifests) -> Vec<Value> {
        self.objects.iter().chain(&other.objects).cloned().collect()
    }
}

/// An object of a kind by name, in a namespace.
pub(crate) fn find<'o>(objects: &'o [Value], kind: &str, namespace: &str, name: &str) -> Option<&'o Value> {
    objects.iter().rev().find(|object| {
        let metadata = &object["metadata"];
        object["kind"] == kind && metadata["namespace"] == namespace && metadata["name"] == name
    })
}
