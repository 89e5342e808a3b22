//! HTTPRoutes.

use super::backends::{Compiler, NOWHERE, Speech};
use super::compiled::{Routes, Server};
use super::filters::{self, Filters, PathChange};
use super::rewrite::{self, Change, Part};
use super::{matches, unsupported};
use crate::istio::retry;
use meridian_ir::route::{
    DirectResponse, Forward, PathMatch, PathRewrite, Redirect, RedirectPath, RetryPolicy, WeightedCluster,
};
use meridian_ir::{Action, Name, Route};
use meridian_resources::gateway_api::HttpRoute;
use meridian_resources::gateway_api::common::{BackendRef, duration};
use meridian_resources::gateway_api::filter::{HttpRouteFilter, RequestRedirectFilter};
use meridian_resources::gateway_api::http_route::{HttpRouteMatch, HttpRouteRetry, HttpRouteRule};
use std::sync::Arc;
use std::time::Duration;

/// What requests are told that lead to no backend.
const NO_BACKEND: u16 = 500;

/// Compiles all rules.
pub(crate) fn compile(compiler: &mut Compiler<'_, '_>, route: &HttpRoute, server: Server, routes: &mut Routes) {
    let refused = unsupported::http(route, compiler.scope.pool);
    for (index, rule) in route.rules.iter().enumerate() {
        let is_refused = refused.iter().any(|one| one.rule == index);
        let filters = match is_refused {
            true => Filters::default(),
            false => filters::compile(compiler, &rule.filters, Speech::Plain),
        };
        let forward = match is_refused || filters.is_barred || filters.redirect.is_some() {
            true => None,
            false => forward(compiler, rule, &filters),
        };
        let any = [HttpRouteMatch::default()];
        let alternatives = if rule.matches.is_empty() { &any[..] } else { &rule.matches };
        for (alternative, one) in alternatives.iter().enumerate() {
            // What is not even a condition takes nothing; the other matches of the rule do.
            let Ok(matched) = matches::http(one, compiler.scope.pool) else { continue };
            let parts = parts(&matched.matcher.path, &filters);
            for (position, Part { matcher: path, change }) in parts.into_iter().enumerate() {
                let redirect = filters.redirect.filter(|_| !filters.is_barred);
                let action = match (redirect, &forward) {
                    (Some(filter), _) => {
                        compiler.dependencies.on_server = true;
                        Action::Redirect(self::redirect(filter, &change, server))
                    }
                    (None, Some(forward)) => {
                        let path_rewrite = rewritten(change, &path).map(Box::new);
                        Action::Forward(Forward { path_rewrite, ..forward.clone() })
                    }
                    (None, None) => Action::Direct(DirectResponse { status: NO_BACKEND, body: Vec::new() }),
                };
                let route = Route {
                    name: routes.name(rule.name.as_deref(), index),
                    matcher: meridian_ir::RouteMatch { path, ..matched.matcher.clone() },
                    action,
                    request_headers: filters.request.clone(),
                    response_headers: filters.response.clone(),
                    fault: None,
                    cors: filters.cors.clone(),
                    ext_authz: filters.ext_authz.clone(),
                    origin: Some(routes.origin.clone()),
                };
                routes.push(matched.narrowness, (index, alternative, position), route);
            }
        }
    }
}

/// The parts that a match becomes by what is to happen with paths.
fn parts(path: &PathMatch, filters: &Filters<'_>) -> Vec<Part> {
    let of_redirect = filters.redirect.and_then(|filter| filter.path.as_ref()).map(PathChange::of);
    match of_redirect.or_else(|| filters.path.clone()) {
        None => vec![Part { matcher: path.clone(), change: Change::None }],
        Some(PathChange::Full(whole)) => vec![Part { matcher: path.clone(), change: Change::Full(whole) }],
        Some(PathChange::Prefix(replacement)) => rewrite::replace_prefix(path.clone(), replacement),
    }
}

fn rewritten(change: Change, path: &PathMatch) -> Option<PathRewrite> {
    match (change, path) {
        (Change::None, _) => None,
        // All of a path that was compared as a whole is what matched.
        (Change::Full(whole), PathMatch::Exact(_)) | (Change::Prefix(whole), _) => Some(PathRewrite::Prefix(whole)),
        (Change::Full(whole), _) => Some(PathRewrite::Full(whole)),
    }
}

