//! The traffic policy of a DestinationRule: load balancer, connection pool, outlier detection, TLS.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::{Duration, any_duration_schema};

/// How connections and requests to a destination are handled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficPolicy {
    /// Limits and timeouts of connections.
    pub connection_pool: Option<ConnectionPoolSettings>,
    /// How an endpoint is chosen.
    pub load_balancer: Option<LoadBalancerSettings>,
    /// When an endpoint is taken out of use.
    pub outlier_detection: Option<OutlierDetection>,
    /// Policies for single ports; each replaces the whole policy for its port.
    #[schemars(length(max = 4096))]
    pub port_level_settings: Vec<PortTrafficPolicy>,
    /// PROXY protocol towards the destination.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Limits concurrent retries.
    pub retry_budget: Option<RetryBudget>,
    /// TLS towards the destination.
    pub tls: Option<ClientTlsSettings>,
    /// TCP through an HTTP proxy.
    pub tunnel: Option<TunnelSettings>,
}

/// The policy for one port of a destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PortTrafficPolicy {
    /// Limits and timeouts of connections.
    pub connection_pool: Option<ConnectionPoolSettings>,
    /// How an endpoint is chosen.
    pub load_balancer: Option<LoadBalancerSettings>,
    /// When an endpoint is taken out of use.
    pub outlier_detection: Option<OutlierDetection>,
    /// The service's port.
    pub port: Option<crate::istio::virtual_service::PortSelector>,
    /// TLS towards the destination.
    pub tls: Option<ClientTlsSettings>,
}

/// Limits and timeouts of connections to a destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionPoolSettings {
    /// For HTTP.
    pub http: Option<HttpSettings>,
    /// For TCP and for the connections below HTTP.
    pub tcp: Option<TcpSettings>,
}

/// Settings of HTTP connections (Istio `ConnectionPoolSettings.HTTPSettings`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpSettings {
    /// Whether HTTP/1.1 connections to the destination are upgraded to HTTP/2.
    pub h2_upgrade_policy: H2UpgradePolicy,
    /// Most requests that wait for a connection; unlimited when 0.
    pub http1_max_pending_requests: i32,
    /// Pings that keep HTTP/2 connections alive.
    pub http2_keep_alive: Option<Http2KeepAlive>,
    /// Most concurrent requests; unlimited when 0.
    pub http2_max_requests: i32,
    /// When an unused connection is closed; one hour when absent.
    pub idle_timeout: Option<Duration>,
    /// Most concurrent streams on one HTTP/2 connection.
    pub max_concurrent_streams: i32,
    /// Most requests on one connection; 1 switches keep-alive off, unlimited when 0.
    pub max_requests_per_connection: i32,
    /// Most concurrent retries; unlimited when 0.
    pub max_retries: i32,
    /// Use the protocol of the client's connection.
    pub use_client_protocol: bool,
}

/// Whether HTTP/1.1 is upgraded to HTTP/2 towards a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum H2UpgradePolicy {
    /// As the mesh's configuration says.
    #[default]
    Default,
    /// Not upgraded.
    DoNotUpgrade,
    /// Upgraded.
    Upgrade,
}

/// Pings that keep HTTP/2 connections alive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Http2KeepAlive {
    /// Time between two pings.
    pub interval: Option<Duration>,
    /// How long an answer may take before the connection is closed.
    pub timeout: Option<Duration>,
}

/// Settings of TCP connections (Istio `ConnectionPoolSettings.TCPSettings`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpSettings {
    /// How long connecting may take; 10 s when absent.
    pub connect_timeout: Option<Duration>,
    /// When a TCP connection without traffic is closed; `0s` switches it off.
    #[schemars(schema_with = "any_duration_schema")]
    pub idle_timeout: Option<Duration>,
    /// The longest that a connection may live.
    pub max_connection_duration: Option<Duration>,
    /// Most connections; unlimited when 0.
    pub max_connections: i32,
    /// TCP keep-alive probes.
    pub tcp_keepalive: Option<TcpKeepalive>,
}

/// TCP keep-alive probes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpKeepalive {
    /// Time between two probes; the operating system's default when absent.
    pub interval: Option<Duration>,
    /// Probes without answer before the connection is dead; the operating system's default when 0.
    pub probes: u32,
    /// Idle time before the first probe; the operating system's default when absent.
    pub time: Option<Duration>,
}

