//! Endpoints of a cluster.

use crate::Name;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and port.
    Socket(SocketAddr),
    /// A DNS name and port, for `StrictDns` and `LogicalDns` clusters.
    Dns(Name, u16),
}

/// What the control plane says of an endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Ready.
    Healthy,
    /// Not ready: no requests.
    Unhealthy,
    /// Leaving: no new requests.
    Draining,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// See [`Address`].
    pub address: Address,
    /// Relative weight, above zero.
    pub weight: u32,
    /// See [`Health`].
    pub health: Health,
    /// `region/zone/subzone`; empty when unknown.
    pub locality: Name,
    /// Zero is used first; the next as far as those before it are not healthy (Envoy's priority levels, over-provisioned
    /// by 1.4).
    pub priority: u32,
    /// Whether a sidecar or gateway with mutual TLS of the mesh is there (`tlsMode: istio`): see
    /// [`crate::Cluster::auto_tls`].
    pub mesh_tls: bool,
    /// The workload there, for metrics; `None` outside of the mesh.
    pub workload: Option<Arc<Workload>>,
}

impl Endpoint {
    /// A healthy endpoint of which nothing else is known, with weight 1.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            weight: 1,
            health: Health::Healthy,
            locality: Name::from(""),
            priority: 0,
            mesh_tls: false,
            workload: None,
        }
    }
}

/// A workload as metrics name it (Envoy: `filter_metadata.istio.workload`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Name of its Deployment or the like.
    pub name: Name,
    /// Its namespace.
    pub namespace: Name,
    /// `service.istio.io/canonical-name`, else `app.kubernetes.io/name`, else `app`, else its name.
    pub canonical_name: Name,
    /// `service.istio.io/canonical-revision`, else `app.kubernetes.io/version`, else `version`, else `latest`.
    pub canonical_revision: Name,
    /// Kubernetes cluster, `Kubernetes` by default.
    pub cluster: Name,
}

/// The share of one locality among those of its priority (`localityLbSetting.distribute`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LocalityWeight {
    /// See [`Endpoint::locality`].
    pub locality: Name,
    /// See [`Endpoint::priority`].
    pub priority: u32,
    /// Relative weight, above zero.
    pub weight: u32,
}

/// All endpoints of one cluster (Envoy's load assignment).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// In the registry's order.
    pub endpoints: Vec<Endpoint>,
    /// For clusters that are `locality_weighted`; localities that are missing have no share.
    pub locality_weights: Vec<LocalityWeight>,
}
