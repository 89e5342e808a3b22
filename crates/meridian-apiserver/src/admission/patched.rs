//! What a patch may not make of an object, and an update may not name.

use meridian_resources::FieldError;
use serde_json::Value;

use super::unknown;
use crate::error::ApiError;
use crate::query::FieldValidation;
use crate::target::Objects;

/// Refuses an object that has another name than its URL, before it is known whether there is one.
pub(crate) fn check_name(target: &Objects, object: &Value) -> Result<(), ApiError> {
    let found = object["metadata"]["name"].as_str().unwrap_or_default();
    match &target.name {
        Some(name) if !found.is_empty() && found != name => Err(ApiError::bad_request(format!(
            "the name of the object ({found}) does not match the name on the URL ({name})"
        ))),
        _ => Ok(()),
    }
}

/// Compares a patched object with what it was. Kubernetes answers these mistakes in another way than those of an object
/// that was sent as a whole: `kubectl edit` opens the editor again for them.
pub(crate) fn check_patched(
    target: &Objects,
    old: &Value,
    object: &Value,
    validation: FieldValidation,
) -> Result<(), ApiError> {
    let resource = target.resource;
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    if !resource.built_in() {
        let mut errors = Vec::new();
        for field in ["apiVersion", "kind"] {
            if object[field] != old[field] {
                let detail = format!("must be {}", old[field].as_str().unwrap_or_default());
                errors.push(FieldError::invalid(field, &object[field], detail));
            }
        }
        if !errors.is_empty() {
            let kind = object["kind"].as_str().unwrap_or_default();
            return Err(ApiError::invalid_kind(resource.group, kind, name, &errors));
        }
    }
    let uid = &object["metadata"]["uid"];
    if uid.is_string() && *uid != old["metadata"]["uid"] {
        let error = FieldError::invalid("metadata.uid", uid, "field is immutable");
        return Err(ApiError::invalid(resource, name, &[error]));
    }
    if validation == FieldValidation::Strict
        && let Err(error) = unknown(target, &mut object.clone(), validation)
    {
        let why = error.message.find("strict decoding error: ").map_or(&*error.message, |at| &error.message[at..]);
        let error = FieldError::invalid("patch", &object.to_string().into(), why);
        return Err(ApiError::invalid_kind("", "", "", &[error]));
    }
    Ok(())
}
