//! Strategies for route configurations.

use crate::text::{edits, fraction, lowercase, name, origin, path, regex, string_match, time};
use meridian_ir::cors::Cors;
use meridian_ir::ext_authz::{AuthzService, ExtAuthz, HttpAuthz};
use meridian_ir::fault::{AbortStatus, Fault, FaultAbort, FaultDelay};
use meridian_ir::hash_policy::HashPolicy;
use meridian_ir::route::{
    DirectResponse, Forward, HeaderMatch, Mirror, PathMatch, PathRewrite, QueryMatch, Redirect, RedirectPath,
    RegexRewrite, RetryPolicy, WeightedCluster,
};
use meridian_ir::{Action, HeaderEdits, Route, RouteConfig, RouteMatch, SessionPersistence, VirtualHost};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn route_config() -> BoxedStrategy<RouteConfig> {
    (name(), vec(virtual_host().prop_map(Arc::new), 0..3))
        .prop_map(|(name, hosts)| RouteConfig::new(name, hosts))
        .boxed()
}

fn virtual_host() -> BoxedStrategy<VirtualHost> {
    (name(), vec(lowercase(), 1..3), vec(route().prop_map(Arc::new), 0..4), any::<bool>())
        .prop_map(|(name, domains, routes, require_tls)| VirtualHost { name, domains, routes, require_tls })
        .boxed()
}

fn path_match() -> impl Strategy<Value = PathMatch> {
    prop_oneof![
        path().prop_map(PathMatch::Exact),
        path().prop_map(PathMatch::Prefix),
        path().prop_map(PathMatch::PathSeparatedPrefix),
        regex().prop_map(PathMatch::Regex),
    ]
}

fn route_match() -> BoxedStrategy<RouteMatch> {
    let header = (lowercase(), of(string_match()), any::<bool>()).prop_map(|(name, value, invert)| HeaderMatch {
        name,
        value,
        invert,
    });
    let query = (name(), of(string_match())).prop_map(|(name, value)| QueryMatch { name, value });
    (path_match(), any::<bool>(), vec(header, 0..3), vec(query, 0..3))
        .prop_map(|(path, case_sensitive, headers, query)| RouteMatch { path, case_sensitive, headers, query })
        .boxed()
}

fn route() -> BoxedStrategy<Route> {
    let kinds = vec!["VirtualService", "DestinationRule", "Sidecar", "EnvoyFilter"];
    let of_match = route_match().prop_flat_map(|matcher| {
        let action = action(matches!(matcher.path, PathMatch::Regex(_)));
        (Just(matcher), action)
    });
    let name = prop_oneof![Just("".into()), name()];
    (name, of_match, edits(), edits(), of(fault()), of(cors()), of(ext_authz()), of(origin(kinds)))
        .prop_map(|(name, (matcher, action), request_headers, response_headers, fault, cors, ext_authz, origin)| {
            Route {
                name,
                matcher,
                action,
                request_headers,
                response_headers,
                fault: fault.map(Arc::new),
                cors: cors.map(Arc::new),
                ext_authz: ext_authz.map(Arc::new),
                origin,
            }
        })
        .boxed()
}

fn action(by_regex: bool) -> BoxedStrategy<Action> {
    prop_oneof![
        3 => forward(by_regex).prop_map(Action::Forward),
        1 => redirect().prop_map(Action::Redirect),
        1 => (200..600u16, vec(any::<u8>(), 0..20))
            .prop_map(|(status, body)| Action::Direct(DirectResponse { status, body })),
    ]
    .boxed()
}

fn redirect() -> impl Strategy<Value = Redirect> {
    let to = prop_oneof![path().prop_map(RedirectPath::Full), path().prop_map(RedirectPath::Prefix)];
    (select(vec![301, 302, 303, 307, 308]), of(lowercase()), of(lowercase()), of(1..=u16::MAX), of(to))
        .prop_map(|(status, scheme, host, port, path)| Redirect { status, scheme, host, port, path })
}

/// One cluster without anything to it, or some with weights.
fn clusters() -> BoxedStrategy<Vec<WeightedCluster>> {
    let plain = |cluster| WeightedCluster {
        cluster,
        weight: 1,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    };
    let weighted = (name(), 1..1000u32, edits(), edits(), of(lowercase())).prop_map(
        |(cluster, weight, request_headers, response_headers, host_rewrite)| WeightedCluster {
            cluster,
            weight,
            request_headers,
            response_headers,
            host_rewrite,
        },
    );
    prop_oneof![name().prop_map(move |cluster| vec![plain(cluster)]), vec(weighted, 2..4)].boxed()
}

fn path_rewrite(by_regex: bool) -> BoxedStrategy<PathRewrite> {
    let whole = "/[a-z\\\\/]{0,8}".prop_map(|path: String| PathRewrite::Full(path.as_str().into()));
    let pattern = || RegexRewrite::new("^/old/(.*)$", r"/new/\1").expect("a pattern");
    // Under a regular expression the prefix is the whole path.
    let prefix =
        path().prop_map(move |path| if by_regex { PathRewrite::Full(path) } else { PathRewrite::Prefix(path) });
    prop_oneof![whole, prefix, Just(()).prop_map(move |()| PathRewrite::Regex(pattern()))].boxed()
}

