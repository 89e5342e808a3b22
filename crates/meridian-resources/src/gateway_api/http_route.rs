//! HTTPRoute: where HTTP requests go.

use super::common::{BackendRef, ParentReference, RouteStatus, SessionPersistence};
use super::filter::HttpRouteFilter;
use crate::kind::{Kind, Nulls};
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
    columns: &[],
    nulls: Nulls::Refused,
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<HttpRoute>,
};

schema::compiled_once!(schema::of_spec::<HttpRoute>(&KIND, true));

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
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Hosts of its requests; all of its listeners when empty.
    pub hostnames: Vec<String>,
    /// What happens to them.
    #[serde(default = "all_paths")]
    pub rules: Vec<HttpRouteRule>,
}

fn all_paths() -> Vec<HttpRouteRule> {
    vec![HttpRouteRule::default()]
}

/// What happens to some of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteRule {
    /// The name.
    pub name: Option<String>,
    /// Which requests: those that any of these takes.
    pub matches: Vec<HttpRouteMatch>,
    /// What they go through.
    pub filters: Vec<HttpRouteFilter>,
    /// Where they go.
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
    pub path: HttpPathMatch,
    /// On its headers.
    pub headers: Vec<HttpHeaderMatch>,
    /// On its query.
    pub query_params: Vec<HttpQueryParamMatch>,
    /// On its method.
    pub method: Option<String>,
}

/// A condition on the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpPathMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    pub type_: PathMatchType,
    /// What with.
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
    /// Its first elements, as `/` separates them.
    #[default]
    PathPrefix,
    /// The whole path.
    Exact,
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
    pub type_: MatchType,
    /// The name, in any case.
    pub name: String,
    /// What with.
    pub value: String,
}

/// A condition on a query parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "value"]))]
pub struct HttpQueryParamMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    pub type_: MatchType,
    /// The name.
    pub name: String,
    /// What with.
    pub value: String,
}

/// Where requests go, and what they go through on that way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpBackendRef {
    /// Where.
    #[serde(flatten)]
    pub backend: BackendRef,
    /// What they go through.
    pub filters: Vec<HttpRouteFilter>,
}

/// How long requests may take; `0s` is without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteTimeouts {
    /// From the client's request to the end of the answer.
    pub request: Option<String>,
    /// Each try.
    pub backend_request: Option<String>,
}

/// Whether requests are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteRetry {
    /// For which statuses.
    pub codes: Vec<i32>,
    /// How often, after the first try.
    pub attempts: Option<i32>,
    /// How long is waited between, at least.
    pub backoff: Option<String>,
}
