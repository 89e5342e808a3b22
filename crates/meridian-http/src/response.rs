//! Response heads.

use crate::bytes::is_field_value;
use crate::field::Fields;
use crate::line::{Line, Lines, parse_field};
use crate::message::{Declared, Facts};
use crate::{Framing, HeadError, HeadLimits, KnownHeader, Method, Progress, ResponseTo, Span, Version, write};

/// What a response head is, by its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseKind {
    /// 1xx but 101: another head follows.
    Interim,
    /// 101, asked for: what follows is the new protocol.
    Switch,
    /// The answer.
    #[default]
    Final,
}

/// The head of a response, parsed in place from a buffer that may grow between calls. Reused as
/// [`RequestHead`](crate::RequestHead) is.
///
/// Heads whose lines all end with a bare LF are taken, as old servers send them; mixed line ends are not.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    lines: Lines,
    has_status_line: bool,
    bare_lf: bool,
    status: u16,
    reason: Span,
    version: Version,
    fields: Fields,
    facts: Facts,
    framing: Framing,
    declares_chunked: bool,
    interim_bytes: usize,
}

impl ResponseHead {
    /// An empty head.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the response and keeps the memory. To be called before the response to another request.
    pub fn reset(&mut self) {
        self.clear();
        self.interim_bytes = 0;
    }

    /// To be called behind an interim response of `len` bytes, for the next head of the same request; `len` counts
    /// towards the size limit of heads, so that interim responses do not go on for ever.
    pub fn reset_after_interim(&mut self, len: usize) {
        self.clear();
        self.interim_bytes += len;
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.facts.clear();
        self.lines = Lines::default();
        self.has_status_line = false;
        self.framing = Framing::None;
        self.declares_chunked = false;
    }

    /// Parses on, as [`RequestHead::parse`](crate::RequestHead::parse) does. `to` is the same in every call for one
    /// response.
    ///
    /// # Errors
    /// Why the response is refused: the client gets [`HeadError::upstream_status`], the upstream connection is closed.
    pub fn parse(&mut self, buf: &mut [u8], limits: &HeadLimits, to: &ResponseTo<'_>) -> Result<Progress, HeadError> {
        let max_bytes = limits.max_bytes.saturating_sub(self.interim_bytes);
        if !self.has_status_line && !self.parse_status_line(buf, max_bytes)? {
            return Ok(Progress::Partial);
        }
        while let Some(line) = self.lines.next(buf, max_bytes)? {
            if line.is_bare_lf() != self.bare_lf {
                return Err(line.blame(buf, HeadError::BareLf));
            }
            if line.is_empty() {
                self.finish(buf, to)?;
                return Ok(Progress::Complete { len: line.next });
            }
            if self.fields.received() == limits.max_fields {
                return Err(line.blame(buf, HeadError::TooManyFields));
            }
            let mut field = parse_field(buf, line)?;
            if field.known() != KnownHeader::Other {
                self.facts.observe(&mut field, buf)?;
            }
            self.fields.push(field);
        }
        Ok(Progress::Partial)
    }

    fn parse_status_line(&mut self, buf: &[u8], max_bytes: usize) -> Result<bool, HeadError> {
        if max_bytes > 0 && buf.first().is_some_and(|&first| first != b'H') {
            return Err(HeadError::NotHttp);
        }
        let Some(line) = self.lines.next(buf, max_bytes)? else { return Ok(false) };
        self.bare_lf = line.is_bare_lf();
        self.read_status_line(buf, line).map_err(|error| line.blame(buf, error))?;
        self.has_status_line = true;
        Ok(true)
    }

