//! Clusters: `outbound|port|subset|host`.

use crate::istio::destination_rule::{Policy, Rules};
use crate::mesh::MeshConfig;
use crate::pool::Pool;
use crate::registry::service::Service;
use meridian_ir::cluster::{CircuitBreakers, LbPolicy};
use meridian_ir::{Cluster, Name, Origin};
use meridian_resources::StringMap;
use meridian_resources::istio::destination_rule::SimpleLb;
use std::time::Duration;

/// When an unused connection is closed where no DestinationRule says otherwise.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// A cluster that a route names; whether it exists is another question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClusterId {
    /// `outbound|port|subset|host`
    pub(crate) name: Name,
    /// The host, with short names resolved.
    pub(crate) host: Name,
    /// The service's port.
    pub(crate) port: u16,
    /// The subset; empty for all endpoints.
    pub(crate) subset: Name,
}

impl ClusterId {
    /// Names the cluster.
    pub(crate) fn new(pool: &mut Pool, host: &str, port: u16, subset: &str) -> Self {
        Self {
            name: pool.name(&format!("outbound|{port}|{subset}|{host}")),
            host: pool.name(host),
            port,
            subset: pool.name(subset),
        }
    }
}

/// The cluster and the labels of its endpoints; `None` when the service has no such port or subset, or when its
/// DestinationRule asks for something without which nothing may be sent.
pub(crate) fn build<'r>(
    mesh: &MeshConfig,
    id: &ClusterId,
    service: &Service,
    rules: &Rules<'r>,
) -> Option<(Cluster, &'r StringMap)> {
    static ALL: StringMap = StringMap::new();
    service.port(id.port)?;
    let subset = match &*id.subset {
        "" => None,
        name => Some(rules.subset(name)?),
    };
    let policy = rules.policy(id.port, subset);
    if policy.unusable {
        return None;
    }
    Some((cluster(mesh, id, service, rules, &policy), subset.map_or(&ALL, |subset| &subset.labels)))
}

fn cluster(mesh: &MeshConfig, id: &ClusterId, service: &Service, rules: &Rules<'_>, policy: &Policy<'_>) -> Cluster {
    let tcp = policy.connection_pool.and_then(|pool| pool.tcp.as_ref());
    let http = policy.connection_pool.and_then(|pool| pool.http.as_ref());
    let origin = |kind, meta: &meridian_resources::Meta| Origin {
        kind,
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
    };
    let mut origins = vec![origin(service.kind(), service.meta())];
    origins.extend(rules.objects().iter().map(|rule| origin("DestinationRule", &rule.meta)));
    Cluster {
        name: id.name.clone(),
        discovery: service.discovery,
        lb_policy: match policy.load_balancer.and_then(|balancer| balancer.simple).unwrap_or_default() {
            SimpleLb::RoundRobin => LbPolicy::RoundRobin,
            SimpleLb::Random => LbPolicy::Random,
            // PASSTHROUGH is refused in the DestinationRule's status.
            SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest | SimpleLb::Passthrough => {
                LbPolicy::LeastRequest
            }
        },
        connect_timeout: tcp.and_then(|tcp| tcp.connect_timeout).map_or(mesh.connect_timeout, |d| d.to_std()),
        circuit_breakers: CircuitBreakers {
            max_connections: limit(tcp.map(|tcp| tcp.max_connections)),
            max_pending_requests: limit(http.map(|http| http.http1_max_pending_requests)),
            max_requests: limit(http.map(|http| http.http2_max_requests)),
            max_retries: limit(http.map(|http| http.max_retries)),
        },
        max_requests_per_connection: http
            .and_then(|http| u32::try_from(http.max_requests_per_connection).ok())
            .unwrap_or_default(),
        idle_timeout: http.and_then(|http| http.idle_timeout).map_or(IDLE_TIMEOUT, |d| d.to_std()),
        origins,
        ..Cluster::default()
    }
}

/// A limit of Istio, where zero and nothing mean none.
fn limit(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(u32::MAX)
}
