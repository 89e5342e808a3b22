//! `kubectl auth can-i`: the reviews of `authorization.k8s.io/v1`.

use meridian_resources::FieldError;
use serde_json::{Value, json};

use super::rules::Rule;
use super::{Attributes, Authorizer};
use crate::caller::{Caller, MASTERS};
use crate::error::ApiError;
use crate::reviews::Question;
use crate::values::text;

/// Checks a review of access.
///
/// # Errors
/// 422 when it asks for nothing or for two things, is about nobody, or is about another namespace than its own.
pub(crate) fn check_review(question: Question, review: &Value) -> Result<(), ApiError> {
    let (spec, metadata) = (&review["spec"], &review["metadata"]);
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    // With the names that the fields have in Go.
    let shown = json!({"Path": text(&path["path"]), "Verb": text(&path["verb"])});
    let mut errors = Vec::new();
    let mut invalid = |path: &str, found: &Value, why: &str| errors.push(FieldError::invalid_value(path, found, why));
    match (resource.is_object(), path.is_object()) {
        (true, true) => {
            let why = "cannot be specified in combination with resourceAttributes";
            invalid("spec.nonResourceAttributes", &shown, why);
        }
        (false, false) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            invalid("spec.resourceAttributes", &Value::Null, why);
        }
        _ => {}
    }
    let is_about_somebody = !text(&spec["user"]).is_empty() || spec["groups"].as_array().is_some_and(|g| !g.is_empty());
    if question != Question::SelfSubjectAccess && !is_about_somebody {
        invalid("spec.user", &"".into(), "at least one of user or group must be specified");
    }
    let is_local = question == Question::LocalSubjectAccess;
    if metadata.as_object().is_some_and(|fields| fields.keys().any(|field| !(is_local && field == "namespace"))) {
        invalid("metadata", metadata, if is_local { "must be empty except for namespace" } else { "must be empty" });
    }
    if is_local && resource.is_object() && text(&resource["namespace"]) != text(&metadata["namespace"]) {
        invalid(
            "spec.resourceAttributes.namespace",
            &text(&resource["namespace"]).into(),
            "must match metadata.namespace",
        );
    }
    if is_local && path.is_object() {
        invalid("spec.nonResourceAttributes", &shown, "disallowed on this kind of request");
    }
    // Kubernetes leaves out which kind it is.
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid_kind("authorization.k8s.io", "", "", &errors)) }
}

/// The status of a review of the access of `caller`, which has been checked.
pub(crate) fn access_review(authorizer: &Authorizer<'_>, caller: &Caller, spec: &Value) -> Value {
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let wanted = if resource.is_object() {
        Attributes::Resource {
            verb: text(&resource["verb"]).to_owned(),
            group: text(&resource["group"]).to_owned(),
            resource: text(&resource["resource"]).to_owned(),
            subresource: text(&resource["subresource"]).to_owned(),
            namespace: text(&resource["namespace"]).to_owned(),
            name: text(&resource["name"]).to_owned(),
        }
    } else {
        Attributes::Path { verb: text(&path["verb"]).to_owned(), path: text(&path["path"]).to_owned() }
    };
    match authorizer.decide(caller, &wanted) {
        Ok(reason) if reason.is_empty() => json!({"allowed": true}),
        Ok(reason) => json!({"allowed": true, "reason": reason}),
        Err(missing) if missing.is_empty() => json!({"allowed": false}),
        Err(missing) => json!({"allowed": false, "evaluationError": missing.join(", ")}),
    }
}

/// Whom a `SubjectAccessReview` is about.
pub(crate) fn subject(spec: &Value) -> Caller {
    let groups: Vec<&str> = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Caller::named(text(&spec["user"]), &groups)
}

/// The status of a `SelfSubjectRulesReview`: all that somebody may do in a namespace.
///
/// # Errors
/// 400 without a namespace.
pub(crate) fn rules_review(authorizer: &Authorizer<'_>, caller: &Caller, spec: &Value) -> Result<Value, ApiError> {
    let namespace = text(&spec["namespace"]);
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
