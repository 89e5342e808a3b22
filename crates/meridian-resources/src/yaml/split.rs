//! Cuts a text into its documents, so that a syntax error in one leaves the others.

/// A part of a text that holds one document (or several, when they are separated by `...`).
pub(crate) struct Chunk<'t> {
    pub(crate) text: &'t str,
    /// How many lines of the whole text come before.
    pub(crate) lines_before: u32,
}

/// Cuts before every line that begins a document: `---` at the first column, alone or before white space. YAML allows
/// that nowhere within a document, not in block scalars either. Directives (`%YAML`) stay with their document.
pub(crate) fn split(text: &str) -> Vec<Chunk<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut only_prologue) = (0, 0, true);
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_document_start(line) && !only_prologue {
            chunks.push(Chunk { text: &text[start..offset], lines_before: start_line });
            (start, start_line) = (offset, number as u32);
        }
        only_prologue = (only_prologue || line.starts_with("...")) && is_prologue(line);
        offset += line.len();
    }
    chunks.push(Chunk { text: &text[start..], lines_before: start_line });
    chunks
}

fn is_document_start(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// A line that may come before a document: empty, a comment, a directive, or the end of the document before.
fn is_prologue(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || line.starts_with('%') || line == "..."
}
