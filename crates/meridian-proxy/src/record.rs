//! What is known of a finished request or connection: the one source of access-log lines, header formats and metrics.

use crate::outcome::{Details, Flags, TransportFailure};
use crate::pool::TlsFacts;
use crate::tls::PeerCertificate;
use meridian_ir::endpoint::Workload;
use meridian_ir::listener::Direction;
use meridian_ir::{Endpoints, Name};
use meridian_tls::Certificate;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// Headers as they were sent on, looked up by name.
pub trait HeaderView {
    /// The first value of the header `name` (lowercase). Requests also know `:method`, `:path` (with query),
    /// `:authority` and `:scheme`; responses know `:status`.
    fn first(&self, name: &str) -> Option<&[u8]>;

    /// Bytes of all names and values, those that begin with a colon included.
    fn byte_size(&self) -> u64 {
        0
    }
}

/// A message without headers: what a response is while there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHeaders;

impl HeaderView for NoHeaders {
    fn first(&self, _name: &str) -> Option<&[u8]> {
        None
    }
}

/// What was spoken on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    Http11,
    /// `HTTP/2`
    Http2,
    /// Bytes; `%PROTOCOL%` is `-`.
    Tcp,
}

impl Protocol {
    /// As `%PROTOCOL%` prints it.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Http10 => Some("HTTP/1.0"),
            Self::Http11 => Some("HTTP/1.1"),
            Self::Http2 => Some("HTTP/2"),
            Self::Tcp => None,
        }
    }
}

/// When things happened, counted from the record's start. `None`: they did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The request was received whole.
    pub downstream_rx_end: Option<Duration>,
    /// The request began to be sent to the endpoint.
    pub upstream_tx_begin: Option<Duration>,
    /// The request was sent whole.
    pub upstream_tx_end: Option<Duration>,
    /// The response began to arrive.
    pub upstream_rx_begin: Option<Duration>,
    /// The response was received whole.
    pub upstream_rx_end: Option<Duration>,
    /// The response began to be sent to the client.
    pub downstream_tx_begin: Option<Duration>,
    /// A connection to the endpoint began to be made for this request.
    pub upstream_connect_begin: Option<Duration>,
    /// That connection was there.
    pub upstream_connect_end: Option<Duration>,
    /// How long the last try waited for a connection.
    pub pool_ready: Option<Duration>,
    /// The last byte was sent to the client.
    pub downstream_tx_end: Option<Duration>,
    /// Everything was over; `%DURATION%`.
    pub total: Duration,
}

/// The client's side.
#[derive(Debug, Clone, Copy)]
pub struct Downstream<'a> {
    /// A number that no other connection of this process has.
    pub connection_id: u64,
    /// Where the client was going.
    pub local: SocketAddr,
    /// The client, as trusted headers tell it. Its port is 0 when a header told it.
    pub remote: SocketAddr,
    /// The peer of the connection.
    pub direct_remote: SocketAddr,
    /// Our side of that connection.
    pub direct_local: SocketAddr,
    /// SNI of the client's TLS.
    pub server_name: Option<&'a str>,
    /// `TLSv1.3`, when TLS was terminated here.
    pub tls_version: Option<&'static str>,
    /// The cipher suite by OpenSSL's name, when TLS was terminated here.
    pub tls_cipher: Option<&'static str>,
    /// The group of the key exchange, when TLS was terminated here.
    pub tls_group: Option<&'static str>,
    /// Why the client's TLS failed.
    pub tls_failure: Option<&'a str>,
    /// How long the TLS handshake took.
    pub handshake: Option<Duration>,
    /// The client's certificate.
    pub peer: Option<&'a PeerCertificate>,
    /// The certificate that it was shown.
    pub local_certificate: Option<&'a Certificate>,
    /// Which side of the mesh the listener serves.
    pub direction: Direction,
    /// The client's workload, as it told by itself.
    pub workload: Option<&'a Workload>,
}

