//! A compiled line of text.

use super::operator::value;
use super::value::truncated;
use crate::record::Record;
use meridian_ir::format::{Format, Operator, Part};

/// What Envoy prints for a value that is not there.
pub(super) const MISSING: &[u8] = b"-";

/// A format, ready to print records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    parts: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<[u8]>),
    Value(Operator),
}

impl Line {
    /// Compiles `format`; values that never change in a process (`%HOSTNAME%`, `%ENVIRONMENT%`) become text.
    pub(super) fn new(format: &Format) -> Self {
        let mut parts: Vec<Piece> = Vec::with_capacity(format.parts.len());
        let push_text = |parts: &mut Vec<Piece>, text: &[u8]| match parts.last_mut() {
            Some(Piece::Text(before)) => *before = [before, text].concat().into(),
            _ => parts.push(Piece::Text(text.into())),
        };
        for part in &format.parts {
            match part {
                Part::Literal(text) => push_text(&mut parts, text.as_bytes()),
                Part::Operator(operator) => match constant(operator) {
                    Some(value) => push_text(&mut parts, value.as_deref().unwrap_or(MISSING)),
                    None => parts.push(Piece::Value(operator.clone())),
                },
            }
        }
        Self { parts: parts.into() }
    }

    /// Appends the line of `record` to `out`, with `-` for what is missing.
    pub(super) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(operator) => {
                    if value(operator, record, out).is_none() {
                        out.extend_from_slice(MISSING);
                    }
                }
            }
        }
    }
}

/// Appends the value that `format` gives a header of the request or response of `record`. A missing value is nothing
/// at all there, where a log has `-`.
pub fn header_value(format: &Format, record: &Record<'_>, out: &mut Vec<u8>) {
    for part in &format.parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Part::Operator(operator) => {
                let _nothing_when_missing = value(operator, record, out);
            }
        }
    }
}

/// The value of an operator whose value never changes in a process; `Some(None)` where it is missing.
pub(super) fn constant(operator: &Operator) -> Option<Option<Vec<u8>>> {
    match operator {
        Operator::Hostname => Some(hostname()),
        Operator::Environment { name, max } => {
            let value = std::env::var_os(&**name);
            Some(value.map(|value| truncated(value.as_encoded_bytes(), *max).to_vec()))
        }
        Operator::Unset { .. } => Some(None),
        _ => None,
    }
}

/// The machine's name.
fn hostname() -> Option<Vec<u8>> {
    let name = std::fs::read("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim_ascii().to_vec()).filter(|name| !name.is_empty())
}

#[cfg(test)]
pub(in crate::access_log) mod tests;
