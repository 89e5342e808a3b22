//! The operators of a format and the table that finds them by name.

use super::TimeFormat;
use crate::Name;

/// What an operator prints; a missing value is `-` in logs and empty in headers.
///
/// The names, and what each prints, are those of Envoy's "substitution formatter".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `%REQ(name?alternative):max%`; names lowercase, `:method`, `:path`, `:authority`, `:scheme` included.
    Request { name: Name, alternative: Option<Name>, max: Option<usize> },
    /// `%RESP(name?alternative):max%`; names lowercase, `:status` included.
    Response { name: Name, alternative: Option<Name>, max: Option<usize> },
    /// `%TRAILER(name?alternative):max%`: response trailers.
    Trailer { name: Name, alternative: Option<Name>, max: Option<usize> },
    /// `%REQ_WITHOUT_QUERY(name?alternative):max%`: like `REQ`, cut at the first `?`.
    RequestWithoutQuery { name: Name, alternative: Option<Name>, max: Option<usize> },
    /// `%QUERY_PARAM(name):max%`: the first value of a query parameter, as sent.
    QueryParameter { name: Name, max: Option<usize> },
    /// `%START_TIME(format)%`: when the request (HTTP) or connection (TCP) began, in UTC.
    StartTime(TimeFormat),
    /// `%EMIT_TIME(format)%`: when the line is written, in UTC.
    EmitTime(TimeFormat),
    /// `%ENVIRONMENT(name):max%`: a variable of the proxy's environment.
    Environment { name: Name, max: Option<usize> },
    /// `%HOSTNAME%`: the machine's name.
    Hostname,
    /// `%PROTOCOL%`: `HTTP/1.0`, `HTTP/1.1`, `HTTP/2`.
    Protocol,
    /// `%UPSTREAM_PROTOCOL%`: the same towards the endpoint.
    UpstreamProtocol,
    /// `%RESPONSE_CODE%`: the status; `0` when no response was begun.
    ResponseCode,
    /// `%RESPONSE_CODE_DETAILS%`: who set the status and why.
    ResponseCodeDetails {
        /// `(ALLOW_WHITESPACES)`: blanks stay; otherwise they become `_`.
        allow_whitespaces: bool,
    },
    /// `%CONNECTION_TERMINATION_DETAILS%`: why the proxy itself ended the connection.
    ConnectionTerminationDetails,
    /// `%RESPONSE_FLAGS%`: short flags with commas (`URX,UF`).
    ResponseFlags,
    /// `%RESPONSE_FLAGS_LONG%`: the same flags in words (`UpstreamRetryLimitExceeded,UpstreamConnectionFailure`).
    ResponseFlagsLong,
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`: why the connection to the endpoint failed.
    UpstreamTransportFailureReason,
    /// `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`: why the client's TLS failed.
    DownstreamTransportFailureReason,
    /// `%BYTES_RECEIVED%`: body bytes of the request; all bytes of a TCP client.
    BytesReceived,
    /// `%BYTES_SENT%`: body bytes of the response; all bytes to a TCP client.
    BytesSent,
    /// `%DURATION%`: milliseconds from the beginning to the last byte out.
    Duration,
    /// `%COMMON_DURATION(start:end:unit)%`: between two points; `-` unless both were reached.
    CommonDuration { start: Point, end: Point, unit: Unit },
    /// `%REQUEST_DURATION%`: milliseconds to the last byte of the request.
    RequestDuration,
    /// `%REQUEST_TX_DURATION%`: milliseconds to the last byte of the request sent upstream.
    RequestTxDuration,
    /// `%RESPONSE_DURATION%`: milliseconds to the first byte of the response.
    ResponseDuration,
    /// `%RESPONSE_TX_DURATION%`: milliseconds from the first byte of the response to the last byte out.
    ResponseTxDuration,
    /// `%UPSTREAM_HOST%`: the endpoint's address.
    UpstreamHost,
    /// `%UPSTREAM_CLUSTER%`: the cluster's name for statistics (Istio: the name with `;` behind it).
    UpstreamCluster,
    /// `%UPSTREAM_CLUSTER_RAW%`: the cluster's name.
    UpstreamClusterRaw,
    /// `%UPSTREAM_LOCAL_ADDRESS%`: our side of the connection to the endpoint.
    UpstreamLocalAddress,
    /// `%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%`
    UpstreamLocalAddressWithoutPort,
    /// `%UPSTREAM_LOCAL_PORT%`
    UpstreamLocalPort,
    /// `%UPSTREAM_REMOTE_ADDRESS%`: the endpoint's side of that connection.
    UpstreamRemoteAddress,
    /// `%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`
    UpstreamRemoteAddressWithoutPort,
    /// `%UPSTREAM_REMOTE_PORT%`
    UpstreamRemotePort,
    /// `%UPSTREAM_REQUEST_ATTEMPT_COUNT%`: how many times the request was tried upstream.
    UpstreamRequestAttemptCount,
    /// `%DOWNSTREAM_REMOTE_ADDRESS%`: the client, as headers and the PROXY protocol tell it.
    DownstreamRemoteAddress,
    /// `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`
    DownstreamRemoteAddressWithoutPort,
    /// `%DOWNSTREAM_REMOTE_PORT%`
    DownstreamRemotePort,
    /// `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%`: the peer of the connection.
    DownstreamDirectRemoteAddress,
    /// `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%`
    DownstreamDirectRemoteAddressWithoutPort,
    /// `%DOWNSTREAM_DIRECT_REMOTE_PORT%`
    DownstreamDirectRemotePort,
    /// `%DOWNSTREAM_LOCAL_ADDRESS%`: where the client was going.
    DownstreamLocalAddress,
    /// `%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%`
    DownstreamLocalAddressWithoutPort,
    /// `%DOWNSTREAM_LOCAL_PORT%`
    DownstreamLocalPort,
    /// `%DOWNSTREAM_TLS_VERSION%`: `TLSv1.2`, `TLSv1.3`.
    DownstreamTlsVersion,
    /// `%DOWNSTREAM_TLS_CIPHER%`: OpenSSL's name of the cipher suite.
    DownstreamTlsCipher,
    /// `%REQUESTED_SERVER_NAME%`: SNI.
    RequestedServerName,
    /// `%ROUTE_NAME%`
    RouteName,
    /// `%FILTER_CHAIN_NAME%`
    FilterChainName,
    /// `%VIRTUAL_CLUSTER_NAME%`: always missing; virtual clusters are not configured by any API that is served here.
    VirtualClusterName,
    /// `%CONNECTION_ID%`: a number that no other connection of this process has.
    ConnectionId,
    /// `%ACCESS_LOG_TYPE%`: `DownstreamEnd` for requests, `TcpConnectionEnd`, `NotSet` at listeners.
    AccessLogType,
    /// `%GRPC_STATUS_NUMBER%`: the number in `grpc-status`.
    GrpcStatusNumber,
}

/// A point in the life of a request or connection, for `%COMMON_DURATION%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// `DS_RX_BEG`: the request began to arrive.
    DownstreamRxBegin,
    /// `DS_RX_END`: the request was received whole.
    DownstreamRxEnd,
    /// `US_TX_BEG`: the request began to be sent upstream.
    UpstreamTxBegin,
    /// `US_TX_END`: the request was sent whole.
    UpstreamTxEnd,
    /// `US_RX_BEG`: the response began to arrive.
    UpstreamRxBegin,
    /// `US_RX_END`: the response was received whole.
    UpstreamRxEnd,
    /// `DS_TX_BEG`: the response began to be sent.
    DownstreamTxBegin,
    /// `DS_TX_END`: the response was sent whole.
    DownstreamTxEnd,
}

