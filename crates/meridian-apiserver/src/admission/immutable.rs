//! Fields of Kubernetes' own kinds that cannot be changed, or not any more.

use std::collections::BTreeSet;

use meridian_resources::FieldError;
use serde_json::Value;

use crate::error::ApiError;
use crate::kinds;
use crate::resource::ApiResource;

/// Compares what may not differ.
pub(super) fn check(resource: &ApiResource, old: &Value, new: &Value) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    no_new_finalizers(old, new, &mut errors);
    if resource.group.is_empty() && matches!(resource.plural, "configmaps" | "secrets") {
        frozen(old, new, &mut errors);
    }
    if resource.group.is_empty() && resource.plural == "secrets" && old["type"] != new["type"] {
        errors.push(FieldError::invalid("type", &new["type"], "field is immutable"));
    }
    if resource.group == "discovery.k8s.io" && old["addressType"] != new["addressType"] {
        errors.push(FieldError::invalid("addressType", &new["addressType"], "field is immutable"));
    }
    if resource.plural == "ingressclasses" && old["spec"]["controller"] != new["spec"]["controller"] {
        errors.push(FieldError::invalid("spec.controller", &new["spec"]["controller"], "field is immutable"));
    }
    if matches!(resource.plural, "gatewayclasses" | "xmeshes")
        && resource.group.starts_with("gateway.networking.")
        && old["spec"]["controllerName"] != new["spec"]["controllerName"]
    {
        let name = &new["spec"]["controllerName"];
        errors.push(FieldError::invalid("spec.controllerName", name, "Value is immutable"));
    }
    errors.extend(kinds::rules::check_change(resource, old, new));
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(resource, new["metadata"]["name"].as_str().unwrap_or_default(), &errors))
}

/// What is being deleted gets no finalizers any more (`ValidateNoNewFinalizers`).
fn no_new_finalizers(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    if old["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let names = |object: &Value| -> BTreeSet<String> {
        let names = object["metadata"]["finalizers"].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let added: Vec<String> = names(new).difference(&names(old)).map(|name| format!("{name:?}")).collect();
    if !added.is_empty() {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        );
        errors.push(FieldError::forbidden("metadata.finalizers", detail));
    }
}

/// `immutable: true` of ConfigMaps and Secrets.
fn frozen(old: &Value, new: &Value, errors: &mut Vec<FieldError>) {
    if old["immutable"] != true {
        return;
    }
    for field in ["immutable", "data", "binaryData"] {
        if old[field] != new[field] {
            errors.push(FieldError::forbidden(field, "field is immutable when `immutable` is set"));
        }
    }
}
