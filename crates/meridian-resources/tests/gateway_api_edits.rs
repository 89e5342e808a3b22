//! Edited objects of Gateway API: any edit is judged, the same before and after defaults are filled, and what is
//! accepted has a typed form.

use meridian_resources as resources;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Objects that a real API server accepted or refused; edits begin at them.
fn objects() -> Vec<Value> {
    let lines = include_str!("data/gateway-api-verdicts.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// One edit: what is done, and where.
#[derive(Clone, Debug)]
enum Edit {
    Remove,
    Repeat,
    Set(Value),
}

fn edits() -> impl Strategy<Value = Vec<(Edit, prop::sample::Index)>> {
    let texts = ["", "a", "*", "*.a", "/", "/a//b", "A b", "10s", "Service", "HTTP", "TLS", "IPAddress", "10.0.0.1"];
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1, 0, 1, 80, 302, 65_535, 65_536, 4_294_967_296_i64]).prop_map(Value::from),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
        (250..4100_usize).prop_map(|length| "x".repeat(length).into()),
        Just(json!({})),
        Just(json!([])),
        Just(json!([{}])),
    ];
    let edit = prop_oneof![Just(Edit::Remove), Just(Edit::Repeat), value.prop_map(Edit::Set)];
    prop::collection::vec((edit, any::<prop::sample::Index>()), 1..4)
}

/// How many values there are below this one, itself included.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// Applies an edit to the value that comes at a position.
fn apply(value: &mut Value, mut at: usize, edit: &Edit) {
    if at == 0 {
        match (edit, &mut *value) {
            (Edit::Set(new), _) => *value = new.clone(),
            (Edit::Remove, Value::Object(fields)) => {
                let first = fields.keys().next().cloned();
                first.map(|name| fields.remove(&name));
            }
            (Edit::Remove, Value::Array(items)) => drop(items.pop()),
            (Edit::Repeat, Value::Array(items)) => items.extend(items.first().cloned()),
            _ => {}
        }
        return;
    }
    at -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return,
    };
    for child in children {
        let below = size(child);
        if at < below {
            return apply(child, at, edit);
        }
        at -= below;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn edits_are_judged(which in any::<prop::sample::Index>(), edits in edits()) {
        let known = objects();
        let case = which.get(&known);
        let mut spec = case["spec"].clone();
        for (edit, at) in &edits {
            let at = at.index(size(&spec));
            apply(&mut spec, at, edit);
        }
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let kind = resources::by_api_version_kind(text("apiVersion"), text("kind")).expect("a known kind");
        let mut object = json!({
            "apiVersion": case["apiVersion"], "kind": case["kind"], "metadata": { "name": "x" }, "spec": spec,
        });
        if kind.namespaced {
            object["metadata"]["namespace"] = "default".into();
        }
        resources::prune(kind, &mut object);
        let before = resources::validate(kind, &object);
        let mut filled = object.clone();
        resources::apply_defaults(kind, &mut filled);
        let after = resources::validate(kind, &filled);
        prop_assert_eq!(before.is_empty(), after.is_empty(), "{}: {:?} and {:?}", object, before, after);
        if after.is_empty() {
            prop_assert!(resources::decode(kind, &filled).is_ok(), "{}", filled);
            // An absent field and its default are the same to what reads the typed form.
            let typed = |object: &Value| resources::decode(kind, object).map_err(|errors| TestCaseError::fail(format!("{errors:?}")));
            prop_assert_eq!(without_status(typed(&object)?), without_status(typed(&filled)?));
        }
    }
}

/// The typed form as text, up to its status, which only the API gives.
fn without_status(resource: resources::Resource) -> String {
    let text = format!("{resource:?}");
    text.split(", status: ").next().unwrap_or_default().to_owned()
}
