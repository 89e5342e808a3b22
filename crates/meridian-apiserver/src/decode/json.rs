//! What Go's `encoding/json` says of a text that is not JSON.

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of the list that has just begun.
    ValueOrEnd,
    Key,
    /// A key, or the end of the object that has just begun.
    KeyOrEnd,
    Colon,
    /// A comma or the end of what is around.
    Continuation,
}

/// What is around a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Object,
    List,
}

/// A text that ends too early, or has a character where none like it may be.
struct Mistake(String);

/// The first mistake of a text, in Go's words; `None` for JSON, and for what Go takes for it.
pub(crate) fn syntax_error(text: &[u8]) -> Option<String> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.whole().err().map(|Mistake(why)| why)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Result<u8, Mistake> {
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        byte.ok_or_else(|| Mistake("unexpected end of JSON input".to_owned()))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// One value and nothing else. What is open is kept in a list, so that no depth is too much.
    fn whole(&mut self) -> Result<(), Mistake> {
        let mut open: Vec<Around> = Vec::new();
        let mut next = Next::Value;
        loop {
            self.skip_space();
            if next == Next::Continuation && open.is_empty() && self.peek().is_none() {
                return Ok(());
            }
            let byte = self.next()?;
            next = match (next, byte) {
                (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => {
                    open.pop();
                    Next::Continuation
                }
                (Next::Value | Next::ValueOrEnd, b'{') => {
                    open.push(Around::Object);
                    Next::KeyOrEnd
                }
                (Next::Value | Next::ValueOrEnd, b'[') => {
                    open.push(Around::List);
                    Next::ValueOrEnd
                }
                (Next::Value | Next::ValueOrEnd, _) => {
                    self.scalar(byte)?;
                    Next::Continuation
                }
                (Next::Key | Next::KeyOrEnd, b'"') => {
                    self.string()?;
                    Next::Colon
                }
                (Next::Key | Next::KeyOrEnd, _) => {
                    return Err(invalid(byte, "looking for beginning of object key string"));
                }
                (Next::Colon, b':') => Next::Value,
                (Next::Colon, _) => return Err(invalid(byte, "after object key")),
                (Next::Continuation, _) => match (open.last(), byte) {
                    (Some(Around::Object), b',') => Next::Key,
                    (Some(Around::List), b',') => Next::Value,
                    (Some(Around::Object), b'}') | (Some(Around::List), b']') => {
                        open.pop();
                        Next::Continuation
                    }
                    (Some(Around::Object), _) => return Err(invalid(byte, "after object key:value pair")),
                    (Some(Around::List), _) => return Err(invalid(byte, "after array element")),
                    (None, _) => return Err(invalid(byte, "after top-level value")),
                },
            };
        }
    }

    fn scalar(&mut self, first: u8) -> Result<(), Mistake> {
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(first),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(invalid(first, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Mistake> {
        for expected in word.bytes().skip(1) {
            let byte = self.next()?;
            if byte != expected {
                return Err(invalid(byte, &format!("in literal {word} (expecting {})", quoted(expected))));
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Mistake> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.next()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(invalid(byte, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                byte if byte < b' ' => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn number(&mut self, mut first: u8) -> Result<(), Mistake> {
        if first == b'-' {
            first = self.digit("in numeric literal")?;
        }
        if first != b'0' {
            self.skip_digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.skip_digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.skip_digits();
        }
        Ok(())
    }

    fn digit(&mut self, place: &str) -> Result<u8, Mistake> {
        let byte = self.next()?;
        if byte.is_ascii_digit() { Ok(byte) } else { Err(invalid(byte, place)) }
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

fn invalid(byte: u8, place: &str) -> Mistake {
    Mistake(format!("invalid character {} {place}", quoted(byte)))
}

/// A byte as Go writes a character of that number.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        7 => r"'\a'".to_owned(),
        8 => r"'\b'".to_owned(),
        11 => r"'\v'".to_owned(),
        12 => r"'\f'".to_owned(),
        0..=31 | 127 => format!(r"'\x{byte:02x}'"),
        128..=160 | 173 => format!(r"'\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::syntax_error;

    #[test]
    fn mistakes_are_named_as_go_names_them() {
        let cases = [
            ("", "unexpected end of JSON input"),
            ("{\"metadata\": ", "unexpected end of JSON input"),
            ("nonsense", "invalid character 'o' in literal null (expecting 'u')"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("\u{9e}", "invalid character 'Â' looking for beginning of value"),
            ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{} {", "invalid character '{' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1e'", "invalid character '\\'' in exponent of numeric literal"),
        ];
        for (text, expected) in cases {
            assert_eq!(syntax_error(text.as_bytes()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn json_has_no_mistakes() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for text in ["{}", " [ ] ", "{\"a\": [1, -0.5e+7, true, null, \"\\u00e9\\n\"], \"b\": {}}", "0", &deep] {
            assert_eq!(syntax_error(text.as_bytes()), None);
        }
    }
}
