//! A filter chain: which connections it takes, whether it terminates TLS, and what it does with their bytes.

use crate::tls::DownstreamTls;
use crate::{HttpConnectionManager, Name, Origin, TcpProxy};
use ipnet::IpNet;
use std::sync::Arc;

/// What the first bytes of a connection are, as Envoy's `transport_protocol` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportProtocol {
    /// `raw_buffer`: not TLS.
    RawBuffer,
    /// `tls`: a ClientHello.
    Tls,
}

/// A server name in a chain match; always lowercase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// `host.example.com`
    Exact(Name),
    /// `*.example.com`; holds `.example.com`, with the leading dot.
    Suffix(Name),
}

/// Which connections a chain takes. An empty criterion is one that the chain leaves unset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ChainMatch {
    /// Original destination port.
    pub destination_port: Option<u16>,
    /// Original destination address; the longest prefix wins.
    pub prefix_ranges: Vec<IpNet>,
    /// SNI; exact beats the longest wildcard.
    pub server_names: Vec<ServerName>,
    /// See [`TransportProtocol`].
    pub transport_protocol: Option<TransportProtocol>,
    /// ALPN protocols of the ClientHello, or what the HTTP inspector found.
    pub application_protocols: Vec<Name>,
}

/// What a chain does with the bytes of its connections, after TLS where it terminates TLS.
#[derive(Debug, Clone, PartialEq)]
pub enum Filters {
    /// `envoy.filters.network.http_connection_manager`
    Http(Arc<HttpConnectionManager>),
    /// `envoy.filters.network.tcp_proxy`
    Tcp(Arc<TcpProxy>),
}

/// One filter chain of a listener.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterChain {
    /// Empty for chains that Istio does not name.
    pub name: Name,
    /// See [`ChainMatch`].
    pub matcher: ChainMatch,
    /// TLS termination; `None` passes the bytes on as they are.
    pub tls: Option<Arc<DownstreamTls>>,
    /// See [`Filters`].
    pub filters: Filters,
    /// The object that this chain was made from.
    pub origin: Option<Origin>,
}
