//! Request heads.

use memchr::memchr;

use crate::bytes::{TARGET, is_token};
use crate::field::Fields;
use crate::line::{Line, Lines, parse_field};
use crate::message::{Declared, Facts, members};
use crate::target::{Target, check_authority, parse_target};
use crate::{Framing, HeadError, HeadLimits, KnownHeader, Method, Progress, Scheme, Span, TargetForm, Version, write};

/// What a listener accepts of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// Size limits.
    pub limits: HeadLimits,
    /// Take HTTP/1.0 (`PILOT_HTTP10`); otherwise it is answered with 426.
    pub accept_http_10: bool,
    /// Take methods that are not in [`Method`] (Envoy's `allow_custom_methods`).
    pub allow_custom_methods: bool,
    /// Whether the connection has TLS; a target `https://` without TLS is answered with 403.
    pub scheme: Scheme,
    /// The head was written from HTTP/2 frames, which delimit the body whatever its Content-Length says: beside
    /// `chunked` it is the announced length of the content and goes on as it is.
    pub http2: bool,
}

/// The head of a request, parsed in place from a buffer that may grow between calls.
///
/// One `RequestHead` is kept per connection and reused: [`RequestHead::reset`] keeps its memory, so parsing allocates
/// nothing in the steady state. All positions refer to the buffer that was parsed, which accessors take as `buf`.
///
/// ```
/// use meridian_http::{Framing, Method, Progress, RequestHead, RequestOptions};
///
/// let mut head = RequestHead::new();
/// let mut buf = b"POST /a?b HTTP/1.1\r\nHost: h.test\r\nContent-Length: 5\r\n\r\nhello".to_vec();
/// let progress = head.parse(&mut buf, &RequestOptions::default())?;
/// assert_eq!(progress, Progress::Complete { len: buf.len() - 5 });
/// assert_eq!((head.method(), head.framing()), (Method::Post, Framing::Length(5)));
/// assert_eq!(head.path(&buf), b"/a?b");
/// # Ok::<(), meridian_http::HeadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    lines: Lines,
    has_request_line: bool,
    method: Method,
    method_name: Span,
    target: Target,
    version: Version,
    fields: Fields,
    facts: Facts,
    host: Option<Span>,
    expect_continue: bool,
    framing: Framing,
}

impl RequestHead {
    /// An empty head; memory for the fields comes with the first requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the request and keeps the memory. To be called before the next request, with a buffer that starts with
    /// the next request's first byte.
    pub fn reset(&mut self) {
        self.fields.clear();
        self.facts.clear();
        self.lines = Lines::default();
        self.has_request_line = false;
        self.method = Method::default();
        self.host = None;
        self.expect_continue = false;
        self.framing = Framing::None;
    }

    /// Parses on. `buf` holds everything from the first byte of the request: the bytes of the call before, unchanged,
    /// and those that came since. Names are lower-cased in place, once.
    ///
    /// Byte by byte the work is linear, and the result is the same as in one piece.
    ///
    /// # Errors
    /// Why the request is refused. The connection is to be closed after the answer; the head must not be used.
    pub fn parse(&mut self, buf: &mut [u8], options: &RequestOptions) -> Result<Progress, HeadError> {
        let max_bytes = options.limits.max_bytes;
        if !self.has_request_line && !self.parse_request_line(buf, options)? {
            return Ok(Progress::Partial);
        }
        while let Some(line) = self.lines.next(buf, max_bytes)? {
            if line.is_bare_lf() {
                return Err(line.blame(buf, HeadError::BareLf));
            }
            if line.is_empty() {
                self.finish(buf, options)?;
                return Ok(Progress::Complete { len: line.next });
            }
            self.parse_field_line(buf, line, options)?;
        }
        Ok(Progress::Partial)
    }