/// How an endpoint is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["simple", "consistentHash"]]))]
pub struct LoadBalancerSettings {
    /// By a hash of something in the request; excludes `simple`.
    pub consistent_hash: Option<ConsistentHashLb>,
    /// Preferences among localities.
    pub locality_lb_setting: Option<LocalityLoadBalancerSetting>,
    /// By a standard algorithm; excludes `consistentHash`.
    pub simple: Option<SimpleLb>,
    /// Slow start of new endpoints.
    pub warmup: Option<WarmupConfiguration>,
    /// Deprecated: duration of the slow start; use `warmup`.
    pub warmup_duration_secs: Option<Duration>,
    /// Zone-aware routing.
    pub zone_aware_lb_setting: Option<ZoneAwareLoadBalancerSetting>,
}

/// Standard load-balancing algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SimpleLb {
    /// Istio's default, `LEAST_REQUEST`.
    #[default]
    Unspecified,
    /// Deprecated name of `LEAST_REQUEST`.
    LeastConn,
    /// At random.
    Random,
    /// To the address that the client asked for.
    Passthrough,
    /// In turn.
    RoundRobin,
    /// The one with fewer requests of two that are picked at random.
    LeastRequest,
}

/// Load balancing by a hash of something in the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [
    ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"],
    ["ringHash", "maglev"]
]))]
pub struct ConsistentHashLb {
    /// The cookie that is hashed, and set when absent.
    pub http_cookie: Option<HttpCookie>,
    /// The header that is hashed.
    pub http_header_name: Option<String>,
    /// The query parameter that is hashed.
    pub http_query_parameter_name: Option<String>,
    /// Use Maglev hashing.
    pub maglev: Option<Maglev>,
    /// Deprecated: use `ringHash.minimumRingSize`.
    pub minimum_ring_size: u64,
    /// Use ring hashing.
    pub ring_hash: Option<RingHash>,
    /// Hash the client's IP address.
    pub use_source_ip: Option<bool>,
}

/// A cookie for session affinity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct HttpCookie {
    /// Further attributes of the cookie that is set.
    pub attributes: Vec<HttpCookieAttribute>,
    /// The cookie's name.
    pub name: String,
    /// The path of the cookie that is set.
    pub path: String,
    /// The life of the cookie that is set; `0s` makes a session cookie; absent sets none.
    #[schemars(schema_with = "any_duration_schema")]
    pub ttl: Option<Duration>,
}

/// One attribute of a cookie, such as `SameSite=Strict`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct HttpCookieAttribute {
    /// The attribute's name.
    pub name: String,
    /// The attribute's value.
    pub value: String,
}

/// Ring hashing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RingHash {
    /// Fewest virtual nodes on the ring; 1024 when 0.
    pub minimum_ring_size: u64,
}

/// Maglev hashing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Maglev {
    /// Size of the table, a prime number; 65537 when 0.
    pub table_size: u64,
}

/// Preferences among localities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalityLoadBalancerSetting {
    /// Explicit shares; excludes `failover` and `failoverPriority`.
    pub distribute: Vec<Distribute>,
    /// Whether locality load balancing is on; the mesh's setting when absent.
    #[schemars(extend("nullable" = true))]
    pub enabled: Option<bool>,
    /// Where traffic of a region goes when that has no healthy endpoint.
    pub failover: Vec<Failover>,
    /// Labels by which endpoints are ordered for failover.
    pub failover_priority: Vec<String>,
}

/// Shares of the traffic that originates in one locality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Distribute {
    /// The client's locality, `region/zone/subzone`, also with `*` at the end.
    pub from: String,
    /// Percentages by destination locality; their sum is 100.
    pub to: BTreeMap<String, u32>,
}

/// Where the traffic of a region goes when that has no healthy endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Failover {
    /// The region that fails.
    pub from: String,
    /// The region that takes over.
    pub to: String,
}

/// Zone-aware routing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ZoneAwareLoadBalancerSetting {
    /// Whether it is on; the mesh's setting when absent.
    #[schemars(extend("nullable" = true))]
    pub enabled: Option<bool>,
    /// Where traffic of a region goes when that has no healthy endpoint.
    pub failover: Vec<Failover>,
    /// Labels by which endpoints are ordered for failover.
    pub failover_priority: Vec<String>,
    /// Fewest endpoints of the destination for zone-aware routing to be used.
    #[schemars(with = "Option<u64>", range(min = 1), extend("nullable" = true))]
    pub min_cluster_size: Option<u32>,
}

