//! The house's rules that no other tool checks: short files, nothing unfinished, `unsafe` in one room.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::workspace;

/// The longest a source file may be, in lines.
const LONGEST: usize = 800;

/// Words that stand for something unfinished or switched off; put together here so that this file does not contain them.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[ig", "nore"),
    concat!("allow(dead", "_code"),
];

/// Everything that breaks a rule, as `file:line: what`.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn findings() -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for file in workspace::files(".rs")? {
        let text = fs::read_to_string(workspace::root().join(&file)).with_context(|| file.display().to_string())?;
        all.extend(of_source(&file, &text));
    }
    for suffix in [".md", ".toml", ".sh", ".yaml"] {
        for file in workspace::files(suffix)? {
            let text = fs::read_to_string(workspace::root().join(&file)).with_context(|| file.display().to_string())?;
            all.extend(unfinished(&file, &text));
        }
    }
    Ok(all)
}

/// The findings in one Rust file.
fn of_source(file: &Path, text: &str) -> Vec<String> {
    let mut all = unfinished(file, text);
    let lines = text.lines().count();
    if lines > LONGEST {
        all.push(format!("{}: {lines} lines, at most {LONGEST}; it is two files", file.display()));
    }
    let in_sys = file.components().any(|part| matches!(part.as_os_str().to_str(), Some("sys" | "sys.rs")));
    if !in_sys {
        let code = code_of(text);
        let with_unsafe = code.lines().enumerate().filter(|(_, line)| words(line).any(|word| word == "unsafe"));
        all.extend(with_unsafe.map(|(i, _)| format!("{}:{}: unsafe outside of a sys module", file.display(), i + 1)));
    }
    all
}

fn unfinished(file: &Path, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let found = UNFINISHED.iter().filter(|word| line.contains(**word));
        all.extend(found.map(|word| format!("{}:{}: {word}", file.display(), i + 1)));
    }
    all
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Rust source without its comments and the contents of its strings; line ends stay where they are.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        match skipped {
            Some(length) => {
                code.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' }));
                rest = &rest[length..];
            }
            None => {
                // A name is taken whole, so that the `r` at its end does not begin a raw string.
                let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let length = name.max(c.len_utf8());
                code.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    code
}

/// The length of the comment at the start of `text`.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

/// The length of the string, raw or not, at the start of `text`.
fn string(text: &str) -> Option<usize> {
    let start = text.strip_prefix('b').or_else(|| text.strip_prefix('c')).unwrap_or(text);
    let prefix = text.len() - start.len();
    if let Some(raw) = start.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inside = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + length);
    }
    let inside = start.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix + 1 + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of the character literal at the start of `text`; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let mut inside = text.strip_prefix('\'')?.char_indices();
    let (_, first) = inside.next()?;
    if first == '\\' {
        let (_, escaped) = inside.next()?;
        let (at, _) = inside.find(|(_, c)| *c == '\'').filter(|_| escaped != '\n')?;
        return Some(at + 2);
    }
    let (at, end) = inside.next()?;
    (end == '\'').then_some(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_remains_without_comments_and_strings() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\nc */ d", "a     \n     d"),
            (r#"f("a \" b", c)"#, r"f(        , c)"),
            (r##"f(r#"a " b"#, c)"##, r"f(          , c)"),
            (r#"f(b"x", br"y")"#, "f(    ,      )"),
            (r#"('"', '\'', '\u{41}', 'a)"#, "(   ,     ,         , 'a)"),
            ("for r in x", "for r in x"),
            (r#"var"x""#, "var   "),
        ] {
            assert_eq!(code_of(text), code, "{text}");
        }
    }

    #[test]
    fn rules_are_held_in_code_and_not_in_words() {
        let block = concat!("fn f() { unsa", "fe { g() } }\n");
        let source = |name: &str, text: &str| of_source(Path::new(name), text);
        assert_eq!(source("a/b.rs", block), ["a/b.rs:1: unsafe outside of a sys module"]);
        for file in ["a/sys.rs", "a/sys/splice.rs"] {
            assert!(source(file, block).is_empty(), "{file}");
        }
        assert!(source("a.rs", "#![forbid(unsafe_code)]\n// unsafe\nlet a = \"unsafe\";\n").is_empty());
        assert_eq!(source("a.rs", &"\n".repeat(801)), ["a.rs: 801 lines, at most 800; it is two files"]);
        assert!(source("a.rs", &"\n".repeat(800)).is_empty());
        for word in UNFINISHED {
            assert_eq!(source("a.rs", &format!("\n// {word}")), [format!("a.rs:2: {word}")], "{word}");
        }
    }
}
