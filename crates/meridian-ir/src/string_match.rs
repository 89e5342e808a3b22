//! Matching of strings: exact, prefix, or a whole-string regular expression.

use crate::Name;
use std::fmt;

/// A regular expression that must match the whole value (RE2 syntax, as Istio's `regex`).
#[derive(Clone)]
pub struct FullRegex {
    pattern: Name,
    regex: regex::bytes::Regex,
}

impl FullRegex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// The pattern is not a regular expression, or compiles to more than 1 MiB; the message says where and why.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self { pattern: pattern.into(), regex: meridian_re2::whole(pattern)? })
    }

    /// The pattern as the user wrote it.
    pub fn pattern(&self) -> &Name {
        &self.pattern
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.regex.is_match(value)
    }
}

impl PartialEq for FullRegex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}
impl Eq for FullRegex {}
impl fmt::Debug for FullRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "regex {:?}", self.pattern)
    }
}

/// How a string is matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringMatch {
    /// Equal.
    Exact(Name),
    /// Begins with.
    Prefix(Name),
    /// Ends with.
    Suffix(Name),
    /// The whole string matches.
    Regex(FullRegex),
}

impl StringMatch {
    /// Whether `value` matches; comparisons are byte by byte.
    pub fn is_match(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(whole) => value == whole.as_bytes(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => value.ends_with(suffix.as_bytes()),
            Self::Regex(regex) => regex.is_match(value),
        }
    }

    /// As [`StringMatch::is_match`], without regard to the case of ASCII letters; a regular expression says by itself
    /// (`(?i)`) whether it has any.
    pub fn is_match_ignoring_case(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(whole) => value.eq_ignore_ascii_case(whole.as_bytes()),
            Self::Prefix(prefix) => {
                value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            Self::Suffix(suffix) => {
                let start = value.len().checked_sub(suffix.len());
                start.is_some_and(|start| value[start..].eq_ignore_ascii_case(suffix.as_bytes()))
            }
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}
