//! Lines of a width, as Go's `mitchellh/go-wordwrap` makes them.

/// Breaks a text at white space so that its lines have at most `width` characters; a word that is longer stays whole.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut line, mut word, mut space) = (0, String::new(), String::new());
    for c in text.chars() {
        if c == '\n' {
            if word.is_empty() && line + length(&space) > width {
                space.clear();
            }
            out.push_str(&std::mem::take(&mut space));
            out.push_str(&std::mem::take(&mut word));
            out.push(c);
            line = 0;
        } else if c.is_whitespace() && c != '\u{a0}' {
            if space.is_empty() || !word.is_empty() {
                line += length(&space) + length(&word);
                out.push_str(&std::mem::take(&mut space));
                out.push_str(&std::mem::take(&mut word));
            }
            space.push(c);
        } else {
            word.push(c);
            let long = length(&word);
            if line + long + length(&space) > width && long < width {
                out.push('\n');
                line = 0;
                space.clear();
            }
        }
    }
    if !word.is_empty() || line + length(&space) <= width {
        out.push_str(&space);
        out.push_str(&word);
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Spaces before each line.
pub(super) fn indent(text: &str, amount: usize) -> String {
    let pad = " ".repeat(amount);
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), "one two\nthree");
        assert_eq!(wrap("one two\n\nthree  four\n", 6), "one\ntwo\n\nthree\nfour\n");
        assert_eq!(wrap("a verylongword b", 5), "a\nverylongword\nb");
        assert_eq!(wrap("", 5), "");
        assert_eq!(indent("a\n\nb\n", 2), "  a\n  \n  b\n  ");
    }
}
