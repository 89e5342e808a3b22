//! TLSRoute: where TLS connections go, by server name.

use super::common::{ParentReference, RouteStatus};
use super::tcp_route::L4RouteRule;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `TLSRoute` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1alpha3", "v1alpha2"],
    kind: "TLSRoute",
    list_kind: "TLSRouteList",
    plural: "tlsroutes",
    singular: "tlsroute",
    short_names: &[],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<TlsRoute>,
};

schema::compiled_once!(schema::of_spec::<TlsRoute>(&KIND, true));

impl Spec for TlsRoute {
    type Status = RouteStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::TlsRoute(object)
    }
}

/// TLSRoute leads connections from the listeners of Gateways to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hostnames", "rules"]))]
pub struct TlsRoute {
    /// The Gateways and ListenerSets that it attaches to.
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Server names of its connections.
    pub hostnames: Vec<String>,
    /// Where they go; one rule.
    pub rules: Vec<L4RouteRule>,
}
