//! YAML as Kubernetes and kubectl write it: the style of Go's `yaml.v2`, with sorted fields, folded long lines and literal
//! blocks.

use serde_json::Value;

use super::emit::emit_with;
use super::values;

/// Lines longer than this are folded at a space.
const WIDTH: usize = 80;

/// The value as a YAML document, without `---`, as Go writes it.
pub fn emit_as_go(value: &Value) -> String {
    emit_with(value, write_text)
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

fn write_text(out: &mut String, text: &str, indent: usize, key: bool) {
    match style(text, key) {
        Style::Plain => write_folded(out, text, indent, key, false),
        Style::Single => {
            out.push('\'');
            write_folded(out, &text.replace('\'', "''"), indent, key, true);
            out.push('\'');
        }
        Style::Double => write_double(out, text, indent, key),
        Style::Literal => write_literal(out, text, indent),
    }
}

fn style(text: &str, key: bool) -> Style {
    let traits = Traits::of(text);
    if text.contains('\n') {
        return if traits.literal && !key { Style::Literal } else { Style::Double };
    }
    // What would be read as something else than this text is written in double quotes.
    if !is_read_as_text(text) {
        return Style::Double;
    }
    match (traits.plain, traits.single) {
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    }
}

/// Whether the text, without quotes, is read as a text.
fn is_read_as_text(text: &str) -> bool {
    if text.is_empty() || is_old_word(text) || is_sexagesimal(text) || is_timestamp(text) {
        return false;
    }
    let traits = Traits::of(text);
    if !traits.plain {
        // Texts with special characters are quoted anyway, and mean themselves.
        return text != "~";
    }
    !matches!(&values(text, "")[..], [Ok(value)] if !value.is_string()) && text != "null" && text != "~"
}

/// Words that are booleans in YAML 1.1.
fn is_old_word(text: &str) -> bool {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "<<"];
    WORDS.contains(&text.to_lowercase().as_str())
}

/// `1:30`, which YAML 1.1 counts to the base of 60.
fn is_sexagesimal(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let Some((first, rest)) = digits.split_once(':') else { return false };
    !first.is_empty()
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        && rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_'))
}

/// `2024-05-01`, `2024-05-01T10:00:00Z`.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    digits(0..4) && bytes.get(4) == Some(&b'-') && text.parse::<jiff::civil::Date>().is_ok()
        || (digits(0..4) && bytes.get(4) == Some(&b'-') && text.parse::<jiff::Timestamp>().is_ok())
}

/// In which styles a text can be written.
struct Traits {
    plain: bool,
    single: bool,
    literal: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (first, last) = (chars.first().copied(), chars.last().copied());
        let space = |c: Option<char>| c == Some(' ');
        let line_break = |c: Option<char>| matches!(c, Some('\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'));
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut break_space, mut space_break, mut breaks) = (false, false, false, false);
        for (index, c) in chars.iter().copied().enumerate() {
            let before = index.checked_sub(1).map(|before| chars[before]);
            let after = chars.get(index + 1).copied();
            let ends = after.is_none_or(|after| after.is_whitespace());
            indicators |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if index == 0 =>
                {
                    true
                }
                '?' | '-' if index == 0 => ends,
                ':' => ends,
                '#' => before.is_some_and(char::is_whitespace),
                _ => false,
            };
            special |= !is_printable(c);
            breaks |= line_break(Some(c));
            break_space |= c == ' ' && line_break(before);
            space_break |= line_break(Some(c)) && space(before);
        }
        let edges = space(first) || line_break(first) || space(last) || line_break(last);
        let bad = space_break || special;
        Self {
            plain: !edges && !break_space && !bad && !breaks && !indicators,
            single: !break_space && !bad,
            literal: !space(last) && !bad,
        }
    }
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}')
        || matches!(c, '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Writes a text of one line, folded at single spaces where it is long.
fn write_folded(out: &mut String, text: &str, indent: usize, key: bool, quoted: bool) {
    let chars: Vec<char> = text.chars().collect();
    let mut column = column(out);
    let mut spaces = false;
    for (index, c) in chars.iter().copied().enumerate() {
        let inside = !quoted || (index > 0 && index + 1 < chars.len());
        if c == ' ' {
            let single = chars.get(index + 1) != Some(&' ');
            if !key && !spaces && column > WIDTH && inside && single {
                out.push('\n');
                pad(out, indent);
                column = indent;
            } else {
                out.push(c);
                column += 1;
            }
            spaces = true;
        } else {
            out.push(c);
            column += 1;
            spaces = false;
        }
    }
}

fn write_double(out: &mut String, text: &str, indent: usize, key: bool) {
    let chars: Vec<char> = text.chars().collect();
    out.push('"');
    let mut column = column(out);
    let mut spaces = false;
    for (index, c) in chars.iter().copied().enumerate() {
        if c == ' ' && !key && !spaces && column > WIDTH && index > 0 && index + 1 < chars.len() {
            out.push('\n');
            pad(out, indent);
            column = indent;
            if chars.get(index + 1) == Some(&' ') {
                out.push('\\');
                column += 1;
            }
            spaces = true;
            continue;
        }
        let before = out.len();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c => match u32::from(c) {
                code @ ..0x100 => out.push_str(&format!("\\x{code:02X}")),
                code @ 0x100..0x1_0000 => out.push_str(&format!("\\u{code:04X}")),
                code => out.push_str(&format!("\\U{code:08X}")),
            },
        }
        column += out[before..].chars().count();
        spaces = c == ' ';
    }
    out.push('"');
}

