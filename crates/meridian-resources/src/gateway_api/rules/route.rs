//! Rules of routes: parents, rules, matches, timeouts, sessions.

use serde_json::Value;

use super::{all_differ, has, is_subdomain, items, list, require, text};
use crate::error::FieldError;
use crate::gateway_api::GROUP;
use crate::gateway_api::common::duration;
use crate::schema::path::Path;

/// Most matches of all rules together.
const MOST_MATCHES: usize = 128;

/// References to the same parent name different parts of it.
pub(super) fn parent_refs(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let parents = items(value);
    let part = |parent: &Value| (text(parent, "sectionName", "").to_owned(), number(parent, "port"));
    let kinds_of_part = |parent: &Value| {
        let (section, port) = part(parent);
        (section.is_empty(), port == 0)
    };
    require(
        all_differ(parents, |one, other| same_parent(one, other) && kinds_of_part(one) != kinds_of_part(other)),
        value,
        path,
        "sectionName or port must be specified when parentRefs includes 2 or more references to the same parent",
        errors,
    );
    require(
        all_differ(parents, |one, other| same_parent(one, other) && part(one) == part(other)),
        value,
        path,
        "sectionName or port must be unique when parentRefs includes 2 or more references to the same parent",
        errors,
    );
}

fn same_parent(one: &Value, other: &Value) -> bool {
    let name = |parent: &Value| {
        let field = |name, substitute| text(parent, name, substitute).to_owned();
        [field("group", GROUP), field("kind", "Gateway"), field("name", ""), field("namespace", "")]
    };
    name(one) == name(other)
}

fn number(object: &Value, field: &str) -> i64 {
    object.get(field).and_then(Value::as_i64).unwrap_or(0)
}

/// A Service is named with its port.
pub(super) fn backend_ref(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let service = text(value, "group", "").is_empty() && text(value, "kind", "Service") == "Service";
    require(!service || has(value, "port"), value, path, "Must have port for Service reference", errors);
}

/// The rules of an HTTPRoute or GRPCRoute: names, and how many matches they have together.
pub(super) fn route_rules(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let rules = items(value);
    let matches: usize = rules.iter().map(|rule| list(rule, "matches").len()).sum();
    let message = "While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules \
                   in a route must be less than 128";
    require(matches <= MOST_MATCHES, value, path, message, errors);
    let same = |one: &Value, other: &Value| has(one, "name") && one.get("name") == other.get("name");
    require(all_differ(rules, same), value, path, "Rule name must be unique within the route", errors);
}

/// A rule of an HTTPRoute: what goes with redirects, and with the replacement of prefixes.
pub(super) fn http_route_rule(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let (filters, backends) = (list(value, "filters"), list(value, "backendRefs"));
    require(
        backends.is_empty() || !filters.iter().any(|filter| has(filter, "requestRedirect")),
        value,
        path,
        "RequestRedirect filter must not be used together with backendRefs",
        errors,
    );
    if one_path_prefix(value) {
        return;
    }
    let words = "filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified";
    for (name, field) in [("RequestRedirect", "requestRedirect"), ("URLRewrite", "urlRewrite")] {
        let replaces = |filters: &[Value]| exactly_one(filters, |filter| replaces_prefix(filter, field));
        let when = if field == "requestRedirect" { "when" } else { "When" };
        require(!replaces(filters), value, path, &format!("When using {name} {words}"), errors);
        require(
            !exactly_one(backends, |backend| replaces(list(backend, "filters"))),
            value,
            path,
            &format!("Within backendRefs, {when} using {name} {words}"),
            errors,
        );
    }
}

/// Whether there is one match, and it is of a prefix of the path; so is the one that a rule has by default.
fn one_path_prefix(rule: &Value) -> bool {
    match rule.get("matches").filter(|matches| !matches.is_null()).map(items) {
        None => true,
        Some([only]) => only.get("path").is_none_or(|path| text(path, "type", "PathPrefix") == "PathPrefix"),
        Some(_) => false,
    }
}

