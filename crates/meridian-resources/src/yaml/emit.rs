//! Writes JSON values as YAML in block style, such that parsing gives the same value.

use std::fmt::Write;

use serde_json::Value;

use super::scalar;

/// The value as a YAML document, without `---`.
pub fn emit(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => write_fields(&mut out, value, 0),
        Value::Array(items) if !items.is_empty() => write_items(&mut out, value, 0),
        _ => write_inline(&mut out, value),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn write_fields(out: &mut String, value: &Value, indent: usize) {
    for (index, (name, value)) in value.as_object().into_iter().flatten().enumerate() {
        if index > 0 {
            pad(out, indent);
        }
        write_text(out, name);
        out.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                pad(out, indent + 2);
                write_fields(out, value, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                pad(out, indent);
                write_items(out, value, indent);
            }
            _ => {
                out.push(' ');
                write_inline(out, value);
                out.push('\n');
            }
        }
    }
}

fn write_items(out: &mut String, value: &Value, indent: usize) {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if index > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => write_fields(out, item, indent + 2),
            Value::Array(items) if !items.is_empty() => write_items(out, item, indent + 2),
            _ => {
                write_inline(out, item);
                out.push('\n');
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn write_inline(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => write_text(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Plain where that is read back as the same text, otherwise in double quotes.
fn write_text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c => match u32::from(c) {
                code @ ..0x100 => write_escape(out, 'x', code, 2),
                code @ 0x100..0x1_0000 => write_escape(out, 'u', code, 4),
                code => write_escape(out, 'U', code, 8),
            },
        }
    }
    out.push('"');
}

fn write_escape(out: &mut String, letter: char, code: u32, width: usize) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\{letter}{code:0width$x}");
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Only texts of letters, digits and a few signs are written plain; everything else is quoted.
fn is_plain(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.'));
    let all = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./+=(),;^$".contains(&byte) || byte == b' ');
    first && all && !text.ends_with(' ') && !text.starts_with("...") && scalar::resolve(text) == Ok(text.into())
}
