//! What an object's `.status` becomes: conditions as Kubernetes writes them.

use meridian_translate::Condition;
use serde_json::{Value, json};

/// The status with `conditions` set, or `None` when it says the same already.
///
/// Conditions of other types, and other fields of the status, stay. `lastTransitionTime` is `now` (RFC 3339) where a
/// condition's status changed, and stays where it did not. Istio's `IstioCondition` has no `observedGeneration` of its
/// own: the status has one for all.
pub(crate) fn merge(status: Option<&Value>, conditions: &[Condition], generation: i64, now: &str) -> Option<Value> {
    let mut merged = match status {
        Some(Value::Object(fields)) => fields.clone(),
        _ => serde_json::Map::new(),
    };
    let before = merged.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let ours = |condition: &Value| conditions.iter().any(|c| condition["type"] == *c.type_);
    let mut after: Vec<Value> = before.iter().filter(|condition| !ours(condition)).cloned().collect();
    for condition in conditions {
        let old = before.iter().find(|old| old["type"] == *condition.type_);
        let value = if condition.status { "True" } else { "False" };
        let since = old.filter(|old| old["status"] == value).and_then(|old| old["lastTransitionTime"].as_str());
        after.push(json!({
            "type": condition.type_,
            "status": value,
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": since.unwrap_or(now),
        }));
    }
    merged.insert("conditions".into(), after.into());
    merged.insert("observedGeneration".into(), generation.into());
    let merged = Value::Object(merged);
    (status != Some(&merged)).then_some(merged)
}

/// The same for an Ingress, which is also told where it is reached. Without conditions it is not ours any more: what was
/// said of it is taken back, and the addresses too, unless another controller has written others.
pub(crate) fn merge_ingress(
    status: Option<&Value>,
    conditions: &[Condition],
    load_balancer: &Value,
    generation: i64,
    now: &str,
) -> Option<Value> {
    let before = status.cloned().unwrap_or_else(|| json!({}));
    let mut after = merge(status, conditions, generation, now).unwrap_or_else(|| before.clone());
    if !conditions.is_empty() {
        after["loadBalancer"] = load_balancer.clone();
    } else if let Value::Object(fields) = &mut after {
        if fields.get("loadBalancer") == Some(load_balancer) {
            fields.insert("loadBalancer".into(), json!({}));
        }
        fields.remove("observedGeneration");
        let ours =
            |condition: &Value| meridian_translate::CONDITION_TYPES.iter().any(|type_| condition["type"] == *type_);
        if let Some(Value::Array(conditions)) = fields.get_mut("conditions") {
            conditions.retain(|condition| !ours(condition));
            if conditions.is_empty() {
                fields.remove("conditions");
            }
        }
    }
    (before != after).then_some(after)
}

/// `merged`, or the status as it was, with these addresses; `None` when that changes nothing.
pub(crate) fn with_addresses(before: Option<&Value>, merged: Option<Value>, addresses: &Value) -> Option<Value> {
    let known = merged.as_ref().or(before).and_then(|status| status.get("addresses"));
    if known.map_or(addresses.as_array().is_some_and(Vec::is_empty), |known| known == addresses) {
        return merged;
    }
    let mut status = merged.or_else(|| before.cloned()).unwrap_or_else(|| json!({}));
    status["addresses"] = addresses.clone();
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(status: bool, message: &str) -> Condition {
        let reason = if status { "Accepted" } else { "Invalid" };
        Condition { type_: "Accepted", status, reason, message: message.into() }
    }

    #[test]
    fn a_first_status_dates_from_now() {
        let status = merge(None, &[accepted(true, "")], 3, "T1").unwrap();
        assert_eq!(status["observedGeneration"], 3);
        assert_eq!(status["conditions"][0]["status"], "True");
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "T1");
    }

    #[test]
    fn nothing_new_is_not_written_again() {
        let status = merge(None, &[accepted(true, "")], 3, "T1").unwrap();
        assert_eq!(merge(Some(&status), &[accepted(true, "")], 3, "T2"), None);
    }

    #[test]
    fn the_time_moves_only_when_the_status_turns() {
        let first = merge(None, &[accepted(false, "a")], 1, "T1").unwrap();
        let second = merge(Some(&first), &[accepted(false, "b")], 1, "T2").unwrap();
        assert_eq!(second["conditions"][0]["message"], "b");
        assert_eq!(second["conditions"][0]["lastTransitionTime"], "T1");
        let third = merge(Some(&second), &[accepted(true, "")], 2, "T3").unwrap();
        assert_eq!(third["conditions"][0]["lastTransitionTime"], "T3");
    }

    #[test]
    fn an_ingress_has_addresses_as_long_as_it_is_ours() {
        let addresses = json!({"ingress": [{"ip": "192.0.2.1"}]});
        let empty = json!({"loadBalancer": {}});
        let ours = merge_ingress(Some(&empty), &[accepted(true, "")], &addresses, 1, "T1").unwrap();
        assert_eq!((&ours["loadBalancer"], &ours["conditions"][0]["status"]), (&addresses, &json!("True")));
        assert_eq!(merge_ingress(Some(&ours), &[accepted(true, "")], &addresses, 1, "T2"), None);
        assert_eq!(merge_ingress(Some(&ours), &[], &addresses, 2, "T2"), Some(empty));
        let mut theirs = ours.clone();
        theirs["loadBalancer"] = json!({"ingress": [{"ip": "192.0.2.2"}]});
        let left = merge_ingress(Some(&theirs), &[], &addresses, 2, "T2").unwrap();
        assert_eq!(left, json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.2"}]}}));
    }

    #[test]
    fn what_others_wrote_stays() {
        let other = json!({"conditions": [{"type": "Reconciled", "status": "True"}], "validationMessages": [1]});
        let status = merge(Some(&other), &[accepted(true, "")], 1, "T1").unwrap();
        assert_eq!(status["conditions"][0]["type"], "Reconciled");
        assert_eq!(status["conditions"][1]["type"], "Accepted");
        assert_eq!(status["validationMessages"], json!([1]));
    }
}
