//! Words of the language.

use crate::ParseError;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Int(i64),
    Double(f64),
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: [&str; 22] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", ",", ".",
];

/// Cuts a text into words, each with its column.
pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ParseError> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let column = text.len() - rest.len() + 1;
        let Some(first) = rest.chars().next() else {
            found.push((Token::End, column));
            return Ok(found);
        };
        let (token, length) = if first.is_ascii_alphabetic() || first == '_' {
            name(rest)
        } else if first.is_ascii_digit() {
            number(rest, column)?
        } else if first == '"' || first == '\'' {
            quoted(rest, column)?
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| ParseError::new(column, format!("found {first:?}, which is no operator")))?;
            (Token::Sign(sign), sign.len())
        };
        found.push((token, column));
        rest = &rest[length..];
    }
}

fn name(rest: &str) -> (Token, usize) {
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    (Token::Name(rest[..length].to_owned()), length)
}

fn number(rest: &str, column: usize) -> Result<(Token, usize), ParseError> {
    let wrong = |text: &str| ParseError::new(column, format!("found {text:?}, which is no number"));
    if let Some(digits) = rest.strip_prefix("0x") {
        let length = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        let value = i64::from_str_radix(&digits[..length], 16).map_err(|_| wrong(&rest[..length + 2]))?;
        return Ok((Token::Int(value), length + 2));
    }
    let mut length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let fraction = rest[length..].strip_prefix('.').filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    if let Some(fraction) = fraction {
        length += 1 + fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        let value = rest[..length].parse().map_err(|_| wrong(&rest[..length]))?;
        return Ok((Token::Double(value), length));
    }
    let value = rest[..length].parse().map_err(|_| wrong(&rest[..length]))?;
    // `1u` is an unsigned number.
    let length = length + usize::from(rest[length..].starts_with(['u', 'U']));
    Ok((Token::Int(value), length))
}

fn quoted(rest: &str, column: usize) -> Result<(Token, usize), ParseError> {
    let mut characters = rest.char_indices();
    let quote = characters.next().map_or('"', |(_, quote)| quote);
    let mut text = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((Token::Text(text), at + 1)),
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, escaped @ ('\\' | '"' | '\'' | '`' | '?'))) => text.push(escaped),
                _ => {
                    return Err(ParseError::new(
                        column + at,
                        "found an escape that is not one of \\n \\r \\t \\\\ \\\" \\'",
                    ));
                }
            },
            '\n' => break,
            other => text.push(other),
        }
    }
    Err(ParseError::new(column, "found a text without its closing quote"))
}
