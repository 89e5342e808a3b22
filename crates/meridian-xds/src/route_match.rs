//! `envoy.config.route.v3.RouteMatch`

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::string_matcher::{self, string_matcher};
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

pub(crate) fn header_matcher(header: &HeaderMatch) -> Value {
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

/// All conditions of a route. One that the model does not have is an error: the route would take more than it should.
pub(crate) fn read(node: &Node<'_>) -> Result<RouteMatch, ReadError> {
    node.whole(|fields| {
        let case_sensitive = fields.some("caseSensitive", Node::flag)?.unwrap_or(true);
        let headers = fields.each("headers", read_header)?;
        let query = fields.each("queryParameters", read_query_parameter)?;
        Ok(RouteMatch { path: read_path(fields)?, case_sensitive, headers, query })
    })
}

fn read_path(fields: &Fields<'_>) -> Result<PathMatch, ReadError> {
    if let Some(prefix) = fields.get("prefix") {
        return Ok(PathMatch::Prefix(prefix.name()?));
    }
    if let Some(path) = fields.get("path") {
        return Ok(PathMatch::Exact(path.name()?));
    }
    if let Some(prefix) = fields.get("pathSeparatedPrefix") {
        return Ok(PathMatch::PathSeparatedPrefix(prefix.name()?));
    }
    match fields.get("safeRegex") {
        Some(regex) => Ok(PathMatch::Regex(string_matcher::read_regex(&regex)?)),
        None => Err(fields.error("a match with prefix, path, pathSeparatedPrefix or safeRegex")),
    }
}

pub(crate) fn read_header(node: &Node<'_>) -> Result<HeaderMatch, ReadError> {
    node.whole(|fields| {
        let name = fields.need("name")?.text()?.to_ascii_lowercase().into();
        let (value, present) = read_value(fields)?;
        // `presentMatch: false` is that the header is absent.
        let invert = fields.flag("invertMatch")? == present;
        let empty = fields.flag("treatMissingHeaderAsEmpty")?;
        if empty != (invert && value.is_some()) {
            return Err(fields.error("treatMissingHeaderAsEmpty with invertMatch of a value, and only there"));
        }
        Ok(HeaderMatch { name, value, invert })
    })
}

fn read_query_parameter(node: &Node<'_>) -> Result<QueryMatch, ReadError> {
    node.whole(|fields| match read_value(fields)? {
        (value, true) => Ok(QueryMatch { name: fields.need("name")?.name()?, value }),
        (_, false) => Err(fields.error("presentMatch: true")),
    })
}

/// The condition on a value, and whether the field must be present rather than absent.
fn read_value(fields: &Fields<'_>) -> Result<(Option<StringMatch>, bool), ReadError> {
    if let Some(matcher) = fields.get("stringMatch") {
        return Ok((Some(string_matcher::read(&matcher)?), true));
    }
    match fields.get("presentMatch") {
        Some(present) => Ok((None, present.flag()?)),
        None => Err(fields.error("stringMatch or presentMatch")),
    }
}
