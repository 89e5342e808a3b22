//! Conditions of HTTPRoutes and GRPCRoutes.

use super::precedence::{Narrowness, PathRank};
use crate::pool::Pool;
use meridian_ir::route::{HeaderMatch, PathMatch, QueryMatch, RouteMatch};
use meridian_ir::{Name, StringMatch};
use meridian_resources::gateway_api::grpc_route::{GrpcMethodMatch, GrpcRouteMatch};
use meridian_resources::gateway_api::http_route::{
    HttpHeaderMatch, HttpPathMatch, HttpQueryParamMatch, HttpRouteMatch, MatchType, PathMatchType,
};

/// The media types of gRPC begin with this.
const GRPC_CONTENT_TYPE: &str = "application/grpc";

/// A match with its place.
pub(crate) struct Matched {
    pub(crate) matcher: RouteMatch,
    pub(crate) narrowness: Narrowness,
}

/// Compiles a match of an HTTPRoute.
///
/// # Errors
/// The field, and why it is no regular expression.
pub(crate) fn http(matches: &HttpRouteMatch, pool: &mut Pool) -> Result<Matched, String> {
    let (path, path_rank) = path(&matches.path, pool)?;
    let mut headers = headers(&matches.headers, pool)?;
    let query = query(&matches.query_params, pool)?;
    let narrowness =
        Narrowness { path: path_rank, method: matches.method.is_some(), headers: headers.len(), query: query.len() };
    if let Some(method) = &matches.method {
        headers.push(exact(":method", method, pool));
    }
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Matched { matcher: RouteMatch { path, case_sensitive: true, headers, query }, narrowness })
}

/// Compiles a match of a GRPCRoute; `None` takes every call.
///
/// # Errors
/// The field, and why it is no regular expression.
pub(crate) fn grpc(matches: Option<&GrpcRouteMatch>, pool: &mut Pool) -> Result<Matched, String> {
    let method = matches.and_then(|matches| matches.method.as_ref());
    let (path, path_rank) = match method {
        None => (PathMatch::Prefix(pool.name("/")), PathRank::prefix(1)),
        Some(method) => grpc_path(method, pool)?,
    };
    let mut headers = headers(matches.map_or(&[], |matches| &matches.headers), pool)?;
    let narrowness = Narrowness { path: path_rank, method: false, headers: headers.len(), query: 0 };
    // Requests that are no calls go on to the HTTPRoutes of the host.
    headers.push(HeaderMatch {
        name: pool.name("content-type"),
        value: Some(StringMatch::Prefix(pool.name(GRPC_CONTENT_TYPE))),
        invert: false,
    });
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Matched { matcher: RouteMatch { path, case_sensitive: true, headers, query: Vec::new() }, narrowness })
}

fn path(condition: &HttpPathMatch, pool: &mut Pool) -> Result<(PathMatch, PathRank), String> {
    let value = condition.value.as_str();
    Ok(match condition.type_ {
        PathMatchType::Exact => (PathMatch::Exact(pool.name(value)), PathRank::exact(value.len())),
        PathMatchType::RegularExpression => {
            let regex = pool.regex(value).map_err(|error| regex_error("path.value", value, &error))?;
            (PathMatch::Regex(regex), PathRank::regex(value.len()))
        }
        PathMatchType::PathPrefix => match value.trim_end_matches('/') {
            "" => (PathMatch::Prefix(pool.name("/")), PathRank::prefix(1)),
            prefix => (PathMatch::PathSeparatedPrefix(pool.name(prefix)), PathRank::prefix(prefix.len())),
        },
    })
}

/// `/service/method`, of which one may be missing.
fn grpc_path(condition: &GrpcMethodMatch, pool: &mut Pool) -> Result<(PathMatch, PathRank), String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (service, method) = (given(&condition.service), given(&condition.method));
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let is_regex = condition.type_ == MatchType::RegularExpression;
    let rank = PathRank::grpc(is_regex, length(&service), length(&method));
    let path = match (&service, &method) {
        (None, None) => return Ok((PathMatch::Prefix(pool.name("/")), PathRank::prefix(1))),
        (Some(service), Some(method)) if !is_regex => PathMatch::Exact(pool.name(&format!("/{service}/{method}"))),
        (Some(service), None) if !is_regex => PathMatch::Prefix(pool.name(&format!("/{service}/"))),
        _ => {
            let part = |text: Option<String>| match text {
                None => "[^/]+".to_owned(),
                Some(text) if is_regex => format!("(?:{text})"),
                Some(text) => text.replace('.', "\\."),
            };
            let pattern = format!("/{}/{}", part(service), part(method));
            PathMatch::Regex(pool.regex(&pattern).map_err(|error| regex_error("method", &pattern, &error))?)
        }
    };
    Ok((path, rank))
}

/// Of several conditions on one header the first counts.
fn headers(conditions: &[HttpHeaderMatch], pool: &mut Pool) -> Result<Vec<HeaderMatch>, String> {
    let mut headers: Vec<HeaderMatch> = Vec::with_capacity(conditions.len() + 1);
    for condition in conditions {
        let name = pool.name(&condition.name.to_ascii_lowercase());
        if headers.iter().any(|known| known.name == name) {
            continue;
        }
        let value = value(condition.type_, &condition.value, &format!("headers[{name}]"), pool)?;
        headers.push(HeaderMatch { name, value: Some(value), invert: false });
    }
    Ok(headers)
}

/// Of several conditions on one parameter the first counts.
fn query(conditions: &[HttpQueryParamMatch], pool: &mut Pool) -> Result<Vec<QueryMatch>, String> {
    let mut query: Vec<QueryMatch> = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let name = pool.name(&condition.name);
        if query.iter().any(|known| known.name == name) {
            continue;
        }
        let value = value(condition.type_, &condition.value, &format!("queryParams[{name}]"), pool)?;
        query.push(QueryMatch { name, value: Some(value) });
    }
    query.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(query)
}

fn value(type_: MatchType, text: &str, field: &str, pool: &mut Pool) -> Result<StringMatch, String> {
    Ok(match type_ {
        MatchType::Exact => StringMatch::Exact(pool.name(text)),
        MatchType::RegularExpression => {
            StringMatch::Regex(pool.regex(text).map_err(|error| regex_error(&format!("{field}.value"), text, &error))?)
        }
    })
}

fn exact(name: &str, value: &str, pool: &mut Pool) -> HeaderMatch {
    HeaderMatch { name: pool.name(name), value: Some(StringMatch::Exact(pool.name(value))), invert: false }
}

fn regex_error(field: &str, pattern: &str, error: &str) -> String {
    let reason = error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
    format!("{field}: {pattern:?} is not a regular expression in RE2 syntax: {reason}")
}

/// The prefix that a path condition compares, without the slash at its end; `None`: it compares no prefix.
pub(crate) fn prefix_of(matcher: &PathMatch) -> Option<Name> {
    match matcher {
        PathMatch::PathSeparatedPrefix(prefix) => Some(prefix.clone()),
        PathMatch::Prefix(prefix) => Some(prefix.trim_end_matches('/').into()),
        PathMatch::Exact(_) | PathMatch::Regex(_) => None,
    }
}
