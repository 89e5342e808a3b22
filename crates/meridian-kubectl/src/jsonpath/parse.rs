//! From the text of a template to its parts.

use super::{Comparison, Part, Slice, Step};
use serde_json::Value;

type Parsed<T> = Result<T, String>;

/// Reads a template.
pub(super) fn template(text: &str) -> Parsed<Vec<Part>> {
    let mut open: Vec<(Vec<Step>, Vec<Part>)> = Vec::new();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find('{') {
        if brace > 0 {
            parts.push(Part::Text(rest[..brace].to_owned()));
        }
        let (word, steps, tail) = action(&rest[brace + 1..])?;
        rest = tail;
        match word.as_deref() {
            None => parts.push(Part::Action(steps)),
            Some("range") => open.push((steps, std::mem::take(&mut parts))),
            Some("end") => {
                let (steps, before) = open.pop().ok_or("not in range, nothing to end")?;
                let body = std::mem::replace(&mut parts, before);
                parts.push(Part::Range(steps, body));
            }
            Some(other) => return Err(format!("unrecognized identifier {other}")),
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    // A range that is not ended goes to the end of the template.
    while let Some((steps, before)) = open.pop() {
        let body = std::mem::replace(&mut parts, before);
        parts.push(Part::Range(steps, body));
    }
    Ok(parts)
}

/// Reads to the brace that closes: the word `range` or `end`, the steps, and what follows.
fn action(text: &str) -> Parsed<(Option<String>, Vec<Step>, &str)> {
    let mut reader = Reader { text, at: 0 };
    let mut word = None;
    let mut steps = Vec::new();
    loop {
        if reader.take("}") {
            return Ok((word, steps, reader.rest()));
        }
        if let Some(identifier) = reader.step(&mut steps)? {
            word = Some(identifier);
        }
    }
}

/// Reads steps to the end of a text, such as a side of a comparison.
fn steps(text: &str) -> Parsed<Vec<Step>> {
    let mut reader = Reader { text, at: 0 };
    let mut steps = Vec::new();
    while !reader.rest().is_empty() {
        if let Some(word) = reader.step(&mut steps)? {
            return Err(format!("unrecognized identifier {word}"));
        }
    }
    Ok(steps)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    /// Takes what `belongs`.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// One step, which is appended; or a word such as `range`.
    fn step(&mut self, steps: &mut Vec<Step>) -> Parsed<Option<String>> {
        if self.take("[?(") {
            steps.push(self.filter()?);
            return Ok(None);
        }
        if self.take("..") {
            if steps.last() == Some(&Step::Recursive) {
                return Err("invalid multiple recursive descent".to_owned());
            }
            steps.push(Step::Recursive);
            if self.rest().starts_with(|c: char| c == '_' || c.is_alphanumeric() || c == '*') {
                steps.push(self.field());
            }
            return Ok(None);
        }
        let Some(c) = self.rest().chars().next().filter(|c| !matches!(c, '\n' | '\r')) else {
            return Err("unclosed action".to_owned());
        };
        match c {
            ' ' | '@' | '$' => self.at += 1,
            '[' => {
                self.at += 1;
                let end = self.rest().find([']', '\n']).filter(|end| self.rest()[*end..].starts_with(']'));
                let inside = &self.rest()[..end.ok_or("unterminated array")?];
                self.at += inside.len() + 1;
                steps.push(subscript(inside)?);
            }
            '"' | '\'' => steps.push(Step::Literal(self.quoted(c)?.into())),
            '.' => {
                self.at += 1;
                let field = self.field();
                // A dot alone is the value itself.
                if field != Step::Field(String::new()) {
                    steps.push(field);
                }
            }
            '+' | '-' | '0'..='9' => {
                let number = self.take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
                steps.push(Step::Literal(number_of(number)?));
            }
            c if c == '_' || c.is_alphanumeric() => {
                let word = self.take_while(|c| !is_terminator(c));
                match word {
                    "true" | "false" => steps.push(Step::Literal((word == "true").into())),
                    word => return Ok(Some(word.to_owned())),
                }
            }
            other => return Err(format!("unrecognized character in action: U+{:04X} '{other}'", u32::from(other))),
        }
        Ok(None)
    }

    fn field(&mut self) -> Step {
        let mut name = String::new();
        let mut chars = self.rest().char_indices();
        let mut end = self.rest().len();
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' => name.extend(chars.next().map(|(_, c)| c)),
                c if is_terminator(c) => {
                    end = index;
                    break;
                }
                c => name.push(c),
            }
        }
        self.at += end;
        if name == "*" { Step::Wildcard } else { Step::Field(name) }
    }

    fn quoted(&mut self, quote: char) -> Parsed<String> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '\n' => break,
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(c @ ('\\' | '"' | '\'' | '/')) => text.push(c),
                    Some(other) => {
                        return Err(format!("found \\{other} in a text, allowed: \\n, \\t, \\r, \\\\, \\\""));
                    }
                    None => break,
                },
                c if c == quote => {
                    self.at += index + c.len_utf8();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err("unterminated quoted string".to_owned())
    }

    /// After `[?(`, to `)]`.
    fn filter(&mut self) -> Parsed<Step> {
        let rest = self.rest();
        let (mut quote, mut depth, mut end) = (None, 0, None);
        let mut before = ' ';
        for (index, c) in rest.char_indices() {
            match (quote, c) {
                (Some(open), c) if c == open && before != '\\' => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') if depth > 0 => depth -= 1,
                (None, ')') => {
                    end = Some(index);
                    break;
                }
                _ => {}
            }
            before = c;
        }
        let inside = &rest[..end.ok_or("unterminated filter")?];
        self.at += inside.len() + 1;
        if !self.take("]") {
            return Err("unclosed array expect ]".to_owned());
        }
        let Some(sign) = inside.find(['!', '<', '>', '=']) else { return Ok(Step::Exists(steps(inside)?)) };
        let (left, right) = inside.split_at(sign);
        let end = right.find(|c| !matches!(c, '!' | '<' | '>' | '=')).unwrap_or(right.len());
        let (sign, right) = right.split_at(end);
        let comparison = match sign {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterEqual,
            other => return Err(format!("unrecognized filter operator {other}, allowed: ==, !=, <, <=, >, >=")),
        };
        Ok(Step::Compare(steps(left)?, comparison, steps(right)?))
    }
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