    /// Whether the request line has come. Empty lines before it are skipped (RFC 9112 section 2.2).
    fn parse_request_line(&mut self, buf: &[u8], options: &RequestOptions) -> Result<bool, HeadError> {
        loop {
            let start = self.lines.start();
            let first = buf[..buf.len().min(options.limits.max_bytes)].get(start);
            if first.is_some_and(|&first| first != b'\r' && first != b'\n' && !is_token(&[first])) {
                return Err(HeadError::NotHttp);
            }
            let Some(line) = self.lines.next(buf, options.limits.max_bytes)? else { return Ok(false) };
            if line.is_bare_lf() {
                return Err(line.blame(buf, HeadError::BareLf));
            }
            if line.is_empty() {
                continue;
            }
            self.read_request_line(buf, line, options).map_err(|error| line.blame(buf, error))?;
            self.has_request_line = true;
            return Ok(true);
        }
    }

    fn read_request_line(&mut self, buf: &[u8], line: Line, options: &RequestOptions) -> Result<(), HeadError> {
        let bytes = &buf[line.start..line.end];
        let method_len = memchr(b' ', bytes).ok_or(HeadError::InvalidRequestLine)?;
        let method = &bytes[..method_len];
        let rest = &bytes[method_len + 1..];
        let target_len = rest.iter().position(|&b| !TARGET[usize::from(b)]).ok_or(HeadError::InvalidRequestLine)?;
        match (rest[target_len], target_len) {
            (b' ', 1..) => {}
            (b' ', 0) => return Err(HeadError::InvalidRequestLine),
            _ => return Err(HeadError::InvalidTarget),
        }
        // Before the method, so that HTTP/2's preface (`PRI * HTTP/2.0`) is told that it is the version.
        self.version = parse_version(&rest[target_len + 1..])?;
        self.method = Method::from_bytes(method);
        if self.method == Method::Custom && !(options.allow_custom_methods && is_token(method)) {
            return Err(HeadError::UnknownMethod);
        }
        self.method_name = Span::new(line.start, line.start + method_len);
        let start = line.start + method_len + 1;
        self.target = parse_target(self.method, Span::new(start, start + target_len), buf, options.scheme)?;
        Ok(())
    }

    fn parse_field_line(&mut self, buf: &mut [u8], line: Line, options: &RequestOptions) -> Result<(), HeadError> {
        if self.fields.received() == options.limits.max_fields {
            return Err(line.blame(buf, HeadError::TooManyFields));
        }
        let mut field = parse_field(buf, line)?;
        match field.known() {
            KnownHeader::Other => {}
            KnownHeader::Host => {
                if self.host.is_some() {
                    return Err(HeadError::DuplicateHost);
                }
                check_authority(field.value().of(buf))?;
                self.host = Some(field.value());
            }
            KnownHeader::Expect => {
                self.expect_continue |=
                    members(field.value(), buf).any(|member| member.of(buf).eq_ignore_ascii_case(b"100-continue"));
            }
            _ => self.facts.observe(&mut field, buf)?,
        }
        self.fields.push(field);
        Ok(())
    }

    /// What only the whole head tells.
    fn finish(&mut self, buf: &[u8], options: &RequestOptions) -> Result<(), HeadError> {
        if self.facts.is_ambiguous() && !options.http2 {
            return Err(HeadError::LengthAndTransferEncoding);
        }
        if self.version == Version::Http10 {
            if !options.accept_http_10 {
                return Err(HeadError::LowVersion);
            }
            if self.facts.has_transfer_encoding() {
                return Err(HeadError::TransferEncodingInHttp10);
            }
        }
        self.framing = match self.facts.declared(options.http2)? {
            Declared::Nothing => Framing::None,
            Declared::Length(length) => Framing::Length(length),
            Declared::Chunked => Framing::Chunked,
        };
        let host = self.host.ok_or(HeadError::MissingHost)?;
        if self.target.authority.is_empty() {
            self.target.authority = host;
        }
        if self.method == Method::Connect && self.framing != Framing::None {
            return Err(HeadError::ConnectWithContent);
        }
        self.facts.withhold_nominated(&mut self.fields, buf);
        Ok(())
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The method as sent.
    #[must_use]
    pub fn method_name<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.method_name.of(buf)
    }

    /// The form of the target.
    #[must_use]
    pub const fn target_form(&self) -> TargetForm {
        self.target.form
    }

