//! HTTPRoute: where HTTP requests go.

use super::common::{BackendRef, ParentReference, RouteStatus, SessionPersistence};
use super::filter::HttpRouteFilter;
use super::text;
use crate::kind::cells::json_path;
use crate::kind::{Column, Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `HTTPRoute` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1beta1"],
    kind: "HTTPRoute",
    list_kind: "HTTPRouteList",
    plural: "httproutes",
    singular: "httproute",
    short_names: &[],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[Column::string("Hostnames", "Hosts of its requests.", |route| json_path(route, "/spec/hostnames"))],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<HttpRoute>,
};

schema::forms!(schema::of_spec::<HttpRoute>(&KIND, true));

impl Spec for HttpRoute {
    type Status = RouteStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::HttpRoute(object)
    }
}

/// HTTPRoute leads HTTP requests from the listeners of Gateways to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRoute {
    /// The Gateways and ListenerSets that it attaches to.
    #[schemars(length(max = 32), extend("x-rule" = "parent-refs"))]
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Hosts of its requests; all of its listeners when empty.
    #[schemars(with = "Vec<text::Hostname>", length(max = 16))]
    pub hostnames: Vec<String>,
    /// What happens to them.
    #[serde(default = "all_paths")]
    #[schemars(length(min = 1, max = 16), extend("x-rule" = "route-rules", "x-default" = [{ "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }] }]))]
    pub rules: Vec<HttpRouteRule>,
}

fn all_paths() -> Vec<HttpRouteRule> {
    vec![HttpRouteRule::default()]
}

/// What happens to some of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "http-route-rule"))]
pub struct HttpRouteRule {
    /// The name.
    #[schemars(with = "text::SectionName")]
    pub name: Option<String>,
    /// Which requests: those that any of these takes.
    #[schemars(length(max = 64), extend("x-default" = [{ "path": { "type": "PathPrefix", "value": "/" } }]))]
    pub matches: Vec<HttpRouteMatch>,
    /// What they go through.
    #[schemars(length(max = 16), extend("x-rule" = "route-filters"))]
    pub filters: Vec<HttpRouteFilter>,
    /// Where they go.
    #[schemars(length(max = 16))]
    pub backend_refs: Vec<HttpBackendRef>,
    /// How long they may take.
    pub timeouts: Option<HttpRouteTimeouts>,
    /// Whether they are tried again.
    pub retry: Option<HttpRouteRetry>,
    /// Whether those of one session stay together.
    pub session_persistence: Option<SessionPersistence>,
}

impl Default for HttpRouteRule {
    fn default() -> Self {
        Self {
            name: None,
            matches: vec![HttpRouteMatch::default()],
            filters: Vec::new(),
            backend_refs: Vec::new(),
            timeouts: None,
            retry: None,
            session_persistence: None,
        }
    }
}

/// Conditions on a request; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteMatch {
    /// On its path.
    #[schemars(extend("x-default" = { "type": "PathPrefix", "value": "/" }))]
    pub path: HttpPathMatch,
    /// On its headers.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<HttpHeaderMatch>,
    /// On its query.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub query_params: Vec<HttpQueryParamMatch>,
    /// On its method.
    #[schemars(with = "text::Method")]
    pub method: Option<String>,
}

/// A condition on the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "http-path-match"))]
pub struct HttpPathMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    #[schemars(extend("x-default" = "PathPrefix"))]
    pub type_: PathMatchType,
    /// What with.
    #[schemars(length(max = 1024), extend("x-default" = "/"))]
    pub value: String,
}

impl Default for HttpPathMatch {
    fn default() -> Self {
        Self { type_: PathMatchType::PathPrefix, value: "/".to_owned() }
    }
}

/// How a path is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PathMatchType {
    /// The whole path.
    Exact,
    /// Its first elements, as `/` separates them.
    #[default]
    PathPrefix,
    /// The whole path with a regular expression of RE2.
    RegularExpression,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MatchType {
    /// The whole value.
    #[default]
    Exact,
    /// The whole value with a regular expression of RE2.
    RegularExpression,
}

/// A condition on a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "value"]))]
pub struct HttpHeaderMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    #[schemars(extend("x-default" = "Exact"))]
    pub type_: MatchType,
    /// The name, in any case.
    #[schemars(with = "text::HeaderName")]
    pub name: String,
    /// What with.
    #[schemars(with = "text::HeaderValue")]
    pub value: String,
}

/// A condition on a query parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "value"]))]
pub struct HttpQueryParamMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    #[schemars(extend("x-default" = "Exact"))]
    pub type_: MatchType,
    /// The name.
    #[schemars(with = "text::HeaderName")]
    pub name: String,
    /// What with.
    #[schemars(length(min = 1, max = 1024))]
    pub value: String,
}

/// Where requests go, and what they go through on that way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "backend-ref"))]
pub struct HttpBackendRef {
    /// Where.
    #[serde(flatten)]
    pub backend: BackendRef,
    /// What they go through.
    #[schemars(length(max = 16), extend("x-rule" = "route-filters"))]
    pub filters: Vec<HttpRouteFilter>,
}

/// How long requests may take; `0s` is without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "http-route-timeouts"))]
pub struct HttpRouteTimeouts {
    /// From the client's request to the end of the answer.
    #[schemars(with = "text::GatewayDuration")]
    pub request: Option<String>,
    /// Each try.
    #[schemars(with = "text::GatewayDuration")]
    pub backend_request: Option<String>,
}

/// Whether requests are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteRetry {
    /// For which statuses.
    #[schemars(with = "Vec<text::ErrorStatus>", extend("x-kubernetes-list-type" = "set"))]
    pub codes: Vec<i32>,
    /// How often, after the first try.
    #[schemars(range(min = 1))]
    pub attempts: Option<i32>,
    /// How long is waited between, at least.
    #[schemars(with = "text::GatewayDuration")]
    pub backoff: Option<String>,
}
