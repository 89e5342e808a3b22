//! What a real Kubernetes API server with Istio's CRDs and Istio's webhook answers to an object, word for word.
//!
//! `data/istio-answers.jsonl` has one object a line with one of: `invalid`, the causes that kube-apiserver 1.36 gave
//! (sorted, each once); `denied`, what Istio's webhook gave (development version of 1.32, commit 86c9f01f);
//! `warnings`, which come with an object that is accepted. `istio-verdicts.jsonl` (see `istio_verdicts.rs`) has the
//! webhook's messages one by one.

use std::collections::BTreeSet;

use meridian_resources as resources;
use serde_json::{Value, json};

/// Answers in other words, or for another mistake, here. Each is a part of what the real ones say.
const OTHER_WORDS: [&str; 17] = [
    // Two alternatives at once, which Kubernetes says of the object as a whole, and numbers that are too large or not whole.
    "must validate one and only one schema (oneOf)",
    "Checked value must be of type integer",
    "invalid data, expected int, got float64",
    // Go's way to write numbers.
    "1e+10",
    "Invalid value: 150:",
    // Values of the wrong type that are not in the enumeration either, and what Kubernetes calls types.
    "in body must be of type byte",
    "in body must be of type int32",
    "must be an object for an array of list-type map",
    // An address without a port, which is two mistakes to Istio.
    "missing port in address",
    // Istio refuses it when it reads the duration; here the schema does.
    "connectionPool.tcp.maxConnectionDuration",
    // A remark that is not made here.
    "tagOverrides.name may not be empty",
    "Unsupported value: 5",
    "spec.portLevelMtls",
    // What an expression stumbles over.
    "index out of range",
    "no such key: value",
    // Istio's libraries for expressions and addresses know more.
    "must be a valid CEL expression",
    "only one of credentialName or tlsCertificates can be set",
];

fn known(text: &str) -> bool {
    OTHER_WORDS.iter().any(|words| text.contains(words))
}

/// What we answer: the causes, or the denial.
fn answer(object: &Value) -> (BTreeSet<String>, Option<String>, Vec<String>) {
    let text = |field: &str| object[field].as_str().expect("a text");
    let kind = resources::by_api_version_kind(text("apiVersion"), text("kind")).expect("a known kind");
    let mut object = object.clone();
    resources::prune(kind, &mut object);
    resources::apply_defaults(kind, &mut object);
    let (errors, warnings) = resources::judge(kind, &object);
    let refused = resources::of_server(kind, &errors).iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let refused: BTreeSet<String> = refused.iter().map(|cause| with_dots(cause)).collect();
    let denied = resources::denial(&errors).filter(|_| refused.is_empty()).map(|denial| denial.to_string());
    (refused, denied, warnings.iter().map(|warning| warning.webhook_message().to_owned()).collect())
}

/// Kubernetes writes the key of a map in two ways: as a field, and in brackets in what expressions find.
fn with_dots(cause: &str) -> String {
    cause.replace("[k]", ".k").replace("[a]", ".a")
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn objects_are_answered_as_kubernetes_and_istio_answer_them() {
    let (mut same, mut other, mut wrong) = (0, 0, Vec::new());
    for line in include_str!("data/istio-answers.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        let object = json!({
            "apiVersion": case["apiVersion"], "kind": case["kind"], "metadata": case["metadata"], "spec": case["spec"],
        });
        let (invalid, denied, warnings) = answer(&object);
        let expected: BTreeSet<String> = texts(&case["invalid"]).iter().map(|cause| with_dots(cause)).collect();
        let webhook = case["denied"]
            .as_str()
            .map(|text| format!("admission webhook \"{}\" denied the request: {text}", resources::webhook::ISTIO));
        if (&invalid, &denied) == (&expected, &webhook) && (denied.is_some() || texts(&case["warnings"]) == warnings) {
            same += 1;
        } else if expected.iter().chain(&webhook).chain(&texts(&case["warnings"])).any(|text| known(text))
            || denied.as_ref().is_some_and(|denied| denied.contains(resources::webhook::MERIDIAN))
        {
            other += 1;
        } else {
            wrong.push(format!("{line}\n    {invalid:?} {denied:?} {warnings:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} objects:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((same, other), (427, 50), "the same, and in other words");
}
