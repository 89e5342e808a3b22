//! Envoy's `%OPERATOR%` formats: one language for access-log lines and for header values.

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

/// What an operator prints; a missing value is `-` in logs and empty in headers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `%REQ(name?alternative):max%`; names lowercase.
    Request { name: Name, alternative: Option<Name>, max: Option<usize> },
}

/// Why a format is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct FormatError {
    /// Position in the text, in characters from 1.
    pub column: usize,
    /// What was found and what is allowed.
    pub reason: String,
}