/// A block of lines, as they are.
fn write_literal(out: &mut String, text: &str, indent: usize) {
    // A block in the root of a document would have no indent of its own.
    let indent = indent.max(2);
    out.push('|');
    if text.starts_with(' ') || text.starts_with('\n') {
        out.push('2');
    }
    let trimmed = text.trim_end_matches('\n');
    match text.len() - trimmed.len() {
        0 => out.push('-'),
        1 if !trimmed.is_empty() => {}
        _ => out.push('+'),
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// How many characters the last line has.
fn column(out: &str) -> usize {
    out.rsplit('\n').next().unwrap_or_default().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(text: &str) -> String {
        emit_as_go(&json!({"a": text})).trim_end().to_owned()
    }

    #[test]
    fn texts_are_quoted_as_by_kubectl() {
        let cases = [
            ("plain text", "a: plain text"),
            ("", "a: \"\""),
            ("true", "a: \"true\""),
            ("yes", "a: \"yes\""),
            ("80", "a: \"80\""),
            ("1.5", "a: \"1.5\""),
            ("*", "a: '*'"),
            ("*.example.com", "a: '*.example.com'"),
            ("a: b", "a: 'a: b'"),
            ("a:b", "a: a:b"),
            ("a #b", "a: 'a #b'"),
            ("it's", "a: it's"),
            ("'x'", "a: '''x'''"),
            ("2024-05-01T10:00:00Z", "a: \"2024-05-01T10:00:00Z\""),
            ("null", "a: \"null\""),
            ("~", "a: \"~\""),
            ("0x1f", "a: \"0x1f\""),
            ("{a}", "a: '{a}'"),
            ("%x", "a: '%x'"),
            ("-x", "a: -x"),
            ("- x", "a: '- x'"),
            (" x", "a: ' x'"),
            ("1:30", "a: \"1:30\""),
            ("tab\there", "a: \"tab\\there\""),
            ("two\nlines\n", "a: |\n  two\n  lines"),
            ("two\nlines", "a: |-\n  two\n  lines"),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        let long = "word ".repeat(40) + "end";
        let value = json!({
            "list": [{"a": [1, {"b": true}], "c": {}}, [], [["x"]], null, "it's * a: #b"],
            "long": long, "quoted": format!("* {long}"), "double": format!("\t{long}"),
            "block": "a\n\n  b\nc\n\n", "spaces at the end ": "x ",
        });
        let text = emit_as_go(&value);
        let read = values(&text, "emitted.yaml");
        assert!(matches!(&read[..], [Ok(read)] if *read == value), "{text}\n{read:?}");
    }
}
