//! The operators of a format.

use super::TimeFormat;
use super::certificate::{CertificatePart, CertificateSide};
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
    /// `%QUERY_PARAMS(ORIG|DECODED):max%`: all of the query, behind the question mark.
    QueryParameters {
        /// `DECODED`: escapes and `+` are resolved; else (`ORIG`) as sent.
        decoded: bool,
        max: Option<usize>,
    },
    /// `%PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH):max%`: the path.
    Path {
        /// `WQ`: with the query; `NQ`: without.
        query: bool,
        source: HeaderSource,
        max: Option<usize>,
    },
    /// `%START_TIME_LOCAL(format)%`: `START_TIME` in the machine's time zone.
    StartTimeLocal(TimeFormat),
    /// `%EMIT_TIME_LOCAL(format)%`: `EMIT_TIME` in the machine's time zone.
    EmitTimeLocal(TimeFormat),
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
    /// `%UPSTREAM_HOST_NAME%`: the endpoint's DNS name with its port; its address where it has no name.
    UpstreamHostName,
    /// `%UPSTREAM_HOST_NAME_WITHOUT_PORT%`
    UpstreamHostNameWithoutPort,
    /// `%UPSTREAM_HOSTS_ATTEMPTED%` and its relatives: the endpoints of all tries, with commas.
    Attempted(Attempted),
    /// `%UPSTREAM_CONNECTION_ID%`: a number that no other connection to an endpoint has.
    UpstreamConnectionId,
    /// `%UPSTREAM_CONNECTION_POOL_READY_DURATION%`: milliseconds until there was a connection for the request.
    UpstreamConnectionPoolReadyDuration,
    /// `%UPSTREAM_TLS_VERSION%`
    UpstreamTlsVersion,
    /// `%UPSTREAM_TLS_CIPHER%`
    UpstreamTlsCipher,
    /// `%UPSTREAM_TLS_GROUP%`
    UpstreamTlsGroup,
    /// `%UPSTREAM_SERVER_NAME%`: the SNI that was sent to the endpoint.
    UpstreamServerName,
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
    /// `%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%`: our side of the client's connection, whatever the PROXY protocol says.
    DownstreamDirectLocalAddress,
    /// `%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT%`
    DownstreamDirectLocalAddressWithoutPort,
    /// `%DOWNSTREAM_DIRECT_LOCAL_PORT%`
    DownstreamDirectLocalPort,
    /// `%..._ADDRESS_WITHOUT_PORT(bits)%`: one of those addresses as a network, `10.1.0.0/16`.
    Network {
        /// One of the `WithoutPort` operators.
        address: Box<Operator>,
        /// How many bits stay; no more than the address has.
        bits: u8,
    },
    /// `%DOWNSTREAM_HANDSHAKE_DURATION%`: milliseconds until the client's TLS handshake was over.
    DownstreamHandshakeDuration,
    /// `%DOWNSTREAM_TLS_GROUP%`: the group of the key exchange (`X25519`).
    DownstreamTlsGroup,
    /// `%DOWNSTREAM_PEER_SUBJECT%` and its relatives: a part of a certificate.
    Certificate(CertificateSide, CertificatePart),
    /// `%DOWNSTREAM_PEER_CERT_V_START(format)%`, `%..._V_END(format)%`: since when, or until when, a certificate is valid.
    CertificateTime { side: CertificateSide, is_end: bool, format: TimeFormat },
    /// `%DOWNSTREAM_TLS_VERSION%`: `TLSv1.2`, `TLSv1.3`.
    DownstreamTlsVersion,
    /// `%DOWNSTREAM_TLS_CIPHER%`: OpenSSL's name of the cipher suite.
    DownstreamTlsCipher,
    /// `%REQUESTED_SERVER_NAME%`: SNI.
    RequestedServerName,
    /// `%REQUESTED_SERVER_NAME(SNI_FIRST|HOST_FIRST:ORIG|HOST|ORIG_OR_HOST)%`: SNI or the request's host.
    RequestedHost {
        /// `SNI_FIRST`: the host only where there is no SNI.
        sni_first: bool,
        source: HeaderSource,
    },
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
    /// `%GRPC_STATUS(CAMEL_STRING|SNAKE_STRING)%`: the name of that status; the number where it has none.
    GrpcStatus {
        /// `SNAKE_STRING`
        snake: bool,
    },
    /// `%DOWNSTREAM_WIRE_BYTES_SENT%` and its relatives.
    Bytes(ByteCount),
    /// `%STREAM_ID%`: the request's `x-request-id`; the connection's number for TCP.
    StreamId,
    /// `%UNIQUE_ID%`: a new UUID for every line.
    UniqueId,
    /// `%LOCAL_REPLY_BODY%`: for formats of local answers; in logs and headers it is there but empty.
    LocalReplyBody,
    /// `%COALESCE({"operators": [...]}):max%`: the first of several that has a value.
    Coalesce {
        operators: Vec<Operator>,
        /// The argument as it was written.
        json: Name,
        max: Option<usize>,
    },
    /// An operator of Envoy's about something that does not exist here, such as the metadata of its filters: always
    /// missing.
    Unset { name: &'static str, arguments: Option<Name>, max: Option<usize> },
}

