//! TLSRoute: where TLS connections go, by server name.

use super::common::{ParentReference, RouteStatus};
use super::tcp_route::L4RouteRule;
use super::text;
use crate::kind::converted::ConvertedVersion;
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
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<TlsRoute>,
};

schema::forms!(schema::of_spec::<TlsRoute>(&KIND, true));

/// The older version, which has up to 16 rules and may be without server names.
pub(crate) mod v1alpha2 {
    use super::*;

    /// The version `v1alpha2`.
    pub(crate) static VERSION: ConvertedVersion = ConvertedVersion::same_form(
        "v1alpha2",
        published,
        compiled,
        "The v1alpha2 version of TLSRoute has been deprecated and will be removed in a future release of the API. \
         Please upgrade to v1.",
    );

    schema::forms!(schema::of_changed_spec::<TlsRoute>(&KIND, |spec| {
        let rules = &mut spec["properties"]["rules"];
        rules["maxItems"] = 16.into();
        rules["x-rule"] = "route-rules".into();
        spec["required"] = serde_json::json!(["rules"]);
        if let Some(hostnames) = spec["properties"]["hostnames"].as_object_mut() {
            hostnames.remove("minItems");
            hostnames.remove("x-rule");
        }
    }));
}

/// The version `v1alpha3`, which has the same limits.
pub(crate) static V1ALPHA3: ConvertedVersion = ConvertedVersion::same_form(
    "v1alpha3",
    published,
    compiled,
    "The v1alpha3 version of TLSRoute has been deprecated and will be removed in a future release of the API. Please \
     upgrade to v1.",
);

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
    #[schemars(length(max = 32), extend("x-rule" = "parent-refs"))]
    pub parent_refs: Vec<ParentReference>,
    /// Whether it attaches to default Gateways.
    pub use_default_gateways: Option<super::gateway::DefaultScope>,
    /// Server names of its connections.
    #[schemars(with = "Vec<text::Hostname>", length(min = 1, max = 1024), extend("x-rule" = "tls-route-hostnames"))]
    pub hostnames: Vec<String>,
    /// Where they go; one rule.
    #[schemars(length(min = 1, max = 1))]
    pub rules: Vec<L4RouteRule>,
}
