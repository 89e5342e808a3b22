//! Whether a route takes a request.

use crate::request::{RequestView, path_of, query_parameter};
use crate::route::{HeaderMatch, PathMatch, QueryMatch, RouteMatch};
use smallvec::SmallVec;

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

/// Headers of requests that Envoy keeps as one value each: what is repeated is joined with a comma when it arrives.
/// Those of its HTTP core, and those that the filters in Istio's build register. Sorted.
const JOINED: [&str; 35] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "grpc-timeout",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Whether repeated headers of this name count as one value, joined with commas.
pub(crate) fn is_joined(name: &str) -> bool {
    JOINED.binary_search(&name).is_ok()
}

impl HeaderMatch {
    /// Whether the condition holds. Values of a repeated header are tried one by one and one that matches is enough;
    /// inverted, one that matches fails it. Those of the few headers that Envoy keeps as one value, such as
    /// `user-agent`, are joined. A header that is missing counts as empty for an inverted value (Istio sets
    /// `treat_missing_header_as_empty` there), and as absent otherwise.
    pub fn matches(&self, request: &impl RequestView) -> bool {
        let (present, found) = match &*self.name {
            ":method" => (true, self.holds(request.method())),
            ":authority" | "host" => (true, self.holds(request.authority())),
            ":scheme" => (true, self.holds(request.scheme())),
            ":path" => (true, self.holds(request.path_and_query())),
            _ => self.field(request),
        };
        match &self.value {
            Some(condition) if self.invert && !present => !condition.is_match(b""),
            _ => found != self.invert,
        }
    }

    fn holds(&self, value: &[u8]) -> bool {
        self.value.as_ref().is_none_or(|condition| condition.is_match(value))
    }

    /// Whether there is such a field, and whether it satisfies the condition.
    fn field(&self, request: &impl RequestView) -> (bool, bool) {
        let (mut count, mut first) = (0u32, false);
        request.any_header(&self.name, &mut |value| {
            count += 1;
            if count == 1 {
                first = self.holds(value);
            }
            count > 1
        });
        if count < 2 || (self.value.is_none() && first) {
            return (count > 0, first);
        }
        if !is_joined(&self.name) {
            return (true, request.any_header(&self.name, &mut |value| self.holds(value)));
        }
        let mut joined: SmallVec<[u8; 512]> = SmallVec::new();
        request.any_header(&self.name, &mut |value| {
            if !joined.is_empty() {
                joined.push(b',');
            }
            joined.extend_from_slice(value);
            false
        });
        (true, self.holds(&joined))
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
