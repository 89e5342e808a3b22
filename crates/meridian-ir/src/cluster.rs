//! A cluster: a group of endpoints and how they are reached.

use crate::{Name, Origin};
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
    /// The service and the DestinationRule that made it.
    pub origins: Vec<Origin>,
}