/// The endpoint's side, of the last try.
#[derive(Debug, Clone, Copy, Default)]
pub struct Upstream<'a> {
    /// Name of the cluster, when it exists.
    pub cluster: Option<&'a Name>,
    /// Address of the chosen endpoint.
    pub host: Option<SocketAddr>,
    /// Our side of the connection.
    pub local: Option<SocketAddr>,
    /// What was spoken to it.
    pub protocol: Option<Protocol>,
    /// How many times the request was tried.
    pub attempts: u32,
    /// Why the connection could not be made.
    pub failure: Option<TransportFailure>,
    /// The workload there.
    pub workload: Option<&'a Workload>,
    /// The cluster's endpoints as configured, for their names.
    pub endpoints: Option<&'a Endpoints>,
    /// The endpoints of all tries.
    pub attempted: &'a [SocketAddr],
    /// The number of the connection.
    pub connection_id: Option<u64>,
    /// `TLSv1.3`, when TLS was originated here.
    pub tls_version: Option<&'static str>,
    /// The cipher suite by OpenSSL's name, when TLS was originated here.
    pub tls_cipher: Option<&'static str>,
    /// The group of the key exchange, when TLS was originated here.
    pub tls_group: Option<&'static str>,
    /// The SNI that was sent.
    pub server_name: Option<&'a str>,
    /// TLS towards the endpoint, for its certificate.
    pub tls: Option<&'a TlsFacts>,
    /// The certificate that it was shown.
    pub local_certificate: Option<&'a Certificate>,
}

/// Bytes as they were on the wire, framing included; those of header lines apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireBytes {
    /// From the client.
    pub downstream_received: u64,
    /// To the client.
    pub downstream_sent: u64,
    /// To endpoints, in all tries.
    pub upstream_sent: u64,
    /// From endpoints, in all tries.
    pub upstream_received: u64,
    /// Header lines from the client.
    pub downstream_headers_received: u64,
    /// Header lines to the client.
    pub downstream_headers_sent: u64,
    /// Header lines to endpoints, in all tries.
    pub upstream_headers_sent: u64,
    /// Header lines from endpoints, in all tries.
    pub upstream_headers_received: u64,
}

/// One request, or one TCP connection, as the log and the metrics see it.
pub struct Record<'a> {
    /// See [`Protocol`].
    pub protocol: Protocol,
    /// When the request (HTTP) or connection (TCP) began.
    pub start: SystemTime,
    /// See [`Timeline`].
    pub timeline: Timeline,
    /// Request headers, as sent upstream; as received where nothing was sent.
    pub request: &'a dyn HeaderView,
    /// Response headers as sent to the client.
    pub response: &'a dyn HeaderView,
    /// Response trailers as sent to the client.
    pub trailers: &'a dyn HeaderView,
    /// Status sent to the client; 0 when none was.
    pub response_code: u16,
    /// `%RESPONSE_FLAGS%`
    pub flags: Flags,
    /// `%RESPONSE_CODE_DETAILS%`
    pub details: Option<Details<'a>>,
    /// `%CONNECTION_TERMINATION_DETAILS%`: why the gateway itself ended the connection.
    pub connection_termination: Option<&'a str>,
    /// Body bytes of the request; all bytes from a TCP client.
    pub bytes_received: u64,
    /// Body bytes of the response; all bytes to a TCP client.
    pub bytes_sent: u64,
    /// Bytes of the request's head as received.
    pub request_head_bytes: u64,
    /// Bytes of the response's head as sent.
    pub response_head_bytes: u64,
    /// See [`WireBytes`].
    pub wire: WireBytes,
    /// The client's side.
    pub downstream: Downstream<'a>,
    /// The endpoint's side.
    pub upstream: Upstream<'a>,
    /// The route's name; empty prints as `-`.
    pub route_name: &'a str,
    /// The filter chain's name; empty prints as `-`.
    pub filter_chain_name: &'a str,
}

impl Record<'_> {
    /// The client's IP address.
    #[must_use]
    pub const fn client_ip(&self) -> IpAddr {
        self.downstream.remote.ip()
    }
}
