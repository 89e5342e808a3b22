//! Clusters with their endpoints as addresses.

use super::outliers::Outliers;
use super::slot::SlotRef;
use crate::pool::Host;
use crate::tls::ClientTls;
use meridian_ir::balance::{Candidate, Picture, Settings};
use meridian_ir::cluster::{CircuitBreakers, Discovery};
use meridian_ir::endpoint::{Address, Health, Workload};
use meridian_ir::outlier::Monitor;
use meridian_ir::{Cluster, Endpoint, Endpoints, Name};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses of DNS names, as far as they are known.
pub(super) type Resolved = HashMap<Name, Arc<[IpAddr]>>;

/// How long weights are kept as they are while endpoints warm up, at most and at least.
const WARMING_STEP: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(20));

/// A cluster that runs.
#[derive(Debug)]
pub struct ClusterPlan {
    /// Its number.
    pub slot: SlotRef,
    /// As configured.
    pub cluster: Arc<Cluster>,
    /// Its endpoints as configured.
    pub endpoints: Option<Arc<Endpoints>>,
    /// All its endpoints, in order; each address once.
    pub hosts: Vec<HostPlan>,
    /// Counters for the circuit breakers, shared by all workers; `None` when there is no limit.
    pub limits: Option<Arc<Limits>>,
    /// TLS of its connections.
    pub transport: Transport,
    /// Outlier detection, shared by all workers; `None` when there is none.
    pub outliers: Option<Arc<Outliers>>,
    current: Mutex<Current>,
}

/// TLS of a cluster's connections.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// Towards every endpoint that `auto_tls` is not for.
    pub tls: Option<Arc<ClientTls>>,
    /// Towards endpoints with mutual TLS of the mesh.
    pub auto_tls: Option<Arc<ClientTls>>,
}

impl Transport {
    /// Whether both are the very same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let pointers =
            |transport: &Self| [&transport.tls, &transport.auto_tls].map(|tls| tls.as_ref().map(Arc::as_ptr));
        pointers(self) == pointers(other)
    }
}

/// An endpoint.
#[derive(Debug, Clone)]
pub struct HostPlan {
    /// Where it is.
    pub address: SocketAddr,
    /// The control plane holds it for healthy.
    pub is_healthy: bool,
    /// Counts its failures, where outliers are detected.
    pub monitor: Option<Arc<Monitor>>,
    /// See [`Endpoint::mesh_tls`].
    pub mesh_tls: bool,
    /// See [`Endpoint::workload`].
    pub workload: Option<Arc<Workload>>,
    weight: u32,
    priority: u32,
    locality: Name,
    added: Instant,
}

/// The endpoints as they are to be chosen from, for a while.
#[derive(Debug, Clone)]
pub struct Current {
    /// See [`Picture`].
    pub picture: Arc<Picture>,
    version: u64,
    until: Option<Instant>,
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
    /// Wakes those that hold idle connections while others wait.
    pub wanted: tokio::sync::Notify,
}

impl HostPlan {
    /// Whether it is healthy, and not ejected.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_healthy && !self.monitor.as_ref().is_some_and(|monitor| monitor.is_ejected())
    }
}

impl ClusterPlan {
    pub(super) fn new(
        slot: SlotRef,
        cluster: Arc<Cluster>,
        endpoints: Option<Arc<Endpoints>>,
        resolved: &Resolved,
        transport: Transport,
        before: Option<&ClusterPlan>,
    ) -> Self {
        let mut hosts = hosts(&cluster, endpoints.as_deref(), resolved);
        keep_ages(&mut hosts, before);
        let outliers = outliers(&cluster, &mut hosts, before);
        let limits = (cluster.circuit_breakers != CircuitBreakers::default())
            .then(|| before.and_then(|before| before.limits.clone()).unwrap_or_default());
        let version = outliers.as_ref().map_or(0, |outliers| outliers.version());
        let current = picture(&cluster, endpoints.as_deref(), &hosts, version);
        Self { slot, hosts, limits, transport, outliers, current: Mutex::new(current), cluster, endpoints }
    }

    /// TLS of connections to `host`; `None`: bytes as they are.
    #[must_use]
    pub fn tls_of(&self, host: &Host) -> Option<&Arc<ClientTls>> {
        let Transport { tls, auto_tls } = &self.transport;
        auto_tls.as_ref().filter(|_| host.mesh_tls).or(tls.as_ref())
    }

