//! What Gateway API's CRDs say in CEL, in Rust and with their messages: one function for each `x-rule` of a type.
//!
//! A value that comes here has the right type; what it holds may have not, and then says nothing. Defaults are filled
//! when an object comes through the API and are not when it comes from a file, so an absent field stands for its
//! default everywhere.

mod filter;
mod gateway;
mod policy;
mod route;

use serde_json::Value;

use crate::error::FieldError;
use crate::schema::path::Path;

/// Appends the mistakes of a value.
pub(crate) type Check = fn(&Value, &Path<'_>, &mut Vec<FieldError>);

/// The rule of a name that a type's schema gives.
pub(crate) fn by_name(name: &str) -> Option<Check> {
    Some(match name {
        "allow-headers" => filter::allow_headers,
        "allow-methods" => filter::allow_methods,
        "allow-origins" => filter::allow_origins,
        "backend-ref" => route::backend_ref,
        "backend-tls-validation" => policy::backend_tls_validation,
        "budget-interval" => policy::budget_interval,
        "external-auth" => filter::external_auth,
        "external-hostname" => policy::external_hostname,
        "fraction" => filter::fraction,
        "gateway-addresses" => gateway::addresses,
        "gateway-spec-address" => gateway::spec_address,
        "gateway-status-address" => gateway::status_address,
        "grpc-method-match" => route::grpc_method_match,
        "http-path-match" => route::http_path_match,
        "http-route-rule" => route::http_route_rule,
        "http-route-timeouts" => route::http_route_timeouts,
        "infrastructure-annotations" => gateway::annotations,
        "infrastructure-labels" => gateway::labels,
        "listener-tls" => gateway::listener_tls,
        "listeners" => gateway::listeners,
        "parent-refs" => route::parent_refs,
        "path-modifier" => filter::path_modifier,
        "policy-target-refs" => policy::target_refs,
        "port-label" => policy::port_label,
        "rate-interval" => policy::rate_interval,
        "request-mirror" => filter::request_mirror,
        "route-filter" => filter::route_filter,
        "route-filters" => filter::route_filters,
        "route-rules" => route::route_rules,
        "session-persistence" => route::session_persistence,
        "subject-alt-name" => policy::subject_alt_name,
        "tls-route-hostnames" => route::tls_route_hostnames,
        "x-backend" => policy::x_backend,
        "x-backend-tls" => policy::x_backend_tls,
        _ => return None,
    })
}

/// A text of an object; the substitute, its default, when it is absent.
fn text<'a>(object: &'a Value, field: &str, substitute: &'a str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or(substitute)
}

/// Whether an object has a field.
fn has(object: &Value, field: &str) -> bool {
    object.get(field).is_some_and(|value| !value.is_null())
}

/// The items of a list.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The items of a list that an object has.
fn list<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).map_or(&[], items)
}

/// Appends a mistake with the message of the CRDs, unless `holds`.
fn require(holds: bool, value: &Value, path: &Path<'_>, message: &str, errors: &mut Vec<FieldError>) {
    if !holds {
        errors.push(FieldError::invalid(path, value, message));
    }
}

/// Whether every two items differ by `same`.
fn all_differ<T>(items: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    items.iter().enumerate().all(|(index, item)| !items[index + 1..].iter().any(|other| same(item, other)))
}

/// Labels with dots between them, of any length.
fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_subdomain_label)
}

/// Small letters, digits and inner dashes.
fn is_subdomain_label(label: &str) -> bool {
    let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}
