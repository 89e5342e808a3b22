//! The TCP proxy of a filter chain.

use crate::{AccessLog, Name, Rbac};
use std::sync::Arc;
use std::time::Duration;

/// A cluster with its share of the connections or requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WeightedName {
    /// Cluster name.
    pub cluster: Name,
    /// Relative weight; the sum is what 100 % is.
    pub weight: u32,
}

/// `envoy.filters.network.tcp_proxy`: bytes to one cluster, chosen by weight for each connection.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpProxy {
    /// Prefix of its counters; the cluster's name where there is one cluster.
    pub stat_prefix: Name,
    /// At least one; weights sum to more than zero.
    pub clusters: Vec<WeightedName>,
    /// Both directions silent for so long ends the connection; zero: never. Envoy's default is 1 hour.
    pub idle_timeout: Duration,
    /// The client's address decides about the endpoint, where the cluster balances by hash.
    pub hash_source_ip: bool,
    /// Who may do what, asked in order before a connection is forwarded ([`crate::rbac`]).
    pub rbac: Vec<Arc<Rbac>>,
    /// Logs of its connections.
    pub access_log: Vec<AccessLog>,
}

impl Default for TcpProxy {
    /// A proxy to nowhere yet, with Envoy's idle timeout.
    fn default() -> Self {
        Self {
            stat_prefix: Name::from(""),
            clusters: Vec::new(),
            idle_timeout: Duration::from_secs(3600),
            hash_source_ip: false,
            rbac: Vec::new(),
            access_log: Vec::new(),
        }
    }
}
