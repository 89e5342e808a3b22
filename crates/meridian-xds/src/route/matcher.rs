//! `envoy.config.route.v3.RouteMatch`

use crate::json::Message;
use crate::string_match::{regex_match, string_match};
use meridian_ir::RouteMatch;
use meridian_ir::route::{HeaderMatch, PathMatch, QueryMatch};
use serde_json::Value;

/// The conditions of a route.
pub(super) fn route_match(matcher: &RouteMatch) -> Value {
    let message = Message::default();
    let message = match &matcher.path {
        PathMatch::Exact(path) => message.set("path", &**path),
        PathMatch::Prefix(prefix) => message.set("prefix", &**prefix),
        PathMatch::PathSeparatedPrefix(prefix) => message.set("pathSeparatedPrefix", &**prefix),
        PathMatch::Regex(regex) => message.set("safeRegex", regex_match(regex.pattern())),
    };
    let headers: Vec<Value> = matcher.headers.iter().map(header).collect();
    let query: Vec<Value> = matcher.query.iter().map(query).collect();
    message
        .set("caseSensitive", matcher.case_sensitive)
        .set_used("headers", headers)
        .set_used("queryParameters", query)
        .into()
}

fn header(matcher: &HeaderMatch) -> Value {
    let message = Message::default().set("name", &*matcher.name);
    let message = match &matcher.value {
        Some(value) => message.set("stringMatch", string_match(value)),
        None => message.set("presentMatch", true),
    };
    if !matcher.invert {
        return message.into();
    }
    message
        .set("invertMatch", true)
        .set_some("treatMissingHeaderAsEmpty", matcher.value.is_some().then_some(true))
        .into()
}

fn query(matcher: &QueryMatch) -> Value {
    let message = Message::default().set("name", &*matcher.name);
    match &matcher.value {
        Some(value) => message.set("stringMatch", string_match(value)),
        None => message.set("presentMatch", true),
    }
    .into()
}