/// Which of two headers a part of a request is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderSource {
    /// `ORIG`: what it was before it was rewritten (`x-envoy-original-path`, `x-envoy-original-host`).
    Original,
    /// `PATH`, `HOST`: what it is now.
    Current,
    /// `ORIG_OR_PATH`, `ORIG_OR_HOST`: the first of them that is there.
    OriginalOrCurrent,
}

/// What of the endpoints that were tried is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempted {
    /// `%UPSTREAM_HOSTS_ATTEMPTED%`
    Hosts,
    /// `%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%`
    HostsWithoutPort,
    /// `%UPSTREAM_HOST_NAMES_ATTEMPTED%`
    Names,
    /// `%UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT%`
    NamesWithoutPort,
    /// `%UPSTREAM_CONNECTION_IDS_ATTEMPTED%`
    ConnectionIds,
}

/// What is counted of a request or connection. Header bytes are those of HTTP/1.1 heads on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteCount {
    /// `%REQUEST_HEADERS_BYTES%`: names and values of the request's headers.
    RequestHeaders,
    /// `%RESPONSE_HEADERS_BYTES%`: the same of the response.
    ResponseHeaders,
    /// `%RESPONSE_TRAILERS_BYTES%`
    ResponseTrailers,
    /// `%UPSTREAM_WIRE_BYTES_SENT%`: all bytes to the endpoint.
    UpstreamWireSent,
    /// `%UPSTREAM_WIRE_BYTES_RECEIVED%`: all bytes from the endpoint.
    UpstreamWireReceived,
    /// `%UPSTREAM_HEADER_BYTES_SENT%`
    UpstreamHeaderSent,
    /// `%UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT%`
    UpstreamDecompressedHeaderSent,
    /// `%UPSTREAM_HEADER_BYTES_RECEIVED%`
    UpstreamHeaderReceived,
    /// `%UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%`
    UpstreamDecompressedHeaderReceived,
    /// `%DOWNSTREAM_WIRE_BYTES_SENT%`: all bytes to the client.
    DownstreamWireSent,
    /// `%DOWNSTREAM_WIRE_BYTES_RECEIVED%`: all bytes from the client.
    DownstreamWireReceived,
    /// `%DOWNSTREAM_HEADER_BYTES_SENT%`
    DownstreamHeaderSent,
    /// `%DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT%`
    DownstreamDecompressedHeaderSent,
    /// `%DOWNSTREAM_HEADER_BYTES_RECEIVED%`
    DownstreamHeaderReceived,
    /// `%DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%`
    DownstreamDecompressedHeaderReceived,
    /// `%BYTES_RETRANSMITTED%`: counted for QUIC only, which is not spoken here: 0.
    Retransmitted,
    /// `%PACKETS_RETRANSMITTED%`: the same.
    PacketsRetransmitted,
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
    /// `US_RX_BODY_BEG`: the response's body began to arrive.
    UpstreamRxBodyBegin,
    /// `US_CX_BEG`: the connection to the endpoint began to be made; on a connection that is used again, long ago.
    UpstreamConnectBegin,
    /// `US_CX_END`: that connection was there.
    UpstreamConnectEnd,
    /// `US_HS_END`: the TLS handshake on it was over.
    UpstreamHandshakeEnd,
    /// `DS_CX_BEG`: the client's connection began (TCP).
    DownstreamConnectionBegin,
    /// `DS_CX_END`: the client's connection ended (TCP).
    DownstreamConnectionEnd,
}

impl Point {
    /// Envoy's names.
    pub const ALL: [(&'static str, Self); 14] = [
        ("DS_RX_BEG", Self::DownstreamRxBegin),
        ("DS_RX_END", Self::DownstreamRxEnd),
        ("US_TX_BEG", Self::UpstreamTxBegin),
        ("US_TX_END", Self::UpstreamTxEnd),
        ("US_RX_BEG", Self::UpstreamRxBegin),
        ("US_RX_END", Self::UpstreamRxEnd),
        ("DS_TX_BEG", Self::DownstreamTxBegin),
        ("DS_TX_END", Self::DownstreamTxEnd),
        ("US_RX_BODY_BEG", Self::UpstreamRxBodyBegin),
        ("US_CX_BEG", Self::UpstreamConnectBegin),
        ("US_CX_END", Self::UpstreamConnectEnd),
        ("US_HS_END", Self::UpstreamHandshakeEnd),
        ("DS_CX_BEG", Self::DownstreamConnectionBegin),
        ("DS_CX_END", Self::DownstreamConnectionEnd),
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
