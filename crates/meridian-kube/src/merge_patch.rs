//! What turns one JSON value into another, as a JSON merge patch (RFC 7396).

use serde_json::{Map, Value};

/// The patch that makes `after` of `before`; lists are replaced as a whole. `null` in `after` counts as absent.
pub(crate) fn diff(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return after.clone() };
    let mut patch = Map::new();
    for (field, value) in after.iter().filter(|(_, value)| !value.is_null()) {
        match before.get(field) {
            Some(known) if known == value => {}
            Some(known) => {
                patch.insert(field.clone(), diff(known, value));
            }
            None => {
                patch.insert(field.clone(), value.clone());
            }
        }
    }
    for field in before.keys().filter(|field| after.get(*field).is_none_or(Value::is_null)) {
        patch.insert(field.clone(), Value::Null);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_sent() {
        let before = json!({"a": 1, "b": {"c": 1, "d": 2}, "list": [1, 2], "gone": true});
        let after = json!({"a": 1, "b": {"c": 3, "d": 2}, "list": [2], "new": "x"});
        let expected = json!({"b": {"c": 3}, "list": [2], "new": "x", "gone": null});
        assert_eq!(diff(&before, &after), expected);
        assert_eq!(diff(&after, &after), json!({}));
        assert_eq!(diff(&Value::Null, &after), after);
    }
}
