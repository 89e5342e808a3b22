//! Heads between HTTP/2's fields and the text of HTTP/1.1 (RFC 9113 section 8).

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use memchr::{memchr, memmem};
use meridian_http::Framing;
use meridian_http::write;

/// Ends a head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Fields about a connection, which HTTP/2 does not have (RFC 9113 section 8.2.2).
fn is_connection_specific(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::UPGRADE
        || name == "keep-alive"
        || name == "proxy-connection"
}

/// Appends `fields`, each `name: value CRLF`, without those that are about a connection.
pub(super) fn write_fields(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        if !is_connection_specific(name) {
            write::field(out, name.as_str(), value.as_bytes());
        }
    }
}

/// The head of a request; chunks follow it unless it `has_ended`.
///
/// `:authority` is Host; a Host field beside it is dropped, as in Envoy. Cookies that came in several fields become one
/// (RFC 9113 section 8.2.3).
pub(super) fn write_request(request: &Request<()>, has_ended: bool, out: &mut Vec<u8>) {
    let uri = request.uri();
    let target = match (request.method(), uri.authority(), uri.path_and_query()) {
        (&Method::CONNECT, Some(authority), _) => authority.as_str(),
        (_, _, Some(path)) => path.as_str(),
        _ => "/",
    };
    write::request_line(out, request.method().as_str().as_bytes(), target.as_bytes());
    if let Some(authority) = uri.authority() {
        write::field(out, "host", authority.as_str());
    }
    let fields = request.headers();
    for (name, value) in fields {
        let is_left_out = is_connection_specific(name)
            || (*name == header::HOST && uri.authority().is_some())
            || *name == header::COOKIE;
        if !is_left_out {
            write::field(out, name.as_str(), value.as_bytes());
        }
    }
    let mut cookies = fields.get_all(header::COOKIE).iter();
    if let Some(first) = cookies.next() {
        out.extend_from_slice(b"cookie: ");
        out.extend_from_slice(first.as_bytes());
        for crumb in cookies {
            out.extend_from_slice(b"; ");
            out.extend_from_slice(crumb.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    if !has_ended {
        write::chunked(out);
    }
    write::end(out);
}

/// The head of a response; with `is_chunked`, chunks follow it.
pub(super) fn write_response<T>(response: &Response<T>, is_chunked: bool, out: &mut Vec<u8>) {
    write::status_line(out, response.status().as_u16());
    write_fields(response.headers(), out);
    if is_chunked {
        write::chunked(out);
    }
    write::end(out);
}

/// Why the text of a head cannot be told in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadTextError {
    /// The pipeline writes whole heads.
    #[error("the head does not end")]
    Incomplete,
    /// The first line.
    #[error("the first line of the head has no method and target, or no status, that HTTP/2 can send")]
    FirstLine,
    /// A field.
    #[error("a field has a name or a value that HTTP/2 cannot send")]
    Field,
}

impl From<HeadTextError> for std::io::Error {
    fn from(error: HeadTextError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, error)
    }
}

/// A head that was read back from text.
#[derive(Debug)]
pub(super) struct Head {
    /// Without Host and without fields about the connection.
    fields: HeaderMap,
    host: Option<Bytes>,
    first_line: Bytes,
    /// How the body that follows is told.
    pub(super) framing: Framing,
    /// Bytes of the text that it took.
    pub(super) len: usize,
}

impl Head {
    /// Reads the head at the start of `text`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, HeadTextError> {
        let end = memmem::find(text, HEAD_END).ok_or(HeadTextError::Incomplete)?;
        let len = end + HEAD_END.len();
        // One copy for all values.
        let lines = Bytes::copy_from_slice(&text[..end + 2]);
        let first = line_end(&lines, 0)?;
        let mut head = Self {
            fields: HeaderMap::with_capacity(16),
            host: None,
            first_line: lines.slice(..first),
            framing: Framing::None,
            len,
        };
        let mut at = first + 2;
        while at < lines.len() {
            let end = line_end(&lines, at)?;
            head.take_line(&lines, at, end)?;
            at = end + 2;
        }
        Ok(head)
    }

    fn take_line(&mut self, lines: &Bytes, start: usize, end: usize) -> Result<(), HeadTextError> {
        let colon = start + memchr(b':', &lines[start..end]).ok_or(HeadTextError::Field)?;
        let name = HeaderName::from_bytes(&lines[start..colon]).map_err(|_| HeadTextError::Field)?;
        // The pipeline writes one blank behind the colon.
        let value = lines.slice((colon + 2).min(end)..end);
        if name == header::TRANSFER_ENCODING {
            self.framing = Framing::Chunked;
        } else if name == header::HOST {
            self.host = Some(value);
        } else if !is_connection_specific(&name) {
            if name == header::CONTENT_LENGTH && self.framing != Framing::Chunked {
                let length = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                self.framing = Framing::Length(length.ok_or(HeadTextError::Field)?);
            }
            let value = HeaderValue::from_maybe_shared(value).map_err(|_| HeadTextError::Field)?;
            self.fields.append(name, value);
        }
        Ok(())
    }

    /// The status of the first line.
    pub(super) fn status(&self) -> Result<StatusCode, HeadTextError> {
        let digits = self.first_line.get(9..12).ok_or(HeadTextError::FirstLine)?;
        StatusCode::from_bytes(digits).map_err(|_| HeadTextError::FirstLine)
    }

    /// The head as a response's.
    pub(super) fn into_response(self) -> Result<Response<()>, HeadTextError> {
        let status = self.status()?;
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = Version::HTTP_2;
        *response.headers_mut() = self.fields;
        Ok(response)
    }

    /// The head as a request's, of this scheme.
    pub(super) fn into_request(self, scheme: &'static str) -> Result<Request<()>, HeadTextError> {
        let line = &self.first_line;
        let method_end = memchr(b' ', line).ok_or(HeadTextError::FirstLine)?;
        let target_end = line.len().checked_sub(b" HTTP/1.1".len()).filter(|end| *end > method_end);
        let target = line.slice(method_end + 1..target_end.ok_or(HeadTextError::FirstLine)?);
        let method = Method::from_bytes(&line[..method_end]).map_err(|_| HeadTextError::FirstLine)?;
        let host = self.host.ok_or(HeadTextError::FirstLine)?;
        let authority = http::uri::Authority::from_maybe_shared(host).map_err(|_| HeadTextError::FirstLine)?;
        let path = http::uri::PathAndQuery::from_maybe_shared(target).map_err(|_| HeadTextError::FirstLine)?;
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri.map_err(|_| HeadTextError::FirstLine)?;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.fields;
        Ok(request)
    }
}

