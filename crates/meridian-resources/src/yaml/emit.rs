//! Writes JSON values as YAML in block style, such that parsing gives the same value.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::scalar;

/// How a text is written: to the end of the first, with the indent of lines that follow, and whether it is a key.
pub(super) type WriteText = fn(&mut String, &str, usize, bool);

/// The value as a YAML document, without `---`.
pub fn emit(value: &Value) -> String {
    emit_with(value, |out, text, _, _| write_text(out, text))
}

/// As [`emit`], with texts in a style of the caller's.
pub(super) fn emit_with(value: &Value, write_text: WriteText) -> String {
    let mut writer = Writer { out: String::new(), write_text };
    match value {
        Value::Object(fields) if !fields.is_empty() => writer.fields(fields, 0),
        Value::Array(items) if !items.is_empty() => writer.items(items, 0),
        _ => writer.scalar(value, 0),
    }
    writer.out
}

struct Writer {
    out: String,
    write_text: WriteText,
}

impl Writer {
    fn fields(&mut self, fields: &Map<String, Value>, indent: usize) {
        for (index, (name, value)) in fields.iter().enumerate() {
            if index > 0 {
                self.pad(indent);
            }
            (self.write_text)(&mut self.out, name, indent, true);
            self.out.push(':');
            match value {
                Value::Object(fields) if !fields.is_empty() => {
                    self.out.push('\n');
                    self.pad(indent + 2);
                    self.fields(fields, indent + 2);
                }
                Value::Array(items) if !items.is_empty() => {
                    self.out.push('\n');
                    self.pad(indent);
                    self.items(items, indent);
                }
                _ => {
                    self.out.push(' ');
                    self.scalar(value, indent + 2);
                }
            }
        }
    }

    fn items(&mut self, items: &[Value], indent: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.pad(indent);
            }
            self.out.push_str("- ");
            match item {
                Value::Object(fields) if !fields.is_empty() => self.fields(fields, indent + 2),
                Value::Array(items) if !items.is_empty() => self.items(items, indent + 2),
                _ => self.scalar(item, indent + 2),
            }
        }
    }

    /// A value on one line, or an empty list or object, and the end of the line.
    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => (self.write_text)(&mut self.out, text, indent, false),
            Value::Array(_) => self.out.push_str("[]"),
            Value::Object(_) => self.out.push_str("{}"),
            scalar => self.out.push_str(&scalar.to_string()),
        }
        self.out.push('\n');
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
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
