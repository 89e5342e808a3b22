//! How a request or connection can end, and what Envoy calls it.
//!
//! [`Ending`] is the one list of ways. From it, and from nothing else, come the status and body that the client gets,
//! `%RESPONSE_FLAGS%` and `%RESPONSE_CODE_DETAILS%`. Names, bodies and the order of flags are those of Envoy 1.40 as
//! Istio configures it.

mod flags;
mod reset;

pub use flags::{Flag, Flags};
pub use reset::{ResetReason, TransportFailure};

use crate::grpc;
use meridian_http::{BodyError, HeadError, reason_phrase};
use meridian_ir::dynamic_forward::Refusal;
use meridian_ir::rbac::DenialDetails;
use std::fmt;

/// Every way in which a request (HTTP) or connection (TCP) can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The upstream's response was passed on to its end.
    ViaUpstream,
    /// A route answered by itself: a direct response or a redirect.
    Direct,
    /// A fault of the route ended the request; the fault says with which status.
    FaultAbort,
    /// A preflight request was answered by the route's CORS policy.
    Preflight,
    /// No virtual host or no route takes the request.
    RouteNotFound,
    /// The route's cluster does not exist; the route says with which status such requests are answered.
    ClusterNotFound(u16),
    /// The cluster has no endpoint that may be used.
    NoHealthyUpstream,
    /// The host that the client named has no address.
    HostNotResolved,
    /// The host that the client named, or its address, must not be forwarded to.
    ForwardRefused(ForwardRefusal),
    /// A circuit breaker of the cluster is open.
    Overflow,
    /// The connection to the endpoint, or the response's beginning, failed for this reason.
    UpstreamReset(ResetReason, Option<TransportFailure>),
    /// The upstream's response broke off, or became invalid, after its head was passed on.
    ResponseIncomplete(ResetReason),
    /// The route's timeout passed.
    ResponseTimeout,
    /// The timeout of the last allowed try passed.
    PerTryTimeout,
    /// Nothing moved for as long as the stream's idle timeout.
    StreamIdleTimeout {
        /// The request had come whole: the endpoint is to blame, not the client.
        is_request_complete: bool,
    },
    /// The request's head did not come in time.
    RequestHeaderTimeout,
    /// The client went away before the response was complete.
    ClientDisconnected,
    /// The request's head is refused.
    BadHead(HeadError),
    /// The request's body is refused.
    BadBody(BodyError),
    /// Access control denied the request; the record says by which policy.
    AccessDenied,
    /// An external service denied the request, and said what the client is answered.
    AuthorizationDenied,
    /// An external service could not be asked; the route says with which status such requests are answered.
    AuthorizationFailed(u16),
    /// The request is for a host that asks clients for certificates, on a connection that was not asked so.
    Misdirected,
    /// The target has no path that could be routed (`OPTIONS *`).
    PathlessTarget,
    /// `Upgrade` to a protocol that is not configured.
    UpgradeFailed,
    /// No filter chain takes the connection.
    FilterChainNotFound,
    /// The connection does not begin with the PROXY protocol header that its listener demands.
    ProxyProtocol,
    /// The connection's TLS handshake failed, or broke off.
    TlsHandshakeFailed,
    /// The forwarded TCP connection ended as its peers wanted.
    TcpClosed,
    /// The gateway stopped before the request was complete.
    LocalReset,
}

/// Why a host that a client names is not forwarded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardRefusal {
    /// It names none.
    NoHost,
    /// The host is not on the list.
    Host,
    /// Its address is not of the public internet.
    Address,
}

impl ForwardRefusal {
    /// As `%RESPONSE_CODE_DETAILS%` tells it, and `%CONNECTION_TERMINATION_DETAILS%` of connections.
    #[must_use]
    pub const fn details(self) -> &'static str {
        match self {
            Self::NoHost => "dynamic_forward_no_host",
            Self::Host => "dynamic_forward_host_not_allowed",
            Self::Address => "dynamic_forward_address_not_allowed",
        }
    }
}

impl From<&Refusal> for ForwardRefusal {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NoHost => Self::NoHost,
            Refusal::HostNotAllowed => Self::Host,
            Refusal::AddressNotAllowed(..) => Self::Address,
        }
    }
}

