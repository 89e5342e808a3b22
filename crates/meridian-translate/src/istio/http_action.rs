//! What an HTTP rule does: forward, redirect, answer; with its faults and its cross-origin policy.

use crate::condition::{Finding, Topic};
use crate::istio::destination::{Collected, Scope};
use crate::istio::headers::{self, Operations};
use crate::istio::{cors, fault, mirror, retry};
use meridian_ir::cors::Cors;
use meridian_ir::fault::Fault;
use meridian_ir::hash_policy::HashPolicy;
use meridian_ir::route::{
    DirectResponse, Forward, PathMatch, PathRewrite, Redirect, RedirectPath, RegexRewrite, WeightedCluster,
};
use meridian_ir::{Action, HeaderEdits, Name};
use meridian_resources::istio::virtual_service::{
    HttpDirectResponse, HttpRedirect, HttpRewrite, HttpRoute, HttpRouteDestination, RedirectPortSelection,
};
use std::sync::Arc;

/// The largest body of a direct response (Istio's `max_direct_response_body_size_bytes`).
const MAX_DIRECT_BODY: usize = 1 << 20;

/// Where a rule stands: what its translation depends on beside the rule itself.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    /// The VirtualService's namespace.
    pub(crate) namespace: &'p Name,
    /// The port of the Gateway's server.
    pub(crate) server_port: u16,
    /// Whether that server terminates TLS.
    pub(crate) is_tls: bool,
    /// `spec.http[0]`
    pub(crate) path: &'p str,
}

/// An action with what goes with it.
pub(crate) struct Compiled {
    pub(crate) action: Action,
    pub(crate) request_headers: HeaderEdits,
    pub(crate) response_headers: HeaderEdits,
    pub(crate) fault: Option<Arc<Fault>>,
    pub(crate) cors: Option<Arc<Cors>>,
}

impl Compiled {
    /// The answer to all requests of a rule that cannot be served as it is written.
    pub(crate) fn refused(findings: &[Finding]) -> Self {
        Self {
            action: Action::Direct(refusal(findings)),
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            fault: None,
            cors: None,
        }
    }
}

/// Compiles what `rule` does with the requests that `matched` takes. When the rule asks for something that cannot be
/// done, it is refused: its requests are answered 501, and the findings tell why.
pub(crate) fn compile(
    scope: &mut Scope<'_>,
    rule: &HttpRoute,
    matched: &PathMatch,
    place: Place<'_>,
    collected: &mut Collected,
) -> Compiled {
    let mut refused = Vec::new();
    let operations = Operations::new(rule.headers.as_deref(), place.path, scope.pool);
    refused.extend(operations.findings);
    let (mut request_headers, mut response_headers) = (operations.request, operations.response);
    let action = if let Some(redirect) = &rule.redirect {
        self::redirect(redirect, place, collected, &mut refused).map(Action::Redirect)
    } else if let Some(response) = &rule.direct_response {
        direct_response(response, place.path, &mut refused).map(Action::Direct)
    } else {
        let forward = forward(scope, rule, matched, place, operations.authority, collected, &mut refused);
        forward.map(|(forward, request, response)| {
            request_headers = headers::joined(std::mem::take(&mut request_headers), request);
            response_headers = headers::joined(std::mem::take(&mut response_headers), response);
            Action::Forward(forward)
        })
    };
    let cors = rule.cors_policy.as_ref().map(|policy| cors::compile(policy, place.path, scope.pool, &mut refused));
    let fault = rule.fault.as_ref().and_then(|fault| {
        let mut findings = fault::Findings { refused: &mut refused, noted: &mut collected.findings };
        fault::compile(fault, place.path, &mut findings)
    });
    match action {
        Some(action) if refused.is_empty() => Compiled { action, request_headers, response_headers, fault, cors },
        _ => {
            let compiled = Compiled::refused(&refused);
            collected.findings.extend(refused);
            compiled
        }
    }
}

