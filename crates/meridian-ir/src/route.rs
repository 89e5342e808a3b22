//! A route: which requests it takes and what happens to them.

use crate::cors::Cors;
use crate::ext_authz::ExtAuthz;
use crate::fault::Fault;
use crate::fraction::Fraction;
use crate::hash_policy::HashPolicy;
use crate::session::SessionPersistence;
use crate::string_match::{FullRegex, StringMatch};
use crate::{HeaderEdits, Name, Origin};
use std::sync::Arc;
use std::time::Duration;

/// How the path, without its query, is matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// The whole path.
    Exact(Name),
    /// Its beginning, byte by byte (`/get` matches `/getter`).
    Prefix(Name),
    /// Its beginning, by segments (`/get` matches `/get/x`, not `/getter`); no trailing slash.
    PathSeparatedPrefix(Name),
    /// The whole path.
    Regex(FullRegex),
}

/// A condition on the values of one header. Repeated headers are matched one by one, never joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMatch {
    /// Lowercase name; `:method`, `:authority`, `:scheme` and `:path` for the parts of the request line.
    pub name: Name,
    /// `None`: the header is present, with any value.
    pub value: Option<StringMatch>,
    /// The condition must not hold (`withoutHeaders`).
    pub invert: bool,
}

/// A condition on the first value of one query parameter; names are case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryMatch {
    /// Parameter name.
    pub name: Name,
    /// `None`: the parameter is present.
    pub value: Option<StringMatch>,
}

/// All conditions of a route; all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch {
    /// See [`PathMatch`].
    pub path: PathMatch,
    /// False: the path is compared without case (`ignoreUriCase`; exact and prefix only).
    pub case_sensitive: bool,
    /// Sorted by name, as Istio emits them.
    pub headers: Vec<HeaderMatch>,
    /// Sorted by name.
    pub query: Vec<QueryMatch>,
}

/// One destination of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCluster {
    /// Cluster name. A cluster that does not exist answers `NC cluster_not_found` with
    /// [`Forward::cluster_not_found_status`].
    pub cluster: Name,
    /// Relative weight, above zero.
    pub weight: u32,
    /// Edits for requests to this destination; after those of the route.
    pub request_headers: HeaderEdits,
    /// Edits for its responses; before those of the route.
    pub response_headers: HeaderEdits,
    /// Replaces the Host header when requests go to this destination.
    pub host_rewrite: Option<Name>,
}

/// How the path changes on its way; the query always stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRewrite {
    /// The matched prefix (or the whole exactly matched path) is replaced, nothing is merged.
    Prefix(Name),
    /// The whole path is replaced (`rewrite.uri` under a `uri.regex` match).
    Full(Name),
    /// RE2 substitution: `\1` groups; every match is replaced.
    Regex(RegexRewrite),
}

/// A regular expression and its substitution.
#[derive(Debug, Clone)]
pub struct RegexRewrite {
    /// The pattern as the user wrote it.
    pub pattern: Name,
    /// The compiled pattern; matches anywhere.
    pub regex: regex::bytes::Regex,
    /// RE2 substitution text (`\0` to `\9`).
    pub substitution: Name,
}

impl PartialEq for RegexRewrite {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.substitution == other.substitution
    }
}
impl Eq for RegexRewrite {}

/// When and how often a failed request is tried again. Only before anything of the response was passed on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// Tries after the first.
    pub attempts: u32,
    /// `connect-failure`: the connection could not be made. Istio's default.
    pub on_connect_failure: bool,
    /// `refused-stream`: HTTP/2 only.
    pub on_refused_stream: bool,
    /// `reset`: the connection ended before a response head.
    pub on_reset: bool,
    /// `reset-before-request`: the connection ended before any byte of the request was written to it.
    pub on_reset_before_request: bool,
    /// `5xx`: any of these, and no answer at all.
    pub on_5xx: bool,
    /// `gateway-error`: 502, 503, 504.
    pub on_gateway_error: bool,
    /// `retriable-4xx`: 409.
    pub on_retriable_4xx: bool,
    /// Statuses named by number (`retriable-status-codes`).
    pub statuses: Vec<u16>,
    /// gRPC statuses named in `retryOn` (`unavailable`, `cancelled`, ...), as numbers.
    pub grpc_statuses: Vec<u16>,
    /// Limit of each try; `None`: the route's timeout only.
    pub per_try_timeout: Option<Duration>,
    /// Hosts that failed are avoided (`envoy.retry_host_predicates.previous_hosts`), for up to five picks.
    pub avoid_previous_hosts: bool,
    /// Priorities that failed are avoided, every second try anew (`envoy.retry_priorities.previous_priorities`,
    /// `retryRemoteLocalities`).
    pub avoid_previous_priorities: bool,
    /// First pause of the exponential back-off (Envoy: 25 ms).
    pub backoff_base: Duration,
    /// Longest pause (Envoy: ten times the base).
    pub backoff_max: Duration,
}

