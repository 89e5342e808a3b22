//! `kubectl auth can-i`: the reviews of `authorization.k8s.io/v1`.

use serde_json::{Value, json};

use super::rules::Rule;
use super::{Attributes, Authorizer};
use crate::caller::{Caller, MASTERS};
use crate::error::ApiError;

/// The status of a `SelfSubjectAccessReview`, or, with somebody else as the caller, of a `SubjectAccessReview`.
///
/// # Errors
/// 422 when it asks for nothing, or for two things.
pub(crate) fn access_review(
    authorizer: &Authorizer<'_>,
    caller: &Caller,
    kind: &str,
    spec: &Value,
) -> Result<Value, ApiError> {
    let wanted = wanted(kind, spec)?;
    Ok(match authorizer.decide(caller, &wanted) {
        Ok(reason) if reason.is_empty() => json!({"allowed": true}),
        Ok(reason) => json!({"allowed": true, "reason": reason}),
        Err(missing) if missing.is_empty() => json!({"allowed": false}),
        Err(missing) => json!({"allowed": false, "evaluationError": missing.join(", ")}),
    })
}

fn wanted(kind: &str, spec: &Value) -> Result<Attributes, ApiError> {
    let invalid =
        |why: &str| ApiError::unprocessable(format!("{kind}.authorization.k8s.io \"\" is invalid: spec.{why}"));
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let text = |of: &Value, field: &str| of[field].as_str().unwrap_or_default().to_owned();
    match (resource.is_object(), path.is_object()) {
        (true, true) => Err(invalid(
            "nonResourceAttributes: Invalid value: cannot be specified in combination with resourceAttributes",
        )),
        (false, false) => Err(invalid(
            "resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        (true, false) => Ok(Attributes::Resource {
            verb: text(resource, "verb"),
            group: text(resource, "group"),
            resource: text(resource, "resource"),
            subresource: text(resource, "subresource"),
            namespace: text(resource, "namespace"),
            name: text(resource, "name"),
        }),
        (false, true) => Ok(Attributes::Path { verb: text(path, "verb"), path: text(path, "path") }),
    }
}

/// Whom a `SubjectAccessReview` is about.
///
/// # Errors
/// 422 when it names nobody.
pub(crate) fn subject(kind: &str, spec: &Value) -> Result<Caller, ApiError> {
    let user = spec["user"].as_str().unwrap_or_default();
    let groups: Vec<&str> = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if user.is_empty() && groups.is_empty() {
        return Err(ApiError::unprocessable(format!(
            "{kind}.authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least one of user or group must be specified"
        )));
    }
    Ok(Caller::named(user, &groups))
}

/// The status of a `SelfSubjectRulesReview`: all that somebody may do in a namespace.
///
/// # Errors
/// 400 without a namespace.
pub(crate) fn rules_review(authorizer: &Authorizer<'_>, caller: &Caller, spec: &Value) -> Result<Value, ApiError> {
    let namespace = spec["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let mut rules = authorizer.held(caller, namespace).rules();
    if caller.is_in(MASTERS) {
        rules.insert(0, Rule::resources(&["*"], &["*"], &["*"]));
        rules.insert(1, Rule::paths(&["*"], &["*"]));
    }
    let (paths, resources): (Vec<Rule>, Vec<Rule>) =
        rules.into_iter().partition(|rule| !rule.non_resource_urls.is_empty());
    Ok(json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false}))
}
