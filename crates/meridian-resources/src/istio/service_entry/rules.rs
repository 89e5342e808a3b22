//! What Istio refuses beyond the schema.

use serde_json::Value;

use crate::error::FieldError;

/// The mistakes of an object that agrees with the schema.
pub(crate) fn check(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}
