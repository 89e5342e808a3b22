//! Small helpers over JSON values.

use serde_json::Value;

/// A copy without `null`s, which Go's decoders take for absent; `None` when the value has none.
pub(crate) fn without_nulls(value: &Value) -> Option<Value> {
    has_nulls(value).then(|| drop_nulls(value))
}

/// Whether there is a `null` anywhere.
pub(crate) fn has_nulls(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_nulls),
        Value::Object(fields) => fields.values().any(has_nulls),
        Value::Number(_) | Value::Bool(_) | Value::String(_) => false,
    }
}

fn drop_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(drop_nulls).collect(),
        Value::Object(fields) => {
            let present = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name.clone(), drop_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

/// The integer that a floating-point number stands for.
pub(crate) fn whole(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}
