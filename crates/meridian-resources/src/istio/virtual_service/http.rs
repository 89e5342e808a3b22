//! The HTTP part of a VirtualService: matches, destinations and what happens to requests on the way.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Destination, Percent};
use crate::duration::Duration;
use crate::istio::StringMatch;
use crate::text_map::TextMap;

/// gRPC's statuses by name, in the order of their numbers, as `abort.grpcStatus` says them.
pub const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A rule for HTTP traffic: conditions, and what is done with the requests that meet one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = crate::istio::virtual_service::http::accept_snake_case_mirror_percent)]
pub struct HttpRoute {
    /// Cross-origin resource sharing.
    pub cors_policy: Option<Box<CorsPolicy>>,
    /// Another VirtualService, without hosts, whose routes are used; excludes `route` and `redirect`.
    pub delegate: Option<Box<Delegate>>,
    /// Answer with a fixed status and body; excludes `route` and `redirect`.
    pub direct_response: Option<Box<HttpDirectResponse>>,
    /// Delays and aborts that are injected on purpose.
    pub fault: Option<Box<HttpFaultInjection>>,
    /// Changes to request and response headers.
    pub headers: Option<Box<Headers>>,
    /// Alternatives, one of which must match; empty matches every request.
    #[serde(rename = "match")]
    pub matches: Vec<HttpMatchRequest>,
    /// Where a copy of each request is sent, whose response is discarded.
    pub mirror: Option<Box<Destination>>,
    /// Deprecated: percentage of requests that are mirrored, 0 to 100.
    #[serde(alias = "mirror_percent")]
    #[schemars(extend("nullable" = true))]
    pub mirror_percent: Option<u32>,
    /// Percentage of requests that are mirrored; all when absent.
    pub mirror_percentage: Option<Percent>,
    /// Several places where copies are sent; excludes `mirror`.
    pub mirrors: Vec<HttpMirrorPolicy>,
    /// The route's name, part of the route name in logs and telemetry.
    pub name: String,
    /// Answer with a redirect; excludes `route`.
    pub redirect: Option<Box<HttpRedirect>>,
    /// When and how often a failed request is tried again.
    pub retries: Option<Box<HttpRetry>>,
    /// Changes to path and authority before forwarding.
    pub rewrite: Option<Box<HttpRewrite>>,
    /// Weighted destinations.
    pub route: Vec<HttpRouteDestination>,
    /// How long a request may take; no limit when absent.
    pub timeout: Option<Duration>,
}

/// The deprecated `mirror_percent` is spelled both ways by Istio's schema.
pub(crate) fn accept_snake_case_mirror_percent(schema: &mut schemars::Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(|properties| properties.as_object_mut()) else {
        return;
    };
    if let Some(camel_case) = properties.get("mirrorPercent").cloned() {
        properties.insert("mirror_percent".to_owned(), camel_case);
    }
}

/// Conditions on one request; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpMatchRequest {
    /// The Host header, with its port, compared with regard to case.
    pub authority: Option<StringMatch>,
    /// Gateways for which this match holds, instead of the VirtualService's.
    pub gateways: Vec<String>,
    /// Headers by lower-case name; an empty match means that the header is present.
    pub headers: TextMap<StringMatch>,
    /// Compare `uri` without regard to case; only for exact and prefix.
    pub ignore_uri_case: bool,
    /// The request's method.
    pub method: Option<StringMatch>,
    /// The match's name, appended to the route's name in logs.
    pub name: String,
    /// The port of the listener that received the request.
    pub port: u32,
    /// Query parameters by name; an empty match means that the parameter is present.
    pub query_params: TextMap<StringMatch>,
    /// The request's scheme.
    pub scheme: Option<StringMatch>,
    /// Labels of the client's workload; only for sidecars.
    pub source_labels: BTreeMap<String, String>,
    /// Namespace of the client's workload; only for sidecars.
    pub source_namespace: String,
    /// Prefix for statistics of this route.
    pub stat_prefix: String,
    /// The path, without the query.
    pub uri: Option<StringMatch>,
    /// Headers that must not match.
    pub without_headers: TextMap<StringMatch>,
}

/// A destination with its share of the traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["destination"]))]
pub struct HttpRouteDestination {
    /// The service (or subset) of the registry.
    pub destination: Destination,
    /// Header changes for this destination only.
    pub headers: Option<Box<Headers>>,
    /// The share of traffic, relative to the sum of the weights of the route's destinations.
    pub weight: i32,
}

/// Changes to headers in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Headers {
    /// Applied to the request before it is forwarded.
    pub request: Option<HeaderOperations>,
    /// Applied to the response before it is returned.
    pub response: Option<HeaderOperations>,
}

/// Changes to the headers of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderOperations {
    /// Values appended to headers.
    pub add: BTreeMap<String, String>,
    /// Headers that are removed.
    pub remove: Vec<String>,
    /// Headers that are overwritten.
    pub set: BTreeMap<String, String>,
}