    /// `HTTP/1.x SP 3DIGIT [SP reason]`; the blank behind the status may be missing with the reason, as many servers
    /// send it. A higher minor version is 1.1 to us (RFC 9110 section 2.5).
    fn read_status_line(&mut self, buf: &[u8], line: Line) -> Result<(), HeadError> {
        let bytes = &buf[line.start..line.end];
        let (minor, digits, reason) = match bytes {
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9', b' ', a, b, c] => {
                (minor, [a, b, c], &bytes[12..])
            }
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9', b' ', a, b, c, b' ', reason @ ..] => {
                (minor, [a, b, c], reason)
            }
            _ => return Err(HeadError::InvalidStatusLine),
        };
        if !digits.iter().all(|digit| digit.is_ascii_digit()) || *digits[0] == b'0' || !is_field_value(reason) {
            return Err(HeadError::InvalidStatusLine);
        }
        self.status = digits.iter().fold(0, |sum, &&digit| sum * 10 + u16::from(digit - b'0'));
        self.version = if *minor == b'0' { Version::Http10 } else { Version::Http11 };
        self.reason = Span::new(line.end - reason.len(), line.end);
        Ok(())
    }

    /// Body framing in the order of RFC 9112 section 6.3, and what must not be sent on.
    fn finish(&mut self, buf: &[u8], to: &ResponseTo<'_>) -> Result<(), HeadError> {
        if self.status == 101 {
            self.check_switch(buf, to)?;
        }
        if self.status < 200 || self.status == 204 {
            self.check_no_content()?;
        } else if to.method == Method::Connect && self.status < 300 {
            // RFC 9110 section 9.3.6: framing fields of a tunnel have no meaning.
            self.fields.remove_known(KnownHeader::ContentLength);
        } else {
            let declared = self.facts.declared(to.http2)?;
            self.declares_chunked = declared == Declared::Chunked;
            let has_no_body = to.method == Method::Head || self.status == 304;
            self.framing = match declared {
                _ if has_no_body => Framing::None,
                Declared::Nothing => Framing::UntilClose,
                Declared::Length(length) => Framing::Length(length),
                Declared::Chunked => Framing::Chunked,
            };
        }
        self.facts.withhold_nominated(&mut self.fields, buf);
        Ok(())
    }

    /// A 101 answers an Upgrade that was sent, with the same protocol (RFC 9110 section 15.2.2).
    fn check_switch(&self, buf: &[u8], to: &ResponseTo<'_>) -> Result<(), HeadError> {
        let offered = to.upgrade.ok_or(HeadError::UnexpectedSwitch)?;
        let chosen = self.facts.upgrade.filter(|_| self.facts.connection_upgrade && self.version == Version::Http11);
        match chosen {
            Some(chosen) if chosen.of(buf).eq_ignore_ascii_case(offered) => Ok(()),
            _ => Err(HeadError::UnexpectedSwitch),
        }
    }

    /// A 1xx or 204 has no content. A Content-Length of 0 is wrong, but common and harmless: it is taken out, as in
    /// Envoy.
    fn check_no_content(&mut self) -> Result<(), HeadError> {
        if self.facts.has_transfer_encoding() {
            return Err(HeadError::TransferEncodingNotAllowed);
        }
        match self.facts.content_length {
            None => Ok(()),
            Some(0) => {
                self.fields.remove_known(KnownHeader::ContentLength);
                Ok(())
            }
            Some(_) => Err(HeadError::ContentLengthNotAllowed),
        }
    }

    /// What the end of the upstream connection means while a head is awaited and `buffered` bytes of it are there.
    #[must_use]
    pub const fn error_at_eof(buffered: usize) -> HeadError {
        if buffered == 0 { HeadError::NoResponse } else { HeadError::TruncatedHead }
    }

    /// The status, 100 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What kind of head this is.
    #[must_use]
    pub const fn kind(&self) -> ResponseKind {
        match self.status {
            101 => ResponseKind::Switch,
            0..200 => ResponseKind::Interim,
            _ => ResponseKind::Final,
        }
    }

    /// The reason phrase as sent; [`write::status_line`] sends another.
    #[must_use]
    pub fn reason<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.reason.of(buf)
    }

    /// Version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The fields, with what is not sent on already marked.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields, to be changed.
    pub const fn fields_mut(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// How the body is delimited. After 101, and after 2xx to CONNECT, there is no body, but a tunnel.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the head declares chunks; also in the answer to HEAD and in a 304, where none follow.
    #[must_use]
    pub const fn declares_chunked(&self) -> bool {
        self.declares_chunked
    }

    /// The Content-Length; also in the answer to HEAD and in a 304, where no body follows.
    #[must_use]
    pub const fn content_length(&self) -> Option<u64> {
        self.facts.content_length
    }

    /// Whether the upstream connection can serve another request once this response's body is read to its end and
    /// nothing is behind it (RFC 9112 section 9.3).
    #[must_use]
    pub const fn is_reusable(&self) -> bool {
        let wanted = match self.version {
            Version::Http11 => !self.facts.close,
            // An HTTP/1.0 server that sends chunks is not to be trusted with framing (RFC 9112 section 6.1).
            Version::Http10 => self.facts.keep_alive && !self.facts.close && !self.facts.has_transfer_encoding(),
        };
        wanted && !matches!(self.framing, Framing::UntilClose) && !matches!(self.kind(), ResponseKind::Switch)
    }

    /// Whether an interim response goes on to a client of this version.
    ///
    /// 100, 102 and 103 do, as in Envoy; others are dropped. An HTTP/1.0 client gets none (RFC 9110 section 15.2).
    #[must_use]
    pub const fn interim_is_forwarded(&self, client: Version) -> bool {
        matches!(self.status, 100 | 102 | 103) && matches!(client, Version::Http11)
    }

    /// Appends status line and forwarded fields to `out`, as HTTP/1.1. The gateway's own fields, [`write::chunked`]
    /// when the body goes on in chunks, [`write::upgrade`] with a 101, and [`write::end`] come behind.
    pub fn write_forwarded(&self, buf: &[u8], out: &mut Vec<u8>) {
        write::status_line(out, self.status);
        self.fields.write_forwarded(buf, out);
    }
}

#[cfg(test)]
mod tests;
