//! Clusters: `outbound|port|subset|host`.

use crate::istio::destination_rule::{Policy, Rules};
use crate::istio::{load_balancer, outlier, upstream_tls};
use crate::mesh::MeshConfig;
use crate::pool::Pool;
use crate::registry::service::{Port, Service};
use meridian_ir::cluster::{
    CircuitBreakers, Discovery, LbPolicy, ProxyProtocolVersion, TcpKeepalive, UpstreamProtocol,
};
use meridian_ir::{Cluster, Name, Origin};
use meridian_resources::StringMap;
use meridian_resources::istio::Protocol;
use meridian_resources::istio::destination_rule::{
    self, ClientTlsMode, ConnectionPoolSettings, H2UpgradePolicy, HttpSettings, TcpSettings,
};
use std::sync::Arc;
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
    /// Whether its connections carry the client's own TLS of the mesh (mode `AUTO_PASSTHROUGH`): the bytes are passed
    /// on as they are.
    pub(crate) sni_dnat: bool,
    /// See [`Carried`].
    pub(crate) carried: Carried,
    /// Whether it is the cluster of an XBackend, which `subset` names.
    pub(crate) external: bool,
}

/// What a cluster carries, where that is not for the port of its service to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Carried {
    /// What the port says.
    #[default]
    AsPort,
    /// HTTP/2.
    Http2,
    /// Bytes as they are, whatever is said of TLS.
    Raw,
    /// Packets: the port is one of UDP.
    Udp,
}

impl ClusterId {
    /// Names the cluster.
    pub(crate) fn new(pool: &mut Pool, host: &str, port: u16, subset: &str) -> Self {
        Self {
            name: pool.name(&format!("outbound|{port}|{subset}|{host}")),
            host: pool.name(host),
            port,
            subset: pool.name(subset),
            sni_dnat: false,
            carried: Carried::AsPort,
            external: false,
        }
    }

    /// Names a cluster of the whole service that carries something else than its port says: `outbound|port|~h2|host`. No
    /// subset has such a name.
    pub(crate) fn carrying(pool: &mut Pool, host: &str, port: u16, carried: Carried) -> Self {
        let subset = match carried {
            Carried::AsPort => "",
            Carried::Http2 => "~h2",
            Carried::Raw => "~raw",
            Carried::Udp => "~udp",
        };
        let name = pool.name(&format!("outbound|{port}|{subset}|{host}"));
        Self { name, carried, ..Self::new(pool, host, port, "") }
    }

    /// The port of `service` that it leads to.
    pub(crate) fn port_of<'s>(&self, service: &'s Service) -> Option<&'s Port> {
        match self.carried {
            Carried::Udp => service.udp_ports.iter().find(|port| port.number == self.port),
            Carried::AsPort | Carried::Http2 | Carried::Raw => service.port(self.port),
        }
    }

    /// Names the cluster of a server with mode `AUTO_PASSTHROUGH`: `outbound_.port_.subset_.host`, which is also the
    /// server name that leads there.
    pub(crate) fn sni_dnat(pool: &mut Pool, host: &str, port: u16, subset: &str) -> Self {
        let name = pool.name(&format!("outbound_.{port}_.{subset}_.{host}"));
        Self { name, sni_dnat: true, ..Self::new(pool, host, port, subset) }
    }
}

/// What a cluster is made of.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a, 'r> {
    pub(crate) mesh: &'a MeshConfig,
    pub(crate) id: &'a ClusterId,
    pub(crate) service: &'a Service,
    pub(crate) rules: &'a Rules<'r>,
}

/// A cluster, and which endpoints it has.
pub(crate) struct Built<'r> {
    pub(crate) cluster: Cluster,
    /// Labels that its endpoints have.
    pub(crate) labels: &'r StringMap,
    pub(crate) policy: Policy<'r>,
}

/// `None` when the service has no such port or subset, or when its DestinationRule asks for something without which
/// nothing may be sent.
pub(crate) fn build<'r>(parts: Parts<'_, 'r>) -> Option<Built<'r>> {
    static ALL: StringMap = StringMap::new();
    let Parts { id, service, rules, .. } = parts;
    let port = id.port_of(service)?;
    let subset = match &*id.subset {
        "" => None,
        name => Some(rules.subset(name)?),
    };
    let policy = rules.policy(id.port, subset);
    if policy.tunnel.is_some() {
        return None;
    }
    let mut cluster = cluster(parts, &policy, port);
    if let Some(tls) = policy.tls.filter(|tls| tls.mode != ClientTlsMode::Disable) {
        cluster.tls = Some(Arc::new(upstream_tls::compile(tls, id, service, cluster.protocol)?));
    }
    Some(Built { cluster, labels: subset.map_or(&ALL, |subset| &subset.labels), policy })
}