    /// The endpoints as they are to be chosen from now. The first worker that finds the picture too old makes the next.
    #[must_use]
    pub fn current(&self) -> Current {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.holds(&current) {
            // Read before the monitors are, so that what changes meanwhile is seen the next time.
            let version = self.version();
            *current = picture(&self.cluster, self.endpoints.as_deref(), &self.hosts, version);
        }
        current.clone()
    }

    /// Whether `current` may still be used.
    #[must_use]
    pub fn holds(&self, current: &Current) -> bool {
        current.version == self.version() && current.until.is_none_or(|until| Instant::now() < until)
    }

    fn version(&self) -> u64 {
        self.outliers.as_ref().map_or(0, |outliers| outliers.version())
    }

    /// All endpoints, and those of them that may be used.
    #[must_use]
    pub fn membership(&self) -> (usize, usize) {
        (self.hosts.len(), self.hosts.iter().filter(|host| host.is_usable()).count())
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

/// The endpoints at their addresses. Of several at one address the first counts, as in Envoy.
fn hosts(cluster: &Cluster, endpoints: Option<&Endpoints>, resolved: &Resolved) -> Vec<HostPlan> {
    let mut hosts: Vec<HostPlan> = Vec::new();
    let mut known = HashSet::new();
    let now = Instant::now();
    let mut add = |address: SocketAddr, endpoint: &Endpoint| {
        if known.insert(address) {
            hosts.push(HostPlan {
                address,
                is_healthy: endpoint.health == Health::Healthy,
                monitor: None,
                mesh_tls: endpoint.mesh_tls,
                workload: endpoint.workload.clone(),
                weight: endpoint.weight,
                priority: endpoint.priority,
                locality: endpoint.locality.clone(),
                added: now,
            });
        }
    };
    for endpoint in endpoints.into_iter().flat_map(|endpoints| &endpoints.endpoints) {
        match &endpoint.address {
            Address::Socket(address) => add(*address, endpoint),
            Address::Dns(name, port) => {
                let addresses = resolved.get(name).map_or(&[][..], |addresses| addresses);
                let used = if cluster.discovery == Discovery::LogicalDns { 1 } else { addresses.len() };
                addresses.iter().take(used).for_each(|ip| add(SocketAddr::new(*ip, *port), endpoint));
            }
        }
    }
    hosts
}

/// Endpoints that were there before are as old as they were.
fn keep_ages(hosts: &mut [HostPlan], before: Option<&ClusterPlan>) {
    let Some(before) = before.filter(|before| !before.hosts.is_empty()) else { return };
    let ages: HashMap<SocketAddr, Instant> = before.hosts.iter().map(|host| (host.address, host.added)).collect();
    for host in hosts {
        host.added = ages.get(&host.address).copied().unwrap_or(host.added);
    }
}

/// Outlier detection goes on where the cluster had it before.
fn outliers(cluster: &Cluster, hosts: &mut [HostPlan], before: Option<&ClusterPlan>) -> Option<Arc<Outliers>> {
    let known = before.and_then(|before| before.outliers.clone());
    if cluster.outlier_detection.is_none() {
        if let Some(known) = known {
            known.stop();
        }
        return None;
    }
    let outliers = known.unwrap_or_else(|| Arc::new(Outliers::new(cluster.name.clone())));
    let addresses: Vec<SocketAddr> = hosts.iter().map(|host| host.address).collect();
    for (host, monitor) in hosts.iter_mut().zip(outliers.watch(&addresses)) {
        host.monitor = Some(monitor);
    }
    Some(outliers)
}

fn picture(cluster: &Cluster, endpoints: Option<&Endpoints>, hosts: &[HostPlan], version: u64) -> Current {
    let settings = Settings {
        policy: cluster.lb_policy,
        panic_percent: cluster.healthy_panic_percent,
        localities: endpoints.filter(|_| cluster.locality_weighted).map(|endpoints| &endpoints.locality_weights[..]),
    };
    let now = Instant::now();
    let age = |host: &HostPlan| now.saturating_duration_since(host.added);
    let candidates: Vec<Candidate<'_>> = hosts
        .iter()
        .map(|host| Candidate {
            address: host.address,
            weight: host.weight,
            factor: cluster.warm_up.as_ref().map_or(1.0, |warm_up| warm_up.factor(age(host))),
            priority: host.priority,
            locality: &host.locality,
            is_healthy: host.is_usable(),
        })
        .collect();
    let step = cluster.warm_up.as_ref().filter(|warm_up| hosts.iter().any(|host| warm_up.is_warming(age(host))));
    let until = step.map(|warm_up| now + (warm_up.duration / 100).clamp(WARMING_STEP.1, WARMING_STEP.0));
    Current { picture: Arc::new(Picture::new(&settings, &candidates)), version, until }
}
