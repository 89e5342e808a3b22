//! Kubernetes' rules for metadata.

use serde_json::Value;

use crate::error::FieldError;
use crate::kind::Kind;

/// The mistakes of an object's `metadata`.
pub(crate) fn check(_kind: &Kind, object: &Value) -> Vec<FieldError> {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let given = |field: &str| metadata.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if given("name") || given("generateName") {
        return Vec::new();
    }
    vec![FieldError::required("metadata.name", "name or generateName is required")]
}
