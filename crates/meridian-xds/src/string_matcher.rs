//! `envoy.type.matcher.v3.StringMatcher`

use crate::read::{Fields, Node, ReadError};
use meridian_ir::StringMatch;
use meridian_ir::string_match::FullRegex;
use serde_json::{Value, json};

/// How a string is matched.
pub(crate) fn string_matcher(matcher: &StringMatch) -> Value {
    match matcher {
        StringMatch::Exact(text) => json!({"exact": &**text}),
        StringMatch::Prefix(text) => json!({"prefix": &**text}),
        StringMatch::Suffix(text) => json!({"suffix": &**text}),
        StringMatch::Regex(regex) => json!({"safeRegex": {"regex": &**regex.pattern()}}),
    }
}

/// The same without regard to case; a regular expression says by itself whether it has any.
pub(crate) fn string_matcher_ignoring_case(matcher: &StringMatch) -> Value {
    let mut message = string_matcher(matcher);
    if !matches!(matcher, StringMatch::Regex(_)) {
        message["ignoreCase"] = true.into();
    }
    message
}

/// See [`string_matcher_ignoring_case`]; what regards case is read as if it did not.
pub(crate) fn read_ignoring_case(node: &Node<'_>) -> Result<StringMatch, ReadError> {
    node.whole(|fields| {
        fields.some("ignoreCase", Node::flag)?;
        read_fields(fields)
    })
}

/// See [`string_matcher`]; a kind that the model does not have is an error.
pub(crate) fn read(node: &Node<'_>) -> Result<StringMatch, ReadError> {
    node.whole(|fields| {
        fields.known("ignoreCase", &json!(false));
        read_fields(fields)
    })
}

fn read_fields(fields: &Fields<'_>) -> Result<StringMatch, ReadError> {
    if let Some(text) = fields.get("exact") {
        return Ok(StringMatch::Exact(text.name()?));
    }
    if let Some(text) = fields.get("prefix") {
        return Ok(StringMatch::Prefix(text.name()?));
    }
    if let Some(text) = fields.get("suffix") {
        return Ok(StringMatch::Suffix(text.name()?));
    }
    match fields.get("safeRegex") {
        Some(regex) => Ok(StringMatch::Regex(read_regex(&regex)?)),
        None => Err(fields.error("exact, prefix, suffix or safeRegex")),
    }
}

/// A regular expression that must match the whole string.
pub(crate) fn read_regex(node: &Node<'_>) -> Result<FullRegex, ReadError> {
    node.whole(|fields| {
        fields.known("googleRe2", &json!({}));
        let pattern = fields.text("regex")?;
        FullRegex::new(pattern).map_err(|error| fields.error(&format!("a regular expression ({error})")))
    })
}
