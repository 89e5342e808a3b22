//! The tree of a YAML document, with the place of every value and key.

use serde_json::{Map, Value};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A resolved scalar; never an array or an object.
    Scalar(Value),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) value: Node,
}

impl Node {
    /// How many values the tree has.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.content {
            Content::Scalar(_) => 0,
            Content::Sequence(items) => items.iter().map(Node::size).sum(),
            Content::Mapping(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    /// The entry of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text of an entry of a mapping.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The tree as JSON.
    pub(crate) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::Sequence(items) => items.iter().map(Node::to_value).collect(),
            Content::Mapping(entries) => {
                let fields = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// The place of a field by its path (`spec.servers[0].port`), or of the nearest ancestor that was written.
    ///
    /// The place is that of a scalar's value, and of the key of anything longer; `key` asks for the key in any case.
    pub(crate) fn locate(&self, path: &str, key: bool) -> Position {
        let (mut node, mut place, mut rest) = (self, self.at, path);
        loop {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let Some((next, next_place, tail)) = node.step(rest) else { break };
            (node, place, rest) = (next, next_place, tail);
        }
        let found = rest.is_empty() && !path.is_empty();
        if found && !key && matches!(node.content, Content::Scalar(_)) { node.at } else { place }
    }

    /// One segment down the path: the child, the place of its key (or of the list's item), and the rest of the path.
    fn step<'n, 'p>(&'n self, path: &'p str) -> Option<(&'n Node, Position, &'p str)> {
        match &self.content {
            Content::Scalar(_) => None,
            Content::Sequence(items) => {
                let (index, tail) = path.strip_prefix('[')?.split_once(']')?;
                let item = items.get(index.parse::<usize>().ok()?)?;
                Some((item, item.at, tail))
            }
            Content::Mapping(entries) => {
                let tail_of = |entry: &Entry| match path.strip_prefix('[') {
                    Some(bracketed) => bracketed.strip_prefix(entry.key.as_str())?.strip_prefix(']'),
                    None => path
                        .strip_prefix(entry.key.as_str())
                        .filter(|tail| tail.is_empty() || tail.starts_with(['.', '['])),
                };
                // Keys may contain dots: the longest that fits is meant.
                let fitting = entries.iter().filter_map(|entry| Some((entry, tail_of(entry)?)));
                let (entry, tail) = fitting.min_by_key(|(_, tail)| tail.len())?;
                Some((&entry.value, entry.key_at, tail))
            }
        }
    }
}