/// Slow start of new endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["duration"]))]
pub struct WarmupConfiguration {
    /// Speed of the increase; 1.0 (linear) when absent.
    #[schemars(range(min = 0), extend("nullable" = true))]
    pub aggression: Option<f64>,
    /// How long an endpoint is new.
    pub duration: Duration,
    /// The least share of its weight that a new endpoint gets; 10 when absent.
    #[schemars(range(min = 0, max = 100), extend("nullable" = true))]
    pub minimum_percent: Option<f64>,
}

/// When an endpoint is taken out of use because of errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutlierDetection {
    /// The least time of an ejection; 30 s when absent.
    pub base_ejection_time: Option<Duration>,
    /// Consecutive 5xx errors before an ejection; 5 when absent, 0 switches it off.
    #[schemars(extend("nullable" = true))]
    pub consecutive_5xx_errors: Option<u32>,
    /// Deprecated.
    pub consecutive_errors: i32,
    /// Consecutive 502, 503 or 504 before an ejection; off when absent or 0.
    #[schemars(extend("nullable" = true))]
    pub consecutive_gateway_errors: Option<u32>,
    /// Consecutive errors of the connection itself before an ejection; 5 when absent.
    #[schemars(extend("nullable" = true))]
    pub consecutive_local_origin_failures: Option<u32>,
    /// Time between two sweeps; 10 s when absent.
    pub interval: Option<Duration>,
    /// Most endpoints, in percent, that may be ejected; 10 when 0.
    pub max_ejection_percent: i32,
    /// Least healthy endpoints, in percent, for outlier detection to be used; off when 0.
    pub min_health_percent: i32,
    /// Status codes, 100 to 599, that count as errors.
    #[schemars(inner(range(min = 100, max = 599)))]
    pub outlier_detection_http_error_codes: Vec<u32>,
    /// Count errors of the connection apart from errors of the application.
    pub split_external_local_origin_errors: bool,
}

/// TLS towards a destination (Istio `ClientTLSSettings`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTlsSettings {
    /// Path of the file with the CA certificates that verify the server.
    pub ca_certificates: String,
    /// Path of the file with the certificate revocation list.
    pub ca_crl: String,
    /// Path of the file with the client's certificate chain.
    pub client_certificate: String,
    /// The Secret with the client's certificate, key and CA certificates.
    pub credential_name: String,
    /// Do not verify the server's certificate.
    #[schemars(extend("nullable" = true))]
    pub insecure_skip_verify: Option<bool>,
    /// Whether TLS is used, and with which certificates.
    pub mode: ClientTlsMode,
    /// Path of the file with the client's private key.
    pub private_key: String,
    /// The server name; the request's host when empty.
    pub sni: String,
    /// Subject alternative names, one of which the server's certificate must carry.
    pub subject_alt_names: Vec<String>,
}

/// Whether TLS is used towards a destination (Istio `ClientTLSSettings.TLSmode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientTlsMode {
    /// No TLS.
    #[default]
    Disable,
    /// TLS without a client certificate.
    Simple,
    /// TLS with a client certificate.
    Mutual,
    /// Mutual TLS with the mesh's own certificates.
    IstioMutual,
}

/// TCP through an HTTP proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["targetHost", "targetPort"]))]
pub struct TunnelSettings {
    /// `CONNECT` (when empty) or `POST`.
    pub protocol: String,
    /// The host to which the tunnel leads.
    pub target_host: String,
    /// The port to which the tunnel leads.
    pub target_port: u32,
}

/// PROXY protocol towards a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyProtocol {
    /// The protocol's version.
    pub version: ProxyProtocolVersion,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProxyProtocolVersion {
    /// The text form.
    #[default]
    V1,
    /// The binary form.
    V2,
}

/// Limits concurrent retries to a share of the active requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryBudget {
    /// The time over which requests are counted.
    #[schemars(schema_with = "any_duration_schema")]
    pub budget_interval: Option<Duration>,
    /// Concurrent retries that are always allowed; 3 when 0.
    pub min_retry_concurrency: u32,
    /// The share of active requests, in percent, that may be retries; 20 when absent.
    #[schemars(range(min = 0, max = 100), extend("nullable" = true))]
    pub percent: Option<f64>,
}
