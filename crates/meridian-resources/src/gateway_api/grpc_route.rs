//! GRPCRoute: where gRPC calls go.

use super::common::{BackendRef, ParentReference, RouteStatus, SessionPersistence};
use super::filter::HttpRouteFilter;
use super::http_route::{HttpHeaderMatch, MatchType};
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    columns: &[],
    nulls: Nulls::Refused,
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<GrpcRoute>,
};

schema::compiled_once!(schema::of_spec::<GrpcRoute>(&KIND, true));

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
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Hosts of its calls; all of its listeners when empty.
    pub hostnames: Vec<String>,
    /// What happens to them.
    pub rules: Vec<GrpcRouteRule>,
}

/// What happens to some of the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcRouteRule {
    /// The name.
    pub name: Option<String>,
    /// Which calls: those that any of these takes; all when empty.
    pub matches: Vec<GrpcRouteMatch>,
    /// What they go through: header modifiers, mirrors and extensions only.
    pub filters: Vec<HttpRouteFilter>,
    /// Where they go.
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
    pub headers: Vec<HttpHeaderMatch>,
}

/// A condition on service and method; at least one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcMethodMatch {
    /// How they are compared.
    #[serde(rename = "type")]
    pub type_: MatchType,
    /// The service, such as `foo.v1.Bar`.
    pub service: Option<String>,
    /// The method.
    pub method: Option<String>,
}

/// Where calls go, and what they go through on that way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcBackendRef {
    /// Where.
    #[serde(flatten)]
    pub backend: BackendRef,
    /// What they go through.
    pub filters: Vec<HttpRouteFilter>,
}
