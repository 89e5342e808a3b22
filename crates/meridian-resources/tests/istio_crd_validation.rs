//! Documents that Istio's CRDs accept or refuse, judged the same here.

mod common;

use meridian_resources as resources;
use serde_json::Value;

/// The mistakes that a document is refused for, as the API would answer them.
fn verdict(document: &Value) -> Result<(), String> {
    let text = |field: &str| document[field].as_str().unwrap_or_default();
    let kind = resources::by_api_version_kind(text("apiVersion"), text("kind")).ok_or("no such kind")?;
    let mut errors = resources::unknown_fields(kind, document);
    errors.extend(resources::validate(kind, document));
    if errors.is_empty() {
        resources::decode(kind, document).expect("a valid object decodes");
        return Ok(());
    }
    Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn documents_are_judged_as_istio_judges_them() {
    let Some(folder) = common::shared("oracles/istio-crd-validation") else { return };
    let (mut judged, mut failures) = (0, Vec::new());
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("readable");
        for document in resources::yaml::values(&text, &name) {
            let mut document = document.expect("YAML");
            let group_kind =
                (document["apiVersion"].as_str().unwrap_or_default(), document["kind"].as_str().unwrap_or_default());
            if resources::by_api_version_kind(group_kind.0, group_kind.1).is_none() {
                continue;
            }
            let expected = document.as_object_mut().and_then(|fields| fields.remove("_err"));
            let label = format!("{name}: {} {}", document["kind"], document["metadata"]["name"]);
            judged += 1;
            match (expected.as_ref().and_then(Value::as_str), verdict(&document)) {
                (None, Ok(())) => {}
                (Some(expected), Err(errors)) if errors.contains(expected) => {}
                (None, Err(errors)) => failures.push(format!("{label}: refused: {errors}")),
                (Some(expected), Ok(())) => failures.push(format!("{label}: accepted, expected: {expected}")),
                (Some(expected), Err(errors)) => {
                    failures.push(format!("{label}: refused with another message: {errors}; expected: {expected}"));
                }
            }
        }
    }
    println!("{judged} documents judged");
    assert!(failures.is_empty(), "{} of {judged} documents:\n{}", failures.len(), failures.join("\n"));
    assert!(judged >= 36, "only {judged} documents were found");
}