/// Forwarding to clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// At least one; weights sum to more than zero.
    pub clusters: Vec<WeightedCluster>,
    /// From the end of the request to the end of the response; `None`: no limit.
    pub timeout: Option<Duration>,
    /// See [`RetryPolicy`]; `None`: never.
    pub retry: Option<Arc<RetryPolicy>>,
    /// See [`PathRewrite`].
    pub path_rewrite: Option<Box<PathRewrite>>,
    /// Replaces the Host header (`rewrite.authority`, `headers.request.set.host`).
    pub host_rewrite: Option<Name>,
    /// Copies of requests; their answers are thrown away.
    pub mirrors: Vec<Mirror>,
    /// For clusters that balance by hash; empty: at random.
    pub hash_policies: Vec<HashPolicy>,
    /// The status of requests for a cluster that does not exist: 503 (Envoy's and Istio's), 500 (Gateway API) or 404.
    /// gRPC calls are told `UNAVAILABLE` whichever it is.
    pub cluster_not_found_status: u16,
    /// Keeps the requests of a client at one endpoint.
    pub session: Option<Arc<SessionPersistence>>,
}

impl Default for Forward {
    /// Forwarding to nowhere yet, without any policy.
    fn default() -> Self {
        Self {
            clusters: Vec::new(),
            timeout: None,
            retry: None,
            path_rewrite: None,
            host_rewrite: None,
            mirrors: Vec::new(),
            hash_policies: Vec::new(),
            cluster_not_found_status: 503,
            session: None,
        }
    }
}

/// Where copies of requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Cluster name; without such a cluster nothing happens.
    pub cluster: Name,
    /// Of how many requests.
    pub fraction: Fraction,
}

/// A redirect (`RFC 9110 section 15.4`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// New scheme.
    pub scheme: Option<Name>,
    /// New host (without port).
    pub host: Option<Name>,
    /// New port.
    pub port: Option<u16>,
    /// New path: whole, or the matched prefix.
    pub path: Option<RedirectPath>,
}

/// The path of a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectPath {
    /// The whole path; the query stays.
    Full(Name),
    /// The matched prefix.
    Prefix(Name),
}

/// An answer without an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectResponse {
    /// 200 to 599.
    pub status: u16,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

/// What happens to the requests of a route.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// See [`Forward`].
    Forward(Forward),
    /// See [`Redirect`].
    Redirect(Redirect),
    /// See [`DirectResponse`].
    Direct(DirectResponse),
}

/// One route of a virtual host.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The user's name for it, `default` for registry routes, or empty (logged as `-`).
    pub name: Name,
    /// See [`RouteMatch`].
    pub matcher: RouteMatch,
    /// See [`Action`].
    pub action: Action,
    /// Edits of requests, after Meridian's own headers were set.
    pub request_headers: HeaderEdits,
    /// Edits of responses, direct ones too.
    pub response_headers: HeaderEdits,
    /// See [`Fault`].
    pub fault: Option<Arc<Fault>>,
    /// See [`Cors`]; preflights are answered before the action.
    pub cors: Option<Arc<Cors>>,
    /// Who is asked whether a request may pass; after preflights, before the action.
    pub ext_authz: Option<Arc<ExtAuthz>>,
    /// The object that this route was made from.
    pub origin: Option<Origin>,
}
