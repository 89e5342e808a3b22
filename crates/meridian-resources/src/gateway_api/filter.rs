//! Filters of routes: what happens to requests and responses on their way.

use super::common::{BackendObjectReference, LocalObjectReference};
use super::text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step that requests or responses go through; `type` says which of the fields it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type"]))]
#[schemars(extend("x-rule" = "route-filter"))]
pub struct HttpRouteFilter {
    /// Which step.
    #[serde(rename = "type")]
    pub type_: FilterType,
    /// Edits of request headers.
    pub request_header_modifier: Option<HeaderFilter>,
    /// Edits of response headers.
    pub response_header_modifier: Option<HeaderFilter>,
    /// Copies of requests.
    pub request_mirror: Option<RequestMirrorFilter>,
    /// An answer that leads elsewhere.
    pub request_redirect: Option<RequestRedirectFilter>,
    /// Another host or path.
    pub url_rewrite: Option<UrlRewriteFilter>,
    /// Cross-origin resource sharing.
    pub cors: Option<CorsFilter>,
    /// A service that decides about requests.
    pub external_auth: Option<ExternalAuthFilter>,
    /// A step of an implementation.
    pub extension_ref: Option<LocalObjectReference>,
}

/// Which step a filter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FilterType {
    /// Edits of request headers.
    #[default]
    RequestHeaderModifier,
    /// Edits of response headers.
    ResponseHeaderModifier,
    /// Copies of requests.
    RequestMirror,
    /// An answer that leads elsewhere.
    RequestRedirect,
    /// Another host or path.
    #[serde(rename = "URLRewrite")]
    UrlRewrite,
    /// A step of an implementation.
    ExtensionRef,
    /// Cross-origin resource sharing.
    #[serde(rename = "CORS")]
    Cors,
    /// A service that decides about requests.
    ExternalAuth,
}

/// Edits of headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderFilter {
    /// Headers that replace those of their name.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub set: Vec<HttpHeader>,
    /// Headers that are added to those of their name.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub add: Vec<HttpHeader>,
    /// Names of headers that are taken away.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub remove: Vec<String>,
}

/// A header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "value"]))]
pub struct HttpHeader {
    /// The name, in any case.
    #[schemars(with = "text::HeaderName")]
    pub name: String,
    /// The value.
    #[schemars(with = "text::HeaderValue")]
    pub value: String,
}

/// Copies of requests, whose answers are thrown away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["backendRef"]))]
#[schemars(extend("x-rule" = "request-mirror"))]
pub struct RequestMirrorFilter {
    /// Where copies go.
    pub backend_ref: BackendObjectReference,
    /// Of how many requests in a hundred.
    #[schemars(range(min = 0, max = 100))]
    pub percent: Option<i32>,
    /// Of how many requests.
    pub fraction: Option<Fraction>,
}

/// A part of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["numerator"]))]
#[schemars(extend("x-rule" = "fraction"))]
pub struct Fraction {
    /// How many.
    #[schemars(range(min = 0))]
    pub numerator: i32,
    /// Of how many.
    #[schemars(range(min = 1), extend("x-default" = 100))]
    pub denominator: i32,
}

impl Default for Fraction {
    fn default() -> Self {
        Self { numerator: 0, denominator: 100 }
    }
}

/// An answer that leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestRedirectFilter {
    /// `http` or `https`.
    #[schemars(extend("enum" = ["http", "https"]))]
    pub scheme: Option<String>,
    /// The host.
    #[schemars(with = "text::PreciseHostname")]
    pub hostname: Option<String>,
    /// The path.
    pub path: Option<HttpPathModifier>,
    /// The port.
    #[schemars(with = "text::PortNumber")]
    pub port: Option<i32>,
    /// 301, 302, 303, 307 or 308.
    #[schemars(with = "text::RedirectStatus", extend("x-default" = 302))]
    pub status_code: u16,
}

impl Default for RequestRedirectFilter {
    fn default() -> Self {
        Self { scheme: None, hostname: None, path: None, port: None, status_code: 302 }
    }
}

