//! What `data/istio-answers.jsonl` says that Kubernetes answers, asked of a real kube-apiserver with Istio's CRDs.

use std::collections::{BTreeMap, BTreeSet};

use meridian_kubernetes::Kubernetes;
use serde_json::{Value, json};

/// What kubectl cannot send as it stands, because Go writes numbers in its own way, and what walks a map at random.
const NOT_SENT: [&str; 4] = ["float64", "1e+10", "Checked value must be", "150"];

/// Why each object is refused, by its name. For several objects kubectl prints all causes of one on one line.
fn refusals(printed: &str) -> BTreeMap<String, String> {
    let refusal = |line: &str| {
        let (object, causes) = line.split_once(" is invalid: ")?;
        Some((object.split('"').rfind(|part| part.starts_with("case-"))?.to_owned(), causes.to_owned()))
    };
    printed.lines().filter_map(refusal).collect()
}

/// Whether a line says these causes, in any order, and nothing else.
fn says(line: &str, causes: &BTreeSet<String>) -> bool {
    let several = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    let mut rest = several.unwrap_or(line).to_owned();
    // A cause may be the beginning of another.
    let mut longest: Vec<&String> = causes.iter().collect();
    longest.sort_by_key(|cause| std::cmp::Reverse(cause.len()));
    longest.iter().all(|cause| {
        let said = rest.contains(*cause);
        rest = rest.replace(*cause, "");
        said
    }) && rest.chars().all(|left| matches!(left, ',' | ' '))
}

#[test]
fn a_real_api_server_answers_what_is_recorded() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let definitions = kubernetes.oracles().join("istio-crds/customresourcedefinitions.gen.yaml");
    let definitions = std::fs::read_to_string(definitions).expect("the CRDs are readable");
    kubernetes.kubectl(&["apply", "--server-side", "-f", "-"], &definitions);
    kubernetes.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"], "");
    let (mut items, mut expected) = (Vec::new(), BTreeMap::new());
    for (number, line) in include_str!("data/istio-answers.jsonl").lines().enumerate() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        if NOT_SENT.iter().any(|text| line.contains(text)) {
            continue;
        }
        let name = format!("case-{number}");
        let metadata = json!({"name": name, "namespace": "default"});
        let (version, kind, spec) = (&case["apiVersion"], &case["kind"], &case["spec"]);
        items.push(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}));
        if let Some(causes) = case["invalid"].as_array() {
            let causes = causes.iter().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<String>>();
            expected.insert(name, causes);
        }
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let create = ["create", "--dry-run=server", "--validate=ignore", "-f", "-"];
    let output = kubernetes.try_kubectl(&create, &list);
    let answered = refusals(&String::from_utf8_lossy(&output.stderr));
    let names: BTreeSet<&String> = answered.keys().chain(expected.keys()).collect();
    let agrees = |name: &String| match (answered.get(name), expected.get(name)) {
        (Some(line), Some(causes)) => says(line, causes),
        _ => false,
    };
    let other: Vec<String> = (names.into_iter())
        .filter(|name| !agrees(name))
        .map(|name| format!("{name}: {:?}, recorded: {:?}", answered.get(name), expected.get(name)))
        .collect();
    assert!(other.is_empty(), "{} of {}:\n{}", other.len(), items.len(), other.join("\n"));
    assert!(expected.len() > 200, "only {} refusals", expected.len());
}
