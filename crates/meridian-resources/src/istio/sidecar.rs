//! Sidecar: what the proxies beside workloads take in, and what they see of the mesh (`networking.istio.io` Sidecar).

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::destination_rule::ConnectionPoolSettings;
use super::gateway::ServerTlsSettings;
use super::service_entry::EndpointSelector;
use super::virtual_service::Destination;
use crate::istio::IstioStatus;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Sidecar` of `networking.istio.io`.
pub static KIND: Kind = Kind {
    group: super::NETWORKING_GROUP,
    versions: super::NETWORKING_VERSIONS,
    kind: "Sidecar",
    list_kind: "SidecarList",
    plural: "sidecars",
    singular: "sidecar",
    short_names: &[],
    categories: super::NETWORKING_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<Sidecar>,
};

schema::forms!(schema::of_spec::<Sidecar>(&KIND, false));

impl Spec for Sidecar {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Sidecar(object)
    }
}

/// Sidecar narrows what the proxies beside some workloads see and take in. Without a selector it is about all workloads of
/// its namespace, in the root namespace about those of every namespace that has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar {
    /// What the workload sends: the services that it sees, by listener. Empty means everything.
    pub egress: Vec<EgressListener>,
    /// Limits of connections to the workload, where a listener has none of its own.
    pub inbound_connection_pool: Option<ConnectionPoolSettings>,
    /// What comes to the workload: its ports. Empty means those of its Services.
    pub ingress: Vec<IngressListener>,
    /// What becomes of traffic to destinations that no service claims; the mesh's setting when absent.
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy>,
    /// The workloads of the namespace that it is about; all when absent.
    pub workload_selector: Option<EndpointSelector>,
}

/// A listener of what the workload sends (Istio `IstioEgressListener`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hosts"]))]
pub struct EgressListener {
    /// The IP address, or `unix://` path, that the listener is at. Empty means the addresses of the services.
    pub bind: String,
    /// How traffic comes to the listener.
    pub capture_mode: CaptureMode,
    /// What is seen: `namespace/host`, where the namespace may be `.` or `*` and the host `*` or `*.suffix`; after `~`
    /// what is left out.
    pub hosts: Vec<String>,
    /// The listener's port; without it the listener has every port of the services that no listener before it has.
    pub port: Option<SidecarPort>,
}

/// A listener of what comes to the workload (Istio `IstioIngressListener`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["port"]))]
pub struct IngressListener {
    /// The IP address that the listener is at. Empty means the workload's.
    pub bind: String,
    /// How traffic comes to the listener.
    pub capture_mode: CaptureMode,
    /// Limits of connections to the workload on this port.
    pub connection_pool: Option<ConnectionPoolSettings>,
    /// Where the workload listens: `127.0.0.1:PORT`, `0.0.0.0:PORT`, `[::1]:PORT`, `[::]:PORT` or `unix://PATH`.
    pub default_endpoint: String,
    /// The listener's port.
    pub port: SidecarPort,
    /// TLS that the sidecar terminates, for clients without mutual TLS of the mesh.
    pub tls: Option<ServerTlsSettings>,
}

/// A port of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarPort {
    /// A label for the port.
    pub name: String,
    /// The port number, 1 to 65535; 0 only with a `unix://` bind.
    pub number: u32,
    /// HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, HTTP_PROXY, MONGO, REDIS, MYSQL, TCP or TLS; compared without regard to case.
    pub protocol: String,
    /// Deprecated, has no effect on Sidecars.
    pub target_port: u32,
}

/// How traffic comes to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureMode {
    /// As the workload's traffic is captured in general.
    #[default]
    Default,
    /// By redirect rules.
    Iptables,
    /// Not captured: the listener is really bound.
    None,
}

/// What becomes of traffic to destinations that no service claims.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundTrafficPolicy {
    /// Where such traffic goes instead, with `ALLOW_ANY`.
    pub egress_proxy: Option<Destination>,
    /// Whether it passes.
    pub mode: OutboundTrafficPolicyMode,
}

/// Whether traffic to destinations that no service claims passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutboundTrafficPolicyMode {
    /// It is blocked.
    #[default]
    RegistryOnly,
    /// It passes as it is.
    AllowAny,
}

impl Sidecar {
    /// Whether it is about some workloads of its namespace only.
    pub fn is_selective(&self) -> bool {
        self.workload_selector.as_ref().is_some_and(|selector| !selector.labels.is_empty())
    }
}