/// What the gateway itself answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalReply {
    /// Status code.
    pub status: u16,
    /// Body; without one there is no `content-type` either.
    pub body: LocalBody,
    /// The connection cannot be used any more after this answer.
    pub close: bool,
    /// `x-envoy-overloaded: true` goes with it.
    pub overloaded: bool,
    /// `grpc-status` for gRPC requests; `None`: the one that goes with the HTTP status.
    pub grpc_status: Option<u32>,
}

/// The body of a [`LocalReply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalBody {
    /// No body: `content-length: 0`.
    Empty,
    /// This text.
    Text(&'static str),
    /// Envoy's sentence about a failed upstream; `retried` says whether there were retries.
    UpstreamReset {
        /// The last failure.
        reason: ResetReason,
        /// Whether this was the last of several tries.
        retried: bool,
    },
}

impl LocalBody {
    /// Appends the text to `out`.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => {}
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::UpstreamReset { reason, retried } => {
                out.extend_from_slice(b"upstream connect error or disconnect/reset before headers. ");
                let words: &[u8] = if retried { b"retried and the latest reset reason: " } else { b"reset reason: " };
                out.extend_from_slice(words);
                out.extend_from_slice(reason.words().as_bytes());
            }
        }
    }
}

impl Ending {
    /// What the client is told, when nothing of a response was sent to it yet. `None`: nothing, the connection closes.
    #[must_use]
    pub fn reply(self, retried: bool) -> Option<LocalReply> {
        use LocalBody::{Empty, Text};
        let (status, body) = match self {
            Self::RouteNotFound | Self::PathlessTarget => (404, Empty),
            Self::Misdirected => (421, Empty),
            Self::ClusterNotFound(status) => (status, Empty),
            Self::NoHealthyUpstream => (503, Text("no healthy upstream")),
            Self::HostNotResolved => (503, Text("DNS resolution failure")),
            Self::ForwardRefused(_) => (403, Text("forwarding to this host is not allowed")),
            Self::Overflow => (503, LocalBody::UpstreamReset { reason: ResetReason::Overflow, retried }),
            Self::UpstreamReset(reason, _) => (reason.status(), LocalBody::UpstreamReset { reason, retried }),
            Self::ResponseTimeout | Self::PerTryTimeout => (504, Text("upstream request timeout")),
            Self::StreamIdleTimeout { is_request_complete: true } => (504, Text("stream timeout")),
            Self::StreamIdleTimeout { is_request_complete: false } => (408, Text("stream timeout")),
            Self::RequestHeaderTimeout => (408, Text("request header timeout")),
            Self::BadHead(HeadError::MissingHost) => (400, Empty),
            Self::BadHead(error) => (error.status(), Text(reason_phrase(error.status()))),
            Self::BadBody(error) => (error.status()?, Text(reason_phrase(error.status()?))),
            Self::UpgradeFailed => (403, Empty),
            Self::AccessDenied => (403, Text("RBAC: access denied")),
            Self::AuthorizationFailed(status) => (status, Empty),
            _ => return None,
        };
        let close = matches!(
            self,
            Self::BadHead(_)
                | Self::BadBody(_)
                | Self::UpgradeFailed
                | Self::RequestHeaderTimeout
                | Self::StreamIdleTimeout { is_request_complete: false }
        );
        // The service is not there, whatever status says so.
        let grpc_status = matches!(self, Self::ClusterNotFound(_)).then_some(grpc::UNAVAILABLE);
        Some(LocalReply { status, body, close, overloaded: matches!(self, Self::Overflow), grpc_status })
    }

    /// Adds the flags of this ending to `flags`, in Envoy's order. `retries_exhausted` puts `URX` before them for
    /// requests; for TCP connections it comes behind.
    pub fn add_flags(self, retries_exhausted: bool, flags: &mut Flags) {
        if retries_exhausted {
            flags.add(Flag::UpstreamRetryLimitExceeded);
        }
        if let Some(flag) = self.flag() {
            flags.add(flag);
        }
    }

