//! HTTP by its first bytes: the request line of HTTP/1.x (RFC 9112 section 3) or the preface of HTTP/2 (RFC 9113
//! section 3.4). What Envoy's `http_inspector` tells a filter chain match of it.

use crate::http2::PREFACE;
use meridian_http::Method;

/// A request line that is longer is not taken for one (Envoy's limit of what its inspector looks at).
pub const MAX_REQUEST_LINE: usize = 64 * 1024;

/// The longest of the methods (`UNSUBSCRIBE`).
const MAX_METHOD: usize = 11;

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpProgress {
    /// They could become HTTP.
    Incomplete,
    /// A request of HTTP/1.0.
    Http10,
    /// A request of HTTP/1.1.
    Http11,
    /// The preface of HTTP/2, by prior knowledge.
    Http2,
    /// Something else.
    NotHttp,
}

impl HttpProgress {
    /// As chains are matched by it, under the name that Envoy gives it among the application protocols.
    #[must_use]
    pub const fn protocol(self) -> Option<&'static str> {
        match self {
            Self::Http10 => Some("http/1.0"),
            Self::Http11 => Some("http/1.1"),
            Self::Http2 => Some("h2c"),
            Self::Incomplete | Self::NotHttp => None,
        }
    }
}

/// Reads `bytes`, the first of a connection. It is decided as early as it can be: a peer that begins with something
/// else is not waited for.
#[must_use]
pub fn parse(bytes: &[u8]) -> HttpProgress {
    if let Some(is_whole) = preface(bytes) {
        return if is_whole { HttpProgress::Http2 } else { HttpProgress::Incomplete };
    }
    let Some(end) = memchr::memchr(b' ', &bytes[..bytes.len().min(MAX_METHOD + 1)]) else {
        let can_be_method = bytes.len() <= MAX_METHOD && bytes.iter().all(u8::is_ascii_uppercase);
        return if can_be_method { HttpProgress::Incomplete } else { HttpProgress::NotHttp };
    };
    let (method, rest) = (&bytes[..end], &bytes[end + 1..]);
    if Method::from_bytes(method) == Method::Custom {
        return HttpProgress::NotHttp;
    }
    match memchr::memchr(b'\n', &rest[..rest.len().min(MAX_REQUEST_LINE)]) {
        Some(line) => version(&rest[..line]),
        None if bytes.len() >= MAX_REQUEST_LINE || !is_text(rest) => HttpProgress::NotHttp,
        None => HttpProgress::Incomplete,
    }
}

/// Whether `bytes` are the preface of HTTP/2, or the beginning of it; [`None`]: neither.
fn preface(bytes: &[u8]) -> Option<bool> {
    let seen = bytes.len().min(PREFACE.len());
    (bytes[..seen] == PREFACE[..seen]).then_some(seen == PREFACE.len())
}

/// The version of a request line, from its target on and without its end.
fn version(line: &[u8]) -> HttpProgress {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(blank) = memchr::memrchr(b' ', line) else { return HttpProgress::NotHttp };
    let (target, version) = (&line[..blank], &line[blank + 1..]);
    if target.is_empty() || target.contains(&b' ') || !is_text(target) {
        return HttpProgress::NotHttp;
    }
    match version {
        b"HTTP/1.1" => HttpProgress::Http11,
        b"HTTP/1.0" => HttpProgress::Http10,
        _ => HttpProgress::NotHttp,
    }
}

/// No control character but the carriage return that may stand before the line's end.
fn is_text(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    !bytes.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn begins_are_told_apart() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], HttpProgress::Http11),
            (b"GET / HTTP/1.1\nHost: a", HttpProgress::Http11),
            (b"POST http://a.test:80/b?c HTTP/1.0\r\n\r\n", HttpProgress::Http10),
            (b"CONNECT a.test:443 HTTP/1.1\r\n", HttpProgress::Http11),
            (b"OPTIONS * HTTP/1.1\r\n", HttpProgress::Http11),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", HttpProgress::Http2),
            (b"PRI * HTTP/2.0\r\n", HttpProgress::Incomplete),
            (b"", HttpProgress::Incomplete),
            (b"P", HttpProgress::Incomplete),
            (b"GET", HttpProgress::Incomplete),
            (b"GET /a", HttpProgress::Incomplete),
            (b"GET / HTTP/1.1\r", HttpProgress::Incomplete),
            (b"get / HTTP/1.1\r\n", HttpProgress::NotHttp),
            (b"GRAB / HTTP/1.1\r\n", HttpProgress::NotHttp),
            (b"GET  HTTP/1.1\r\n", HttpProgress::NotHttp),
            (b"GET / /b HTTP/1.1\r\n", HttpProgress::NotHttp),
            (b"GET /\r\n", HttpProgress::NotHttp),
            (b"GET / HTTP/2.0\r\n", HttpProgress::NotHttp),
            (b"GET / HTTP/1.1 \r\n", HttpProgress::NotHttp),
            (b"GET \x00", HttpProgress::NotHttp),
            (b"UNSUBSCRIBED / HTTP/1.1\r\n", HttpProgress::NotHttp),
            (b"SSH-2.0-OpenSSH_9.9\r\n", HttpProgress::NotHttp),
            (b"\x16\x03\x01", HttpProgress::NotHttp),
            (b"*1\r\n$4\r\nPING\r\n", HttpProgress::NotHttp),
            (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", HttpProgress::NotHttp),
            (b"\r\nGET / HTTP/1.1\r\n", HttpProgress::NotHttp),
        ] {
            assert_eq!(parse(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_line_without_end_is_not_waited_for() {
        let long = |len: usize| [b"GET /".to_vec(), vec![b'a'; len]].concat();
        assert_eq!(parse(&long(1000)), HttpProgress::Incomplete);
        assert_eq!(parse(&long(MAX_REQUEST_LINE)), HttpProgress::NotHttp);
    }

    proptest! {
        /// What was decided stays, whatever comes behind it.
        #[test]
        fn decisions_are_final(
            start in prop_oneof![Just(&b"GET / HTTP/1.1\r\n"[..]), Just(PREFACE), Just(&b""[..])],
            rest in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let bytes = [start, &rest[..]].concat();
            let mut decided = HttpProgress::Incomplete;
            for end in 0..=bytes.len() {
                let now = parse(&bytes[..end]);
                prop_assert!(decided == HttpProgress::Incomplete || now == decided, "{decided:?} became {now:?} at {end}");
                decided = now;
            }
        }
    }
}
