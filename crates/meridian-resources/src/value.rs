//! Small helpers over JSON values.

use serde_json::Value;

/// A copy without `null`s and with whole floating-point numbers as integers, which is how Kubernetes reads JSON into
/// types; `None` when the value is like that already.
pub(crate) fn normalise(value: &Value) -> Option<Value> {
    (!is_normal(value)).then(|| normal(value))
}

fn is_normal(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Number(number) => number.as_i64().is_some() || number.as_u64().is_some() || whole(number).is_none(),
        Value::Array(items) => items.iter().all(is_normal),
        Value::Object(fields) => fields.values().all(is_normal),
        Value::Bool(_) | Value::String(_) => true,
    }
}

fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => whole(number).map_or_else(|| value.clone(), Value::from),
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(normal).collect(),
        Value::Object(fields) => {
            let present = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name.clone(), normal(value))).collect())
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
