//! The UDP proxy of a listener.

use crate::tcp::WeightedName;
use crate::{AccessLog, Name};
use std::time::Duration;

/// `envoy.filters.udp_listener.udp_proxy`: the packets of a client to one endpoint, and its answers back. What one
/// address and port sends is a session: cluster and endpoint are chosen by its first packet, and stay.
#[derive(Debug, Clone, PartialEq)]
pub struct UdpProxy {
    /// Prefix of its counters (`udp.<prefix>.downstream_sess_total`).
    pub stat_prefix: Name,
    /// At least one; weights sum to more than zero. Packets for a cluster that does not exist are dropped and counted
    /// (`downstream_sess_no_route`).
    pub clusters: Vec<WeightedName>,
    /// Silence in both directions after which a session is forgotten; zero: never. Envoy's default is 1 minute.
    pub idle_timeout: Duration,
    /// Sessions at one time, of all workers together. The packets of further clients are dropped and counted
    /// (`downstream_sess_overflow`) until others end. Those of one cluster are limited by its `max_connections`, too.
    pub max_sessions: u32,
    /// The client's address decides about the endpoint, where the cluster balances by hash.
    pub hash_source_ip: bool,
    /// Logs of its sessions; a line is written when one ends.
    pub access_log: Vec<AccessLog>,
}

impl UdpProxy {
    /// Envoy's idle timeout.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

    /// Sessions at one time where nobody says how many: each has a socket of its own.
    pub const MAX_SESSIONS: u32 = 16_384;
}

impl Default for UdpProxy {
    /// A proxy to nowhere yet, with the default limits.
    fn default() -> Self {
        Self {
            stat_prefix: Name::from(""),
            clusters: Vec::new(),
            idle_timeout: Self::IDLE_TIMEOUT,
            max_sessions: Self::MAX_SESSIONS,
            hash_source_ip: false,
            access_log: Vec::new(),
        }
    }
}
