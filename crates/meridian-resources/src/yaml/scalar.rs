//! What a scalar means: YAML 1.1, as `sigs.k8s.io/yaml` (and so kubectl and the Kubernetes API) resolves it.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Number, Value};

use crate::base64;

/// Resolves a plain (unquoted) scalar without a tag.
///
/// # Errors
/// For the numbers that JSON does not have.
pub(crate) fn resolve(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return Err(format!("found {text}, which JSON cannot hold; write a finite number or quote it")),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => {
            number(text).map_or_else(|| text.into(), Value::Number)
        }
        _ => text.into(),
    })
}

/// Resolves a scalar with one of YAML's own tags, given by its suffix (`str` for `!!str`).
///
/// # Errors
/// When the text is not of the tag's type, or the tag is not known.
pub(crate) fn resolve_tagged(text: &str, tag: &str) -> Result<Value, String> {
    let value = match tag {
        "str" | "timestamp" => return Ok(text.into()),
        "binary" => {
            let decoded = base64::decode(text).and_then(|bytes| String::from_utf8(bytes).ok());
            return decoded
                .map(Value::String)
                .ok_or_else(|| "the text is not base64 of text, as its tag !!binary says".to_owned());
        }
        "null" | "bool" | "int" | "float" => resolve(text)?,
        _ => return Err(format!("found the tag !!{tag}, allowed: !!str, !!int, !!float, !!bool, !!null, !!binary")),
    };
    let agrees = match tag {
        "null" => value.is_null(),
        "bool" => value.is_boolean(),
        "int" => value.is_i64() || value.is_u64(),
        _ => value.is_number(),
    };
    if agrees { Ok(value) } else { Err(format!("the text is not of the type that its tag !!{tag} says")) }
}

fn number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| float(if text.starts_with('.') { text } else { &plain }))
}

/// Go's `strconv.ParseInt` with base 0: decimal, `0x`, `0o`, `0b`, and octal after a bare `0`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(number)) => Some(number.into()),
        // Go's ParseUint, its second try, takes no sign.
        (false, Err(_)) if !text.starts_with('+') => Some(magnitude.into()),
        (false, Err(_)) => None,
        (true, _) => i64::try_from(-i128::from(magnitude)).ok().map(Number::from),
    }
}

fn float(text: &str) -> Option<Number> {
    static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").expect("a constant expression")
    });
    if !FLOAT.is_match(text) {
        return None;
    }
    let number = Number::from_f64(text.parse::<f64>().ok()?)?;
    // JSON does not tell 80.0 from 80.
    Some(crate::value::whole(&number).map_or(number, Number::from))
}