fn replaces_prefix(filter: &Value, field: &str) -> bool {
    let path = filter.get(field).and_then(|setting| setting.get("path"));
    path.is_some_and(|path| text(path, "type", "") == "ReplacePrefixMatch" && has(path, "replacePrefixMatch"))
}

fn exactly_one(items: &[Value], holds: impl Fn(&Value) -> bool) -> bool {
    items.iter().filter(|item| holds(item)).count() == 1
}

/// A condition on the path of requests, unless it is a regular expression.
pub(super) fn http_path_match(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if text(value, "type", "PathPrefix") == "RegularExpression" {
        return;
    }
    let wanted = text(value, "value", "/");
    let mut require = |holds: bool, message: &str| {
        let message = format!("{message} when type one of ['Exact', 'PathPrefix']");
        require(holds, value, path, &message, errors);
    };
    require(wanted.starts_with('/'), "value must be an absolute path and start with '/'");
    for part in ["//", "/./", "/../", "%2f", "%2F", "#"] {
        require(!wanted.contains(part), &format!("must not contain '{part}'"));
    }
    for end in ["/..", "/."] {
        require(!wanted.ends_with(end), &format!("must not end with '{end}'"));
    }
    if !is_path(wanted) {
        let message = "must only contain valid characters (matching \
                       ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$) for types ['Exact', 'PathPrefix']";
        errors.push(FieldError::invalid(path, value, message));
    }
}

/// Whether a text consists of what RFC 3986 allows in a path, and is not empty.
fn is_path(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            (byte, after) if byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(byte) => after,
            _ => return false,
        };
    }
    !text.is_empty()
}

/// A try does not take longer than all tries together.
pub(super) fn http_route_timeouts(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let time = |field| value.get(field).and_then(Value::as_str).and_then(duration);
    if let (Some(request), Some(backend)) = (time("request"), time("backendRequest")) {
        require(
            request.is_zero() || backend <= request,
            value,
            path,
            "backendRequest timeout cannot be longer than request timeout",
            errors,
        );
    }
}

/// How a client names its session.
pub(super) fn session_persistence(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let Some(cookie) = value.get("cookieConfig") else { return };
    require(
        text(cookie, "lifetimeType", "Session") != "Permanent" || has(value, "absoluteTimeout"),
        value,
        path,
        "AbsoluteTimeout must be specified when cookie lifetimeType is Permanent",
        errors,
    );
    let message = "cookieConfig can only be set with type Cookie";
    require(text(value, "type", "Cookie") == "Cookie", value, path, message, errors);
}

/// A condition on the service and method of calls.
pub(super) fn grpc_method_match(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let message = "One or both of 'service' or 'method' must be specified";
    require(has(value, "service") || has(value, "method"), value, path, message, errors);
    if text(value, "type", "Exact") != "Exact" {
        return;
    }
    if let Some(service) = value.get("service").and_then(Value::as_str) {
        let message =
            r"service must only contain valid characters (matching ^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$)";
        let names = service.strip_prefix('.').unwrap_or(service);
        require(names.split('.').all(is_identifier), value, path, message, errors);
    }
    if let Some(method) = value.get("method").and_then(Value::as_str) {
        let message = "method must only contain valid characters (matching ^[A-Za-z_][A-Za-z_0-9]*$)";
        require(is_identifier(method), value, path, message, errors);
    }
}

/// A letter or underscore, and more of them or digits.
fn is_identifier(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(inner) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// The server names of a TLSRoute: DNS names, also with `*` as their first label.
pub(super) fn tls_route_hostnames(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let names = || items(value).iter().filter_map(Value::as_str);
    let is_ip = |name: &str| name.parse::<std::net::IpAddr>().is_ok();
    require(!names().any(is_ip), value, path, "Hostnames cannot contain an IP", errors);
    let precise = |name: &str| name.contains('*') || is_subdomain(name);
    require(names().all(precise), value, path, "Hostnames must be valid based on RFC-1123", errors);
    let wildcard = |name: &str| !name.contains('*') || name.strip_prefix("*.").is_some_and(is_subdomain);
    let message = "Wildcards on hostnames must be the first label, and the rest of hostname must be valid based on \
                   RFC-1123";
    require(names().all(wildcard), value, path, message, errors);
}
