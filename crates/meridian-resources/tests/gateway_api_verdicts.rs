//! Objects with the verdict that a real Kubernetes API server gave.
//!
//! `data/gateway-api-verdicts.jsonl` has one object a line: `apiVersion`, `kind`, `spec`, and what kube-apiserver 1.36
//! with Gateway API's CRDs (v1.6.1, experimental channel) made of a create with `dryRun=All`: `accepted` is the `spec`
//! with its defaults, `status` the status that the CRD gives a new object, `refused` lists fields with the end of the
//! message about each. Every rule of the CRDs that can be broken is broken at least once.

use meridian_resources as resources;
use serde_json::{Value, json};

/// What a create makes of an object, as the API does it.
fn create(case: &Value) -> Result<Value, Vec<resources::FieldError>> {
    let text = |name: &str| case[name].as_str().expect("a text");
    let kind = resources::by_api_version_kind(text("apiVersion"), text("kind")).expect("a known kind");
    let mut object = json!({
        "apiVersion": case["apiVersion"],
        "kind": case["kind"],
        "metadata": { "name": "x" },
        "spec": case["spec"],
    });
    if kind.namespaced {
        object["metadata"]["namespace"] = "default".into();
    }
    resources::prune(kind, &mut object);
    resources::apply_defaults(kind, &mut object);
    let errors = resources::validate(kind, &object);
    if !errors.is_empty() {
        return Err(errors);
    }
    resources::decode(kind, &object).expect("a valid object decodes");
    Ok(object)
}

/// Why our verdict is another one, if it is.
fn difference(case: &Value) -> Option<String> {
    match (create(case), case.get("refused").and_then(Value::as_array)) {
        (Ok(object), None) => {
            let status = case.get("status");
            let same = object["spec"] == case["accepted"] && object.get("status") == status;
            (!same).then(|| format!("made {} and {:?}", object["spec"], object.get("status")))
        }
        (Ok(_), Some(_)) => Some("accepted".to_owned()),
        (Err(errors), None) => Some(format!("refused: {errors:?}")),
        (Err(errors), Some(said)) => {
            let missing = said.iter().find(|cause| {
                let (field, end) = (cause[0].as_str().unwrap_or_default(), cause[1].as_str().unwrap_or_default());
                !errors.iter().any(|error| error.path == field && error.to_string().contains(end))
            })?;
            Some(format!("not said: {missing}; said: {errors:?}"))
        }
    }
}

#[test]
fn objects_are_judged_as_kubernetes_judges_them() {
    let cases = include_str!("data/gateway-api-verdicts.jsonl").lines();
    let (mut judged, mut found) = (0, Vec::new());
    for line in cases {
        let case: Value = serde_json::from_str(line).expect("JSON");
        judged += 1;
        if let Some(difference) = difference(&case) {
            found.push(format!("{line}\n    {difference}"));
        }
    }
    assert!(found.is_empty(), "{} of {judged}:\n{}", found.len(), found.join("\n"));
    assert!(judged > 500, "only {judged} objects");
}
