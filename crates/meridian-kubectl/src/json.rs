//! JSON as Go writes it, so that annotations and output are those of kubectl, byte by byte.

use serde::Serialize;
use serde_json::Value;

/// On one line, as it is kept in annotations.
pub(crate) fn compact(value: &Value) -> String {
    escape_html(value.to_string())
}

/// Indented by four spaces, with a newline at the end: `-o json`.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    // A tree of JSON in memory can always be written to memory.
    let _ = value.serialize(&mut serializer);
    text.push(b'\n');
    escape_html(String::from_utf8(text).unwrap_or_default())
}

/// Go's `encoding/json` escapes what HTML could misread; these characters occur in texts only.
fn escape_html(text: String) -> String {
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A value as Go's `%v` prints it, or as JSON for what has fields or items.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => compact(value),
        other => other.to_string(),
    }
}

/// The text at a pointer such as `/metadata/name`; empty when there is none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The object at `name` of `value`, which is made when it is not there.
///
/// `None` when there is something else in its place.
pub(crate) fn child<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut serde_json::Map<String, Value>> {
    let fields = value.as_object_mut()?;
    let child = fields.entry(name).or_insert_with(|| Value::Object(serde_json::Map::new()));
    if child.is_null() {
        *child = Value::Object(serde_json::Map::new());
    }
    child.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn html_is_escaped_as_by_go() {
        assert_eq!(compact(&json!({"a": "<b> & c"})), "{\"a\":\"\\u003cb\\u003e \\u0026 c\"}");
    }

    #[test]
    fn four_spaces() {
        assert_eq!(pretty(&json!({"a": [1], "b": {}})), "{\n    \"a\": [\n        1\n    ],\n    \"b\": {}\n}\n");
    }
}