/// The port is that of the filter, else the scheme's when it gives one, else the listener's; the scheme's own port is
/// left out.
fn redirect(filter: &RequestRedirectFilter, change: &Change, server: Server) -> Redirect {
    let own_scheme = if server.is_tls { "https" } else { "http" };
    let scheme = filter.scheme.as_deref().unwrap_or(own_scheme);
    let default_port = if scheme == "https" { 443 } else { 80 };
    let given = filter.port.and_then(|port| u16::try_from(port).ok());
    let of_listener = if filter.scheme.is_some() { default_port } else { server.port };
    let port = given.unwrap_or(of_listener);
    Redirect {
        status: filter.status_code,
        scheme: filter.scheme.as_deref().map(Name::from),
        host: filter.hostname.as_deref().map(Name::from),
        port: (port != default_port).then_some(port),
        path: match change {
            Change::None => None,
            Change::Prefix(prefix) => Some(RedirectPath::Prefix(prefix.clone())),
            Change::Full(whole) => Some(RedirectPath::Full(whole.clone())),
        },
    }
}

/// Where requests go; `None` when there is no backend that could take any.
fn forward(compiler: &mut Compiler<'_, '_>, rule: &HttpRouteRule, filters: &Filters<'_>) -> Option<Forward> {
    let timeouts = rule.timeouts.as_ref();
    let limit = |text: Option<&String>| text.and_then(|text| duration(text)).filter(|limit| !limit.is_zero());
    let per_try = limit(timeouts.and_then(|timeouts| timeouts.backend_request.as_ref()));
    let backends = rule.backend_refs.iter().map(|backend| (&backend.backend, &backend.filters[..]));
    let forward = destinations(compiler, backends, Speech::Plain)?;
    let session = rule.session_persistence.as_ref().map(|one| filters::session(one, compiler.scope.pool));
    Some(Forward {
        timeout: limit(timeouts.and_then(|timeouts| timeouts.request.as_ref())),
        retry: retries(rule.retry.as_ref(), per_try, !forward.hash_policies.is_empty()).map(Arc::new),
        host_rewrite: filters.host.clone(),
        mirrors: filters.mirrors.clone(),
        session: session.map(Arc::new),
        ..forward
    })
}

/// The clusters of backends by weight, with the share of those that lead nowhere; `None` when all do.
pub(crate) fn destinations<'r>(
    compiler: &mut Compiler<'_, '_>,
    backends: impl Iterator<Item = (&'r BackendRef, &'r [HttpRouteFilter])>,
    speech: Speech,
) -> Option<Forward> {
    let mut forward = Forward { cluster_not_found_status: NO_BACKEND, ..Forward::default() };
    let mut leads_somewhere = false;
    for (backend, filters) in backends {
        let cluster = compiler.cluster(backend, speech);
        let Some(weight) = u32::try_from(backend.weight).ok().filter(|weight| *weight > 0) else { continue };
        let filters = filters::compile(compiler, filters, speech);
        if let Some(cluster) = &cluster {
            leads_somewhere = true;
            forward.hash_policies.extend(compiler.hash_policy(cluster));
        }
        forward.clusters.push(WeightedCluster {
            cluster: cluster.map_or_else(|| compiler.scope.pool.name(NOWHERE), |cluster| cluster.name),
            weight,
            request_headers: filters.request,
            response_headers: filters.response,
            host_rewrite: filters.host,
        });
    }
    leads_somewhere.then_some(forward)
}

/// What failed to reach a backend is tried again at any rate; what a backend answered, where the rule says so.
pub(crate) fn retries(
    retry: Option<&HttpRouteRetry>,
    per_try_timeout: Option<Duration>,
    is_hashed: bool,
) -> Option<RetryPolicy> {
    let default = RetryPolicy { per_try_timeout, avoid_previous_hosts: !is_hashed, ..retry::default_policy() };
    let Some(retry) = retry else { return Some(default) };
    let attempts = retry.attempts.map_or(default.attempts, |attempts| u32::try_from(attempts).unwrap_or_default());
    let backoff = retry.backoff.as_deref().and_then(duration).filter(|backoff| !backoff.is_zero());
    let policy = RetryPolicy {
        attempts,
        on_reset: true,
        on_reset_before_request: true,
        statuses: retry.codes.iter().filter_map(|code| u16::try_from(*code).ok()).collect(),
        backoff_base: backoff.unwrap_or(default.backoff_base),
        backoff_max: backoff.unwrap_or(default.backoff_base) * 10,
        ..default
    };
    // Without any further try there is still the limit of the first.
    (attempts > 0 || per_try_timeout.is_some()).then_some(policy)
}