/// Another host or path for the backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UrlRewriteFilter {
    /// The host.
    #[schemars(with = "text::PreciseHostname")]
    pub hostname: Option<String>,
    /// The path.
    pub path: Option<HttpPathModifier>,
}

/// Another path; `type` says which of the fields it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type"]))]
#[schemars(extend("x-rule" = "path-modifier"))]
pub struct HttpPathModifier {
    /// What is replaced.
    #[serde(rename = "type")]
    pub type_: PathModifierType,
    /// The path instead.
    #[schemars(length(max = 1024))]
    pub replace_full_path: Option<String>,
    /// What stands instead of the prefix that matched.
    #[schemars(length(max = 1024))]
    pub replace_prefix_match: Option<String>,
}

/// What of a path is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PathModifierType {
    /// All of it.
    #[default]
    ReplaceFullPath,
    /// The prefix that matched.
    ReplacePrefixMatch,
}

/// Cross-origin resource sharing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CorsFilter {
    /// Origins that may: `*`, `scheme://host`, also with `*.` before the host.
    #[schemars(with = "Vec<text::CorsOrigin>", length(max = 64), extend("x-kubernetes-list-type" = "set", "x-rule" = "allow-origins"))]
    pub allow_origins: Vec<String>,
    /// Whether credentials may be sent.
    pub allow_credentials: bool,
    /// Methods that may; `*` for all.
    #[schemars(with = "Vec<text::MethodOrAll>", length(max = 9), extend("x-kubernetes-list-type" = "set", "x-rule" = "allow-methods"))]
    pub allow_methods: Vec<String>,
    /// Request headers that may; `*` for all.
    #[schemars(with = "Vec<text::HeaderName>", length(max = 64), extend("x-kubernetes-list-type" = "set", "x-rule" = "allow-headers"))]
    pub allow_headers: Vec<String>,
    /// Response headers that scripts see; `*` for all.
    #[schemars(with = "Vec<text::HeaderName>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub expose_headers: Vec<String>,
    /// How long a browser remembers the answer, in seconds.
    #[schemars(range(min = 1), extend("x-default" = 5))]
    pub max_age: i32,
}

impl Default for CorsFilter {
    fn default() -> Self {
        Self {
            allow_origins: Vec::new(),
            allow_credentials: false,
            allow_methods: Vec::new(),
            allow_headers: Vec::new(),
            expose_headers: Vec::new(),
            max_age: 5,
        }
    }
}

/// A service that decides about requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["protocol", "backendRef"]))]
#[schemars(extend("x-rule" = "external-auth"))]
pub struct ExternalAuthFilter {
    /// How it is asked.
    pub protocol: ExternalAuthProtocol,
    /// The service.
    pub backend_ref: BackendObjectReference,
    /// Settings of `GRPC`.
    pub grpc: Option<GrpcAuthConfig>,
    /// Settings of `HTTP`.
    pub http: Option<HttpAuthConfig>,
    /// How much of the body it is shown; nothing when absent.
    pub forward_body: Option<ForwardBodyConfig>,
}

/// How an external authorization service is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ExternalAuthProtocol {
    /// By HTTP requests.
    #[default]
    #[serde(rename = "HTTP")]
    Http,
    /// By `envoy.service.auth.v3.Authorization`.
    #[serde(rename = "GRPC")]
    Grpc,
}

/// What a gRPC authorization service is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcAuthConfig {
    /// Request headers; all when empty.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_headers: Vec<String>,
}

/// What an HTTP authorization service is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpAuthConfig {
    /// What is put before the path of the request.
    #[schemars(with = "text::AuthPath")]
    pub path: String,
    /// Request headers beside the standard ones.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_headers: Vec<String>,
    /// Headers of its answer that go on to the backend; all when empty.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_response_headers: Vec<String>,
}

/// How much of a body an authorization service is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardBodyConfig {
    /// Most bytes.
    pub max_size: u32,
}