fn forward(by_regex: bool) -> BoxedStrategy<Forward> {
    let mirror = (name(), fraction()).prop_map(|(cluster, fraction)| Mirror { cluster, fraction });
    (
        clusters(),
        of(time()),
        of(retry_policy()),
        of(path_rewrite(by_regex)),
        of(lowercase()),
        vec(mirror, 0..3),
        vec(hash_policy(), 0..3),
        select(vec![503, 404, 500]),
        of(session().prop_map(Arc::new)),
    )
        .prop_map(|(clusters, timeout, retry, path_rewrite, host_rewrite, mirrors, hash_policies, lost, session)| {
            Forward {
                clusters,
                timeout,
                retry: retry.map(Into::into),
                path_rewrite: path_rewrite.map(Box::new),
                host_rewrite,
                mirrors,
                hash_policies,
                cluster_not_found_status: lost,
                session,
            }
        })
        .boxed()
}

fn session() -> impl Strategy<Value = SessionPersistence> {
    let cookie = (name(), prop_oneof![Just("".into()), path()], of(time()))
        .prop_map(|(name, path, ttl)| SessionPersistence::Cookie { name, path, ttl });
    prop_oneof![cookie, lowercase().prop_map(SessionPersistence::Header)]
}

fn ext_authz() -> BoxedStrategy<ExtAuthz> {
    // Any header at all is said otherwise.
    let headers = || vec(string_match(), 0..3);
    let grpc = (name(), of(name())).prop_map(|(cluster, authority)| AuthzService::Grpc { cluster, authority });
    let http = (name(), name(), prop_oneof![Just("".into()), path()], of(headers())).prop_map(
        |(cluster, uri, path_prefix, allowed_response_headers)| {
            AuthzService::Http(HttpAuthz { cluster, uri, path_prefix, allowed_response_headers })
        },
    );
    (prop_oneof![grpc, http], time(), headers(), any::<u32>(), any::<bool>(), 400..600u16)
        .prop_map(|(service, timeout, allowed_headers, max_body_bytes, failure_mode_allow, status_on_error)| ExtAuthz {
            service,
            timeout,
            allowed_headers,
            max_body_bytes,
            failure_mode_allow,
            status_on_error,
        })
        .boxed()
}

fn hash_policy() -> BoxedStrategy<HashPolicy> {
    let ttl = prop_oneof![Just(Duration::ZERO), time()];
    let value = prop_oneof![Just("".into()), name()];
    let cookie = (name(), prop_oneof![Just("".into()), path()], of(ttl), vec((name(), value), 0..3))
        .prop_map(|(name, path, ttl, attributes)| HashPolicy::Cookie { name, path, ttl, attributes });
    prop_oneof![
        lowercase().prop_map(HashPolicy::Header),
        cookie,
        Just(HashPolicy::SourceIp),
        name().prop_map(HashPolicy::Query),
    ]
    .boxed()
}

fn retry_policy() -> BoxedStrategy<RetryPolicy> {
    let back_off = prop_oneof![Just((Duration::from_millis(25), Duration::from_millis(250))), (time(), time())];
    // In the order in which Istio has their names.
    let grpc = subsequence(vec![14, 1, 4, 8, 13], 0..=5);
    (any::<u8>(), 0..10u32, vec(400..600u16, 0..3), grpc, of(time()), any::<(bool, bool)>(), back_off)
        .prop_map(
            |(conditions, attempts, statuses, grpc_statuses, per_try_timeout, avoid, (backoff_base, backoff_max))| {
                let on = |bit: u8| conditions & (1 << bit) != 0;
                RetryPolicy {
                    attempts,
                    on_connect_failure: on(0),
                    on_refused_stream: on(1),
                    on_reset: on(2),
                    on_reset_before_request: on(3),
                    on_5xx: on(4),
                    on_gateway_error: on(5),
                    on_retriable_4xx: on(6),
                    statuses,
                    grpc_statuses,
                    per_try_timeout,
                    avoid_previous_hosts: avoid.0,
                    avoid_previous_priorities: avoid.1,
                    backoff_base,
                    backoff_max,
                }
            },
        )
        .boxed()
}

fn fault() -> BoxedStrategy<Fault> {
    let status = prop_oneof![(200..600u16).prop_map(AbortStatus::Http), (0..17u32).prop_map(AbortStatus::Grpc)];
    let delay = (time(), fraction()).prop_map(|(duration, fraction)| FaultDelay { duration, fraction });
    let abort = (status, fraction()).prop_map(|(status, fraction)| FaultAbort { status, fraction });
    (of(delay), of(abort)).prop_map(|(delay, abort)| Fault { delay, abort }).boxed()
}

fn cors() -> BoxedStrategy<Cors> {
    let lists = (of(name()), of(name()), of(name()), of(name()));
    (vec(string_match(), 0..3), lists, any::<bool>(), any::<bool>())
        .prop_map(|(allow_origins, (allow_methods, allow_headers, expose_headers, max_age), credentials, forward)| {
            Cors {
                allow_origins,
                allow_methods,
                allow_headers,
                expose_headers,
                max_age,
                allow_credentials: credentials,
                forward_unmatched_preflights: forward,
            }
        })
        .boxed()
}