/// What a rule that cannot be served as it is written answers.
fn refusal(findings: &[Finding]) -> DirectResponse {
    let mut body = String::from("This route is not served as it is configured.\n");
    for finding in findings {
        body.push_str(&finding.message);
        body.push('\n');
    }
    DirectResponse { status: 501, body: body.into_bytes() }
}

/// Forwarding, and the header edits of a single destination, which come after those of the rule as in Istio.
fn forward(
    scope: &mut Scope<'_>,
    rule: &HttpRoute,
    matched: &PathMatch,
    place: Place<'_>,
    authority: Option<Name>,
    collected: &mut Collected,
    refused: &mut Vec<Finding>,
) -> Option<(Forward, HeaderEdits, HeaderEdits)> {
    let rewrite = rule.rewrite.as_deref();
    let path_rewrite = rewrite.and_then(|rewrite| path_rewrite(rewrite, matched, place.path, refused)).map(Box::new);
    let rewritten = rewrite.map(|rewrite| &rewrite.authority).filter(|authority| !authority.is_empty());
    let mut host_rewrite = rewritten.map(|authority| Name::from(authority.as_str())).or(authority);

    let mut clusters = Vec::with_capacity(rule.route.len());
    let mut hash_policies: Vec<HashPolicy> = Vec::new();
    let single = rule.route.len() == 1;
    for (index, destination) in rule.route.iter().enumerate() {
        if destination.weight != 0 || single {
            let path = format!("{}.route[{index}]", place.path);
            let mut cluster = weighted_cluster(scope, destination, place, &path, collected, refused);
            // The authority that the rule itself sets goes before those of its destinations.
            cluster.host_rewrite = cluster.host_rewrite.filter(|_| host_rewrite.is_none());
            clusters.push(cluster);
            hash_policies.extend(scope.hash_policy(&destination.destination, place.namespace, place.server_port));
        }
    }
    if clusters.is_empty() {
        let message = "one of route, redirect and directResponse is needed, with a weight above 0";
        refused.push(Finding::at(Topic::Unsupported, place.path, message));
        return None;
    }
    let retries = rule.retries.as_deref().or(scope.mesh.default_http_retry_policy.as_ref());
    let retry = retry::policy(retries, single && !hash_policies.is_empty(), place.path, refused)
        .map(|policy| scope.pool.retries(policy));
    let mirrors = mirror::compile(scope, rule, place, collected);
    let (mut request_headers, mut response_headers) = (HeaderEdits::default(), HeaderEdits::default());
    if let ([only], true) = (&mut clusters[..], single) {
        request_headers = std::mem::take(&mut only.request_headers);
        response_headers = std::mem::take(&mut only.response_headers);
        let of_destination = only.host_rewrite.take();
        host_rewrite = host_rewrite.or(of_destination);
    }
    let timeout = rule.timeout.map(|timeout| timeout.to_std()).filter(|timeout| !timeout.is_zero());
    Some((
        Forward { clusters, timeout, retry, path_rewrite, host_rewrite, mirrors, hash_policies, ..Forward::default() },
        request_headers,
        response_headers,
    ))
}

fn weighted_cluster(
    scope: &mut Scope<'_>,
    destination: &HttpRouteDestination,
    place: Place<'_>,
    path: &str,
    collected: &mut Collected,
    refused: &mut Vec<Finding>,
) -> WeightedCluster {
    let operations = Operations::new(destination.headers.as_deref(), path, scope.pool);
    refused.extend(operations.findings);
    let path = format!("{path}.destination");
    WeightedCluster {
        cluster: scope.cluster(&destination.destination, place.namespace, place.server_port, &path, collected),
        // A single destination needs no weight.
        weight: u32::try_from(destination.weight).unwrap_or_default().max(1),
        request_headers: operations.request,
        response_headers: operations.response,
        host_rewrite: operations.authority,
    }
}