impl Point {
    /// Envoy's names.
    pub const ALL: [(&'static str, Self); 8] = [
        ("DS_RX_BEG", Self::DownstreamRxBegin),
        ("DS_RX_END", Self::DownstreamRxEnd),
        ("US_TX_BEG", Self::UpstreamTxBegin),
        ("US_TX_END", Self::UpstreamTxEnd),
        ("US_RX_BEG", Self::UpstreamRxBegin),
        ("US_RX_END", Self::UpstreamRxEnd),
        ("DS_TX_BEG", Self::DownstreamTxBegin),
        ("DS_TX_END", Self::DownstreamTxEnd),
    ];
}

/// The unit of a `%COMMON_DURATION%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `ms`
    Milliseconds,
    /// `us`
    Microseconds,
    /// `ns`
    Nanoseconds,
}

/// Operators that take no arguments, by name, in alphabetical order.
pub(super) const PLAIN: &[(&str, Operator)] = &[
    ("ACCESS_LOG_TYPE", Operator::AccessLogType),
    ("BYTES_RECEIVED", Operator::BytesReceived),
    ("BYTES_SENT", Operator::BytesSent),
    ("CONNECTION_ID", Operator::ConnectionId),
    ("CONNECTION_TERMINATION_DETAILS", Operator::ConnectionTerminationDetails),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Operator::DownstreamDirectRemoteAddress),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Operator::DownstreamDirectRemoteAddressWithoutPort),
    ("DOWNSTREAM_DIRECT_REMOTE_PORT", Operator::DownstreamDirectRemotePort),
    ("DOWNSTREAM_LOCAL_ADDRESS", Operator::DownstreamLocalAddress),
    ("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Operator::DownstreamLocalAddressWithoutPort),
    ("DOWNSTREAM_LOCAL_PORT", Operator::DownstreamLocalPort),
    ("DOWNSTREAM_REMOTE_ADDRESS", Operator::DownstreamRemoteAddress),
    ("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Operator::DownstreamRemoteAddressWithoutPort),
    ("DOWNSTREAM_REMOTE_PORT", Operator::DownstreamRemotePort),
    ("DOWNSTREAM_TLS_CIPHER", Operator::DownstreamTlsCipher),
    ("DOWNSTREAM_TLS_VERSION", Operator::DownstreamTlsVersion),
    ("DOWNSTREAM_TRANSPORT_FAILURE_REASON", Operator::DownstreamTransportFailureReason),
    ("DURATION", Operator::Duration),
    ("FILTER_CHAIN_NAME", Operator::FilterChainName),
    ("GRPC_STATUS_NUMBER", Operator::GrpcStatusNumber),
    ("HOSTNAME", Operator::Hostname),
    ("PROTOCOL", Operator::Protocol),
    ("REQUESTED_SERVER_NAME", Operator::RequestedServerName),
    ("REQUEST_DURATION", Operator::RequestDuration),
    ("REQUEST_TX_DURATION", Operator::RequestTxDuration),
    ("RESPONSE_CODE", Operator::ResponseCode),
    ("RESPONSE_DURATION", Operator::ResponseDuration),
    ("RESPONSE_FLAGS", Operator::ResponseFlags),
    ("RESPONSE_FLAGS_LONG", Operator::ResponseFlagsLong),
    ("RESPONSE_TX_DURATION", Operator::ResponseTxDuration),
    ("ROUTE_NAME", Operator::RouteName),
    ("UPSTREAM_CLUSTER", Operator::UpstreamCluster),
    ("UPSTREAM_CLUSTER_RAW", Operator::UpstreamClusterRaw),
    ("UPSTREAM_HOST", Operator::UpstreamHost),
    ("UPSTREAM_LOCAL_ADDRESS", Operator::UpstreamLocalAddress),
    ("UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Operator::UpstreamLocalAddressWithoutPort),
    ("UPSTREAM_LOCAL_PORT", Operator::UpstreamLocalPort),
    ("UPSTREAM_PROTOCOL", Operator::UpstreamProtocol),
    ("UPSTREAM_REMOTE_ADDRESS", Operator::UpstreamRemoteAddress),
    ("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Operator::UpstreamRemoteAddressWithoutPort),
    ("UPSTREAM_REMOTE_PORT", Operator::UpstreamRemotePort),
    ("UPSTREAM_REQUEST_ATTEMPT_COUNT", Operator::UpstreamRequestAttemptCount),
    ("UPSTREAM_TRANSPORT_FAILURE_REASON", Operator::UpstreamTransportFailureReason),
    ("VIRTUAL_CLUSTER_NAME", Operator::VirtualClusterName),
];

/// Operators that take arguments, as they are shown in messages.
pub(super) const WITH_ARGUMENTS: &[(&str, &str)] = &[
    ("COMMON_DURATION", "COMMON_DURATION(start:end:ms|us|ns)"),
    ("EMIT_TIME", "EMIT_TIME or EMIT_TIME(format)"),
    ("ENVIRONMENT", "ENVIRONMENT(name)"),
    ("QUERY_PARAM", "QUERY_PARAM(name)"),
    ("REQ", "REQ(header) or REQ(header?alternative)"),
    ("REQ_WITHOUT_QUERY", "REQ_WITHOUT_QUERY(header) or REQ_WITHOUT_QUERY(header?alternative)"),
    ("RESP", "RESP(header) or RESP(header?alternative)"),
    ("RESPONSE_CODE_DETAILS", "RESPONSE_CODE_DETAILS or RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)"),
    ("START_TIME", "START_TIME or START_TIME(format)"),
    ("TRAILER", "TRAILER(header) or TRAILER(header?alternative)"),
];
