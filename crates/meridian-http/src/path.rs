//! The canonical form of a path: the one that routes match, policies judge and the upstream gets.
//!
//! The rules are Envoy's `normalize_path`, as Istio's `meshConfig.pathNormalization` sets it.

use crate::HeadError;

/// Istio's `pathNormalization.normalization`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Normalization {
    /// The path stays as it is, but for a fragment, which no path has.
    None,
    /// Dot segments are resolved, escapes of unreserved bytes decoded, `\` is `/`, bytes that no URI has are escaped.
    /// Istio's default.
    #[default]
    Base,
    /// As [`Normalization::Base`], and adjacent slashes are merged.
    MergeSlashes,
    /// As [`Normalization::MergeSlashes`], after `%2F` and `%5C` were decoded.
    DecodeAndMergeSlashes,
}

/// Where the canonical path and query are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canonical {
    /// The first `len` bytes of what was given; a fragment may follow them.
    AsSent {
        /// Bytes of path and query.
        len: usize,
    },
    /// In the `out` buffer.
    Rewritten,
}

impl Canonical {
    /// Path and query, from the two places where they can be.
    #[must_use]
    pub fn of<'a>(self, sent: &'a [u8], out: &'a [u8]) -> &'a [u8] {
        match self {
            Self::AsSent { len } => &sent[..len],
            Self::Rewritten => out,
        }
    }
}

/// Brings a path with its query into canonical form. The query stays as it is; a fragment is dropped.
///
/// Most paths are canonical already; then nothing is copied, and `out` is left alone. Else `out` is overwritten. An
/// empty path, from an absolute target without one, becomes `/`; what else does not start with a slash is no path (`*`,
/// the target of CONNECT) and stays.
///
/// # Errors
/// [`HeadError::PathNormalization`] when the path holds `%00`.
pub fn canonicalize(sent: &[u8], mode: Normalization, out: &mut Vec<u8>) -> Result<Canonical, HeadError> {
    canonical::canonicalize(sent, mode, out)
}

mod canonical;

#[cfg(test)]
mod tests;
