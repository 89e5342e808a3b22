//! What users are told of kinds that nothing acts on: a warning when they create one, and in its status afterwards.

use serde_json::{Value, json};

use crate::resource::ApiResource;
use crate::time;

/// Why a Deployment never gets ready.
const NOTHING_RUNS: &str = "Nothing runs pods here: start the program yourself, and give its Service an EndpointSlice \
    with the program's address, or describe it with a ServiceEntry.";

/// What the client should know that has created an object.
pub(crate) fn warning(resource: &ApiResource, object: &Value) -> Option<String> {
    if resource.kind == "CustomResourceDefinition" {
        return Some(definition_warning(object));
    }
    if resource.kind == "Pod" && resource.group.is_empty() {
        // A Pod that comes with its address describes something that runs.
        let described = object.pointer("/status/podIP").is_some_and(Value::is_string);
        return (!described).then(|| {
            "Pod is stored, but nothing runs it here; start the program yourself, and give its Service an \
             EndpointSlice with the program's address, or describe it with a ServiceEntry"
                .to_owned()
        });
    }
    resource.idle.map(|idle| format!("{} {idle}", resource.kind))
}

/// Whether the kind of a definition is one that is served.
fn served(definition: &Value) -> bool {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    crate::resource::by_plural(text("/spec/group"), text("/spec/names/plural")).is_some()
}

fn definition_warning(definition: &Value) -> String {
    let kind = definition.pointer("/spec/names/kind").and_then(Value::as_str).unwrap_or_default();
    if served(definition) {
        format!("CustomResourceDefinition is stored, but changes nothing: {kind} is served here without it")
    } else {
        format!("CustomResourceDefinition is stored, but objects of the kind {kind} are not served here")
    }
}

/// Completes the status by what a controller would have said at once, so that `kubectl rollout status` ends with an
/// answer. `old` is the object before.
pub(crate) fn observed(resource: &ApiResource, old: Option<&Value>, object: &mut Value) {
    match (resource.group, resource.kind) {
        ("apps", "Deployment") => {
            observe_generation(old, object);
            let generation = object["status"]["observedGeneration"].clone();
            if old.is_none_or(|old| old["status"]["observedGeneration"] != generation) {
                object["status"]["conditions"] = deployment_conditions(old);
            }
        }
        ("apps", "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("", "ReplicationController") => {
            observe_generation(old, object);
        }
        ("apiextensions.k8s.io", _) => object["status"] = definition_status(old, object),
        ("", "ResourceQuota") => {
            if let Some(hard) = object["spec"]["hard"].as_object() {
                let used = hard.keys().map(|name| (name.clone(), json!("0"))).collect::<serde_json::Map<_, _>>();
                object["status"] = json!({"hard": hard, "used": used});
            }
        }
        _ => {}
    }
}

/// The generation that the store will give the object counts as seen.
fn observe_generation(old: Option<&Value>, object: &mut Value) {
    let generation = match old {
        None => 1,
        Some(old) => {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(1);
            generation + i64::from(old["spec"] != object["spec"])
        }
    };
    if object["status"].is_object() {
        object["status"]["observedGeneration"] = generation.into();
    }
}

fn deployment_conditions(old: Option<&Value>) -> Value {
    let now = time::now();
    let since = |type_: &str| {
        let conditions = old.and_then(|old| old["status"]["conditions"].as_array());
        let known = conditions.into_iter().flatten().find(|condition| condition["type"] == type_);
        known.map_or_else(|| json!(now), |condition| condition["lastTransitionTime"].clone())
    };
    let condition = |type_: &str, reason: &str| {
        json!({
            "type": type_, "status": "False", "reason": reason, "message": NOTHING_RUNS,
            "lastTransitionTime": since(type_), "lastUpdateTime": now,
        })
    };
    json!([condition("Available", "MinimumReplicasUnavailable"), condition("Progressing", "ProgressDeadlineExceeded"),])
}

/// Names are accepted and established, so that those who wait for a definition go on.
fn definition_status(old: Option<&Value>, definition: &Value) -> Value {
    let since = old.and_then(|old| old["status"]["conditions"][0]["lastTransitionTime"].as_str().map(str::to_owned));
    let since = since.unwrap_or_else(time::now);
    let condition = |type_: &str, reason: &str, message: &str| json!({"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since});
    let spec = &definition["spec"];
    let versions = spec["versions"].as_array().into_iter().flatten();
    let stored: Vec<&Value> = versions.filter(|version| version["storage"] == true).map(|one| &one["name"]).collect();
    json!({
        "acceptedNames": spec["names"],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    })
}
