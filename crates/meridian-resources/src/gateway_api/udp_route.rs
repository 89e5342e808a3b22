//! UDPRoute: where UDP packets go.

use super::common::{ParentReference, RouteStatus};
use super::tcp_route::L4RouteRule;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `UDPRoute` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1alpha2"],
    kind: "UDPRoute",
    list_kind: "UDPRouteList",
    plural: "udproutes",
    singular: "udproute",
    short_names: &[],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<UdpRoute>,
};

schema::forms!(schema::of_spec::<UdpRoute>(&KIND, true));

/// The older version, which has up to 16 rules.
pub(crate) mod v1alpha2 {
    use super::*;
    use crate::kind::converted::ConvertedVersion;

    /// The version `v1alpha2`.
    pub(crate) static VERSION: ConvertedVersion = ConvertedVersion::same_form(
        "v1alpha2",
        published,
        compiled,
        "The v1alpha2 version of UDPRoute has been deprecated and will be removed in a future release of the API. Please \
         upgrade to v1.",
    );

    schema::forms!(schema::of_changed_spec::<UdpRoute>(&KIND, |spec| {
        let rules = &mut spec["properties"]["rules"];
        rules["maxItems"] = 16.into();
        rules["x-rule"] = "route-rules".into();
    }));
}

impl Spec for UdpRoute {
    type Status = RouteStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::UdpRoute(object)
    }
}

/// UDPRoute leads packets from the listeners of Gateways to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["rules"]))]
pub struct UdpRoute {
    /// The Gateways and ListenerSets that it attaches to.
    #[schemars(length(max = 32), extend("x-rule" = "parent-refs"))]
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Where they go; one rule.
    #[schemars(length(min = 1, max = 1))]
    pub rules: Vec<L4RouteRule>,
}
