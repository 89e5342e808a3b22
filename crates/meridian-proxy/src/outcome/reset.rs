//! Why a try at an upstream failed, in Envoy's words.

use super::Flag;
use crate::tls::TlsFailure;
use std::fmt;

/// Envoy's reason for which an upstream stream was reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResetReason {
    /// The endpoint refused the connection, or could not be reached.
    RemoteConnectionFailure,
    /// The connection could not be tried at all: no local port, no file descriptor.
    LocalConnectionFailure,
    /// The connection was not there within the cluster's connect timeout.
    ConnectionTimeout,
    /// The endpoint closed or reset the connection.
    ConnectionTermination,
    /// What the endpoint sent is not the HTTP that was asked for.
    ProtocolError,
    /// The endpoint reset the HTTP/2 stream.
    RemoteReset,
    /// The endpoint did not look at the request: it refused the HTTP/2 stream, or was going away.
    RemoteRefusedStream,
    /// A circuit breaker is open.
    Overflow,
}

impl ResetReason {
    /// As in response bodies.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RemoteConnectionFailure => "remote connection failure",
            Self::LocalConnectionFailure => "local connection failure",
            Self::ConnectionTimeout => "connection timeout",
            Self::ConnectionTermination => "connection termination",
            Self::ProtocolError => "protocol error",
            Self::RemoteReset => "remote reset",
            Self::RemoteRefusedStream => "remote refused stream reset",
            Self::Overflow => "overflow",
        }
    }

    /// As in `%RESPONSE_CODE_DETAILS%`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RemoteConnectionFailure => "remote_connection_failure",
            Self::LocalConnectionFailure => "local_connection_failure",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionTermination => "connection_termination",
            Self::ProtocolError => "protocol_error",
            Self::RemoteReset => "remote_reset",
            Self::RemoteRefusedStream => "remote_refused_stream_reset",
            Self::Overflow => "overflow",
        }
    }

    /// The status that a client gets.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::ProtocolError => 502,
            _ => 503,
        }
    }

    /// The response flag that goes with it.
    #[must_use]
    pub const fn flag(self) -> Flag {
        match self {
            Self::RemoteConnectionFailure | Self::LocalConnectionFailure | Self::ConnectionTimeout => {
                Flag::UpstreamConnectionFailure
            }
            Self::ConnectionTermination => Flag::UpstreamConnectionTermination,
            Self::ProtocolError => Flag::UpstreamProtocolError,
            Self::RemoteReset | Self::RemoteRefusedStream => Flag::UpstreamRemoteReset,
            Self::Overflow => Flag::UpstreamOverflow,
        }
    }
}

/// Why a connection to an endpoint could not be made; printed as `%UPSTREAM_TRANSPORT_FAILURE_REASON%`, its blanks as
/// underscores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportFailure {
    /// The operating system's error number.
    Connect(i32),
    /// The TLS handshake with the endpoint.
    Tls(TlsFailure),
    /// The endpoint answered plain HTTP with TLS.
    SpeaksTls,
    /// The client's own TLS went to the endpoint inside of the TLS that the cluster originates.
    DoubleTls,
}

impl TransportFailure {
    /// The failure behind an error of `connect`, or of the TLS handshake after it.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Self {
        TlsFailure::of(error).map_or_else(|| Self::Connect(error.raw_os_error().unwrap_or(0)), Self::Tls)
    }

    /// Whose fault it is: the endpoint's or the network's, or a shortage of our own.
    #[must_use]
    pub const fn reason(self) -> ResetReason {
        match self {
            // EADDRNOTAVAIL, EMFILE, ENFILE, ENOBUFS, ENOMEM
            Self::Connect(99 | 24 | 23 | 105 | 12) => ResetReason::LocalConnectionFailure,
            Self::SpeaksTls => ResetReason::ProtocolError,
            Self::Connect(_) | Self::Tls(_) | Self::DoubleTls => ResetReason::RemoteConnectionFailure,
        }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Connect(number) => number,
            Self::Tls(failure) => return failure.fmt(f),
            Self::SpeaksTls => return f.write_str("TLS_error:_the_endpoint_answers_plain_HTTP_with_TLS"),
            Self::DoubleTls => {
                return f
                    .write_str("TLS_error:_the_client_speaks_TLS_itself_inside_of_the_TLS_that_is_originated_here");
            }
        };
        let words = match number {
            111 => "Connection_refused",
            110 => "Connection_timed_out",
            113 => "No_route_to_host",
            101 => "Network_is_unreachable",
            104 => "Connection_reset_by_peer",
            99 => "Cannot_assign_requested_address",
            13 => "Permission_denied",
            1 => "Operation_not_permitted",
            97 => "Address_family_not_supported_by_protocol",
            24 => "Too_many_open_files",
            _ => return write!(f, "delayed_connect_error:_errno_{number}"),
        };
        write!(f, "delayed_connect_error:_{words}")
    }
}
