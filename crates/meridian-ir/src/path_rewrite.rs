//! Rewriting a path on its way to the upstream (Envoy's `prefix_rewrite` and `regex_rewrite`).

use crate::Name;
use crate::request::path_of;
use crate::route::{PathMatch, PathRewrite, RegexRewrite};

#[cfg(test)]
mod tests;

impl PathRewrite {
    /// Writes `path_and_query` rewritten to `out`, which is cleared first. `matched` is the condition by which the
    /// route took the path. The query always stays as it is, and slashes are never merged.
    pub fn apply(&self, matched: &PathMatch, path_and_query: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let path = path_of(path_and_query);
        match self {
            Self::Prefix(prefix) => {
                out.extend_from_slice(prefix.as_bytes());
                out.extend_from_slice(&path[matched.matched_length(path)..]);
            }
            Self::Full(whole) => out.extend_from_slice(whole.as_bytes()),
            Self::Regex(rewrite) => rewrite.replace_all(path, out),
        }
        out.extend_from_slice(&path_and_query[path.len()..]);
    }
}

/// Why a pattern and its substitution cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexRewriteError {
    /// The pattern does not compile.
    #[error("{0:?} is not a regular expression: {1}")]
    Pattern(String, String),
    /// The substitution has a backslash that RE2 does not allow.
    #[error("{0:?} is not a substitution: after a backslash there must be a digit or another backslash")]
    Escape(String),
    /// The substitution names a group that the pattern does not have.
    #[error("{substitution:?} uses group \\{group}, but {pattern:?} has {groups}; use \\0 to \\{groups}")]
    Group {
        /// The substitution.
        substitution: String,
        /// The pattern.
        pattern: String,
        /// The group that is missing.
        group: usize,
        /// How many groups the pattern has.
        groups: usize,
    },
}

impl RegexRewrite {
    /// Compiles `pattern` and checks that `substitution` fits it.
    ///
    /// # Errors
    /// See [`RegexRewriteError`].
    pub fn new(pattern: &str, substitution: &str) -> Result<Self, RegexRewriteError> {
        let regex = meridian_re2::anywhere(pattern)
            .map_err(|error| RegexRewriteError::Pattern(pattern.into(), error.to_string()))?;
        let groups = regex.captures_len() - 1;
        let mut rest = substitution.bytes();
        while let Some(byte) = rest.next() {
            match (byte, if byte == b'\\' { rest.next() } else { None }) {
                (b'\\', Some(b'\\')) => {}
                (b'\\', Some(digit @ b'0'..=b'9')) => {
                    let group = usize::from(digit - b'0');
                    if group > groups {
                        let (substitution, pattern) = (substitution.into(), pattern.into());
                        return Err(RegexRewriteError::Group { substitution, pattern, group, groups });
                    }
                }
                (b'\\', _) => return Err(RegexRewriteError::Escape(substitution.into())),
                _ => {}
            }
        }
        Ok(Self { pattern: pattern.into(), regex, substitution: substitution.into() })
    }

    /// Appends `path` with every match replaced (RE2's `GlobalReplace`).
    fn replace_all(&self, path: &[u8], out: &mut Vec<u8>) {
        let mut copied = 0;
        for captures in self.regex.captures_iter(path) {
            let Some(whole) = captures.get(0) else { continue };
            out.extend_from_slice(&path[copied..whole.start()]);
            expand(&self.substitution, &captures, out);
            copied = whole.end();
        }
        out.extend_from_slice(&path[copied..]);
    }
}

/// Appends `substitution` with `\0` to `\9` replaced by the groups and `\\` by a backslash.
fn expand(substitution: &Name, captures: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
    let mut rest = substitution.bytes();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (b'\\', Some(digit @ b'0'..=b'9')) => {
                let group = captures.get(usize::from(digit - b'0'));
                out.extend_from_slice(group.map_or(&b""[..], |group| group.as_bytes()));
            }
            (b'\\', _) => out.push(b'\\'),
            _ => out.push(byte),
        }
    }
}
