//! Documents with the verdict that Istio itself gave.
//!
//! `data/istio-verdicts.jsonl` has one document a line: `kind`, `name`, `spec`, and what Istio said: `crd` when its CRD
//! refuses, `webhook` (a list of messages) when its validation does, `warning` when it accepts with a remark; `denied` is
//! the webhook's text where it is not those messages as a list. The
//! documents are generated: every field of the schemas with likely and unlikely values, and random combinations. The
//! verdicts are those of Istio's own CRD and webhook validation (development version of 1.32, commit 86c9f01f), one
//! document for each kind of message.

use meridian_resources as resources;
use serde_json::{Value, json};

/// Messages that say the same in other words here.
const OTHER_WORDS: [(&str, &str); 9] = [
    // Each language's library has its own words for what is wrong in an expression.
    ("error parsing regexp: ", "error parsing regexp: "),
    ("UriRegexRewrite has errors\n", "UriRegexRewrite requires both Rewrite and Match fields to be specified"),
    // We list the TLS protocols too.
    ("invalid protocol ", "Unsupported value: "),
    ("port number must be 0 for unix domain socket: ", "port number must be 0 for unix domain socket"),
    // Istio prints the whole port.
    ("port name must be set: ", "port name must be set"),
    // A status beyond 31 bits, and Go's way to write numbers.
    ("HTTP status -", "HTTP status "),
    ("percentage 1e", "is neither 0.0, nor in range [0.0001, 100.0]"),
    // "generatedfrom", "hostsfield".
    ("addresses cannot be set for resolution type ", "addresses cannot be set for resolution type DYNAMIC_DNS"),
    ("endpoints cannot be set for resolution type ", "endpoints cannot be set for resolution type DYNAMIC_DNS"),
];

/// Messages that follow from another mistake, which is reported instead.
const IMPLIED: [(&str, &str); 7] = [
    ("config namespace and dnsName in host entry cannot be empty", "cannot be empty"),
    ("short names (non FQDN) are not allowed", "spec.servers"),
    ("domain name ", "spec.servers"),
    ("partial wildcard ", "spec.servers"),
    ("invalid value for ", "spec."),
    ("tableSize must be a prime number for maglev", "tableSize must be set for maglev"),
    ("HTTP route, redirect or direct_response is required", "delegate HTTP route cannot contain delegate"),
];

fn is_said(message: &str, ours: &str) -> bool {
    let other_words = OTHER_WORDS.iter().any(|(theirs, said)| message.contains(theirs) && ours.contains(said));
    let implied = IMPLIED.iter().any(|(theirs, said)| message.starts_with(theirs) && ours.contains(said));
    ours.contains(message) || other_words || implied
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What is wrong with our verdict on one document.
fn disagreement(document: &Value) -> Option<String> {
    let kind_name = document["kind"].as_str().expect("a kind");
    let kind = resources::by_group_kind("networking.istio.io", kind_name).expect("a known kind");
    let object = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind_name,
        "metadata": {"name": document["name"], "namespace": "default"},
        "spec": document["spec"],
    });
    let mut errors = resources::unknown_fields(kind, &object);
    errors.extend(resources::validate(kind, &object));
    let ours = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let refused = document.get("crd").is_some() || document.get("webhook").is_some();
    match (refused, errors.is_empty()) {
        (true, true) => Some("accepted".to_owned()),
        (false, false) => Some(format!("refused: {ours}")),
        (false, true) => {
            let warnings =
                resources::warnings(kind, &object).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            let unsaid = texts(&document["warning"]).into_iter().find(|message| !is_said(message, &warnings));
            let decoded = resources::decode(kind, &object).err().map(|errors| format!("accepted, but {errors:?}"));
            decoded.or_else(|| unsaid.map(|message| format!("does not warn of {message:?}, but: {warnings}")))
        }
        (true, false) => {
            let unsaid = texts(&document["webhook"]).into_iter().find(|message| !is_said(message, &ours));
            unsaid.map(|message| format!("does not say {message:?}, but: {ours}"))
        }
    }
}

/// What the webhook says of an object, if it is the same here: `None` when only its own library could say it.
fn same_denial(document: &Value) -> Option<bool> {
    let messages = texts(&document["webhook"]);
    let listed = || {
        let lines: String = messages.iter().map(|message| format!("\n\t* {message}")).collect();
        format!("{} errors occurred:{lines}\n\n", messages.len())
    };
    let said = match (document["denied"].as_str(), &messages[..]) {
        (Some(said), _) => said.to_owned(),
        (None, []) => return None,
        (None, [only]) => (*only).to_owned(),
        _ => listed(),
    };
    let kind = resources::by_group_kind("networking.istio.io", document["kind"].as_str()?)?;
    let object = json!({
        "apiVersion": "networking.istio.io/v1", "kind": kind.kind, "spec": document["spec"],
        "metadata": {"name": document["name"], "namespace": "default"},
    });
    let ours = resources::denial(&resources::validate(kind, &object))?.message;
    Some(ours == format!("configuration is invalid: {said}"))
}

#[test]
fn denials_are_istios_word_for_word() {
    let documents = include_str!("data/istio-verdicts.jsonl").lines().map(|line| {
        let document: Value = serde_json::from_str(line).expect("a line of JSON");
        (line, same_denial(&document))
    });
    let (same, other): (Vec<_>, Vec<_>) =
        documents.filter_map(|(line, same)| Some((line, same?))).partition(|(_, s)| *s);
    let lines: Vec<&str> = other.iter().map(|(line, _)| *line).collect();
    // The rest: Go's words for expressions and numbers, and the order in which Go walks a map.
    assert!(same.len() > 770 && lines.len() <= 10, "{} the same, not: {}", same.len(), lines.join("\n"));
}

#[test]
fn verdicts_are_istios() {
    let (mut judged, mut wrong) = (0, Vec::new());
    for line in include_str!("data/istio-verdicts.jsonl").lines() {
        let document: Value = serde_json::from_str(line).expect("a line of JSON");
        judged += 1;
        wrong.extend(disagreement(&document).map(|problem| format!("{line}\n    {problem}")));
    }
    assert!(wrong.is_empty(), "{} of {judged} documents:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(judged, 1444);
}
