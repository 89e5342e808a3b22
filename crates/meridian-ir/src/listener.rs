//! A listening address and the chains that its connections are divided among.

use crate::{AccessLog, FilterChain, Name, Origin};
use std::net::SocketAddr;
use std::sync::Arc;

/// Which side of the mesh a listener serves; Istio says `OUTBOUND` for gateways too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards services: gateways and a sidecar's outbound side.
    Outbound,
    /// Towards the workload beside the proxy.
    Inbound,
}

/// One listener: an address, and filter chains for its connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// `<bind>_<port>`, for example `0.0.0.0_8080`.
    pub name: Name,
    /// The address to listen on.
    pub address: SocketAddr,
    /// Whether the address is really bound; false for those that only receive captured connections.
    pub bind_to_port: bool,
    /// See [`Direction`].
    pub direction: Direction,
    /// Whether connections begin with a PROXY protocol header, version 1 or 2 (`gatewayTopology.proxyProtocol`); those
    /// without are closed.
    pub proxy_protocol: bool,
    /// Whether the first bytes are looked at for a TLS ClientHello (SNI, ALPN) before a chain is chosen.
    pub tls_inspector: bool,
    /// Whether the first bytes are looked at for HTTP before a chain is chosen.
    pub http_inspector: bool,
    /// Chains in configured order. Two chains never match equally.
    pub chains: Vec<Arc<FilterChain>>,
    /// Taken when no chain matches; without one, the connection is closed and logged as `NR filter_chain_not_found`.
    pub default_chain: Option<Arc<FilterChain>>,
    /// Logs of connections that found no chain (flag `NR`).
    pub access_log: Vec<AccessLog>,
    /// Objects that this listener was made from.
    pub origins: Vec<Origin>,
}
