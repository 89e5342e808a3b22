//! Lines of a head: finding them in bytes that arrive in pieces, and reading a field line.
//!
//! Everything is decided line by line, and nothing beyond the size limit is looked at, so the result does not depend on
//! where the bytes were split.

use memchr::memchr;

use crate::bytes::{TOKEN_LOWER, is_field_value};
use crate::field::Field;
use crate::{HeadError, KnownHeader, Span};

/// Limits of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Most bytes of a head, with its empty line and the empty lines before it.
    pub max_bytes: usize,
    /// Most field lines.
    pub max_fields: usize,
}

impl Default for HeadLimits {
    /// Envoy's defaults: 60 KiB and 100 fields.
    fn default() -> Self {
        Self { max_bytes: 60 * 1024, max_fields: 100 }
    }
}

/// How far a head got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed: read on behind those that were given, and parse the longer buffer.
    Partial,
    /// The head is complete.
    Complete {
        /// Bytes that the head takes at the start of the buffer; what is behind them belongs to the body.
        len: usize,
    },
}

/// One line, without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the next line starts.
    pub(crate) next: usize,
}

impl Line {
    pub(crate) const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether the line ends with LF alone.
    pub(crate) const fn is_bare_lf(self) -> bool {
        self.next - self.end == 1
    }

    /// A CR that belongs to no line end is what is wrong with a line, whatever else is: while the line is incomplete
    /// nothing else can be told.
    pub(crate) fn blame(self, buf: &[u8], error: HeadError) -> HeadError {
        if memchr(b'\r', &buf[self.start..self.end]).is_some() { HeadError::BareCr } else { error }
    }
}

/// Where the search for lines stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    /// First byte of the line that is looked for.
    start: usize,
    /// Bytes before this hold no LF from `start` on.
    searched: usize,
}

impl Lines {
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    /// The next complete line, `None` when its end has not come yet.
    pub(crate) fn next(&mut self, buf: &[u8], max_bytes: usize) -> Result<Option<Line>, HeadError> {
        let seen = &buf[..buf.len().min(max_bytes)];
        match memchr(b'\n', &seen[self.searched..]) {
            Some(at) => {
                let start = self.start;
                let lf = self.searched + at;
                let end = if lf > start && seen[lf - 1] == b'\r' { lf - 1 } else { lf };
                self.start = lf + 1;
                self.searched = lf + 1;
                Ok(Some(Line { start, end, next: lf + 1 }))
            }
            None => self.check_incomplete(seen, max_bytes).map(|()| None),
        }
    }

    /// What can be said of a line that is not complete: a CR in it is followed by something else than LF, or the head
    /// is too long.
    fn check_incomplete(&mut self, seen: &[u8], max_bytes: usize) -> Result<(), HeadError> {
        // The last byte seen before may be a CR whose follower has come now.
        let from = self.start.max(self.searched.saturating_sub(1));
        self.searched = seen.len();
        if let [before @ .., _] = &seen[from..]
            && memchr(b'\r', before).is_some()
        {
            return Err(HeadError::BareCr);
        }
        if seen.len() >= max_bytes { Err(HeadError::HeadTooLarge) } else { Ok(()) }
    }
}

/// Reads a field line (RFC 9112 section 5) and lower-cases its name in place.
pub(crate) fn parse_field(buf: &mut [u8], line: Line) -> Result<Field, HeadError> {
    let bytes = &mut buf[line.start..line.end];
    let mut name_len = 0;
    for byte in &mut *bytes {
        let lower = TOKEN_LOWER[usize::from(*byte)];
        if lower == 0 {
            break;
        }
        *byte = lower;
        name_len += 1;
    }
    if name_len == 0 || name_len > usize::from(u16::MAX) || bytes.get(name_len) != Some(&b':') {
        return Err(line.blame(buf, name_error(&buf[line.start..line.end], name_len)));
    }
    let known = KnownHeader::from_lower(&bytes[..name_len]);
    let value = value_span(bytes, name_len + 1);
    if !is_field_value(value.of(bytes)) {
        return Err(line.blame(buf, HeadError::InvalidFieldValue));
    }
    let is_regular =
        bytes.len() == name_len + 2 + value.len() && bytes[name_len + 1] == b' ' && line.next - line.end == 2;
    let base = line.start as u32;
    let name = Span { start: base, end: base + name_len as u32 };
    let value = Span { start: base + value.start, end: base + value.end };
    Ok(Field::new(name, value, line.next, known, is_regular))
}

/// The value from `start` to the end of the line, without blanks and tabs around it.
fn value_span(line: &[u8], mut start: usize) -> Span {
    let mut end = line.len();
    while start < end && matches!(line[start], b' ' | b'\t') {
        start += 1;
    }
    while start < end && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    Span::new(start, end)
}

/// What is wrong with a line whose first `token_len` bytes are a token that no colon follows.
fn name_error(line: &[u8], token_len: usize) -> HeadError {
    let rest = &line[token_len..];
    match rest.first() {
        Some(b' ' | b'\t') if token_len == 0 => HeadError::ObsFold,
        Some(b' ' | b'\t') if crate::bytes::trim(rest).first() == Some(&b':') => HeadError::BlankBeforeColon,
        _ if memchr(b':', rest).is_none() => HeadError::MissingColon,
        _ => HeadError::InvalidFieldName,
    }
}
