//! Why a head is refused, what is answered, and how Envoy's access log calls it.

/// Why a request or response head cannot be taken. Every one of them ends the connection: after it nobody knows where
/// the next message would start.
///
/// [`HeadError::status`] is the answer to a client whose request is refused; a response that is refused is answered
/// with [`HeadError::upstream_status`]. [`HeadError::details`] is `%RESPONSE_CODE_DETAILS%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The first byte cannot start a request or status line: TLS or another protocol on a plain-text port.
    #[error("the connection does not start with an HTTP/1.1 message")]
    NotHttp,
    /// CR without LF (RFC 9112 section 2.2).
    #[error("a CR without LF in the head: end lines with CRLF")]
    BareCr,
    /// LF without CR in a request, or line ends of both kinds in a response (RFC 9112 section 2.2).
    #[error("an LF without CR in the head: end every line with CRLF")]
    BareLf,
    /// The head is longer than the limit ([`HeadLimits::max_bytes`](crate::HeadLimits)).
    #[error("the head is longer than the limit: send fewer or shorter header fields, or raise the limit")]
    HeadTooLarge,
    /// More fields than the limit ([`HeadLimits::max_fields`](crate::HeadLimits)).
    #[error("more header fields than the limit: send fewer, or raise the limit")]
    TooManyFields,
    /// The request line is not `method SP target SP version`.
    #[error("the request line is not \"METHOD target HTTP/1.1\" with single spaces")]
    InvalidRequestLine,
    /// The method is not one that the gateway forwards.
    #[error("unknown request method: methods are upper-case names such as GET; others need allow_custom_methods")]
    UnknownMethod,
    /// Not `HTTP/` digit `.` digit.
    #[error("the version is not of the form HTTP/1.1")]
    InvalidVersion,
    /// A well-formed version other than 1.0 and 1.1 (RFC 9110 section 15.6.6).
    #[error("this HTTP version is not supported here: send HTTP/1.1")]
    UnsupportedVersion,
    /// HTTP/1.0 where it is not accepted.
    #[error("HTTP/1.0 is not accepted here: send HTTP/1.1")]
    LowVersion,
    /// The request target has none of the four forms, or bytes that no URI has (RFC 9112 section 3.2).
    #[error(
        "the request target is not valid: use /path, http://host/path, or * with OPTIONS, without raw bytes above 0x7e"
    )]
    InvalidTarget,
    /// `https://` in the target of a connection without TLS.
    #[error("the target's scheme is https, but the connection is not TLS")]
    SchemeMismatch,
    /// CONNECT whose target is not `host:port` (RFC 9110 section 9.3.6).
    #[error("the target of CONNECT is not host:port")]
    InvalidConnectTarget,
    /// CONNECT with content.
    #[error("CONNECT cannot have content: leave Content-Length and Transfer-Encoding out")]
    ConnectWithContent,
    /// A line that starts with a blank continues the one before it (RFC 9112 section 5.2).
    #[error("a header line starts with a blank (obs-fold): send each field on one line")]
    ObsFold,
    /// A header line without colon.
    #[error("a header line has no colon")]
    MissingColon,
    /// A field name that is not a token, or is empty.
    #[error("a header name is empty or has a byte that names cannot have")]
    InvalidFieldName,
    /// A blank between name and colon (RFC 9112 section 5.1).
    #[error("a blank stands between a header name and its colon")]
    BlankBeforeColon,
    /// A control byte in a field value.
    #[error("a header value has a control byte")]
    InvalidFieldValue,
    /// No Host field (RFC 9112 section 3.2).
    #[error("the request has no Host header: HTTP/1.1 needs exactly one")]
    MissingHost,
    /// More than one Host field (RFC 9112 section 3.2).
    #[error("the request has more than one Host header")]
    DuplicateHost,
    /// Host or the target's authority is not `host` or `host:port`.
    #[error("the host is not valid: a name, an IPv4 address or a bracketed IPv6 address, with an optional port")]
    InvalidHost,
    /// A Content-Length that is not one decimal number below 2^63 (RFC 9112 section 6.3).
    #[error("the Content-Length is not one decimal number")]
    InvalidContentLength,
    /// Content-Length more than once (RFC 9112 section 6.3).
    #[error("more than one Content-Length header")]
    DuplicateContentLength,
    /// Both Content-Length and Transfer-Encoding (RFC 9112 section 6.1).
    #[error("Content-Length and Transfer-Encoding in one message: send one of them")]
    LengthAndTransferEncoding,
    /// A Transfer-Encoding that is not exactly `chunked` (RFC 9112 section 6.1).
    #[error("the Transfer-Encoding is not exactly \"chunked\"")]
    InvalidTransferEncoding,
    /// Transfer-Encoding in an HTTP/1.0 request (RFC 9112 section 6.1).
    #[error("HTTP/1.0 has no Transfer-Encoding: send HTTP/1.1")]
    TransferEncodingInHttp10,
    /// Connection names a field that routing or the gateway's own fields depend on, as Envoy refuses it.
    #[error("the Connection header names a field that must not be removed (Host, X-Forwarded-For, -Host, -Proto)")]
    ProtectedFieldNominated,
    /// Connection names more than ten fields, as Envoy refuses it.
    #[error("the Connection header names more than ten fields")]
    TooManyNominated,
    /// The client asks for an upgrade that is not configured.
    #[error("the protocol that Upgrade asks for is not allowed here")]
    UpgradeNotAllowed,
    /// An upgrade request with content: it could not be told from the new protocol's bytes.
    #[error("an upgrade request cannot have content: leave Content-Length and Transfer-Encoding out")]
    UpgradeWithContent,
    /// The path has no canonical form: it holds an encoded NUL.
    #[error("the path holds %00, which no path may")]
    PathNormalization,
    /// The first line of a response is not `HTTP/1.x SP 3DIGIT`.
    #[error("the upstream's status line is not valid")]
    InvalidStatusLine,
    /// A 1xx or 204 response with a Content-Length other than 0 (RFC 9110 section 8.6).
    #[error("the upstream sent a Content-Length with a status that has no content")]
    ContentLengthNotAllowed,
    /// A 1xx or 204 response with Transfer-Encoding (RFC 9112 section 6.1).
    #[error("the upstream sent a Transfer-Encoding with a status that has no content")]
    TransferEncodingNotAllowed,
    /// A 101 that was not asked for, or to another protocol than the one asked for (RFC 9110 section 15.2.2).
    #[error("the upstream switched to a protocol that the request did not ask for")]
    UnexpectedSwitch,
    /// The upstream closed before the first byte of a response.
    #[error("the upstream closed the connection without a response")]
    NoResponse,
    /// The upstream closed within the head of a response.
    #[error("the upstream closed the connection within the head of a response")]
    TruncatedHead,
}

