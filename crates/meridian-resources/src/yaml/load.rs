//! From the parser's events to trees.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Content, Entry, Node, Position};
use super::scalar;
use super::split::Chunk;

/// The deepest nesting. The deepest field of any kind is below 20.
const MOST_DEPTH: usize = 100;
/// The most values that the aliases of one document may stand for, against "billion laughs".
const MOST_EXPANDED: usize = 100_000;

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadError {
    pub(crate) at: Position,
    pub(crate) message: String,
}

/// The documents of a chunk; after an error there are no more.
pub(crate) fn load(chunk: &Chunk<'_>) -> Vec<Result<Node, LoadError>> {
    let mut documents = Vec::new();
    let mut builder = Builder {
        source: Characters::of(chunk.text),
        lines_before: chunk.lines_before,
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        expanded: 0,
    };
    for event in Parser::new_from_str(chunk.text) {
        let step = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                let at = builder.position(error.marker().line(), error.marker().col());
                Err(LoadError { at, message: format!("not YAML: {}", error.info()) })
            }
        };
        match step {
            Ok(None) => {}
            Ok(Some(document)) => documents.push(Ok(document)),
            Err(error) => {
                documents.push(Err(error));
                break;
            }
        }
    }
    documents
}

/// A collection that is not closed yet.
enum Open {
    Sequence {
        at: Position,
        anchor: usize,
        items: Vec<Node>,
    },
    Mapping {
        at: Position,
        anchor: usize,
        entries: Vec<Entry>,
        merged: Vec<Node>,
        key: Option<Key>,
        /// Whether it is in braces.
        braces: bool,
        /// What it really is, when it is no mapping (see [`Builder::text_with_colon`]).
        text: Option<String>,
    },
}

/// A key whose value is still to come.
enum Key {
    Field {
        name: String,
        at: Position,
        plain: Option<Plain>,
    },
    /// `<<`: the value's entries are added where the mapping does not have them itself.
    Merge,
}

/// An unquoted key as it was written, and the place of the character after it.
struct Plain {
    text: String,
    end: usize,
}

struct Builder<'t> {
    source: Characters<'t>,
    lines_before: u32,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    expanded: usize,
}

impl Builder<'_> {
    /// Takes one event; the end of a document gives its tree.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, LoadError> {
        let at = self.position(span.start.line(), span.start.col());
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                self.expanded = 0;
            }
            Event::DocumentEnd => return Ok(self.root.take()),
            Event::Scalar(text, style, anchor, tag) => {
                if !(text.is_empty() && span.is_empty() && self.text_with_colon()) {
                    let plain = (style == ScalarStyle::Plain && tag.is_none()).then_some(span.end.index());
                    self.scalar(&text, plain, anchor, tag.as_deref(), at)?;
                }
            }
            Event::Alias(anchor) => {
                let node = self.alias(anchor, at)?;
                self.add(node, 0, at, None)?;
            }
            Event::SequenceStart(anchor, tag) => {
                collection_tag(tag.as_deref(), "seq", at)?;
                self.open(Open::Sequence { at, anchor, items: Vec::new() }, at)?;
            }
            Event::MappingStart(anchor, tag) => {
                collection_tag(tag.as_deref(), "map", at)?;
                let (entries, merged) = (Vec::new(), Vec::new());
                let braces = self.source.get(span.start.index()) == Some('{');
                self.open(Open::Mapping { at, anchor, entries, merged, key: None, braces, text: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        Ok(None)
    }

    fn position(&self, line: usize, column: usize) -> Position {
        let line = u32::try_from(line).unwrap_or(u32::MAX).saturating_add(self.lines_before);
        Position { line, column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1) }
    }

    fn open(&mut self, open: Open, at: Position) -> Result<(), LoadError> {
        if self.open.len() == MOST_DEPTH {
            return Err(LoadError { at, message: format!("nested more than {MOST_DEPTH} deep") });
        }
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(LoadError { at, message: "a key must be a plain text, not a list or an object".to_owned() });
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        plain_end: Option<usize>,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), LoadError> {
        let plain = plain_end.map(|end| Plain { text: text.to_owned(), end });
        if let Some(Open::Mapping { key: key @ None, .. }) = self.open.last_mut()
            && plain.is_some()
            && text == "<<"
        {
            *key = Some(Key::Merge);
            return Ok(());
        }
        let value = match tag {
            None if plain.is_some() => scalar::resolve(text),
            None => Ok(text.into()),
            Some(tag) if tag.is_yaml_core_schema() => scalar::resolve_tagged(text, &tag.suffix),
            Some(tag) if is_non_specific(tag) => Ok(text.into()),
            Some(tag) => Err(format!("found the tag {tag}, which has no meaning here; remove it")),
        };
        let value = value.map_err(|message| LoadError { at, message })?;
        self.add(Node { at, content: Content::Scalar(value) }, anchor, at, plain)
    }

    /// Takes an empty value for a part of its key, where kubectl does: in brackets or braces, an unquoted text may end
    /// with a colon that a comma or bracket follows, as in `[2001:db8::]`. Whether that was the case.
    fn text_with_colon(&mut self) -> bool {
        let Some(Open::Mapping { entries, key, braces, text, .. }) = self.open.last_mut() else { return false };
        let Some(Key::Field { at, plain: Some(plain), .. }) = key else { return false };
        let colon = self.source.get(plain.end) == Some(':');
        if !colon || !matches!(self.source.get(plain.end + 1), Some(',' | ']' | '}')) {
            return false;
        }
        let whole = format!("{}:", plain.text);
        if *braces {
            let value = Node { at: *at, content: Content::Scalar(serde_json::Value::Null) };
            entries.push(Entry { key: whole, key_at: *at, value });
        } else {
            *text = Some(whole);
        }
        *key = None;
        true
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<Node, LoadError> {
        let Some(node) = self.anchors.get(&anchor) else {
            let message = "an alias must not be within the value that it stands for".to_owned();
            return Err(LoadError { at, message });
        };
        self.expanded += node.size();
        if self.expanded > MOST_EXPANDED {
            let message = format!("the aliases of the document stand for more than {MOST_EXPANDED} values");
            return Err(LoadError { at, message });
        }
        Ok(node.clone())
    }

    /// Adds a complete value to the collection that is open; `at` is where it is written (an alias' own place).
    fn add(&mut self, node: Node, anchor: usize, at: Position, plain: Option<Plain>) -> Result<(), LoadError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, merged, key, .. }) => match key.take() {
                None => *key = Some(Key::Field { name: key_text(node, at)?, at, plain }),
                Some(Key::Field { name, at: key_at, .. }) => entries.push(Entry { key: name, key_at, value: node }),
                Some(Key::Merge) => merged.push(node),
            },
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), LoadError> {
        let (node, anchor) = match self.open.pop() {
            Some(Open::Sequence { at, anchor, items }) => (Node { at, content: Content::Sequence(items) }, anchor),
            Some(Open::Mapping { at, anchor, text: Some(text), .. }) => {
                (Node { at, content: Content::Scalar(text.into()) }, anchor)
            }
            Some(Open::Mapping { at, anchor, mut entries, merged, .. }) => {
                refuse_duplicates(&entries)?;
                merge(&mut entries, merged)?;
                (Node { at, content: Content::Mapping(entries) }, anchor)
            }
            None => return Ok(()),
        };
        let at = node.at;
        self.add(node, anchor, at, None)
    }
}

