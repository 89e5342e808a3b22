//! A cluster: a group of endpoints and how they are reached.

use crate::dynamic_forward::DynamicForward;
use crate::tls::UpstreamTls;
use crate::{Name, Origin};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How a cluster's endpoints are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discovery {
    /// From the control plane's registry: addresses that are known.
    Eds,
    /// Fixed addresses.
    Static,
    /// Every address that the names resolve to, kept fresh.
    StrictDns,
    /// One connection target by name, resolved when it is needed.
    LogicalDns,
    /// Where the client was going.
    OriginalDst,
    /// The host that the client names; see [`Cluster::dynamic_forward`].
    DynamicForward,
}

/// How an endpoint is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LbPolicy {
    /// The one with fewer active requests of two chosen at random, by weight. Istio's default.
    LeastRequest,
    /// In turn, by weight.
    RoundRobin,
    /// At random, by weight.
    Random,
    /// By the hash of the request on a ring of at least so many points (ketama).
    RingHash {
        /// `minimumRingSize` (Istio and Envoy: 1024).
        minimum_size: u64,
    },
    /// By the hash of the request in a table of this prime size.
    Maglev {
        /// `tableSize` (65537).
        table_size: u64,
    },
    /// The cluster's discovery decides: the original destination.
    ClusterProvided,
}

impl LbPolicy {
    /// Whether the hash of a request decides about its endpoint.
    pub fn is_by_hash(self) -> bool {
        matches!(self, Self::RingHash { .. } | Self::Maglev { .. })
    }
}

/// The protocol that endpoints are spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum UpstreamProtocol {
    /// HTTP/1.1, or bytes.
    #[default]
    Http1,
    /// HTTP/2: with prior knowledge, or by ALPN where the cluster has TLS.
    Http2,
    /// That of the client (`useClientProtocol`).
    Downstream,
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyProtocolVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// TCP keep-alive; `None`: the system's value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpKeepalive {
    /// Probes without answer before the connection is given up.
    pub probes: Option<u32>,
    /// Silence before the first probe.
    pub time: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
}

/// Passive health checking (Envoy's outlier detection); a count of zero switches its kind off.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutlierDetection {
    /// Consecutive 5xx or failures to connect (`consecutive_5xx`, enforced 100 %).
    pub consecutive_5xx: u32,
    /// Consecutive 502, 503, 504 or failures to connect.
    pub consecutive_gateway_failure: u32,
    /// Consecutive failures to connect, resets and timeouts, where local and remote origins are split.
    pub consecutive_local_origin_failure: u32,
    /// Whether errors that were not the endpoint's answer are counted apart.
    pub split_external_local_origin_errors: bool,
    /// Between looks at ejected hosts (Istio: 10 s).
    pub interval: Duration,
    /// Multiplied by how often the host has been ejected (Istio: 30 s).
    pub base_ejection_time: Duration,
    /// Longest ejection (Envoy: 300 s).
    pub max_ejection_time: Duration,
    /// Most hosts that may be ejected, percent of all (Istio: 10).
    pub max_ejection_percent: u32,
}

/// New endpoints get less at first (`slow_start_config`).
#[derive(Debug, Clone, PartialEq)]
pub struct WarmUp {
    /// How long.
    pub duration: Duration,
    /// Percent of the weight at the beginning (Envoy: 10).
    pub minimum_percent: f64,
    /// Exponent of the curve (1: linear).
    pub aggression: f64,
}

/// Limits on what a cluster is asked for at once; `u32::MAX` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CircuitBreakers {
    /// Connections, of all workers together.
    pub max_connections: u32,
    /// Requests that wait for a connection.
    pub max_pending_requests: u32,
    /// Requests that are being served.
    pub max_requests: u32,
    /// Retries at one time.
    pub max_retries: u32,
}

impl Default for CircuitBreakers {
    fn default() -> Self {
        Self {
            max_connections: u32::MAX,
            max_pending_requests: u32::MAX,
            max_requests: u32::MAX,
            max_retries: u32::MAX,
        }
    }
}

