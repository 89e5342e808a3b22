//! ServiceEntry: a service that the registry does not know by itself (`networking.istio.io` ServiceEntry).

pub(crate) mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::{IstioCondition, IstioValidationMessage, WorkloadEntry};
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `ServiceEntry` of `networking.istio.io`.
pub static KIND: Kind = Kind {
    group: super::NETWORKING_GROUP,
    versions: super::NETWORKING_VERSIONS,
    kind: "ServiceEntry",
    list_kind: "ServiceEntryList",
    plural: "serviceentries",
    singular: "serviceentry",
    short_names: &["se"],
    categories: super::NETWORKING_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[
        Column::string("Hosts", "The hosts associated with the ServiceEntry", |object| {
            cells::json_path(object, "/spec/hosts")
        })
        .at(".spec.hosts"),
        Column::string(
            "Location",
            "Whether the service is external to the mesh or part of the mesh (MESH_EXTERNAL or MESH_INTERNAL)",
            |object| cells::json_path(object, "/spec/location"),
        )
        .at(".spec.location"),
        Column::string("Resolution", "Service resolution mode for the hosts (NONE, STATIC, or DNS)", |object| {
            cells::json_path(object, "/spec/resolution")
        })
        .at(".spec.resolution"),
    ],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<ServiceEntry>,
};

schema::forms!(schema::of_spec::<ServiceEntry>(&KIND, true));

impl Spec for ServiceEntry {
    type Status = ServiceEntryStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::ServiceEntry(object)
    }
}

/// ServiceEntry adds a service to the registry: its hosts, ports, and where its endpoints come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hosts"], "x-rule" = "service-entry"))]
pub struct ServiceEntry {
    /// Virtual IP addresses, or with resolution NONE or STATIC also CIDR ranges.
    #[schemars(length(max = 256), inner(length(max = 64)))]
    pub addresses: Vec<String>,
    /// The service's endpoints; excludes `workloadSelector`.
    #[schemars(length(max = 4096))]
    pub endpoints: Vec<WorkloadEntry>,
    /// Namespaces that see this service: `.` its own, `*` all, or a name. Empty means the mesh's default.
    pub export_to: Vec<String>,
    /// The service's DNS names, also with a wildcard prefix.
    #[schemars(with = "Vec<schema::text::ServiceEntryHost>", length(min = 1, max = 256))]
    pub hosts: Vec<String>,
    /// Whether the service is part of the mesh.
    pub location: ServiceEntryLocation,
    /// The service's ports, with unique names and numbers.
    #[schemars(length(max = 256), extend("x-rule" = "service-entry-ports"))]
    pub ports: Vec<ServicePort>,
    /// How the endpoints' addresses are found.
    pub resolution: ServiceEntryResolution,
    /// Subject alternative names, one of which the server's certificate must carry.
    pub subject_alt_names: Vec<String>,
    /// Selects the service's endpoints among pods and WorkloadEntries of the namespace; excludes `endpoints`.
    pub workload_selector: Option<EndpointSelector>,
}

/// Selects endpoints by their labels (Istio `networking.v1alpha3.WorkloadSelector`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSelector {
    /// Labels that a workload must carry.
    #[schemars(with = "BTreeMap<String, schema::text::LabelValue>")]
    #[schemars(extend("maxProperties" = 256, "x-rule" = "selector-labels"))]
    pub labels: BTreeMap<String, String>,
}

/// A port of a ServiceEntry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "number"]))]
pub struct ServicePort {
    /// The port's name, unique within the service.
    #[schemars(length(max = 256))]
    pub name: String,
    /// The port number, 1 to 65535, unique within the service.
    #[schemars(extend("x-rule" = "port"))]
    pub number: u32,
    /// HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP or TLS; found by sniffing when empty.
    #[schemars(length(max = 256))]
    pub protocol: String,
    /// The endpoints' port; `number` when 0.
    #[schemars(extend("x-rule" = "port"))]
    pub target_port: u32,
}

/// Whether a service is part of the mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceEntryLocation {
    /// Outside of the mesh: no mutual TLS.
    #[default]
    MeshExternal,
    /// Part of the mesh.
    MeshInternal,
}

/// How the addresses of a service's endpoints are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceEntryResolution {
    /// The address that the client asked for.
    #[default]
    None,
    /// The endpoints' IP addresses.
    Static,
    /// All addresses that DNS answers, for the endpoints' names or for the hosts.
    Dns,
    /// The first address that DNS answers.
    DnsRoundRobin,
    /// DNS is asked for the host of each request; allows wildcard hosts.
    DynamicDns,
}

/// What the control plane reports about a ServiceEntry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ServiceEntryStatus {
    /// Addresses that were allocated to the hosts.
    pub addresses: Vec<ServiceEntryAddress>,
    /// Current state of the object.
    pub conditions: Vec<IstioCondition>,
    /// The generation that the conditions speak of.
    pub observed_generation: Option<crate::int_or_string::IntOrString>,
    /// What analysis found.
    pub validation_messages: Vec<IstioValidationMessage>,
}

/// An address that was allocated to a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntryAddress {
    /// The host.
    pub host: String,
    /// The address.
    pub value: String,
}
