//! `--token-auth-file`: tokens that an administrator has written down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::caller::{AUTHENTICATED, Caller};

/// Tokens and their users. `Debug` hides the tokens. They are kept as digests: how long a look-up takes says nothing
/// about a token.
#[derive(Clone, Default)]
pub struct TokenFile(HashMap<[u8; 32], Caller>);

impl std::fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenFile({} tokens)", self.0.len())
    }
}

/// Why a token file cannot be used. The messages show nothing of the tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line is malformed.
    #[error("{}:{line}: {reason}; a line is TOKEN,USER,UID or TOKEN,USER,UID,\"GROUP1,GROUP2\"", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

impl TokenFile {
    /// Reads a file in Kubernetes' form: a CSV of token, user, uid, and groups in quotes.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn read(path: &Path) -> Result<TokenFile, TokenFileError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| TokenFileError::File { path: path.to_owned(), error })?;
        TokenFile::parse(&text, path)
    }

    /// Reads the text of the file `path`.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn parse(text: &str, path: &Path) -> Result<TokenFile, TokenFileError> {
        let mut tokens = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |reason| TokenFileError::Line { path: path.to_owned(), line: number + 1, reason };
            let fields = fields(line).ok_or_else(|| wrong("a quote is not closed"))?;
            let [token, user, uid, rest @ ..] = &fields[..] else { return Err(wrong("it has fewer than 3 columns")) };
            if token.is_empty() || user.is_empty() {
                return Err(wrong("the token or the user is empty"));
            }
            let groups = rest.first().map_or("", String::as_str).split(',').map(str::trim);
            let mut groups: Vec<&str> = groups.filter(|group| !group.is_empty()).collect();
            groups.push(AUTHENTICATED);
            let caller = Caller { uid: uid.clone(), ..Caller::named(user, &groups) };
            if tokens.insert(digest(token), caller).is_some() {
                return Err(wrong("an earlier line has the same token"));
            }
        }
        Ok(TokenFile(tokens))
    }

    /// Whose token it is.
    pub(crate) fn user(&self, token: &str) -> Option<&Caller> {
        self.0.get(&digest(token))
    }
}

fn digest(token: &str) -> [u8; 32] {
    meridian_tls::sha256(token.as_bytes())
}

/// The columns of a line of CSV (RFC 4180); `None` when a quote is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line.trim_end_matches('\r');
    loop {
        let trimmed = rest.trim_start();
        let (field, after) = match trimmed.strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = quoted_field(quoted)?;
                (field, after.trim_start())
            }
            None => {
                let end = trimmed.find(',').unwrap_or(trimmed.len());
                (trimmed[..end].trim().to_owned(), &trimmed[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(fields),
        }
    }
}

/// What is before the closing quote, in which two quotes stand for one; and what is after it.
fn quoted_field(mut text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (before, after) = text.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                text = next;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn users_and_groups_are_read() {
        let text = "t0k3n,ann,17\n\nother,\"bob \"\"the\"\" builder\",u2,\"devs, system:masters\"\n";
        let file = TokenFile::parse(text, Path::new("f")).unwrap();
        let ann = file.user("t0k3n").unwrap();
        assert_eq!((ann.user.as_str(), ann.uid.as_str()), ("ann", "17"));
        assert_eq!(ann.groups, [AUTHENTICATED]);
        let bob = file.user("other").unwrap();
        assert_eq!(bob.user, "bob \"the\" builder");
        assert_eq!(bob.groups, ["devs", "system:masters", AUTHENTICATED]);
        assert!(file.user("t0k3").is_none() && file.user("").is_none());
        assert_eq!(format!("{file:?}"), "TokenFile(2 tokens)");
    }

    #[test]
    fn a_malformed_line_is_told_without_its_token() {
        for (text, expected) in [
            ("secret,ann", "f:1: it has fewer than 3 columns"),
            ("a,b,c\n,ann,1", "f:2: the token or the user is empty"),
            ("a,b,c\nsecret,\"ann,1", "f:2: a quote is not closed"),
            ("secret,b,c\nsecret,d,e", "f:2: an earlier line has the same token"),
        ] {
            let error = TokenFile::parse(text, Path::new("f")).unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("secret"), "{error}");
        }
    }
}
