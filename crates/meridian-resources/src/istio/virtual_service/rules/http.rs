//! HTTP routes: their conditions, their headers, and what excludes what.

use crate::istio::rules;
use crate::istio::virtual_service::{HeaderOperations, Headers, HttpMatchRequest, HttpRoute};
use crate::istio::{StringMatch, virtual_service::HttpRewrite};
use crate::object::StringMap;
use crate::rules::{Findings, dns, headers, net};
use crate::schema::path::Path;

/// Checks one route; `delegate` when its VirtualService is there for others to delegate to.
pub(super) fn check(findings: &mut Findings, path: &Path<'_>, route: &HttpRoute, delegate: bool) {
    check_conflicts(findings, path, route, delegate);
    let matches = path.field("match");
    for (index, matcher) in route.matches.iter().enumerate() {
        check_match(findings, &matches.index(index), matcher);
    }
    if let Some(operations) = &route.headers {
        check_headers(findings, &path.field("headers"), operations);
    }
    check_authority(findings, path, route.rewrite.as_deref(), route.headers.as_deref());
    super::actions::check(findings, path, route);
    let list = path.field("route");
    for (index, destination) in route.route.iter().enumerate() {
        if let Some(operations) = &destination.headers {
            check_headers(findings, &list.index(index).field("headers"), operations);
        }
    }
    super::check_weights(findings, &list, route.route.iter().map(|route| (&route.destination, route.weight)));
    net::duration(findings, &path.field("timeout"), route.timeout);
}

fn check_conflicts(findings: &mut Findings, path: &Path<'_>, route: &HttpRoute, delegate: bool) {
    if route.mirror.is_some() && !route.mirrors.is_empty() {
        findings.forbidden(&path.field("mirrors"), "HTTP route cannot contain both mirror and mirrors");
    }
    if route.delegate.is_some() {
        if delegate {
            findings.forbidden(&path.field("delegate"), "delegate HTTP route cannot contain delegate");
            return;
        }
        if route.redirect.is_some() {
            let detail = format!("root HTTP route {} must not specify redirect", route.name);
            findings.forbidden(&path.field("redirect"), detail);
        }
        if !route.route.is_empty() {
            let detail = format!("root HTTP route {} must not specify route", route.name);
            findings.forbidden(&path.field("route"), detail);
        }
        return;
    }
    let others = [
        ("route", "HTTP route", !route.route.is_empty()),
        ("fault", "HTTP route", route.fault.is_some()),
        ("rewrite", "HTTP route rule", route.rewrite.is_some()),
    ];
    let (action, field) = match (&route.redirect, &route.direct_response) {
        (Some(_), _) => ("redirect", "redirect"),
        (None, Some(_)) => ("direct_response", "directResponse"),
        (None, None) => {
            if route.route.is_empty() {
                findings.required(path, "HTTP route, redirect or direct_response is required");
            }
            return;
        }
    };
    for (other, subject, given) in others {
        if given {
            findings.forbidden(&path.field(field), format!("{subject} cannot contain both {other} and {action}"));
        }
    }
    if route.redirect.is_some() && route.direct_response.is_some() {
        let detail = "HTTP route rule cannot contain both direct_response and redirect";
        findings.forbidden(&path.field("directResponse"), detail);
    }
}

fn check_match(findings: &mut Findings, path: &Path<'_>, matcher: &HttpMatchRequest) {
    let list = path.field("headers");
    for (name, value) in &matcher.headers {
        findings.check(&list.key(name), name, headers::match_name(name));
        rules::string_match(findings, &list.key(name), value, "headers");
    }
    let list = path.field("withoutHeaders");
    for (name, value) in &matcher.without_headers {
        findings.check(&list.key(name), name, headers::match_name(name));
        // `*` is no expression; Istio takes it for presence.
        if *value != StringMatch::Regex("*".to_owned()) {
            rules::string_match(findings, &list.key(name), value, "withoutHeaders");
        }
    }
    if let Some(uri) = &matcher.uri {
        rules::regex_match(findings, &path.field("uri"), uri, "uri");
    }
    let texts = [("scheme", &matcher.scheme), ("method", &matcher.method), ("authority", &matcher.authority)];
    for (field, value) in texts {
        if let Some(value) = value {
            rules::string_match(findings, &path.field(field), value, field);
        }
    }
    let list = path.field("queryParams");
    for (name, value) in &matcher.query_params {
        rules::string_match(findings, &list.key(name), value, "queryParams");
    }
    rules::match_port(findings, &path.field("port"), matcher.port);
    rules::tags(findings, &path.field("sourceLabels"), &matcher.source_labels);
    rules::gateway_names(findings, &path.field("gateways"), &matcher.gateways);
    let namespace = matcher.source_namespace.as_str();
    if !namespace.is_empty() && !dns::is_label(namespace) {
        let detail = format!("sourceNamespace match {namespace} is invalid");
        findings.invalid(&path.field("sourceNamespace"), namespace, detail);
    }
}

fn check_headers(findings: &mut Findings, path: &Path<'_>, operations: &Headers) {
    if let Some(request) = &operations.request {
        check_operations(findings, &path.field("request"), request, headers::request_operation);
    }
    if let Some(response) = &operations.response {
        check_operations(findings, &path.field("response"), response, headers::operation);
    }
}

fn check_operations(
    findings: &mut Findings,
    path: &Path<'_>,
    operations: &HeaderOperations,
    name_rule: fn(&str) -> Result<(), String>,
) {
    let mut values = |field: &str, values: &StringMap| {
        let list = path.field(field);
        for (name, value) in values {
            findings.check(&list.key(name), name, name_rule(name));
            findings.check(&list.key(name), value, headers::value(value));
        }
    };
    values("add", &operations.add);
    values("set", &operations.set);
    let list = path.field("remove");
    for (index, name) in operations.remove.iter().enumerate() {
        findings.check(&list.index(index), name, headers::operation(name));
    }
}

/// The authority is rewritten in one place only.
fn check_authority(
    findings: &mut Findings,
    path: &Path<'_>,
    rewrite: Option<&HttpRewrite>,
    operations: Option<&Headers>,
) {
    let mut current = rewrite.map_or("", |rewrite| rewrite.authority.as_str());
    let Some(request) = operations.and_then(|operations| operations.request.as_ref()) else { return };
    let headers_path = path.field("headers");
    let request_path = headers_path.field("request");
    for (field, values) in [("set", &request.set), ("add", &request.add)] {
        for (name, value) in values.iter().filter(|(name, _)| headers::is_authority(name)) {
            if !current.is_empty() {
                let detail = format!(
                    "authority header cannot be set multiple times: have {current:?}, attempting to set {value:?}"
                );
                findings.forbidden(&request_path.field(field).key(name), detail);
                return;
            }
            current = value;
        }
    }
}
