//! What is to be said of a Telemetry: what of it has no effect.

use super::Telemetries;
use crate::condition::{Finding, Topic};
use crate::key::Key;
use crate::mesh::{ExtensionProvider, MeshConfig};
use meridian_resources::istio::Telemetry;

/// What is to be said of an object; `None` when there is none of the name.
pub(crate) fn findings(telemetries: &Telemetries, key: &Key, mesh: &MeshConfig) -> Option<Vec<Finding>> {
    let object = telemetries.get(key)?;
    let mut findings = Vec::new();
    rival(telemetries, key, mesh, &object.spec, &mut findings);
    for (index, entry) in object.spec.access_logging.iter().enumerate() {
        for (position, provider) in entry.providers.iter().enumerate() {
            let path = format!("spec.accessLogging[{index}].providers[{position}].name");
            access_log_provider(mesh, &path, &provider.name, &mut findings);
        }
        if let Some(filter) = &entry.filter
            && let Err(error) = meridian_cel::Expression::parse(&filter.expression)
        {
            let path = format!("spec.accessLogging[{index}].filter.expression");
            findings.push(Finding::at(Topic::Unsupported, &path, format!("{error}; everything is logged")));
        }
    }
    for (field, is_there) in
        [("metrics", !object.spec.metrics.is_empty()), ("tracing", !object.spec.tracing.is_empty())]
    {
        if is_there {
            findings.push(Finding::at(
                Topic::Unsupported,
                &format!("spec.{field}"),
                "not supported yet; it has no effect",
            ));
        }
    }
    Some(findings)
}

/// Of several without a selector in one namespace, the oldest counts.
fn rival(telemetries: &Telemetries, key: &Key, mesh: &MeshConfig, own: &Telemetry, findings: &mut Vec<Finding>) {
    if own.is_selective() {
        return;
    }
    let first = telemetries.in_namespace(&key.namespace).find(|object| !object.spec.is_selective());
    if let Some(first) = first.map(|object| Key::of(&object.meta)).filter(|first| first != key) {
        let scope = if *key.namespace == *mesh.root_namespace { "the mesh" } else { "the namespace" };
        let message =
            format!("has no effect: Telemetry {first} is older and about {scope} too; only the oldest counts");
        findings.push(Finding::at(Topic::Conflicted, "spec.selector", message));
    }
}

fn access_log_provider(mesh: &MeshConfig, path: &str, name: &str, findings: &mut Vec<Finding>) {
    let works = || {
        let files =
            mesh.extension_providers.iter().filter(|(_, one)| matches!(one, ExtensionProvider::FileAccessLog(_)));
        files.map(|(name, _)| &**name).collect::<Vec<_>>().join(", ")
    };
    match mesh.extension_providers.get(name) {
        Some(ExtensionProvider::FileAccessLog(_)) => {}
        Some(other) => {
            let message = format!(
                "{name:?} is a provider of kind {}, which writes no access logs here; those of kind envoyFileAccessLog do: {}",
                other.kind(),
                works()
            );
            findings.push(Finding::at(Topic::Unsupported, path, message));
        }
        None => {
            let message = format!(
                "there is no provider {name:?} in extensionProviders of the mesh configuration; access logs are written by: {}",
                works()
            );
            findings.push(Finding::at(Topic::BackendNotFound, path, message));
        }
    }
}
