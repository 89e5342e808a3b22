//! VirtualService: which request goes where (`networking.istio.io` VirtualService).

pub mod http;
pub mod l4;
pub(crate) mod rules;

pub use http::*;
pub use l4::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::IstioStatus;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `VirtualService` of `networking.istio.io`.
pub static KIND: Kind = Kind {
    group: super::NETWORKING_GROUP,
    versions: super::NETWORKING_VERSIONS,
    kind: "VirtualService",
    list_kind: "VirtualServiceList",
    plural: "virtualservices",
    singular: "virtualservice",
    short_names: &["vs"],
    categories: super::NETWORKING_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[
        Column::string("Gateways", "The names of gateways and sidecars that should apply these routes", |object| {
            cells::json_path(object, "/spec/gateways")
        })
        .at(".spec.gateways"),
        Column::string("Hosts", "The destination hosts to which traffic is being sent", |object| {
            cells::json_path(object, "/spec/hosts")
        })
        .at(".spec.hosts"),
    ],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<VirtualService>,
};

schema::forms!(schema::of_spec::<VirtualService>(&KIND, false));

impl Spec for VirtualService {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::VirtualService(object)
    }
}

/// VirtualService is a set of traffic routing rules for hosts, applied by gateways and by sidecars (`mesh`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualService {
    /// Namespaces that see this VirtualService: `.` its own, `*` all, or a name. Empty means the mesh's default.
    pub export_to: Vec<String>,
    /// Gateways that apply the rules: `name`, `namespace/name`, or `mesh` for all sidecars. Empty means `mesh`.
    pub gateways: Vec<String>,
    /// The hosts that traffic is sent to: DNS names, also short or with a wildcard prefix, or IP addresses.
    /// Empty only for a VirtualService that another delegates to.
    pub hosts: Vec<String>,
    /// Rules for HTTP traffic; the first that matches is used.
    pub http: Vec<HttpRoute>,
    /// Rules for opaque TCP traffic.
    pub tcp: Vec<TcpRoute>,
    /// Rules for TLS traffic that is not terminated, by SNI.
    pub tls: Vec<TlsRoute>,
}

/// A service (or subset) of the registry to which traffic is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["host"]))]
pub struct Destination {
    /// The service's host; a short name is resolved in the VirtualService's own namespace.
    pub host: String,
    /// The port; may be left out when the service has a single port.
    pub port: Option<PortSelector>,
    /// A subset that the service's DestinationRule defines.
    pub subset: String,
}

/// A port by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PortSelector {
    /// The port number, 1 to 65535.
    pub number: u32,
}

/// A percentage, 0.0 to 100.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Percent {
    /// The percentage, 0.0 to 100.0.
    pub value: f64,
}
