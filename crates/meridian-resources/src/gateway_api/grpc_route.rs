//! GRPCRoute: where gRPC calls go.

use super::common::{BackendRef, ParentReference, RouteStatus, SessionPersistence};
use super::filter::HttpRouteFilter;
use super::http_route::{HttpHeaderMatch, MatchType};
use super::text;
use crate::kind::cells::json_path;
use crate::kind::{Column, Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind `GRPCRoute` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1"],
    kind: "GRPCRoute",
    list_kind: "GRPCRouteList",
    plural: "grpcroutes",
    singular: "grpcroute",
    short_names: &[],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[Column::string("Hostnames", "Hosts of its calls.", |route| json_path(route, "/spec/hostnames"))],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<GrpcRoute>,
};

schema::forms!(schema::of_changed_spec::<GrpcRoute>(&KIND, for_calls));

/// What routes of calls have otherwise than routes of requests: fewer filters, and any values of headers.
fn for_calls(spec: &mut Value) {
    const FILTERS: [&str; 4] = ["ResponseHeaderModifier", "RequestHeaderModifier", "RequestMirror", "ExtensionRef"];
    const FIELDS: [&str; 5] =
        ["type", "requestHeaderModifier", "responseHeaderModifier", "requestMirror", "extensionRef"];
    let rule = "/properties/rules/items/properties";
    for list in ["/filters", "/backendRefs/items/properties/filters"] {
        let fields = spec.pointer_mut(&format!("{rule}{list}/items/properties")).and_then(Value::as_object_mut);
        if let Some(fields) = fields {
            fields.retain(|name, _| FIELDS.contains(&name.as_str()));
            fields["type"]["enum"] = FILTERS.into_iter().collect();
        }
    }
    let value = format!("{rule}/matches/items/properties/headers/items/properties/value");
    if let Some(value) = spec.pointer_mut(&value).and_then(Value::as_object_mut) {
        value.remove("pattern");
    }
}

impl Spec for GrpcRoute {
    type Status = RouteStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::GrpcRoute(object)
    }
}

/// GRPCRoute leads gRPC calls from the listeners of Gateways to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcRoute {
    /// The Gateways and ListenerSets that it attaches to.
    #[schemars(length(max = 32), extend("x-rule" = "parent-refs"))]
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Hosts of its calls; all of its listeners when empty.
    #[schemars(with = "Vec<text::Hostname>", length(max = 16))]
    pub hostnames: Vec<String>,
    /// What happens to them.
    #[schemars(length(max = 16), extend("x-rule" = "route-rules"))]
    pub rules: Vec<GrpcRouteRule>,
}

/// What happens to some of the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcRouteRule {
    /// The name.
    #[schemars(with = "text::SectionName")]
    pub name: Option<String>,
    /// Which calls: those that any of these takes; all when empty.
    #[schemars(length(max = 64))]
    pub matches: Vec<GrpcRouteMatch>,
    /// What they go through: header modifiers, mirrors and extensions only.
    #[schemars(length(max = 16), extend("x-rule" = "route-filters"))]
    pub filters: Vec<HttpRouteFilter>,
    /// Where they go.
    #[schemars(length(max = 16))]
    pub backend_refs: Vec<GrpcBackendRef>,
    /// Whether those of one session stay together.
    pub session_persistence: Option<SessionPersistence>,
}

/// Conditions on a call; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcRouteMatch {
    /// On its service and method.
    pub method: Option<GrpcMethodMatch>,
    /// On its headers.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<HttpHeaderMatch>,
}

/// A condition on service and method; at least one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "grpc-method-match"))]
pub struct GrpcMethodMatch {
    /// How they are compared.
    #[serde(rename = "type")]
    #[schemars(extend("x-default" = "Exact"))]
    pub type_: MatchType,
    /// The service, such as `foo.v1.Bar`.
    #[schemars(length(max = 1024))]
    pub service: Option<String>,
    /// The method.
    #[schemars(length(max = 1024))]
    pub method: Option<String>,
}

/// Where calls go, and what they go through on that way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "backend-ref"))]
pub struct GrpcBackendRef {
    /// Where.
    #[serde(flatten)]
    pub backend: BackendRef,
    /// What they go through.
    #[schemars(length(max = 16), extend("x-rule" = "route-filters"))]
    pub filters: Vec<HttpRouteFilter>,
}
