//! The derived schemas against Istio's CRDs: the same fields, types, enumerations and limits.

mod common;

use meridian_resources as resources;
use serde_json::{Value, json};

/// Keywords that say nothing about what is accepted, or that our rules in Rust stand for.
const IGNORED: [&str; 5] = [
    "description",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
];

fn strip(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str()));
            let mut node: serde_json::Map<_, _> = kept.map(|(name, value)| (name.clone(), strip(value))).collect();
            // Descriptions of fields that are called like keywords are of no interest either.
            if node.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
                node.remove("anyOf");
            }
            if let Some(Value::Array(required)) = node.get_mut("required") {
                required.sort_by_key(Value::to_string);
            }
            Value::Object(node)
        }
        Value::Array(items) => items.iter().map(strip).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn differences(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys().filter(|name| !left.contains_key(*name))) {
                let path = format!("{path}/{name}");
                match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => differences(&path, left, right, found),
                    (Some(left), None) => found.push(format!("{path}: missing in ours: {left}")),
                    (None, right) => found.push(format!("{path}: only in ours: {right:?}")),
                }
            }
        }
        (left, right) if left == right => {}
        (left, right) => found.push(format!("{path}: theirs {left}, ours {right}")),
    }
}

#[test]
fn schemas_agree_with_istios_crds() {
    let Some(path) = common::shared("oracles/istio-crds/customresourcedefinitions.gen.yaml") else { return };
    let text = std::fs::read_to_string(path).expect("the CRDs are readable");
    let (mut compared, mut found) = (0, Vec::new());
    for crd in resources::yaml::values(&text, "customresourcedefinitions.gen.yaml") {
        let crd = crd.expect("the CRDs are YAML");
        let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).expect(pointer);
        let Some(kind) = resources::by_group_kind(text("/spec/group"), text("/spec/names/kind")) else { continue };
        assert_eq!(text("/spec/names/plural"), kind.plural);
        assert_eq!(text("/spec/names/singular"), kind.singular);
        assert_eq!(text("/spec/names/listKind"), kind.list_kind);
        let list = |name: &str| crd["spec"]["names"].get(name).cloned().unwrap_or_else(|| json!([]));
        assert_eq!(list("shortNames"), json!(kind.short_names));
        assert_eq!(list("categories"), json!(kind.categories));
        let mut versions: Vec<&str> = Vec::new();
        for version in crd["spec"]["versions"].as_array().expect("versions") {
            versions.push(version["name"].as_str().expect("a name"));
            let name = format!("{}/{}", kind.kind, versions.last().expect("just pushed"));
            let theirs = &version["schema"]["openAPIV3Schema"];
            let ours = (kind.schema)();
            for part in ["/properties/spec", "/required"] {
                let (theirs, ours) = (theirs.pointer(part), ours.pointer(part));
                let strip = |schema: Option<&Value>| schema.map_or(Value::Null, strip);
                differences(&format!("{name}{part}"), &strip(theirs), &strip(ours), &mut found);
            }
            columns(kind, version);
            compared += 1;
        }
        versions.sort_unstable();
        let mut served = kind.versions.to_vec();
        served.sort_unstable();
        assert_eq!(versions, served, "{}", kind.kind);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    let of_istio = resources::all().iter().filter(|kind| kind.group.ends_with(".istio.io"));
    assert_eq!(compared, of_istio.map(|kind| kind.versions.len()).sum::<usize>(), "every version of Istio's kinds");
}

fn columns(kind: &resources::Kind, version: &Value) {
    let column = |column: &resources::Column| json!({ "name": column.name, "type": column.type_ });
    let age = json!({ "name": "Age", "type": "date" });
    let (before, after): (Vec<_>, Vec<_>) = kind.columns.iter().partition(|column| !column.after_age);
    let ours: Vec<Value> = before.into_iter().map(column).chain([age]).chain(after.into_iter().map(column)).collect();
    let Some(theirs) = version.get("additionalPrinterColumns").and_then(Value::as_array) else {
        assert_eq!(ours.len(), 1, "{}: AGE only", kind.kind);
        return;
    };
    let theirs: Vec<Value> =
        theirs.iter().map(|column| json!({ "name": column["name"], "type": column["type"] })).collect();
    assert_eq!(theirs, ours, "{}", kind.kind);
}
