//! Values of policies as matchers, and how those that deny are made to match whatever means the same.

use meridian_ir::http::PathNormalization;
use meridian_ir::rbac::{PathMatch, PathTemplate, ValueMatch};
use meridian_ir::string_match::FullRegex;
use meridian_ir::{StringMatch, route};
use meridian_resources::istio::authorization_policy::values::{ANY_SEGMENT, ANY_SEGMENTS, is_template};
use std::fmt::Write;

/// A value cannot be used in this place: what it is made into would not be valid, or would never match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable;

/// A regular expression over the whole of a text.
pub(super) fn regex(pattern: &str) -> Result<StringMatch, Unusable> {
    FullRegex::new(pattern).map(StringMatch::Regex).map_err(|_| Unusable)
}

/// `a`, `a*`, `*a`, or `*` for anything but nothing.
pub(super) fn wildcard(value: &str) -> Result<StringMatch, Unusable> {
    Ok(match (value, value.strip_prefix('*'), value.strip_suffix('*')) {
        ("*", _, _) => return regex(".+"),
        (_, Some(suffix), _) => StringMatch::Suffix(suffix.into()),
        (_, _, Some(prefix)) => StringMatch::Prefix(prefix.into()),
        _ => StringMatch::Exact(value.into()),
    })
}

/// As [`wildcard`], behind a prefix that all values have.
pub(super) fn wildcard_behind(prefix: &str, value: &str) -> Result<StringMatch, Unusable> {
    Ok(match (value, value.strip_prefix('*'), value.strip_suffix('*')) {
        ("*", _, _) => return regex(".+"),
        (_, Some(suffix), _) => return regex(&format!("{prefix}.*{}", quoted(suffix))),
        (_, _, Some(start)) => StringMatch::Prefix(format!("{prefix}{start}").into()),
        _ => StringMatch::Exact(format!("{prefix}{value}").into()),
    })
}

/// A condition on a header; `*` is its presence.
pub(super) fn header(name: &str, value: &str) -> Result<route::HeaderMatch, Unusable> {
    let value = if value == "*" { None } else { Some(wildcard(value)?) };
    Ok(route::HeaderMatch { name: name.to_ascii_lowercase().into(), value, invert: false })
}

/// A condition that one element of a header's value fulfils: a list in one line means the same as several lines
/// (RFC 9110 section 5.3).
pub(super) fn header_element(name: &str, value: &str) -> Result<route::HeaderMatch, Unusable> {
    let element = match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (Some(suffix), _) => format!("[^,]*{}", quoted(suffix)),
        (_, Some(prefix)) => format!("{}[^,]*", quoted(prefix)),
        _ => quoted(value),
    };
    let value = Some(regex(&format!("(?:.*,)?[ \\t]*{element}[ \\t]*(?:,.*)?"))?);
    Ok(route::HeaderMatch { name: name.to_ascii_lowercase().into(), value, invert: false })
}

/// A host in all the forms that mean it: with a port, and with the dot of the root.
pub(super) fn host_forms(value: &str) -> Result<Vec<StringMatch>, Unusable> {
    Ok(match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (Some(suffix), _) => vec![regex(&format!("(?i).*{}\\.?(:.*)?", quoted(suffix)))?],
        (_, Some(_)) => vec![wildcard(value)?],
        _ => {
            let form = |end: &str| format!("{value}{end}").into();
            vec![
                StringMatch::Exact(form("")),
                StringMatch::Prefix(form(":")),
                StringMatch::Exact(form(".")),
                StringMatch::Prefix(form(".:")),
            ]
        }
    })
}

/// A server name with and without the dot of the root.
pub(super) fn server_name_forms(value: &str) -> Result<Vec<StringMatch>, Unusable> {
    let plain = wildcard(value)?;
    if value.ends_with(['*', '.']) {
        return Ok(vec![plain]);
    }
    Ok(vec![plain, wildcard(&format!("{value}."))?])
}

/// A path as it is written.
pub(super) fn path(value: &str) -> Result<PathMatch, Unusable> {
    if is_template(value) {
        let template = value.replace(ANY_SEGMENTS, "**").replace(ANY_SEGMENT, "*");
        return PathTemplate::new(&template).map(PathMatch::Template).map_err(|_| Unusable);
    }
    wildcard(value).map(PathMatch::Text)
}

/// Whether a path that is written differently may mean the same to who serves it, as far as paths are made canonical.
fn has_other_forms(normalization: PathNormalization) -> bool {
    normalization != PathNormalization::DecodeAndMergeSlashes
}

/// A path in all the forms that a server may take for it: slashes repeated or escaped, segments with parameters
/// (`;a=b`), and reserved characters escaped. What is left to do is what `normalization` does not do already.
pub(super) fn path_forms(value: &str, normalization: PathNormalization) -> Result<PathMatch, Unusable> {
    const PARAMETERS: &str = "(?:;[^/]*)?";
    let slash = if has_other_forms(normalization) { "(?:/|%2[Ff]|%5[Cc])+" } else { "/" };
    if value == "*" {
        return path(value);
    }
    let (start, text, end) = match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (Some(suffix), _) => (".*", suffix, ""),
        (_, Some(prefix)) => ("", prefix, ".*"),
        _ => ("", value, ""),
    };
    let mut pattern = String::with_capacity(value.len() * 4);
    pattern.push_str(start);
    let mut segments = text.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            ANY_SEGMENT => pattern.push_str("[^/]+"),
            ANY_SEGMENTS => pattern.push_str(".*"),
            _ => escaped(segment, &mut pattern),
        }
        let is_last = segments.peek().is_none();
        let is_whole = !is_last || end.is_empty();
        if is_whole && !segment.is_empty() {
            pattern.push_str(PARAMETERS);
        }
        if !is_last {
            pattern.push_str(slash);
        }
    }
    pattern.push_str(end);
    regex(&pattern).map(PathMatch::Text)
}

/// The letters of a segment, each also in its escaped form where it keeps it when paths are made canonical.
fn escaped(segment: &str, pattern: &mut String) {
    for character in segment.chars() {
        let quoted = quoted(character.encode_utf8(&mut [0; 4]));
        if character.is_ascii_alphanumeric() || "-._~%".contains(character) || !character.is_ascii() {
            pattern.push_str(&quoted);
        } else {
            // Writing to a String cannot fail.
            _ = write!(pattern, "(?:{quoted}|(?i:%{:02x}))", u32::from(character));
        }
    }
}

/// Values of which metadata must have one, as text or as a member of a list.
pub(super) fn one_of(values: &[String]) -> Result<ValueMatch, Unusable> {
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        texts.push(ValueMatch::Text(wildcard(value)?));
    }
    Ok(any_of(texts))
}

/// One of several; a single one is itself.
pub(super) fn any_of(mut values: Vec<ValueMatch>) -> ValueMatch {
    if values.len() == 1 { values.remove(0) } else { ValueMatch::Or(values) }
}

/// A text that a regular expression takes as it is.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