    fn flag(self) -> Option<Flag> {
        Some(match self {
            Self::RouteNotFound | Self::FilterChainNotFound => Flag::NoRouteFound,
            Self::ClusterNotFound(_) => Flag::NoClusterFound,
            Self::NoHealthyUpstream => Flag::NoHealthyUpstream,
            Self::HostNotResolved => Flag::DnsResolutionFailed,
            Self::Overflow => Flag::UpstreamOverflow,
            Self::UpstreamReset(reason, _) | Self::ResponseIncomplete(reason) => reason.flag(),
            Self::ResponseTimeout | Self::PerTryTimeout => Flag::UpstreamRequestTimeout,
            Self::StreamIdleTimeout { .. } => Flag::StreamIdleTimeout,
            Self::ClientDisconnected => Flag::DownstreamConnectionTermination,
            Self::BadHead(HeadError::MissingHost | HeadError::UpgradeNotAllowed) => return None,
            Self::BadHead(_) | Self::BadBody(_) | Self::ProxyProtocol => Flag::DownstreamProtocolError,
            Self::LocalReset => Flag::LocalReset,
            Self::FaultAbort => Flag::FaultInjected,
            Self::AuthorizationDenied | Self::AuthorizationFailed(_) => Flag::UnauthorizedExternalService,
            Self::ViaUpstream
            | Self::Direct
            | Self::Preflight
            | Self::AccessDenied
            | Self::Misdirected
            | Self::PathlessTarget
            | Self::UpgradeFailed
            | Self::RequestHeaderTimeout
            | Self::TlsHandshakeFailed
            | Self::ForwardRefused(_)
            | Self::TcpClosed => return None,
        })
    }

    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`.
    #[must_use]
    pub fn transport_failure(self) -> Option<TransportFailure> {
        match self {
            Self::UpstreamReset(_, failure) => failure,
            _ => None,
        }
    }

    /// `%RESPONSE_CODE_DETAILS%`; `None` prints as `-`. Blanks are underscores already.
    #[must_use]
    pub fn details(self) -> Option<Details<'static>> {
        Some(Details::Fixed(match self {
            Self::ViaUpstream => "via_upstream",
            Self::Direct => "direct_response",
            Self::FaultAbort => "fault_filter_abort",
            Self::Preflight => "cors_response",
            Self::RouteNotFound => "route_not_found",
            Self::ClusterNotFound(_) => "cluster_not_found",
            Self::NoHealthyUpstream => "no_healthy_upstream",
            Self::HostNotResolved => "dns_resolution_failure",
            Self::ForwardRefused(refusal) => refusal.details(),
            Self::Overflow => return Some(Details::BeforeResponse(ResetReason::Overflow, None)),
            Self::UpstreamReset(reason, failure) => return Some(Details::BeforeResponse(reason, failure)),
            Self::ResponseIncomplete(reason) => return Some(Details::AfterResponse(reason)),
            Self::ResponseTimeout => "response_timeout",
            Self::PerTryTimeout => "upstream_per_try_timeout",
            Self::StreamIdleTimeout { .. } => "stream_idle_timeout",
            Self::RequestHeaderTimeout => "request_header_timeout",
            Self::ClientDisconnected => "downstream_remote_disconnect",
            Self::BadHead(error) => error.details(),
            Self::BadBody(error) => error.details(),
            Self::AccessDenied => return Some(Details::AccessDenied(DenialDetails(None))),
            Self::AuthorizationDenied => "ext_authz_denied",
            Self::AuthorizationFailed(_) => "ext_authz_error",
            Self::Misdirected => "misdirected_request",
            Self::PathlessTarget => "absolute_path_rejected",
            Self::UpgradeFailed => "upgrade_failed",
            Self::FilterChainNotFound => "filter_chain_not_found",
            Self::ProxyProtocol => "proxy_protocol_error",
            Self::LocalReset => "downstream_local_disconnect",
            Self::TlsHandshakeFailed | Self::TcpClosed => return None,
        }))
    }
}

/// `%RESPONSE_CODE_DETAILS%`, printed by its `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details<'a> {
    /// A fixed word.
    Fixed(&'static str),
    /// `upstream_reset_before_response_started{...}`
    BeforeResponse(ResetReason, Option<TransportFailure>),
    /// `upstream_reset_after_response_started{...}`
    AfterResponse(ResetReason),
    /// `rbac_access_denied_matched_policy[...]`
    AccessDenied(DenialDetails<'a>),
}

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(word) => f.write_str(word),
            Self::BeforeResponse(reason, None) => {
                write!(f, "upstream_reset_before_response_started{{{}}}", reason.word())
            }
            Self::BeforeResponse(reason, Some(failure)) => {
                write!(f, "upstream_reset_before_response_started{{{}|{failure}}}", reason.word())
            }
            Self::AccessDenied(denial) => denial.fmt(f),
            Self::AfterResponse(reason) => write!(f, "upstream_reset_after_response_started{{{}}}", reason.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ending: Ending, retried: bool) -> (u16, String, String, String) {
        let mut flags = Flags::default();
        ending.add_flags(retried, &mut flags);
        let reply = ending.reply(retried).expect("an ending that is answered");
        let mut body = Vec::new();
        reply.body.write(&mut body);
        let details = ending.details().map(|details| details.to_string()).unwrap_or_default();
        (reply.status, flags.to_string(), details, String::from_utf8(body).expect("text"))
    }

    #[test]
    fn refused_connections_look_as_in_envoy() {
        let refused = TransportFailure::Connect(111);
        let (status, flags, details, body) =
            line(Ending::UpstreamReset(ResetReason::RemoteConnectionFailure, Some(refused)), true);
        assert_eq!((status, flags.as_str()), (503, "URX,UF"));
        assert_eq!(
            details,
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
        );
        assert_eq!(body.len(), 121);
        assert!(body.ends_with("retried and the latest reset reason: remote connection failure"), "{body}");
    }

    #[test]
    fn bodies_have_the_observed_lengths() {
        let closed = Ending::UpstreamReset(ResetReason::ConnectionTermination, None);
        for (ending, retried, length) in [
            (closed, false, 95),
            (closed, true, 118),
            (Ending::Overflow, false, 81),
            (Ending::NoHealthyUpstream, false, 19),
            (Ending::ResponseTimeout, false, 24),
            (Ending::UpstreamReset(ResetReason::ProtocolError, None), false, 87),
            (Ending::BadHead(HeadError::BareCr), false, 11),
            (Ending::BadHead(HeadError::LowVersion), false, 16),
            (Ending::BadHead(HeadError::HeadTooLarge), false, 31),
            (Ending::BadHead(HeadError::MissingHost), false, 0),
        ] {
            let (_, _, _, body) = line(ending, retried);
            assert_eq!(body.len(), length, "{ending:?}: {body}");
        }
    }

    #[test]
    fn flags_and_details_are_envoys() {
        for (ending, status, flags, details) in [
            (Ending::RouteNotFound, 404, "NR", "route_not_found"),
            (Ending::ClusterNotFound(503), 503, "NC", "cluster_not_found"),
            (Ending::ClusterNotFound(500), 500, "NC", "cluster_not_found"),
            (Ending::NoHealthyUpstream, 503, "UH", "no_healthy_upstream"),
            (Ending::HostNotResolved, 503, "DF", "dns_resolution_failure"),
            (Ending::ForwardRefused(ForwardRefusal::Host), 403, "-", "dynamic_forward_host_not_allowed"),
            (Ending::Overflow, 503, "UO", "upstream_reset_before_response_started{overflow}"),
            (Ending::ResponseTimeout, 504, "UT", "response_timeout"),
            (Ending::UpgradeFailed, 403, "-", "upgrade_failed"),
            (Ending::RequestHeaderTimeout, 408, "-", "request_header_timeout"),
            (Ending::StreamIdleTimeout { is_request_complete: false }, 408, "SI", "stream_idle_timeout"),
            (Ending::StreamIdleTimeout { is_request_complete: true }, 504, "SI", "stream_idle_timeout"),
            (Ending::BadHead(HeadError::LowVersion), 426, "DPE", "low_version"),
            (Ending::BadHead(HeadError::MissingHost), 400, "-", "missing_host_header"),
            (Ending::PathlessTarget, 404, "-", "absolute_path_rejected"),
            (
                Ending::UpstreamReset(ResetReason::ProtocolError, None),
                502,
                "UPE",
                "upstream_reset_before_response_started{protocol_error}",
            ),
        ] {
            let (got_status, got_flags, got_details, _) = line(ending, false);
            assert_eq!((got_status, got_flags.as_str(), got_details.as_str()), (status, flags, details), "{ending:?}");
        }
    }
}