fn cluster(parts: Parts<'_, '_>, policy: &Policy<'_>, port: &Port) -> Cluster {
    let Parts { mesh, id, service, rules } = parts;
    let tcp = policy.connection_pool.and_then(|pool| pool.tcp.as_ref());
    let http = policy.connection_pool.and_then(|pool| pool.http.as_ref());
    let origin = |kind, meta: &meridian_resources::Meta| Origin {
        kind,
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
    };
    let mut origins = vec![origin(service.kind(), service.meta())];
    origins.extend(rules.objects().iter().map(|rule| origin("DestinationRule", &rule.meta)));
    let lb_policy = load_balancer::policy(policy.load_balancer);
    let protocol = match id.carried {
        Carried::Http2 => UpstreamProtocol::Http2,
        Carried::AsPort | Carried::Raw | Carried::Udp => protocol(mesh, port, http),
    };
    let idle_timeout = http.and_then(|http| http.idle_timeout).or(tcp.and_then(|tcp| tcp.idle_timeout));
    Cluster {
        name: id.name.clone(),
        discovery: if lb_policy == LbPolicy::ClusterProvided { Discovery::OriginalDst } else { service.discovery },
        lb_policy,
        connect_timeout: tcp.and_then(|tcp| tcp.connect_timeout).map_or(mesh.connect_timeout, |d| d.to_std()),
        circuit_breakers: limits(tcp, http),
        max_requests_per_connection: positive(http.map(|http| http.max_requests_per_connection)).unwrap_or_default(),
        idle_timeout: idle_timeout.map_or(IDLE_TIMEOUT, |d| d.to_std()),
        max_connection_duration: tcp.and_then(|tcp| tcp.max_connection_duration).map(|d| d.to_std()),
        tcp_keepalive: keepalive(mesh.tcp_keepalive.as_ref(), tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref())),
        protocol,
        max_concurrent_streams: positive(http.map(|http| http.max_concurrent_streams))
            .filter(|_| protocol == UpstreamProtocol::Http2),
        proxy_protocol: policy.proxy_protocol.map(|proxy_protocol| match proxy_protocol.version {
            destination_rule::ProxyProtocolVersion::V1 => ProxyProtocolVersion::V1,
            destination_rule::ProxyProtocolVersion::V2 => ProxyProtocolVersion::V2,
        }),
        outlier_detection: policy.outlier_detection.map(outlier::compile),
        healthy_panic_percent: outlier::panic_percent(policy.outlier_detection),
        warm_up: load_balancer::warm_up(policy.load_balancer),
        origins,
        ..Cluster::default()
    }
}

/// Lays the connection pool's settings over a cluster towards a sidecar's own workload.
pub(crate) fn apply_connection_pool(cluster: &mut Cluster, mesh: &MeshConfig, pool: &ConnectionPoolSettings) {
    let (tcp, http) = (pool.tcp.as_ref(), pool.http.as_ref());
    cluster.connect_timeout = tcp.and_then(|tcp| tcp.connect_timeout).map_or(mesh.connect_timeout, |d| d.to_std());
    cluster.circuit_breakers = limits(tcp, http);
    cluster.max_requests_per_connection =
        positive(http.map(|http| http.max_requests_per_connection)).unwrap_or_default();
    let idle_timeout = http.and_then(|http| http.idle_timeout).or(tcp.and_then(|tcp| tcp.idle_timeout));
    cluster.idle_timeout = idle_timeout.map_or(IDLE_TIMEOUT, |d| d.to_std());
    cluster.max_connection_duration = tcp.and_then(|tcp| tcp.max_connection_duration).map(|d| d.to_std());
    cluster.tcp_keepalive = keepalive(None, tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref()));
    if http.is_some_and(|http| http.h2_upgrade_policy == H2UpgradePolicy::Upgrade) {
        cluster.protocol = UpstreamProtocol::Http2;
    } else if http.is_some_and(|http| http.use_client_protocol) {
        cluster.protocol = UpstreamProtocol::Downstream;
    }
    cluster.max_concurrent_streams =
        positive(http.map(|http| http.max_concurrent_streams)).filter(|_| cluster.protocol == UpstreamProtocol::Http2);
}

fn limits(tcp: Option<&TcpSettings>, http: Option<&HttpSettings>) -> CircuitBreakers {
    CircuitBreakers {
        max_connections: limit(tcp.map(|tcp| tcp.max_connections)),
        max_pending_requests: limit(http.map(|http| http.http1_max_pending_requests)),
        max_requests: limit(http.map(|http| http.http2_max_requests)),
        max_retries: limit(http.map(|http| http.max_retries)),
    }
}

/// HTTP/2 where the port's protocol is, or where it is asked for: by the rule on any port, by the mesh on those of HTTP.
fn protocol(mesh: &MeshConfig, port: &Port, http: Option<&HttpSettings>) -> UpstreamProtocol {
    let is_http = port.protocol.is_some_and(Protocol::is_http);
    let upgraded = match http.map(|http| http.h2_upgrade_policy).unwrap_or_default() {
        H2UpgradePolicy::Upgrade => true,
        H2UpgradePolicy::DoNotUpgrade => false,
        H2UpgradePolicy::Default => mesh.h2_upgrade && is_http,
    };
    if upgraded {
        UpstreamProtocol::Http2
    } else if http.is_some_and(|http| http.use_client_protocol) {
        UpstreamProtocol::Downstream
    } else if port.protocol.is_some_and(Protocol::is_http2) {
        UpstreamProtocol::Http2
    } else {
        UpstreamProtocol::Http1
    }
}

/// The keep-alive of the mesh with the fields that the rule gives; times count in whole seconds.
fn keepalive(
    mesh: Option<&destination_rule::TcpKeepalive>,
    rule: Option<&destination_rule::TcpKeepalive>,
) -> Option<TcpKeepalive> {
    let mut keepalive = None;
    for layer in [mesh, rule].into_iter().flatten() {
        let seconds = |given: Option<meridian_resources::Duration>| {
            given.map(|given| Duration::from_secs(given.to_std().as_secs())).filter(|given| !given.is_zero())
        };
        let made: &mut TcpKeepalive = keepalive.get_or_insert_default();
        made.probes = Some(layer.probes).filter(|probes| *probes > 0).or(made.probes);
        made.time = seconds(layer.time).or(made.time);
        made.interval = seconds(layer.interval).or(made.interval);
    }
    keepalive
}

/// A limit of Istio, where zero and nothing mean none.
fn limit(value: Option<i32>) -> u32 {
    positive(value).unwrap_or(u32::MAX)
}

fn positive(value: Option<i32>) -> Option<u32> {
    value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0)
}