/// Under a regular expression `rewrite.uri` replaces the whole path, otherwise what was matched.
fn path_rewrite(
    rewrite: &HttpRewrite,
    matched: &PathMatch,
    path: &str,
    refused: &mut Vec<Finding>,
) -> Option<PathRewrite> {
    if let Some(regex) = &rewrite.uri_regex_rewrite {
        return match RegexRewrite::new(&regex.matches, &regex.rewrite) {
            Ok(rewrite) => Some(PathRewrite::Regex(rewrite)),
            Err(error) => {
                let path = format!("{path}.rewrite.uriRegexRewrite");
                refused.push(Finding::at(Topic::Unsupported, &path, error.to_string()));
                None
            }
        };
    }
    match (&*rewrite.uri, matched) {
        ("", _) => None,
        (uri, PathMatch::Regex(_)) => Some(PathRewrite::Full(uri.into())),
        (uri, _) => Some(PathRewrite::Prefix(uri.into())),
    }
}

/// Ports 80 of http and 443 of https are left out, as Istio does: the location then has the port that the request had,
/// unless that was the default one.
fn redirect(
    redirect: &HttpRedirect,
    place: Place<'_>,
    collected: &mut Collected,
    refused: &mut Vec<Finding>,
) -> Option<Redirect> {
    let given = |text: &str| (!text.is_empty()).then(|| Name::from(text));
    let scheme = match &*redirect.scheme {
        "" if place.is_tls => "https",
        "" => "http",
        scheme => scheme,
    };
    let port = match (redirect.port, redirect.derive_port) {
        (Some(port), _) => u16::try_from(port).ok().filter(|port| *port != 0),
        (None, Some(RedirectPortSelection::FromRequestPort)) => {
            collected.depends_on_server = true;
            Some(place.server_port)
        }
        (None, _) => None,
    };
    if port.is_some() && redirect.scheme.is_empty() {
        collected.depends_on_server = true;
    }
    let status = match redirect.redirect_code {
        0 => 301,
        status @ (301 | 302 | 303 | 307 | 308) => status as u16,
        other => {
            let message = format!("{other} is not a redirect; allowed are 301, 302, 303, 307 and 308");
            refused.push(Finding::at(Topic::Unsupported, &format!("{}.redirect.redirectCode", place.path), message));
            return None;
        }
    };
    let path = match (&*redirect.prefix_rewrite, &*redirect.uri) {
        ("", "") => None,
        ("", uri) => Some(RedirectPath::Full(uri.into())),
        (prefix, _) => Some(RedirectPath::Prefix(prefix.into())),
    };
    Some(Redirect {
        status,
        scheme: given(&redirect.scheme),
        host: given(&redirect.authority),
        port: port.filter(|port| !matches!((*port, scheme), (80, "http") | (443, "https"))),
        path,
    })
}

fn direct_response(response: &HttpDirectResponse, path: &str, refused: &mut Vec<Finding>) -> Option<DirectResponse> {
    let mut refuse = |field: &str, message: String| {
        refused.push(Finding::at(Topic::Unsupported, &format!("{path}.directResponse.{field}"), message));
        None
    };
    let body = match &response.body {
        None => Vec::new(),
        Some(body) => match (&body.string, &body.bytes) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(encoded)) => {
                use base64::Engine;
                match base64::engine::general_purpose::STANDARD.decode(encoded) {
                    Ok(bytes) => bytes,
                    Err(error) => return refuse("body.bytes", format!("is not base64: {error}")),
                }
            }
            (None, None) => Vec::new(),
        },
    };
    if body.len() > MAX_DIRECT_BODY {
        return refuse("body", format!("has {} bytes; at most {MAX_DIRECT_BODY} are allowed", body.len()));
    }
    match u16::try_from(response.status) {
        Ok(status @ 200..=599) => Some(DirectResponse { status, body }),
        _ => refuse("status", format!("{} is not allowed; choose one from 200 to 599", response.status)),
    }
}