fn number_of(text: &str) -> Parsed<Value> {
    let number = text.strip_prefix('+').unwrap_or(text);
    let integer = number.parse::<i64>().map(Value::from);
    integer.or_else(|_| number.parse::<f64>().map(Value::from)).map_err(|_| format!("cannot parse number {text}"))
}

/// What is between brackets.
fn subscript(text: &str) -> Parsed<Step> {
    if text == "*" {
        return Ok(Step::Slice(Slice { from: None, to: None, step: None, one: false }));
    }
    if text.contains(',') {
        let parts = text.split(',').map(|part| subscript(part.trim()).map(|step| vec![step]));
        return Ok(Step::Union(parts.collect::<Parsed<_>>()?));
    }
    let quoted = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    if let Some(name) = quoted('\'').or_else(|| quoted('"')) {
        return Ok(Step::Field(name.replace('\\', "")));
    }
    let numbers: Vec<&str> = text.split(':').collect();
    let number = |index: usize| match numbers.get(index) {
        None | Some(&"") => Ok(None),
        Some(number) => number.parse::<i64>().map(Some).map_err(|_| format!("invalid array index {text}")),
    };
    if text.is_empty() || numbers.len() > 3 {
        return Err(format!("invalid array index {text}"));
    }
    Ok(Step::Slice(Slice { from: number(0)?, to: number(1)?, step: number(2)?, one: numbers.len() == 1 }))
}
