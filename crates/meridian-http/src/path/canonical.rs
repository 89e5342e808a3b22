//! The work of [`canonicalize`](super::canonicalize).

use memchr::memchr;

use super::{Canonical, Normalization};
use crate::HeadError;

/// What a byte of a path needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing.
    Pass,
    /// A look at what is around it: `/`, `.`, `%`, `\`.
    Look,
    /// A URI cannot have it: it is escaped.
    Escape,
}

/// The classes of Chromium's URL canonicaliser, which Envoy uses.
const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Escape; 256];
    let mut b = 0x21;
    while b < 0x7f {
        table[b] = match b as u8 {
            b'/' | b'.' | b'%' | b'\\' => Class::Look,
            b'"' | b'#' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Escape,
            _ => Class::Pass,
        };
        b += 1;
    }
    table
}

pub(super) fn canonicalize(sent: &[u8], mode: Normalization, out: &mut Vec<u8>) -> Result<Canonical, HeadError> {
    let sent = &sent[..memchr(b'#', sent).unwrap_or(sent.len())];
    let path_len = memchr(b'?', sent).unwrap_or(sent.len());
    let path = &sent[..path_len];
    match path.first() {
        Some(b'/') if mode != Normalization::None && !is_canonical(path, mode) => {
            out.clear();
            Writer { path, at: 0, out, mode }.run()?;
        }
        Some(_) => return Ok(Canonical::AsSent { len: sent.len() }),
        None => {
            out.clear();
            out.push(b'/');
        }
    }
    if matches!(mode, Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes) {
        merge_slashes(out);
    }
    out.extend_from_slice(&sent[path_len..]);
    Ok(Canonical::Rewritten)
}

/// Whether a path that starts with `/` is surely canonical. A path with an escape, or a dot behind a slash, may be
/// canonical, too, and is only found so by writing it.
fn is_canonical(path: &[u8], mode: Normalization) -> bool {
    let may_repeat_slash = mode == Normalization::Base;
    let mut last = 0;
    for &byte in path {
        match CLASSES[usize::from(byte)] {
            Class::Pass => {}
            Class::Escape => return false,
            Class::Look => match byte {
                b'/' if last != b'/' || may_repeat_slash => {}
                b'.' if last != b'/' => {}
                _ => return false,
            },
        }
        last = byte;
    }
    true
}

/// Writes the canonical path segment by segment.
struct Writer<'a> {
    path: &'a [u8],
    at: usize,
    out: &'a mut Vec<u8>,
    mode: Normalization,
}

impl Writer<'_> {
    fn run(mut self) -> Result<(), HeadError> {
        while let Some(&byte) = self.path.get(self.at) {
            match (self.slash_len(), CLASSES[usize::from(byte)]) {
                (Some(len), _) => {
                    self.at += len;
                    self.out.push(b'/');
                }
                (None, Class::Pass) => {
                    self.at += 1;
                    self.out.push(byte);
                }
                (None, Class::Escape) => {
                    self.at += 1;
                    self.out.extend_from_slice(&escape(byte));
                }
                (None, Class::Look) => self.look(byte)?,
            }
        }
        Ok(())
    }

    /// A dot or an escape.
    fn look(&mut self, byte: u8) -> Result<(), HeadError> {
        if self.out.last() == Some(&b'/') && self.dot_segment() {
            return Ok(());
        }
        let escaped = (byte == b'%').then(|| self.escaped()).flatten();
        match escaped {
            Some(0) => return Err(HeadError::PathNormalization),
            Some(plain) if is_unreserved(plain) && !self.would_escape(plain) => {
                self.out.push(plain);
                self.at += 3;
            }
            Some(_) => {
                self.out.extend_from_slice(&self.path[self.at..self.at + 3]);
                self.at += 3;
            }
            None => {
                self.out.push(byte);
                self.at += 1;
            }
        }
        Ok(())
    }

    /// Length of the slash here, in one of its spellings.
    fn slash_len(&self) -> Option<usize> {
        match self.path[self.at..] {
            [b'/' | b'\\', ..] => Some(1),
            [b'%', b'2', b'f' | b'F', ..] | [b'%', b'5', b'c' | b'C', ..]
                if self.mode == Normalization::DecodeAndMergeSlashes =>
            {
                Some(3)
            }
            _ => None,
        }
    }

    /// Resolves `.` or `..` here, behind a slash: up to a slash or the end, and, as servers behind may take it so, with
    /// `;parameters`. The slash behind it goes with it.
    fn dot_segment(&mut self) -> bool {
        let start = self.at;
        let mut dots = 0;
        while let Some(len) = self.dot_len() {
            dots += 1;
            self.at += len;
        }
        if self.path.get(self.at) == Some(&b';') {
            while self.at < self.path.len() && self.slash_len().is_none() {
                self.at += 1;
            }
        }
        let behind = if self.at == self.path.len() { Some(0) } else { self.slash_len() };
        match (dots, behind) {
            (1 | 2, Some(slash)) => {
                self.at += slash;
                if dots == 2 {
                    self.out.pop();
                    let parent = memchr::memrchr(b'/', self.out).map_or(0, |slash| slash);
                    self.out.truncate(parent);
                    self.out.push(b'/');
                }
                true
            }
            _ => {
                self.at = start;
                false
            }
        }
    }

    fn dot_len(&self) -> Option<usize> {
        match self.path[self.at..] {
            [b'.', ..] => Some(1),
            [b'%', b'2', b'e' | b'E', ..] => Some(3),
            _ => None,
        }
    }

    /// The byte that `%XX` here stands for, `None` when the digits are missing: then `%` is a byte like others.
    fn escaped(&self) -> Option<u8> {
        let [_, high, low, ..] = self.path[self.at..] else { return None };
        Some((char::from(high).to_digit(16)? << 4 | char::from(low).to_digit(16)?) as u8)
    }

    /// Whether a decoded byte would make an escape of the `%` before it, which the next reader would decode again.
    fn would_escape(&self, plain: u8) -> bool {
        plain.is_ascii_hexdigit()
            && match self.out.as_slice() {
                [.., b'%'] => true,
                [.., b'%', digit] => digit.is_ascii_hexdigit(),
                _ => false,
            }
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn escape(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

fn merge_slashes(path: &mut Vec<u8>) {
    path.dedup_by(|next, kept| *next == b'/' && *kept == b'/');
}
