//! Whether a route takes a request.

use crate::request::{RequestView, path_of, query_parameter};
use crate::route::{HeaderMatch, PathMatch, QueryMatch, RouteMatch};

#[cfg(test)]
mod tests;

impl RouteMatch {
    /// Whether all conditions hold for `request`. Nothing is allocated; regular expressions are tried last among the
    /// conditions on the path, because there is only one.
    pub fn matches(&self, request: &impl RequestView) -> bool {
        self.path.matches(path_of(request.path_and_query()), self.case_sensitive)
            && self.headers.iter().all(|header| header.matches(request))
            && self.query.iter().all(|parameter| parameter.matches(request.path_and_query()))
    }
}

impl PathMatch {
    /// Whether `path`, which has no query, is matched.
    pub fn matches(&self, path: &[u8], case_sensitive: bool) -> bool {
        match self {
            Self::Exact(whole) => path.len() == whole.len() && starts_with(path, whole.as_bytes(), case_sensitive),
            Self::Prefix(prefix) => starts_with(path, prefix.as_bytes(), case_sensitive),
            Self::PathSeparatedPrefix(prefix) => {
                starts_with(path, prefix.as_bytes(), case_sensitive)
                    && matches!(path.get(prefix.len()), None | Some(b'/'))
            }
            Self::Regex(regex) => regex.is_match(path),
        }
    }

    /// How many bytes of a matching `path` a prefix rewrite replaces: the prefix, or all of it.
    pub fn matched_length(&self, path: &[u8]) -> usize {
        match self {
            Self::Prefix(prefix) | Self::PathSeparatedPrefix(prefix) => prefix.len().min(path.len()),
            Self::Exact(_) | Self::Regex(_) => path.len(),
        }
    }
}

fn starts_with(path: &[u8], prefix: &[u8], case_sensitive: bool) -> bool {
    match path.get(..prefix.len()) {
        Some(start) if case_sensitive => start == prefix,
        Some(start) => start.eq_ignore_ascii_case(prefix),
        None => false,
    }
}

impl HeaderMatch {
    /// Whether the condition holds. Values of a repeated header are tried one by one and one that matches is enough;
    /// inverted, one that matches fails it. A header that is missing counts as empty for an inverted value
    /// (Istio sets `treat_missing_header_as_empty` there), and as absent otherwise.
    pub fn matches(&self, request: &impl RequestView) -> bool {
        let mut present = false;
        let mut test = |value: &[u8]| {
            present = true;
            self.value.as_ref().is_none_or(|condition| condition.is_match(value))
        };
        let found = match &*self.name {
            ":method" => test(request.method()),
            ":authority" | "host" => test(request.authority()),
            ":scheme" => test(request.scheme()),
            ":path" => test(request.path_and_query()),
            name => request.any_header(name, &mut test),
        };
        if !self.invert {
            return found;
        }
        match &self.value {
            Some(condition) if !present => !condition.is_match(b""),
            _ => !found,
        }
    }
}

impl QueryMatch {
    /// Whether the first parameter of this name in `path_and_query` satisfies the condition; values are compared as
    /// they were sent, without decoding, and `?name` has the empty value.
    pub fn matches(&self, path_and_query: &[u8]) -> bool {
        query_parameter(path_and_query, self.name.as_bytes())
            .is_some_and(|value| self.value.as_ref().is_none_or(|condition| condition.is_match(value)))
    }
}
