//! The derived schemas against Gateway API's CRDs: the same fields, types, defaults and limits.

mod common;

use meridian_resources as resources;
use resources::kind::converted;
use serde_json::{Value, json};

/// Keywords that say nothing about what is accepted, or that our rules in Rust stand for.
const IGNORED: [&str; 4] =
    ["description", "x-kubernetes-validations", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields"];

/// Where we say more than the CRDs do: the integers that our types hold.
const OURS_ONLY: [&str; 2] = ["/forwardBody/maxSize/minimum", "/forwardBody/maxSize/maximum"];

fn strip(schema: &Value, names: bool) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let kept = fields.iter().filter(|(name, _)| names || !IGNORED.contains(&name.as_str()));
    let mut node: serde_json::Map<String, Value> = kept
        .map(|(name, value)| match (name.as_str(), value) {
            (_, Value::Object(_)) if names => (name.clone(), strip(value, false)),
            ("properties", _) => (name.clone(), strip(value, true)),
            ("items" | "additionalProperties", _) => (name.clone(), strip(value, false)),
            ("required" | "enum", Value::Array(items)) => {
                let mut items = items.clone();
                items.sort_by_key(Value::to_string);
                (name.clone(), items.into())
            }
            _ => (name.clone(), value.clone()),
        })
        .collect();
    if !names {
        // Atomic lists are what lists are.
        if node.get("x-kubernetes-list-type") == Some(&json!("atomic")) {
            node.remove("x-kubernetes-list-type");
        }
        // The union of an address is a rule in Rust.
        node.remove("oneOf");
        if node.get("minLength") == Some(&json!(0)) {
            node.remove("minLength");
        }
        // The width of our integers.
        if node.get("type") == Some(&json!("integer")) {
            node.remove("format");
        }
    }
    Value::Object(node)
}

fn differences(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys().filter(|name| !left.contains_key(*name))) {
                let path = format!("{path}/{name}");
                match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => differences(&path, left, right, found),
                    (Some(left), None) => found.push(format!("{path}: missing in ours: {left}")),
                    (None, _) if OURS_ONLY.iter().any(|end| path.replace("/properties", "").ends_with(end)) => {}
                    (None, right) => found.push(format!("{path}: only in ours: {right:?}")),
                }
            }
        }
        (left, right) if left == right || (left.is_number() && left.as_f64() == right.as_f64()) => {}
        (left, right) => found.push(format!("{path}: theirs {left}, ours {right}")),
    }
}

#[test]
fn schemas_agree_with_gateway_apis_crds() {
    let Some(folder) = common::shared("oracles/gateway-api-v1.6.1/crds") else { return };
    let (mut compared, mut found) = (0, Vec::new());
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        for crd in resources::yaml::values(&text, "crds.yaml") {
            let crd = crd.expect("the CRDs are YAML");
            if crd["kind"] == "CustomResourceDefinition" {
                compared += compare(&crd, &mut found);
            }
        }
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    let of_gateway_api = resources::all().iter().filter(|kind| kind.group.starts_with("gateway.networking."));
    assert_eq!(compared, of_gateway_api.map(|kind| kind.versions.len()).sum::<usize>(), "every version of every kind");
}

/// Compares one CRD; how many versions it has.
fn compare(crd: &Value, found: &mut Vec<String>) -> usize {
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).expect(pointer);
    let kind = resources::by_group_kind(text("/spec/group"), text("/spec/names/kind")).expect("a known kind");
    assert_eq!(text("/spec/names/plural"), kind.plural);
    assert_eq!(text("/spec/names/singular"), kind.singular);
    assert_eq!(text("/spec/names/listKind"), kind.list_kind);
    assert_eq!(text("/spec/scope") == "Namespaced", kind.namespaced);
    let list = |name: &str| crd["spec"]["names"].get(name).cloned().unwrap_or_else(|| json!([]));
    assert_eq!(list("shortNames"), json!(kind.short_names));
    assert_eq!(list("categories"), json!(kind.categories));
    let versions = crd["spec"]["versions"].as_array().expect("versions");
    for version in versions {
        let name = version["name"].as_str().expect("a name");
        assert!(kind.versions.contains(&name), "{kind} {name}");
        assert_eq!(
            converted::deprecation(kind, name),
            version.get("deprecationWarning").and_then(Value::as_str),
            "{kind} {name}"
        );
        assert_eq!(version["subresources"].get("status").is_some(), kind.status_subresource, "{kind} {name}");
        let (theirs, ours) = (&version["schema"]["openAPIV3Schema"], converted::schema(kind, name));
        for part in ["/properties/spec", "/properties/status", "/required"] {
            let strip = |schema: Option<&Value>| schema.map_or(Value::Null, |schema| strip(schema, false));
            let (theirs, ours) = (strip(theirs.pointer(part)), strip(ours.pointer(part)));
            differences(&format!("{} {name}{part}", kind.kind), &theirs, &ours, found);
        }
        columns(kind, version);
    }
    versions.len()
}

fn columns(kind: &resources::Kind, version: &Value) {
    let column = |column: &resources::Column| json!({ "name": column.name, "type": column.type_ });
    let age = json!({ "name": "Age", "type": "date" });
    let (before, after): (Vec<_>, Vec<_>) = kind.columns.iter().partition(|column| !column.after_age && !column.wide);
    let ours: Vec<Value> = before.into_iter().map(column).chain([age]).chain(after.into_iter().map(column)).collect();
    let Some(theirs) = version.get("additionalPrinterColumns").and_then(Value::as_array) else {
        assert_eq!(ours.len(), 1, "{}: AGE only", kind.kind);
        return;
    };
    let theirs: Vec<Value> =
        theirs.iter().map(|column| json!({ "name": column["name"], "type": column["type"] })).collect();
    assert_eq!(theirs, ours, "{}", kind.kind);
}
