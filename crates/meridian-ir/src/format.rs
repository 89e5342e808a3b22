//! Envoy's `%OPERATOR%` formats: one language for access-log lines and for header values.
//!
//! A text is literal but for `%OPERATOR%`, `%OPERATOR(arguments)%` and `%OPERATOR(arguments):max%`; `%%` is a percent
//! sign. [`Format::parse`] compiles a text once, when a configuration arrives; an operator that Meridian does not have
//! is refused there, so that nothing is printed wrongly in silence.

mod certificate;
mod coalesce;
mod display;
mod names;
mod operator;
mod parse;
mod time;

pub use certificate::{CertificatePart, CertificateSide};
pub use operator::{Attempted, ByteCount, HeaderSource, Operator, Point, Unit};
pub use time::{TimeFormat, TimePart};

use crate::Name;

/// A compiled format: literal text and operators in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Format {
    /// In order.
    pub parts: Vec<Part>,
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// Text as it is; `%%` became `%`.
    Literal(Name),
    /// See [`Operator`].
    Operator(Operator),
}

impl Format {
    /// A format that prints `text`, percent signs included.
    pub fn literal(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        Self { parts: vec![Part::Literal(text.into())] }
    }

    /// The text, when the format has no operators.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// Why a text is not a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct FormatError {
    /// Position in the text, in characters from 1.
    pub column: usize,
    /// What was found and what is allowed.
    pub reason: String,
}

#[cfg(test)]
mod tests;