/// The characters of a text by their numbers, in which the parser counts.
enum Characters<'t> {
    /// Bytes and characters have the same numbers.
    Ascii(&'t [u8]),
    Other(Vec<char>),
}

impl<'t> Characters<'t> {
    fn of(text: &'t str) -> Self {
        if text.is_ascii() { Characters::Ascii(text.as_bytes()) } else { Characters::Other(text.chars().collect()) }
    }

    fn get(&self, index: usize) -> Option<char> {
        match self {
            Characters::Ascii(bytes) => bytes.get(index).map(|byte| char::from(*byte)),
            Characters::Other(chars) => chars.get(index).copied(),
        }
    }
}

/// `!`: the value is of the type that its form says, for a scalar text.
fn is_non_specific(tag: &Tag) -> bool {
    (tag.handle.is_empty() && tag.suffix == "!") || (tag.handle == "!" && tag.suffix.is_empty())
}

fn collection_tag(tag: Option<&Tag>, expected: &str, at: Position) -> Result<(), LoadError> {
    match tag {
        None => Ok(()),
        Some(tag) if is_non_specific(tag) || (tag.is_yaml_core_schema() && tag.suffix == expected) => Ok(()),
        Some(tag) => {
            Err(LoadError { at, message: format!("found the tag {tag}, which has no meaning here; remove it") })
        }
    }
}

/// Keys are texts in JSON; numbers and booleans become what JSON writes for them.
fn key_text(node: Node, at: Position) -> Result<String, LoadError> {
    match node.content {
        Content::Scalar(serde_json::Value::String(text)) => Ok(text),
        Content::Scalar(serde_json::Value::Null) => {
            Err(LoadError { at, message: "a key is missing before the colon".to_owned() })
        }
        Content::Scalar(value) => Ok(value.to_string()),
        _ => Err(LoadError { at, message: "a key must be a plain text, not a list or an object".to_owned() }),
    }
}

fn refuse_duplicates(entries: &[Entry]) -> Result<(), LoadError> {
    let mut seen = HashMap::with_capacity(entries.len());
    for entry in entries {
        if let Some(first) = seen.insert(entry.key.as_str(), entry.key_at) {
            let message = format!("the key \"{}\" is given twice, first on line {}", entry.key, first.line);
            return Err(LoadError { at: entry.key_at, message });
        }
    }
    Ok(())
}

/// Adds the entries of the values of `<<` that the mapping does not have; of several, the earlier count.
fn merge(entries: &mut Vec<Entry>, merged: Vec<Node>) -> Result<(), LoadError> {
    for node in merged {
        let at = node.at;
        let sources = match node.content {
            Content::Sequence(items) => items,
            _ => vec![node],
        };
        for source in sources {
            let Content::Mapping(source) = source.content else {
                let message = "the value of << must be an object, or a list of objects".to_owned();
                return Err(LoadError { at, message });
            };
            for entry in source {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
    }
    Ok(())
}
