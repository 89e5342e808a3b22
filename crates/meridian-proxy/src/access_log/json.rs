//! A compiled line of JSON.

use super::line::{MISSING, constant};
use super::operator::value;
use crate::record::Record;
use meridian_ir::access_log::JsonFormat;
use meridian_ir::format::{Format, Operator, Part};

/// A JSON value with operators in its strings, ready to print records.
///
/// As in Envoy, a string that is one operator alone keeps the operator's type: numbers are numbers, and what is missing
/// is null. In other strings, what is missing is `-`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct JsonLine {
    pieces: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// JSON as it is.
    Text(Box<[u8]>),
    /// A value of its own: a number, a string or null.
    Alone(Operator),
    /// Within a string.
    Within(Operator),
}

impl JsonLine {
    /// Compiles `format`.
    pub(super) fn new(format: &JsonFormat) -> Self {
        let mut pieces = Vec::new();
        compile(format, &mut pieces);
        push(&mut pieces, b"\n");
        Self { pieces: pieces.into() }
    }

    /// Appends the line of `record` to `out`.
    pub(super) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Alone(operator) => alone(operator, record, out),
                Piece::Within(operator) => {
                    let start = out.len();
                    match value(operator, record, out) {
                        Some(()) => escape_from(start, out),
                        None => out.extend_from_slice(MISSING),
                    }
                }
            }
        }
    }
}

fn alone(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let is_number = is_number(operator);
    if !is_number {
        out.push(b'"');
    }
    let inside = out.len();
    if value(operator, record, out).is_none() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    } else if !is_number {
        escape_from(inside, out);
        out.push(b'"');
    }
}

fn compile(format: &JsonFormat, pieces: &mut Vec<Piece>) {
    match format {
        JsonFormat::Object(members) => {
            push(pieces, b"{");
            for (position, (name, member)) in members.iter().enumerate() {
                push(pieces, if position > 0 { b",\"" } else { b"\"" });
                push(pieces, &escaped(name.as_bytes()));
                push(pieces, b"\":");
                compile(member, pieces);
            }
            push(pieces, b"}");
        }
        JsonFormat::Array(elements) => {
            push(pieces, b"[");
            for (position, element) in elements.iter().enumerate() {
                if position > 0 {
                    push(pieces, b",");
                }
                compile(element, pieces);
            }
            push(pieces, b"]");
        }
        JsonFormat::String(format) => compile_string(format, pieces),
        JsonFormat::Number(digits) => push(pieces, digits.as_bytes()),
        JsonFormat::Bool(value) => push(pieces, if *value { b"true" } else { b"false" }),
        JsonFormat::Null => push(pieces, b"null"),
    }
}

fn compile_string(format: &Format, pieces: &mut Vec<Piece>) {
    if let [Part::Operator(operator)] = &format.parts[..] {
        match constant(operator) {
            None => pieces.push(Piece::Alone(operator.clone())),
            Some(None) => push(pieces, b"null"),
            Some(Some(value)) => {
                push(pieces, b"\"");
                push(pieces, &escaped(&value));
                push(pieces, b"\"");
            }
        }
        return;
    }
    push(pieces, b"\"");
    for part in &format.parts {
        match part {
            Part::Literal(text) => push(pieces, &escaped(text.as_bytes())),
            Part::Operator(operator) => match constant(operator) {
                None => pieces.push(Piece::Within(operator.clone())),
                Some(value) => push(pieces, &escaped(value.as_deref().unwrap_or(MISSING))),
            },
        }
    }
    push(pieces, b"\"");
}

fn push(pieces: &mut Vec<Piece>, text: &[u8]) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => *before = [before, text].concat().into(),
        _ => pieces.push(Piece::Text(text.into())),
    }
}

/// Whether Envoy prints the operator as a number.
fn is_number(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::ResponseCode
            | Operator::BytesReceived
            | Operator::BytesSent
            | Operator::Bytes(_)
            | Operator::Duration
            | Operator::CommonDuration { .. }
            | Operator::RequestDuration
            | Operator::RequestTxDuration
            | Operator::ResponseDuration
            | Operator::ResponseTxDuration
            | Operator::UpstreamConnectionPoolReadyDuration
            | Operator::DownstreamHandshakeDuration
            | Operator::UpstreamRequestAttemptCount
            | Operator::UpstreamLocalPort
            | Operator::UpstreamRemotePort
            | Operator::UpstreamConnectionId
            | Operator::DownstreamRemotePort
            | Operator::DownstreamDirectRemotePort
            | Operator::DownstreamLocalPort
            | Operator::DownstreamDirectLocalPort
            | Operator::ConnectionId
            | Operator::GrpcStatusNumber
    )
}

const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte < 0x7f && byte != b'"' && byte != b'\\'
}

/// Escapes what was appended from `start` on, in place. Memory is asked for only where there is something to escape.
fn escape_from(start: usize, out: &mut Vec<u8>) {
    if !out[start..].iter().copied().all(is_plain) {
        let escaped = escaped(&out[start..]);
        out.truncate(start);
        out.extend_from_slice(&escaped);
    }
}

/// The inside of a JSON string. As in Envoy, text that is not UTF-8 has every byte escaped that is not plain ASCII.
fn escaped(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let is_utf8 = std::str::from_utf8(text).is_ok();
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        let short = match byte {
            b'"' | b'\\' => Some(byte),
            b'\n' => Some(b'n'),
            b'\r' => Some(b'r'),
            b'\t' => Some(b't'),
            0x08 => Some(b'b'),
            0x0c => Some(b'f'),
            _ => None,
        };
        match short {
            _ if is_plain(byte) => out.push(byte),
            Some(letter) if is_utf8 => out.extend_from_slice(&[b'\\', letter]),
            None if is_utf8 && byte >= 0x7f => out.push(byte),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
