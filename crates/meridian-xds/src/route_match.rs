//! `envoy.config.route.v3.RouteMatch` and `envoy.type.matcher.v3.StringMatcher`

use crate::message::Message;
use meridian_ir::route::{HeaderMatch, PathMatch, QueryMatch};
use meridian_ir::{RouteMatch, StringMatch};
use serde_json::{Value, json};

/// All conditions of a route.
pub fn route_match(matcher: &RouteMatch) -> Value {
    let message = Message::new();
    let message = match &matcher.path {
        PathMatch::Exact(path) => message.with("path", &**path),
        PathMatch::Prefix(prefix) => message.with("prefix", &**prefix),
        PathMatch::PathSeparatedPrefix(prefix) => message.with("pathSeparatedPrefix", &**prefix),
        PathMatch::Regex(regex) => message.with("safeRegex", json!({"regex": &**regex.pattern()})),
    };
    message
        .with("caseSensitive", matcher.case_sensitive)
        .with_list("headers", matcher.headers.iter().map(header_matcher))
        .with_list("queryParameters", matcher.query.iter().map(query_parameter_matcher))
        .into()
}

fn header_matcher(header: &HeaderMatch) -> Value {
    let inverted_value = header.invert && header.value.is_some();
    condition(Message::new().with("name", &*header.name), header.value.as_ref())
        .with_flag("invertMatch", header.invert)
        .with_flag("treatMissingHeaderAsEmpty", inverted_value)
        .into()
}

fn query_parameter_matcher(parameter: &QueryMatch) -> Value {
    condition(Message::new().with("name", &*parameter.name), parameter.value.as_ref()).into()
}

fn condition(message: Message, value: Option<&StringMatch>) -> Message {
    match value {
        Some(value) => message.with("stringMatch", string_matcher(value)),
        None => message.with("presentMatch", true),
    }
}

fn string_matcher(matcher: &StringMatch) -> Value {
    match matcher {
        StringMatch::Exact(text) => json!({"exact": &**text}),
        StringMatch::Prefix(text) => json!({"prefix": &**text}),
        StringMatch::Suffix(text) => json!({"suffix": &**text}),
        StringMatch::Regex(regex) => json!({"safeRegex": {"regex": &**regex.pattern()}}),
    }
}
