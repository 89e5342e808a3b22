//! The conditions of an HTTP rule (`http[].match[]`).

use crate::condition::{Finding, Topic};
use crate::pool::Pool;
use meridian_ir::route::{HeaderMatch, PathMatch, QueryMatch};
use meridian_ir::{RouteMatch, StringMatch};
use meridian_resources::istio;
use meridian_resources::istio::virtual_service::HttpMatchRequest;

/// Every request.
pub(crate) fn everything(pool: &mut Pool) -> RouteMatch {
    RouteMatch { path: PathMatch::Prefix(pool.name("/")), case_sensitive: true, headers: vec![], query: vec![] }
}

/// Whether a route takes every request of its host, so that those behind it never work (Istio's `IsCatchAllRoute`).
pub(crate) fn is_catch_all(matcher: &RouteMatch) -> bool {
    let any_path = match &matcher.path {
        PathMatch::Prefix(prefix) | PathMatch::PathSeparatedPrefix(prefix) => &**prefix == "/",
        PathMatch::Regex(regex) => &**regex.pattern() == ".*",
        PathMatch::Exact(_) => false,
    };
    any_path && matcher.headers.is_empty() && matcher.query.is_empty()
}

/// Compiles one alternative of a rule; `path` is its place in the VirtualService. Expressions that do not compile are
/// left out and reported: the rule must then be refused, not served without them.
pub(crate) fn compile(
    request: &HttpMatchRequest,
    path: &str,
    pool: &mut Pool,
    findings: &mut Vec<Finding>,
) -> RouteMatch {
    let mut compiler = Compiler { pool, findings };
    let mut matcher = everything(compiler.pool);
    matcher.case_sensitive = !request.ignore_uri_case;
    match &request.uri {
        None | Some(istio::StringMatch::Present) => {}
        Some(istio::StringMatch::Exact(whole)) => matcher.path = PathMatch::Exact(compiler.pool.name(whole)),
        Some(istio::StringMatch::Prefix(prefix)) => matcher.path = PathMatch::Prefix(compiler.pool.name(prefix)),
        Some(istio::StringMatch::Regex(pattern)) => match compiler.pool.regex(pattern) {
            Ok(regex) => matcher.path = PathMatch::Regex(regex),
            Err(error) => compiler.not_a_regex(&format!("{path}.uri"), &error),
        },
    }
    for (headers, invert, field) in
        [(&request.headers, false, "headers"), (&request.without_headers, true, "withoutHeaders")]
    {
        for (name, condition) in headers {
            let place = format!("{path}.{field}[{name}]");
            compiler.header(&mut matcher, &name.to_ascii_lowercase(), condition, invert, &place);
        }
    }
    for (name, condition, field) in [
        (":method", &request.method, "method"),
        (":authority", &request.authority, "authority"),
        (":scheme", &request.scheme, "scheme"),
    ] {
        if let Some(condition) = condition {
            compiler.header(&mut matcher, name, condition, false, &format!("{path}.{field}"));
        }
    }
    for (name, condition) in &request.query_params {
        if let Some(value) = compiler.value(condition, &format!("{path}.queryParams[{name}]")) {
            matcher.query.push(QueryMatch { name: compiler.pool.name(name), value });
        }
    }
    // There may be thousands of routes with one of each.
    matcher.headers.shrink_to_fit();
    matcher.query.shrink_to_fit();
    matcher
}

/// Makes a prefix take whole path elements only, as Istio does for what is made of Ingresses: `/a` and `/a/` take `/a`
/// and `/a/b`, not `/ab`.
pub(crate) fn separate_prefix(matcher: &mut RouteMatch, pool: &mut Pool) {
    if let PathMatch::Prefix(prefix) = &matcher.path
        && **prefix != *"/"
    {
        let elements = prefix.strip_suffix('/').unwrap_or(prefix);
        matcher.path = PathMatch::PathSeparatedPrefix(pool.name(elements));
    }
}

struct Compiler<'a> {
    pool: &'a mut Pool,
    findings: &'a mut Vec<Finding>,
}