impl HeadError {
    /// The status that a client gets whose request is refused for this reason.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::UnsupportedVersion => 505,
            Self::LowVersion => 426,
            Self::InvalidTransferEncoding => 501,
            Self::SchemeMismatch | Self::UpgradeNotAllowed => 403,
            _ => 400,
        }
    }

    /// The status that a client gets when the upstream's response is refused for this reason: 502, as for every
    /// response that is not HTTP, and 503 when there was none.
    #[must_use]
    pub const fn upstream_status(self) -> u16 {
        match self {
            Self::NoResponse => 503,
            _ => 502,
        }
    }

    /// Envoy's `%RESPONSE_CODE_DETAILS%` for this reason; for responses it goes between the braces of
    /// `upstream_reset_before_response_started{...}`'s transport detail.
    #[must_use]
    pub const fn details(self) -> &'static str {
        match self {
            Self::NotHttp
            | Self::InvalidRequestLine
            | Self::UnknownMethod
            | Self::InvalidVersion
            | Self::UnsupportedVersion
            | Self::MissingColon
            | Self::InvalidStatusLine
            | Self::ObsFold
            | Self::InvalidContentLength
            | Self::DuplicateContentLength
            | Self::TruncatedHead => "http1.codec_error",
            Self::BareCr | Self::BareLf | Self::InvalidFieldName | Self::BlankBeforeColon | Self::InvalidFieldValue => {
                "http1.invalid_characters"
            }
            Self::HeadTooLarge => "http1.headers_too_large",
            Self::TooManyFields => "http1.too_many_headers",
            Self::LowVersion => "low_version",
            Self::InvalidTarget | Self::InvalidConnectTarget => "http1.invalid_url",
            Self::SchemeMismatch => "http1.https_url_on_plaintext_connection",
            Self::ConnectWithContent | Self::UpgradeWithContent => "http1.body_disallowed",
            Self::MissingHost => "missing_host_header",
            Self::DuplicateHost | Self::InvalidHost => "http.invalid_authority",
            Self::LengthAndTransferEncoding => "http1.content_length_and_chunked_not_allowed",
            Self::InvalidTransferEncoding => "http1.invalid_transfer_encoding",
            Self::TransferEncodingInHttp10 | Self::TransferEncodingNotAllowed => "http1.transfer_encoding_not_allowed",
            Self::ContentLengthNotAllowed => "http1.content_length_not_allowed",
            Self::ProtectedFieldNominated | Self::TooManyNominated => "http1.connection_header_rejected",
            Self::UpgradeNotAllowed => "upgrade_failed",
            Self::PathNormalization => "path_normalization_failed",
            Self::UnexpectedSwitch => "http1.unexpected_switching_protocols",
            Self::NoResponse => "connection_termination",
        }
    }
}

/// Why the body of a message cannot be read on. Every one of them ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A chunk size that is not 1 to 16 hexadecimal digits, or not below 2^63 (RFC 9112 section 7.1).
    #[error("a chunk size is not a hexadecimal number below 2^63")]
    InvalidChunkSize,
    /// A chunk extension with bytes that none has, or an unfinished quoted string (RFC 9112 section 7.1.1).
    #[error("a chunk extension is not valid")]
    InvalidChunkExtension,
    /// Chunk extensions beyond [`MAX_CHUNK_EXTENSION`](crate::body::MAX_CHUNK_EXTENSION) in one line, or far more of
    /// them than data.
    #[error("chunk extensions are longer than the limit")]
    ChunkExtensionTooLarge,
    /// A chunk's data is not followed by CRLF, or a line ends with a bare CR or LF.
    #[error("a chunk or a line of the chunked coding does not end with CRLF")]
    InvalidLineEnd,
    /// A trailer line that is not a field line.
    #[error("a trailer field is not valid")]
    InvalidTrailer,
    /// The trailer section is longer, or has more fields, than the limits of heads.
    #[error("the trailer section is longer than the limit: send fewer or shorter trailer fields")]
    TrailersTooLarge,
    /// The connection ended before the body did.
    #[error("the connection ended before the end of the body")]
    Truncated,
}

impl BodyError {
    /// The status that a client gets when its request's body is refused and no response was sent yet.
    /// [`BodyError::Truncated`] has no answer: the client is gone.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::TrailersTooLarge => Some(431),
            Self::Truncated => None,
            _ => Some(400),
        }
    }

    /// Envoy's `%RESPONSE_CODE_DETAILS%` for this reason.
    #[must_use]
    pub const fn details(self) -> &'static str {
        match self {
            Self::TrailersTooLarge => "http1.trailers_too_large",
            Self::Truncated => "downstream_remote_disconnect",
            _ => "http1.codec_error",
        }
    }
}
