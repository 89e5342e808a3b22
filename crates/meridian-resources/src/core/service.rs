//! Service (`v1`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Protocol};
use crate::int_or_string::IntOrString;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Service` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "Service",
    list_kind: "ServiceList",
    plural: "services",
    singular: "service",
    short_names: &["svc"],
    categories: &["all"],
    namespaced: true,
    status_subresource: true,
    columns: &[
        Column::string("Type", "Type determines how the Service is exposed.", |object| {
            cells::text_or(object, "/spec/type", "ClusterIP")
        }),
        Column::string("Cluster-IP", "The IP address of the service.", cells::service_cluster_ip),
        Column::string(
            "External-IP",
            "IP addresses at which nodes in the cluster accept traffic for this service.",
            cells::service_external_ip,
        ),
        Column::string("Port(s)", "The list of ports that are exposed by this service.", cells::service_ports),
        Column::string("Selector", "Labels of the pods that receive the traffic.", cells::service_selector).wide(),
    ],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::service),
    decode: crate::object::decode_as::<Service>,
};

schema::forms!(schema::of_spec::<Service>(&KIND, false));

impl Spec for Service {
    type Status = ServiceStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Service(object)
    }
}

/// Service names a set of endpoints and the ports at which they are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Whether node ports are allocated for a load balancer.
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// The virtual IP address; `None` (the word) for a headless Service.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// The virtual IP addresses, one for each address family.
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    /// Addresses outside of the cluster's control that lead to the Service.
    #[serde(rename = "externalIPs")]
    pub external_ips: Vec<String>,
    /// The DNS name that a Service of type ExternalName stands for.
    pub external_name: String,
    /// Whether external traffic stays on the node that received it.
    #[schemars(extend("enum" = ["Cluster", "Local"]))]
    pub external_traffic_policy: String,
    /// The port for health checks of load balancers.
    pub health_check_node_port: i32,
    /// Whether internal traffic stays on its node.
    #[schemars(extend("enum" = ["Cluster", "Local"]))]
    pub internal_traffic_policy: String,
    /// Address families, `IPv4` or `IPv6`.
    pub ip_families: Vec<IpFamily>,
    /// How many address families are wanted.
    #[schemars(extend("enum" = ["SingleStack", "PreferDualStack", "RequireDualStack"]))]
    pub ip_family_policy: String,
    /// Which load balancer is responsible.
    pub load_balancer_class: String,
    /// Deprecated: the wanted address of the load balancer.
    #[serde(rename = "loadBalancerIP")]
    pub load_balancer_ip: String,
    /// Client addresses that the load balancer lets through.
    pub load_balancer_source_ranges: Vec<String>,
    /// The ports.
    pub ports: Vec<ServicePort>,
    /// Whether endpoints are published before they are ready.
    pub publish_not_ready_addresses: bool,
    /// Labels of the pods that receive the traffic; empty when the endpoints are managed by others.
    pub selector: BTreeMap<String, String>,
    /// Whether a client stays with one endpoint.
    #[schemars(extend("enum" = ["ClientIP", "None"]))]
    pub session_affinity: String,
    /// How long it stays there.
    pub session_affinity_config: Option<SessionAffinityConfig>,
    /// Preference for near endpoints.
    pub traffic_distribution: String,
    /// How the Service is exposed.
    #[serde(rename = "type")]
    pub type_: ServiceType,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum IpFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}

/// How a Service is exposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// At an address within the cluster.
    #[default]
    ClusterIP,
    /// As another name of an external service.
    ExternalName,
    /// Also through a load balancer.
    LoadBalancer,
    /// Also at a port of every node.
    NodePort,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["port"]))]
pub struct ServicePort {
    /// The application protocol, such as `http`, `https`, `grpc` or `kubernetes.io/h2c`.
    pub app_protocol: Option<String>,
    /// The port's name; needed when there are several. Its beginning (`http-`, `grpc-`) names the protocol for Istio.
    pub name: String,
    /// The port of every node at which the Service is exposed.
    pub node_port: i32,
    /// The port, 1 to 65535.
    pub port: i32,
    /// The transport protocol.
    #[schemars(extend("x-default" = "TCP"))]
    pub protocol: Protocol,
    /// The endpoints' port by number, or by the name of the pods' port; `port` when absent.
    pub target_port: Option<IntOrString>,
}

/// How long a client stays with one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionAffinityConfig {
    /// For affinity by the client's address.
    #[serde(rename = "clientIP")]
    pub client_ip: Option<ClientIpConfig>,
}

/// Affinity by the client's address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientIpConfig {
    /// Seconds; 10800 when absent.
    pub timeout_seconds: Option<i32>,
}

/// What is known about a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// Aspects of its state.
    pub conditions: Vec<Condition>,
    /// Where its load balancer is reached.
    pub load_balancer: LoadBalancerStatus,
}

/// Where a load balancer is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerStatus {
    /// Its addresses.
    pub ingress: Vec<LoadBalancerIngress>,
}

/// One address of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct LoadBalancerIngress {
    /// A DNS name.
    pub hostname: String,
    /// An IP address.
    pub ip: String,
}