/// A redirect to the client (Istio `HTTPRedirect`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["port", "derivePort"]]))]
pub struct HttpRedirect {
    /// The authority of the location; the request's when empty.
    pub authority: String,
    /// How the port of the location is found; excludes `port`.
    pub derive_port: Option<RedirectPortSelection>,
    /// The port of the location; excludes `derivePort`.
    pub port: Option<u32>,
    /// Replaces the matched prefix of the path; excludes `uri`.
    pub prefix_rewrite: String,
    /// The status; 301 when 0.
    pub redirect_code: u32,
    /// The scheme of the location; the request's when empty.
    pub scheme: String,
    /// The whole path of the location; the request's when empty.
    pub uri: String,
}

/// How the port of a redirect's location is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedirectPortSelection {
    /// The scheme's default port.
    #[default]
    FromProtocolDefault,
    /// The port on which the request arrived.
    FromRequestPort,
}

/// A fixed answer without any upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["status"]))]
pub struct HttpDirectResponse {
    /// The body; none when absent.
    pub body: Option<HttpBody>,
    /// The status.
    pub status: u32,
}

/// The body of a direct response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["string", "bytes"]]))]
pub struct HttpBody {
    /// The body in base64; excludes `string`.
    #[schemars(extend("format" = "byte"))]
    pub bytes: Option<String>,
    /// The body as text; excludes `bytes`.
    pub string: Option<String>,
}

/// A reference to the VirtualService whose routes are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Delegate {
    /// The VirtualService's name.
    pub name: String,
    /// Its namespace; that of the referring VirtualService when empty.
    pub namespace: String,
}

/// Changes to path and authority before forwarding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRewrite {
    /// The new authority; the request's when empty.
    pub authority: String,
    /// Replaces the path, or its matched prefix; excludes `uriRegexRewrite`.
    pub uri: String,
    /// Replaces parts of the path by regular expression; excludes `uri`.
    pub uri_regex_rewrite: Option<RegexRewrite>,
}

/// A substitution by regular expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RegexRewrite {
    /// The expression (RE2) that finds what is replaced.
    #[serde(rename = "match")]
    pub matches: String,
    /// What replaces it; `\1` to `\9` are capture groups.
    pub rewrite: String,
}

/// When and how often a failed request is tried again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRetry {
    /// How many times; 0 switches retries off.
    pub attempts: i32,
    /// The least time between two attempts.
    pub backoff: Option<Duration>,
    /// How long one attempt may take; the route's timeout when absent.
    pub per_try_timeout: Option<Duration>,
    /// Whether an attempt may go to a host that has failed already.
    #[schemars(extend("nullable" = true))]
    pub retry_ignore_previous_hosts: Option<bool>,
    /// Envoy's retry conditions, separated by commas; also status codes.
    pub retry_on: String,
    /// Whether an attempt may go to another locality.
    #[schemars(extend("nullable" = true))]
    pub retry_remote_localities: Option<bool>,
}

/// Failures that are injected on purpose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpFaultInjection {
    /// Requests that are answered with an error.
    pub abort: Option<Abort>,
    /// Requests that are held back.
    pub delay: Option<Delay>,
}

/// Requests that are answered with an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["httpStatus", "grpcStatus", "http2Error"]]))]
pub struct Abort {
    /// The gRPC status by name.
    pub grpc_status: Option<String>,
    /// Not implemented by Istio.
    pub http2_error: Option<String>,
    /// The HTTP status.
    pub http_status: Option<i32>,
    /// Percentage of requests; all when absent.
    pub percentage: Option<Percent>,
}

/// Requests that are held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["fixedDelay", "exponentialDelay"]]))]
pub struct Delay {
    /// Not implemented by Istio.
    pub exponential_delay: Option<Duration>,
    /// For how long.
    pub fixed_delay: Option<Duration>,
    /// Deprecated: percentage of requests, 0 to 100.
    pub percent: i32,
    /// Percentage of requests; all when absent.
    pub percentage: Option<Percent>,
}

/// Where a copy of requests is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["destination"]))]
pub struct HttpMirrorPolicy {
    /// The service (or subset) of the registry.
    pub destination: Destination,
    /// Percentage of requests; all when absent.
    pub percentage: Option<Percent>,
}

/// Cross-origin resource sharing for a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CorsPolicy {
    /// `access-control-allow-credentials`.
    #[schemars(extend("nullable" = true))]
    pub allow_credentials: Option<bool>,
    /// `access-control-allow-headers`.
    pub allow_headers: Vec<String>,
    /// `access-control-allow-methods`.
    pub allow_methods: Vec<String>,
    /// Deprecated: exact origins.
    pub allow_origin: Vec<String>,
    /// Origins that are allowed.
    pub allow_origins: Vec<StringMatch>,
    /// `access-control-expose-headers`.
    pub expose_headers: Vec<String>,
    /// `access-control-max-age`.
    pub max_age: Option<Duration>,
    /// What happens to preflight requests of other origins.
    pub unmatched_preflights: UnmatchedPreflights,
}

/// What happens to preflight requests whose origin is not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnmatchedPreflights {
    /// As `FORWARD`.
    #[default]
    Unspecified,
    /// They go to the upstream.
    Forward,
    /// They are answered by the proxy, without the CORS headers.
    Ignore,
}
