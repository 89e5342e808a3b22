//! How the body of a message is delimited (RFC 9112 section 6.3).

use crate::Method;

/// Protocol version of a message; anything else is refused by the parser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1, and a response with a higher minor version
    #[default]
    Http11,
}

impl Version {
    /// `HTTP/1.0` or `HTTP/1.1`, as the access log prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// Where the body of a message ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// Exactly this many bytes; 0 when the head says so.
    Length(u64),
    /// Chunks, the last of them empty.
    Chunked,
    /// A response that ends when the connection does.
    UntilClose,
}

impl Framing {
    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }

    /// How a response body that arrives like this is sent on to a client.
    ///
    /// `Length` and `None` stay. The others become chunks for an HTTP/1.1 client, and end with the connection for an
    /// HTTP/1.0 client (RFC 9112 section 6.1), which must then be closed.
    #[must_use]
    pub const fn towards_client(self, client: Version) -> Self {
        match (self, client) {
            (Self::Chunked | Self::UntilClose, Version::Http11) => Self::Chunked,
            (Self::Chunked | Self::UntilClose, Version::Http10) => Self::UntilClose,
            (same, _) => same,
        }
    }
}

/// What a response must know of its request to find its own end.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseTo<'a> {
    /// The request's method: the answer to HEAD has no body, a 2xx to CONNECT opens a tunnel.
    pub method: Method,
    /// The Upgrade value that was sent with the request, if any. Only then is a 101 acceptable, and only to it.
    pub upgrade: Option<&'a [u8]>,
    /// The head was written from HTTP/2 frames; see [`RequestOptions::http2`](crate::RequestOptions::http2).
    pub http2: bool,
}
