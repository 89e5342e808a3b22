//! EndpointSlice (`discovery.k8s.io/v1`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ObjectReference, Protocol};
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{NoStatus, Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The label that names the Service to which a slice belongs.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// The kind `EndpointSlice` of `discovery.k8s.io`.
pub static KIND: Kind = Kind {
    group: "discovery.k8s.io",
    versions: &["v1"],
    kind: "EndpointSlice",
    list_kind: "EndpointSliceList",
    plural: "endpointslices",
    singular: "endpointslice",
    short_names: &[],
    categories: &[],
    namespaced: true,
    status_subresource: false,
    columns: &[
        Column::string("AddressType", "The type of address carried by this EndpointSlice.", |object| {
            cells::text_or(object, "/addressType", "")
        }),
        Column::string("Ports", "The ports of the endpoints.", cells::endpoint_slice_ports),
        Column::string("Endpoints", "The addresses of the endpoints.", cells::endpoint_slice_endpoints),
    ],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::endpoint_slice),
    decode: crate::object::decode_as::<EndpointSlice>,
};

schema::forms!(schema::of_flat::<EndpointSlice>(&KIND));

impl Spec for EndpointSlice {
    type Status = NoStatus;
    const FLAT: bool = true;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::EndpointSlice(object)
    }
}

/// EndpointSlice is a part of the endpoints of the Service that its label `kubernetes.io/service-name` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["addressType", "endpoints"]))]
pub struct EndpointSlice {
    /// What the addresses are.
    pub address_type: AddressType,
    /// The endpoints; each is reached at every one of the ports.
    #[schemars(length(max = 1000))]
    pub endpoints: Vec<Endpoint>,
    /// The ports; all ports when absent.
    #[schemars(length(max = 100))]
    pub ports: Vec<EndpointPort>,
}

/// What the addresses of a slice are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AddressType {
    /// IPv4 addresses.
    #[default]
    #[serde(rename = "IPv4")]
    IPv4,
    /// IPv6 addresses.
    #[serde(rename = "IPv6")]
    IPv6,
    /// DNS names.
    #[serde(rename = "FQDN")]
    Fqdn,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["addresses"]))]
pub struct Endpoint {
    /// The endpoint's addresses; consumers use the first.
    #[schemars(length(min = 1, max = 100))]
    pub addresses: Vec<String>,
    /// Whether it can be used.
    pub conditions: EndpointConditions,
    /// Deprecated topology labels.
    pub deprecated_topology: BTreeMap<String, String>,
    /// For which zones the endpoint is meant.
    pub hints: Option<EndpointHints>,
    /// The endpoint's host name.
    pub hostname: Option<String>,
    /// The node that hosts the endpoint.
    pub node_name: Option<String>,
    /// The object behind the endpoint.
    pub target_ref: Option<ObjectReference>,
    /// The zone in which the endpoint is.
    pub zone: Option<String>,
}

/// Whether an endpoint can be used; absent values count as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConditions {
    /// Ready for traffic; absent means unknown, which consumers take as ready.
    pub ready: Option<bool>,
    /// As `ready`, but also true while terminating.
    pub serving: Option<bool>,
    /// Going away.
    pub terminating: Option<bool>,
}

/// For which consumers an endpoint is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointHints {
    /// Nodes.
    #[schemars(length(max = 8))]
    pub for_nodes: Vec<NamedHint>,
    /// Zones.
    #[schemars(length(max = 8))]
    pub for_zones: Vec<NamedHint>,
}

/// A zone or a node by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct NamedHint {
    /// The name.
    pub name: String,
}

/// One port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointPort {
    /// The application protocol.
    pub app_protocol: Option<String>,
    /// The name of the Service's port.
    pub name: String,
    /// The port number, 1 to 65535; any port when absent.
    pub port: Option<i32>,
    /// The transport protocol.
    #[schemars(extend("x-default" = "TCP"))]
    pub protocol: Protocol,
}