    /// Path, query and fragment as sent. In asterisk and authority form it is the target itself, which is under no
    /// path prefix; an absolute target without path gives the empty path, or starts with `?`.
    /// [`path::canonicalize`](crate::path::canonicalize) makes of it what is matched and forwarded.
    #[must_use]
    pub fn path<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.target.path.of(buf)
    }

    /// Host and port that the request is for: those of the target, or else of Host (RFC 9112 section 3.2.2). In the
    /// case and with the port as sent; this is Envoy's `:authority`.
    #[must_use]
    pub fn authority<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.target.authority.of(buf)
    }

    /// Version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The fields, with what is not sent on already marked: hop-by-hop fields and those that Connection names.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields, to be changed.
    pub const fn fields_mut(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// How the body is delimited; never [`Framing::UntilClose`].
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The Content-Length; beside chunks only in a request that came by HTTP/2.
    #[must_use]
    pub const fn content_length(&self) -> Option<u64> {
        self.facts.content_length
    }

    /// Whether the client wants to keep the connection (RFC 9112 section 9.3).
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        match self.version {
            Version::Http11 => !self.facts.close,
            Version::Http10 => self.facts.keep_alive && !self.facts.close,
        }
    }

    /// Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.expect_continue && matches!(self.version, Version::Http11) && !self.framing.is_empty()
    }

    /// The names that Connection nominates for removal, as sent, beyond its own options.
    #[must_use]
    pub fn nominated(&self) -> &[Span] {
        self.facts.nominated()
    }

    /// The protocol that the client asks to change to, if it does and may.
    ///
    /// `allowed` are the protocols of the route (Envoy's `upgrade_configs`), compared without case with the whole value
    /// of Upgrade. `h2c` is never asked: it goes on as plain HTTP/1.1, as in Envoy. Where the answer is some protocol,
    /// the request is sent with [`write::upgrade`], nothing that follows the head is sent before the upstream's 101,
    /// and after another answer with bytes behind the head the connection is closed.
    ///
    /// # Errors
    /// [`HeadError::UpgradeNotAllowed`] and [`HeadError::UpgradeWithContent`].
    pub fn upgrade<'a>(&self, buf: &'a [u8], allowed: &[impl AsRef<str>]) -> Result<Option<&'a [u8]>, HeadError> {
        let Some(protocol) = self.facts.upgrade.filter(|_| self.facts.connection_upgrade) else { return Ok(None) };
        let protocol = protocol.of(buf);
        if self.version == Version::Http10 || protocol.is_empty() || protocol.eq_ignore_ascii_case(b"h2c") {
            return Ok(None);
        }
        if !allowed.iter().any(|name| protocol.eq_ignore_ascii_case(name.as_ref().as_bytes())) {
            return Err(HeadError::UpgradeNotAllowed);
        }
        if self.framing.is_empty() { Ok(Some(protocol)) } else { Err(HeadError::UpgradeWithContent) }
    }

    /// Appends request line, Host and the forwarded fields to `out`, as HTTP/1.1. The gateway's own fields,
    /// [`write::chunked`] when the body goes on in chunks, and [`write::end`] come behind.
    ///
    /// `path` is the canonical, perhaps rewritten, path with its query; `authority` what the upstream gets as Host.
    /// A Content-Length goes on with the fields.
    pub fn write_forwarded(&self, buf: &[u8], path: &[u8], authority: &[u8], out: &mut Vec<u8>) {
        write::request_line(out, self.method_name.of(buf), path);
        if self.host.is_some_and(|host| host.of(buf) == authority) {
            self.fields.write_forwarded(buf, out);
        } else {
            write::field(out, "host", authority);
            self.fields.write_forwarded_without(KnownHeader::Host, buf, out);
        }
    }
}

/// `HTTP/1.0` or `HTTP/1.1` (RFC 9112 section 2.3).
fn parse_version(bytes: &[u8]) -> Result<Version, HeadError> {
    match bytes {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(HeadError::UnsupportedVersion),
        _ => Err(HeadError::InvalidVersion),
    }
}

#[cfg(test)]
mod tests;
