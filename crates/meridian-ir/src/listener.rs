//! A listening address and the chains that its connections are divided among.

use crate::filter_chain::TransportProtocol;
use crate::{AccessLog, FilterChain, Name, Origin, PortMatch, UdpProxy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Which side of the mesh a listener serves; Istio says `OUTBOUND` for gateways too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards services: gateways and a sidecar's outbound side.
    Outbound,
    /// Towards the workload beside the proxy.
    Inbound,
}

/// What a listener does with connections that were captured on their way to somewhere else. Gateways capture nothing:
/// the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// The kernel is asked where the connection was going (`envoy.filters.listener.original_dst`).
    pub original_dst: bool,
    /// Connections are handed to the listener of the address that they were going to, where there is one
    /// (`use_original_dst`; it asks the kernel too).
    pub hand_over: bool,
    /// Ports for which the TLS inspector is left out.
    pub tls_inspector_disabled: PortMatch,
    /// Ports for which the HTTP inspector is left out: server-first protocols would wait for ever.
    pub http_inspector_disabled: PortMatch,
}

/// One listener: an address, and filter chains for its connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// `<bind>_<port>`, for example `0.0.0.0_8080`.
    pub name: Name,
    /// The address to listen on.
    pub address: SocketAddr,
    /// Further addresses of the same listener, such as `[::]:8080` beside `0.0.0.0:8080`.
    pub additional_addresses: Vec<SocketAddr>,
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
    /// See [`Capture`].
    pub capture: Capture,
    /// How long the first bytes are waited for (`listener_filters_timeout`); `None`: Envoy's 15 s; zero: for ever.
    pub inspect_timeout: Option<Duration>,
    /// What happens after that: the connection goes on as one that begins with nothing (`true`, server-first
    /// protocols), or ends.
    pub continue_on_inspect_timeout: bool,
    /// Chains in configured order. Two chains never match equally.
    pub chains: Vec<Arc<FilterChain>>,
    /// Taken when no chain matches; without one, the connection is closed and logged as `NR filter_chain_not_found`.
    pub default_chain: Option<Arc<FilterChain>>,
    /// The listener is one of UDP, at all its addresses, and this is what becomes of packets; it has no chains. A
    /// listener of UDP and one of TCP may have the same address.
    pub udp: Option<Arc<UdpProxy>>,
    /// Logs of connections that found no chain (flag `NR`).
    pub access_log: Vec<AccessLog>,
    /// Objects that this listener was made from.
    pub origins: Vec<Origin>,
}

impl Default for Listener {
    /// A listener without name and chains, at no address yet, that captures and inspects nothing.
    fn default() -> Self {
        Self {
            name: Name::from(""),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            additional_addresses: Vec::new(),
            bind_to_port: true,
            direction: Direction::Outbound,
            proxy_protocol: false,
            tls_inspector: false,
            http_inspector: false,
            capture: Capture::default(),
            inspect_timeout: None,
            continue_on_inspect_timeout: false,
            chains: Vec::new(),
            default_chain: None,
            udp: None,
            access_log: Vec::new(),
            origins: Vec::new(),
        }
    }
}

/// What a connection begins with, as far as a listener can tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspectors {
    /// TLS ClientHellos are read.
    pub tls: bool,
    /// Plaintext HTTP is told from other bytes.
    pub http: bool,
}

impl Listener {
    /// The inspectors that look at connections to `port`.
    pub fn inspectors(&self, port: u16) -> Inspectors {
        Inspectors {
            tls: self.tls_inspector && !self.capture.tls_inspector_disabled.contains(port),
            http: self.http_inspector && !self.capture.http_inspector_disabled.contains(port),
        }
    }

    /// Whether this is the listener of connections to `address`: one of its own is equal, or stands for every address of that family.
    fn is_at(&self, address: SocketAddr, exactly: bool) -> bool {
        if self.udp.is_some() {
            return false;
        }
        let is_equal = |own: &SocketAddr| {
            let same_ip = match exactly {
                true => own.ip() == address.ip(),
                false => own.ip().is_unspecified() && own.is_ipv4() == address.is_ipv4(),
            };
            same_ip && own.port() == address.port()
        };
        std::iter::once(&self.address).chain(&self.additional_addresses).any(is_equal)
    }
}

impl Inspectors {
    /// The transport protocol that chains are matched with, of a connection that is TLS or not: without a TLS inspector
    /// nobody knows of TLS.
    pub fn transport_protocol(self, is_tls: bool) -> TransportProtocol {
        if self.tls && is_tls { TransportProtocol::Tls } else { TransportProtocol::RawBuffer }
    }
}

/// The listener among `listeners` that serves a connection which was going to `destination`, as Envoy finds it: the one
/// of exactly that address; else the one of its port on every address; else the one that takes what was captured
/// (`virtualOutbound` of a sidecar). `None`: nothing listens there.
pub fn of_destination<'l>(
    listeners: impl IntoIterator<Item = &'l Arc<Listener>> + Clone,
    destination: SocketAddr,
) -> Option<&'l Arc<Listener>> {
    let destination = SocketAddr::new(destination.ip().to_canonical(), destination.port());
    let find = |wanted: &dyn Fn(&Listener) -> bool| listeners.clone().into_iter().find(|listener| wanted(listener));
    find(&|listener| listener.is_at(destination, true))
        .or_else(|| find(&|listener| listener.is_at(destination, false)))
        .or_else(|| find(&|listener| listener.capture.hand_over))
}

#[cfg(test)]
mod tests;
