//! Objects that the real Istio accepts and works with are accepted here, to the last field.

mod common;

use std::path::{Path, PathBuf};

use meridian_resources as resources;
use serde_json::Value;

/// The YAML files below a folder.
fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "golden") {
            found.push(path);
        }
    }
}

/// What is said against the objects of our kinds, and how many there are.
fn judge(values: impl Iterator<Item = (String, Value)>) -> (usize, Vec<String>) {
    let (mut judged, mut refused) = (0, Vec::new());
    for (label, value) in values {
        let text = |field: &str| value[field].as_str().unwrap_or_default();
        let Some(kind) = resources::by_api_version_kind(text("apiVersion"), text("kind")) else { continue };
        judged += 1;
        let mut errors = resources::unknown_fields(kind, &value);
        errors.extend(resources::validate(kind, &value));
        let name = format!("{label}: {} {}", kind, value["metadata"]["name"]);
        refused.extend(errors.iter().map(|error| format!("{name}: {error}")));
        if errors.is_empty()
            && let Err(errors) = resources::decode(kind, &value)
        {
            refused.push(format!("{name}: accepted, but {errors:?}"));
        }
    }
    (judged, refused)
}

fn of_files(folder: &str) -> Option<(usize, Vec<String>)> {
    let mut files = Vec::new();
    yaml_files(&common::shared(folder)?, &mut files);
    files.sort();
    let values = files.iter().flat_map(|file| {
        let label = file.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("readable");
        let values = resources::yaml::values(&text, &label);
        values.into_iter().map(move |value| (label.clone(), value.expect("YAML")))
    });
    Some(judge(values))
}

#[test]
fn scenarios_are_accepted() {
    let Some((judged, refused)) = of_files("scenarios") else { return };
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(judged >= 40, "only {judged} objects");
}

/// Istio's simulation does not go through an API server: these mistakes it would refuse too.
const NOT_FOR_AN_API_SERVER: [&str; 3] = [
    "spec.ports[1].name: Duplicate value: \"http\"",
    "addressType: Required value",
    "VirtualService \"alias\": unknown field \"spec.tcp[0].name\"",
];

#[test]
fn simulation_configs_are_accepted() {
    let Some((judged, mut refused)) = of_files("oracles/istio-simulation/configs") else { return };
    let before = refused.len();
    refused.retain(|error| !NOT_FOR_AN_API_SERVER.iter().any(|known| error.ends_with(known)));
    println!("{judged} objects, {} known mistakes", before - refused.len());
    assert!(refused.is_empty(), "{} of {judged}:\n{}", refused.len(), refused.join("\n"));
    assert!(judged > 200, "only {judged} objects");
}

#[test]
fn ingress_goldens_are_accepted() {
    let Some((judged, mut refused)) = of_files("oracles/istio-ingress") else { return };
    // Istio's inputs never met an API server, which asks for a path's type.
    refused.retain(|error| !error.ends_with("pathType: Required value: pathType must be specified"));
    assert!(refused.is_empty(), "{} of {judged}:\n{}", refused.len(), refused.join("\n"));
    assert!(judged > 4, "only {judged} objects");
}

#[test]
fn random_routes_are_accepted() {
    let Some(path) = common::shared("oracles/routing-decisions/routing.json") else { return };
    let text = std::fs::read_to_string(path).expect("readable");
    let routing: Value = serde_json::from_str(&text).expect("JSON");
    let services = ["first", "later"].iter().flat_map(|part| routing[part].as_array().expect("a list"));
    let all = std::iter::once(&routing["gateway"]).chain(services);
    let (judged, refused) = judge(all.map(|value| ("routing.json".to_owned(), value.clone())));
    assert!(refused.is_empty(), "{} of {judged}:\n{}", refused.len(), refused.join("\n"));
    assert_eq!(judged, 153);
}