/// Where the line that begins at `start` ends.
fn line_end(lines: &Bytes, start: usize) -> Result<usize, HeadTextError> {
    memmem::find(&lines[start..], b"\r\n").map(|at| start + at).ok_or(HeadTextError::Incomplete)
}

/// Reads the fields of a trailer section; what HTTP/2 cannot send is left out.
pub(super) fn trailers(section: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let mut rest = section;
    while let Some(end) = memmem::find(rest, b"\r\n") {
        let line = &rest[..end];
        rest = &rest[end + 2..];
        let Some(colon) = memchr(b':', line) else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value)
            && !is_connection_specific(&name)
        {
            fields.append(name, value);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn requests_become_text() {
        let request = Request::builder()
            .method("POST")
            .uri("https://h.test:8443/a?b")
            .header("cookie", "a=1")
            .header("x", "1")
            .header("host", "other.test")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        assert_eq!(
            text(|out| write_request(&request, false, out)),
            "POST /a?b HTTP/1.1\r\nhost: h.test:8443\r\nx: 1\r\nte: trailers\r\ncookie: a=1; b=2\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        let request = Request::builder().method("CONNECT").uri("h.test:443").body(()).expect("a request");
        assert_eq!(
            text(|out| write_request(&request, true, out)),
            "CONNECT h.test:443 HTTP/1.1\r\nhost: h.test:443\r\n\r\n"
        );
        let request = Request::builder().method("OPTIONS").uri("*").header("host", "h.test").body(()).expect("one");
        assert_eq!(text(|out| write_request(&request, true, out)), "OPTIONS * HTTP/1.1\r\nhost: h.test\r\n\r\n");
    }

    #[test]
    fn text_becomes_responses() {
        let bytes = b"HTTP/1.1 404 Not Found\r\nx: 1\r\nx:  2\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
        let head = Head::parse(bytes).expect("a head");
        assert_eq!((head.framing, head.len), (Framing::Length(3), bytes.len() - 3));
        let response = head.into_response().expect("a response");
        let fields: Vec<_> = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(response.status(), 404);
        assert_eq!(fields, [("x", &b"1"[..]), ("x", b" 2"), ("content-length", b"3")]);
        let both = Head::parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n");
        assert_eq!(both.expect("a head").framing, Framing::Chunked);
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\n").err(), Some(HeadTextError::Incomplete));
    }

    #[test]
    fn text_becomes_requests() {
        let head = Head::parse(b"PUT /a?b=%20 HTTP/1.1\r\nhost: h.test:80\r\nx-y: z\r\n\r\n").expect("a head");
        let request = head.into_request("http").expect("a request");
        assert_eq!(request.uri(), "http://h.test:80/a?b=%20");
        assert_eq!((request.method(), request.headers().len()), (&Method::PUT, 1));
    }

    #[test]
    fn trailers_are_read_without_framing_fields() {
        let fields = trailers(b"grpc-status: 0\r\ntransfer-encoding: chunked\r\nx:y\r\n");
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("grpc-status", &b"0"[..]), ("x", b"y")]);
    }
}
