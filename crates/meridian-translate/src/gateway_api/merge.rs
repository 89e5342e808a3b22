//! How what is to be said of an object is put into the status that it has: what other controllers say stays, and the
//! times of conditions whose status is the same stay, too.

use meridian_resources::Kind;
use serde_json::{Map, Value, json};

/// The most entries of `status.parents` of a route; more would be refused.
const MOST_PARENTS: usize = 32;

/// The most entries of `status.ancestors` of a policy.
const MOST_ANCESTORS: usize = 16;

/// Types of conditions that are this controller's on GatewayClasses, Gateways, ListenerSets and their listeners. Those
/// that it does not say any more are taken away; conditions of other types are left alone.
const OWN_TYPES: [&str; 7] = [
    "Accepted",
    "Programmed",
    "ResolvedRefs",
    "Conflicted",
    "OverlappingTLSConfig",
    "InsecureFrontendValidationMode",
    "SupportedVersion",
];

/// The whole status that an object of Gateway API gets: `wanted`, as [`Output::gateway_api`](crate::Output) has it, put
/// into the status `before`. `None`: nothing is different.
///
/// - Routes, XBackends and policies: the entries of `controller` in `parents` and `ancestors` become those that are
///   wanted; those of other controllers stay as they are and where they are.
/// - GatewayClasses, Gateways and ListenerSets: all fields become those that are wanted; conditions of types that are
///   not this controller's stay.
/// - A condition that had the same `status` before keeps its `lastTransitionTime`; others get `now` (RFC 3339).
pub fn merge_gateway_api_status(
    kind: &Kind,
    before: Option<&Value>,
    wanted: &Value,
    controller: &str,
    now: &str,
) -> Option<Value> {
    let empty = Value::Object(Map::new());
    let before_or_empty = before.unwrap_or(&empty);
    let entries = match kind.kind {
        "GatewayClass" | "Gateway" | "ListenerSet" | "XMesh" => None,
        name if name.ends_with("Route") || name == "XBackend" => Some(("parents", "parentRef", MOST_PARENTS)),
        _ => Some(("ancestors", "ancestorRef", MOST_ANCESTORS)),
    };
    let merged = match entries {
        Some((list, reference, most)) => {
            let merged = merge_entries(&before_or_empty[list], &wanted[list], reference, controller, most, now);
            let mut status = before_or_empty.as_object().cloned().unwrap_or_default();
            if merged.is_empty() && !status.contains_key(list) {
                return None;
            }
            status.insert(list.to_owned(), Value::Array(merged));
            Value::Object(status)
        }
        None => merge_whole(before_or_empty, wanted, now),
    };
    (before != Some(&merged)).then_some(merged)
}

/// The entries of all controllers: those of `controller` as wanted, in their places where they were there before.
fn merge_entries(
    before: &Value,
    wanted: &Value,
    reference: &str,
    controller: &str,
    most: usize,
    now: &str,
) -> Vec<Value> {
    let mut wanted: Vec<&Value> = items(wanted).iter().collect();
    let mut merged: Vec<Value> = Vec::new();
    let mut others = 0;
    for entry in items(before) {
        if entry["controllerName"] != controller {
            merged.push(entry.clone());
            others += 1;
        } else if let Some(at) = wanted.iter().position(|wanted| wanted[reference] == entry[reference]) {
            merged.push(with_conditions(wanted.remove(at), Some(entry), now, |_| false));
        }
    }
    merged.extend(wanted.into_iter().map(|wanted| with_conditions(wanted, None, now, |_| false)));
    let mut room = most.saturating_sub(others);
    merged.retain(|entry| {
        let own = entry["controllerName"] == controller;
        let keep = !own || room > 0;
        room = room.saturating_sub(usize::from(own && keep));
        keep
    });
    merged
}

/// The status of an object that has one controller.
fn merge_whole(before: &Value, wanted: &Value, now: &str) -> Value {
    let is_foreign = |type_: &str| !OWN_TYPES.contains(&type_);
    let mut status = with_conditions(wanted, Some(before), now, is_foreign);
    if let Some(listeners) = status.get_mut("listeners").and_then(Value::as_array_mut) {
        for listener in listeners {
            let same = items(&before["listeners"]).iter().find(|known| known["name"] == listener["name"]);
            *listener = with_conditions(listener, same, now, is_foreign);
        }
    }
    status
}

/// `wanted` with conditions that have times, and with those before of types that `is_foreign`.
fn with_conditions(wanted: &Value, before: Option<&Value>, now: &str, is_foreign: impl Fn(&str) -> bool) -> Value {
    let mut merged = wanted.clone();
    let known = before.map_or(&[][..], |before| items(&before["conditions"]));
    let mut conditions: Vec<Value> = Vec::new();
    for condition in items(&wanted["conditions"]) {
        let mut condition = condition.clone();
        let same = known.iter().find(|known| known["type"] == condition["type"]);
        let time = same.filter(|known| known["status"] == condition["status"]);
        condition["lastTransitionTime"] = match time.map(|known| &known["lastTransitionTime"]) {
            Some(time @ Value::String(_)) => time.clone(),
            _ => json!(now),
        };
        conditions.push(condition);
    }
    let stays = |condition: &&Value| condition["type"].as_str().is_some_and(&is_foreign);
    conditions.extend(known.iter().filter(stays).cloned());
    if (!conditions.is_empty() || merged.get("conditions").is_some())
        && let Some(merged) = merged.as_object_mut()
    {
        merged.insert("conditions".to_owned(), Value::Array(conditions));
    }
    merged
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
