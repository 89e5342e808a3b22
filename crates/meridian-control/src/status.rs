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
    fn what_others_wrote_stays() {
        let other = json!({"conditions": [{"type": "Reconciled", "status": "True"}], "validationMessages": [1]});
        let status = merge(Some(&other), &[accepted(true, "")], 1, "T1").unwrap();
        assert_eq!(status["conditions"][0]["type"], "Reconciled");
        assert_eq!(status["conditions"][1]["type"], "Accepted");
        assert_eq!(status["validationMessages"], json!([1]));
    }
}
