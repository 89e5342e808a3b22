//! TCPRoute: where TCP connections go.

use super::common::{BackendRef, ParentReference, RouteStatus};
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `TCPRoute` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1alpha2"],
    kind: "TCPRoute",
    list_kind: "TCPRouteList",
    plural: "tcproutes",
    singular: "tcproute",
    short_names: &[],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<TcpRoute>,
};

schema::compiled_once!(schema::of_spec::<TcpRoute>(&KIND, true));

impl Spec for TcpRoute {
    type Status = RouteStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::TcpRoute(object)
    }
}

/// TCPRoute leads connections from the listeners of Gateways to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["rules"]))]
pub struct TcpRoute {
    /// The Gateways and ListenerSets that it attaches to.
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Where they go; one rule.
    pub rules: Vec<L4RouteRule>,
}

/// Where connections or packets go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["backendRefs"]))]
pub struct L4RouteRule {
    /// The name.
    pub name: Option<String>,
    /// Where they go.
    pub backend_refs: Vec<BackendRef>,
}