impl Compiler<'_> {
    fn header(
        &mut self,
        matcher: &mut RouteMatch,
        name: &str,
        condition: &istio::StringMatch,
        invert: bool,
        path: &str,
    ) {
        if let Some(value) = self.value(condition, path) {
            matcher.headers.push(HeaderMatch { name: self.pool.name(name), value, invert });
        }
    }

    /// The condition on a value: `Some(None)` when it need only be present, as the regex `*` means too, which is none;
    /// `None` when it does not compile.
    fn value(&mut self, condition: &istio::StringMatch, path: &str) -> Option<Option<StringMatch>> {
        Some(match condition {
            istio::StringMatch::Present => None,
            istio::StringMatch::Exact(whole) => Some(StringMatch::Exact(self.pool.name(whole))),
            istio::StringMatch::Prefix(prefix) => Some(StringMatch::Prefix(self.pool.name(prefix))),
            istio::StringMatch::Regex(any) if any == "*" => None,
            istio::StringMatch::Regex(pattern) => match self.pool.regex(pattern) {
                Ok(regex) => Some(StringMatch::Regex(regex)),
                Err(error) => {
                    self.not_a_regex(path, &error);
                    return None;
                }
            },
        })
    }

    fn not_a_regex(&mut self, path: &str, error: &str) {
        let message = format!("is not a regular expression in RE2 syntax: {error}");
        self.findings.push(Finding::at(Topic::Unsupported, &format!("{path}.regex"), message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use istio::StringMatch as Istio;

    fn compiled(request: &HttpMatchRequest) -> (RouteMatch, Vec<Finding>) {
        let mut findings = Vec::new();
        let matcher = compile(request, "spec.http[0].match[0]", &mut Pool::default(), &mut findings);
        (matcher, findings)
    }

    #[test]
    fn conditions_keep_istios_order() {
        let request = HttpMatchRequest {
            uri: Some(Istio::Exact("/a".into())),
            ignore_uri_case: true,
            headers: [("X-B".into(), Istio::Present), ("x-a".into(), Istio::Regex("*".into()))].into(),
            without_headers: [("x-c".into(), Istio::Prefix("p".into()))].into(),
            method: Some(Istio::Exact("GET".into())),
            scheme: Some(Istio::Exact("http".into())),
            authority: Some(Istio::Prefix("h".into())),
            query_params: [("q".into(), Istio::Exact(String::new()))].into(),
            ..Default::default()
        };
        let (matcher, findings) = compiled(&request);
        assert!(findings.is_empty() && !matcher.case_sensitive);
        assert_eq!(matcher.path, PathMatch::Exact("/a".into()));
        let names: Vec<&str> = matcher.headers.iter().map(|header| &*header.name).collect();
        assert_eq!(names, ["x-b", "x-a", "x-c", ":method", ":authority", ":scheme"]);
        assert_eq!(
            matcher.headers.iter().map(|h| h.invert).collect::<Vec<_>>(),
            [false, false, true, false, false, false]
        );
        assert!(matcher.headers[0].value.is_none() && matcher.headers[1].value.is_none());
        assert_eq!(matcher.query, [QueryMatch { name: "q".into(), value: Some(StringMatch::Exact("".into())) }]);
    }

    #[test]
    fn a_catch_all_has_no_condition() {
        let uri = |uri| HttpMatchRequest { uri: Some(uri), ..Default::default() };
        let header = HttpMatchRequest { headers: [("a".into(), Istio::Present)].into(), ..Default::default() };
        for (request, expected) in [
            (HttpMatchRequest::default(), true),
            (uri(Istio::Prefix("/".into())), true),
            (uri(Istio::Regex(".*".into())), true),
            (uri(Istio::Regex("/.*".into())), false),
            (uri(Istio::Exact("/".into())), false),
            (header, false),
        ] {
            assert_eq!(is_catch_all(&compiled(&request).0), expected, "{request:?}");
        }
    }

    #[test]
    fn an_expression_that_does_not_compile_is_reported() {
        let request = HttpMatchRequest { uri: Some(Istio::Regex("(".into())), ..Default::default() };
        let (_, findings) = compiled(&request);
        assert!(findings[0].message.starts_with("spec.http[0].match[0].uri.regex: is not a regular expression"));
    }
}
