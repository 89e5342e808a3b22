//! Clusters with their endpoints as addresses.

use super::slot::SlotRef;
use crate::tls::ClientTls;
use meridian_ir::balance::Weights;
use meridian_ir::cluster::{CircuitBreakers, Discovery};
use meridian_ir::endpoint::{Address, Health};
use meridian_ir::{Cluster, Endpoints, Name};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Addresses of DNS names, as far as they are known.
pub(super) type Resolved = HashMap<Name, Arc<[IpAddr]>>;

/// A cluster that runs.
#[derive(Debug)]
pub struct ClusterPlan {
    /// Its number.
    pub slot: SlotRef,
    /// As configured.
    pub cluster: Arc<Cluster>,
    /// Its endpoints as configured.
    pub endpoints: Option<Arc<Endpoints>>,
    /// Endpoints that may be used, in order.
    pub hosts: Vec<HostPlan>,
    /// Their weights.
    pub weights: Weights,
    /// Counters for the circuit breakers, shared by all workers; `None` when there is no limit.
    pub limits: Option<Arc<Limits>>,
    /// TLS of its connections.
    pub tls: Option<Arc<ClientTls>>,
}

/// An endpoint that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// Where it is.
    pub address: SocketAddr,
}

/// What a cluster with circuit breakers is asked for right now, by all workers together.
#[derive(Debug, Default)]
pub struct Limits {
    /// Connections that are open or being opened.
    pub connections: AtomicU32,
    /// Requests that wait for a connection.
    pub pending: AtomicU32,
    /// Requests that are being served.
    pub requests: AtomicU32,
    /// Retries that are under way.
    pub retries: AtomicU32,
    /// Wakes those that wait for a connection.
    pub freed: tokio::sync::Notify,
}

impl ClusterPlan {
    pub(super) fn new(
        slot: SlotRef,
        cluster: Arc<Cluster>,
        endpoints: Option<Arc<Endpoints>>,
        resolved: &Resolved,
        tls: Option<Arc<ClientTls>>,
        before: Option<&ClusterPlan>,
    ) -> Self {
        if cluster.discovery == Discovery::OriginalDst {
            tracing::warn!(
                cluster = &*cluster.name,
                "a cluster of the client's own destinations is not supported: its requests are answered with 503 UH"
            );
        }
        let mut hosts = Vec::new();
        let mut weights = Vec::new();
        for endpoint in endpoints.iter().flat_map(|endpoints| &endpoints.endpoints) {
            if endpoint.health != Health::Healthy {
                continue;
            }
            match &endpoint.address {
                Address::Socket(address) => hosts.push(HostPlan { address: *address }),
                Address::Dns(name, port) => {
                    let addresses = resolved.get(name).map_or(&[][..], |addresses| addresses);
                    let used = if cluster.discovery == Discovery::LogicalDns { 1 } else { addresses.len() };
                    hosts.extend(
                        addresses.iter().take(used).map(|ip| HostPlan { address: SocketAddr::new(*ip, *port) }),
                    );
                }
            }
            weights.resize(hosts.len(), endpoint.weight);
        }
        let limits = (cluster.circuit_breakers != CircuitBreakers::default())
            .then(|| before.and_then(|before| before.limits.clone()).unwrap_or_default());
        Self { slot, weights: Weights::new(weights), hosts, limits, tls, cluster, endpoints }
    }

    /// The DNS names among the endpoints.
    pub(super) fn names(endpoints: Option<&Arc<Endpoints>>) -> impl Iterator<Item = &Name> {
        endpoints.into_iter().flat_map(|endpoints| &endpoints.endpoints).filter_map(|endpoint| {
            match &endpoint.address {
                Address::Dns(name, _) => Some(name),
                Address::Socket(_) => None,
            }
        })
    }
}
