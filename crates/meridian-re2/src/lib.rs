//! Regular expressions that mean what they mean to RE2, by which Istio checks them and Envoy runs them.
//!
//! The regex crate has nearly the same syntax. Where the two differ, an expression is written anew before it is
//! compiled: `\d`, `\w`, `\s` and `\b` are about ASCII in RE2, a brace that begins no repetition stands for itself
//! (`/v1/{id}`), and so does everything in a class but ranges, escapes and `[:names:]`.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use regex::bytes::{Regex, RegexBuilder};
use std::iter::Peekable;
use std::str::Chars;

/// The largest program that an expression may become, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// Compiles `pattern`, which may match anywhere.
///
/// # Errors
/// The pattern is not a regular expression, or compiles to more than 1 MiB; the message says where and why.
pub fn anywhere(pattern: &str) -> Result<Regex, regex::Error> {
    compile(&rewritten(pattern))
}

/// Compiles `pattern`, which must match the whole.
///
/// # Errors
/// As [`anywhere`].
pub fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    let rewritten = rewritten(pattern);
    // A pattern that only compiles because of what is put around it (`)(`) is not one.
    compile(&rewritten)?;
    compile(&format!("^(?:{rewritten})$"))
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).build()
}

const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\t\n\f\r ";

/// The characters that a letter behind a backslash stands for, and whether it is all others.
fn class_of(letter: char) -> Option<(&'static str, bool)> {
    let characters = match letter.to_ascii_lowercase() {
        'd' => DIGITS,
        'w' => WORD,
        's' => SPACE,
        _ => return None,
    };
    Some((characters, letter.is_ascii_uppercase()))
}

fn rewritten(pattern: &str) -> String {
    let mut rewriter = Rewriter { rest: pattern.chars().peekable(), out: String::with_capacity(pattern.len() + 16) };
    while let Some(next) = rewriter.rest.next() {
        match next {
            '\\' => rewriter.escape(),
            '[' => rewriter.class(),
            '{' if !rewriter.is_repetition() => rewriter.out.push_str(r"\{"),
            other => rewriter.out.push(other),
        }
    }
    rewriter.out
}

struct Rewriter<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

impl Rewriter<'_> {
    /// Whether what follows an opening brace is `n}`, `n,}` or `n,m}`.
    fn is_repetition(&self) -> bool {
        let mut ahead = self.rest.clone();
        let mut digits = || {
            let mut count = 0;
            while ahead.next_if(char::is_ascii_digit).is_some() {
                count += 1;
            }
            (count, ahead.next())
        };
        match digits() {
            (0, _) => false,
            (_, Some('}')) => true,
            (_, Some(',')) => digits().1 == Some('}'),
            _ => false,
        }
    }

    /// What follows a backslash outside of a class.
    fn escape(&mut self) {
        let Some(next) = self.rest.next() else {
            self.out.push('\\');
            return;
        };
        match next {
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'C' => self.out.push_str("(?s-u:.)"),
            'Q' => self.literally(),
            // These are assertions to the regex crate.
            '<' | '>' => self.out.push(next),
            _ => match class_of(next) {
                Some((characters, negated)) => {
                    self.out.push_str(if negated { "[^" } else { "[" });
                    self.out.push_str(characters);
                    self.out.push(']');
                }
                None => self.other_escape(next),
            },
        }
    }

    /// `\Q...\E`: what is between stands for itself.
    fn literally(&mut self) {
        while let Some(next) = self.rest.next() {
            if next == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
        }
    }

    /// An escape that both know alike, or one by octal digits, which only RE2 knows.
    fn other_escape(&mut self, next: char) {
        let is_octal = |digit: &char| ('0'..='7').contains(digit);
        if next == '0' || is_octal(&next) && self.rest.peek().is_some_and(is_octal) {
            let mut value = next.to_digit(8).unwrap_or(0);
            for _ in 0..2 {
                let Some(digit) = self.rest.next_if(is_octal) else { break };
                value = value * 8 + digit.to_digit(8).unwrap_or(0);
            }
            self.out.push_str(&format!(r"\x{{{value:x}}}"));
            return;
        }
        self.out.push('\\');
        self.out.push(next);
        // `\x{10FFFF}`, `\p{Greek}`
        if matches!(next, 'x' | 'p' | 'P') && self.rest.peek() == Some(&'{') {
            for next in self.rest.by_ref() {
                self.out.push(next);
                if next == '}' {
                    break;
                }
            }
        }
    }

    /// A class, behind its opening bracket.
    fn class(&mut self) {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            self.out.push_str(r"\]");
        }
        while let Some(next) = self.rest.next() {
            match next {
                ']' => {
                    self.out.push(']');
                    return;
                }
                '[' if self.rest.peek() == Some(&':') => self.named_class(),
                '[' => self.out.push_str(r"\["),
                '\\' => self.class_escape(),
                // Two of them are an operator to the regex crate.
                '&' | '~' => self.out.extend(['\\', next]),
                '-' if self.rest.next_if_eq(&'-').is_some() => self.out.push_str(r"-\-"),
                other => self.out.push(other),
            }
        }
    }

    /// `[:alpha:]`, behind its opening bracket.
    fn named_class(&mut self) {
        self.out.push('[');
        let mut before = '[';
        for next in self.rest.by_ref() {
            self.out.push(next);
            if next == ']' && before == ':' {
                return;
            }
            before = next;
        }
    }

    /// What follows a backslash in a class.
    fn class_escape(&mut self) {
        let Some(next) = self.rest.next() else {
            self.out.push('\\');
            return;
        };
        let Some((characters, negated)) = class_of(next) else { return self.other_escape(next) };
        match negated {
            true => self.out.push_str(&format!("[^{characters}]")),
            false => self.out.push_str(characters),
        }
        // Behind such a letter a hyphen begins no range.
        if self.rest.peek() == Some(&'-') {
            self.rest.next();
            self.out.push_str(r"\-");
        }
    }
}
