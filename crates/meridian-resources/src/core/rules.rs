//! Kubernetes' rules for its own kinds, as far as traffic depends on them.

use serde_json::Value;

use crate::error::FieldError;

/// The mistakes of a namespace.
pub(crate) fn namespace(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// The mistakes of a config_map.
pub(crate) fn config_map(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// The mistakes of a secret.
pub(crate) fn secret(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// The mistakes of a service.
pub(crate) fn service(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// The mistakes of a endpoints.
pub(crate) fn endpoints(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// The mistakes of a endpoint_slice.
pub(crate) fn endpoint_slice(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// The mistakes of a pod.
pub(crate) fn pod(_object: &Value) -> Vec<FieldError> {
    Vec::new()
}