/// A service as metrics name it (Envoy: `filter_metadata.istio.services`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceName {
    /// `httpbin.default.svc.cluster.local`
    pub host: Name,
    /// `httpbin`; the host for services from outside.
    pub name: Name,
    /// `default`
    pub namespace: Name,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// `outbound|<port>|<subset>|<host>`.
    pub name: Name,
    /// See [`Discovery`].
    pub discovery: Discovery,
    /// See [`LbPolicy`].
    pub lb_policy: LbPolicy,
    /// How long making a connection may take (Istio: 10 s).
    pub connect_timeout: Duration,
    /// See [`CircuitBreakers`].
    pub circuit_breakers: CircuitBreakers,
    /// Requests on one HTTP/1.1 connection before it is closed; zero: no limit.
    pub max_requests_per_connection: u32,
    /// An unused connection is closed after so long (Istio: 1 hour).
    pub idle_timeout: Duration,
    /// A connection is closed when it is so old; `None`: never.
    pub max_connection_duration: Option<Duration>,
    /// See [`TcpKeepalive`]; `None`: switched off.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// See [`UpstreamProtocol`].
    pub protocol: UpstreamProtocol,
    /// Streams at once on one HTTP/2 connection; `None`: what the endpoint allows.
    pub max_concurrent_streams: Option<u32>,
    /// TLS origination; `None`: bytes as they are.
    pub tls: Option<Arc<UpstreamTls>>,
    /// Connections begin with a PROXY protocol header of this version.
    pub proxy_protocol: Option<ProxyProtocolVersion>,
    /// See [`OutlierDetection`].
    pub outlier_detection: Option<OutlierDetection>,
    /// When fewer endpoints than so many percent are usable, all of them are used; zero: never.
    pub healthy_panic_percent: u32,
    /// See [`WarmUp`].
    pub warm_up: Option<WarmUp>,
    /// Localities are chosen by their weights ([`crate::endpoint::LocalityWeight`]) before endpoints are.
    pub locality_weighted: bool,
    /// Port to use instead of that of the original destination (`OriginalDst`).
    pub port_override: Option<u16>,
    /// Connections come from this address (`upstream_bind_config`): `127.0.0.6` towards the workload beside a sidecar,
    /// by which redirect rules know them.
    pub bind_source: Option<IpAddr>,
    /// TLS towards the endpoints that have mutual TLS of the mesh ([`crate::Endpoint::mesh_tls`]), instead of `tls`
    /// (`transport_socket_matches`; automatic mutual TLS).
    pub auto_tls: Option<Arc<UpstreamTls>>,
    /// Which hosts it goes to, where it goes to those that clients name ([`Discovery::DynamicForward`]).
    pub dynamic_forward: Option<Arc<DynamicForward>>,
    /// The service behind it, for metrics; `None`: none of the registry (`PassthroughCluster`).
    pub service: Option<Arc<ServiceName>>,
    /// The service and the DestinationRule that made it.
    pub origins: Vec<Origin>,
}

impl Default for Cluster {
    /// A cluster without name as Istio makes it of a Service that no DestinationRule is about.
    fn default() -> Self {
        Self {
            name: Name::from(""),
            discovery: Discovery::Eds,
            lb_policy: LbPolicy::LeastRequest,
            connect_timeout: Duration::from_secs(10),
            circuit_breakers: CircuitBreakers::default(),
            max_requests_per_connection: 0,
            idle_timeout: Duration::from_secs(3600),
            max_connection_duration: None,
            tcp_keepalive: None,
            protocol: UpstreamProtocol::Http1,
            max_concurrent_streams: None,
            tls: None,
            proxy_protocol: None,
            outlier_detection: None,
            healthy_panic_percent: 0,
            warm_up: None,
            locality_weighted: false,
            port_override: None,
            bind_source: None,
            auto_tls: None,
            dynamic_forward: None,
            service: None,
            origins: Vec::new(),
        }
    }
}
