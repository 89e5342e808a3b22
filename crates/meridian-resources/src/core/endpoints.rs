//! Endpoints (`v1`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ObjectReference, Protocol};
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{NoStatus, Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Endpoints` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "Endpoints",
    list_kind: "EndpointsList",
    plural: "endpoints",
    singular: "endpoints",
    short_names: &["ep"],
    categories: &[],
    namespaced: true,
    status_subresource: false,
    columns: &[Column::string("Endpoints", "The addresses and ports of the endpoints.", cells::endpoints)],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::endpoints),
    decode: crate::object::decode_as::<Endpoints>,
};

schema::forms!(schema::of_flat::<Endpoints>(&KIND));

impl Spec for Endpoints {
    type Status = NoStatus;
    const FLAT: bool = true;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Endpoints(object)
    }
}

/// Endpoints is the set of addresses that implement the Service of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoints {
    /// Groups of addresses with common ports.
    pub subsets: Vec<EndpointSubset>,
}

/// Addresses with common ports: every address with every port is an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSubset {
    /// Addresses that are ready.
    pub addresses: Vec<EndpointAddress>,
    /// Addresses that are not ready.
    pub not_ready_addresses: Vec<EndpointAddress>,
    /// The ports.
    pub ports: Vec<EndpointPort>,
}

/// One address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["ip"]))]
pub struct EndpointAddress {
    /// The endpoint's host name.
    pub hostname: String,
    /// The IP address.
    pub ip: String,
    /// The node that hosts the endpoint.
    pub node_name: Option<String>,
    /// The object behind the endpoint.
    pub target_ref: Option<ObjectReference>,
}

/// One port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["port"]))]
pub struct EndpointPort {
    /// The application protocol.
    pub app_protocol: Option<String>,
    /// The name of the Service's port.
    pub name: String,
    /// The port number, 1 to 65535.
    pub port: i32,
    /// The transport protocol.
    #[schemars(extend("x-default" = "TCP"))]
    pub protocol: Protocol,
}
