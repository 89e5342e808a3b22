//! Reading Envoy's messages: JSON as protobuf maps it, with lowerCamelCase names, becomes the model.
//!
//! Nothing is lost in silence. Every message notes which of its fields were read; what is left over the model cannot
//! hold, and it comes back as a list of [`Unsupported`] with paths. Where ignoring a field would let more through than
//! was meant (conditions of chains and routes, verification of certificates), it is an error instead.

mod config;
mod fields;
mod path;

pub use config::{ReadConfig, Resources, config};
pub(crate) use fields::{Fields, Node, Notes, parse_duration};

use serde_json::Value;

/// Why a message cannot become a piece of the model. One message that is refused does not concern the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: found {found}, allowed: {allowed}")]
pub struct ReadError {
    /// The resource and the field, such as `listener 0.0.0.0_8080: filterChains[0].filters`.
    pub path: String,
    /// What is there.
    pub found: String,
    /// What would be accepted.
    pub allowed: String,
}

/// Something in a message that the model has no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The resource and the field.
    pub path: String,
    /// What is there, shortened.
    pub found: String,
}

/// A piece of the model, and what was beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// The piece.
    pub value: T,
    /// What the model cannot hold of the message, in its order.
    pub unsupported: Vec<Unsupported>,
}

/// Reads one resource, which messages and lists of what is unsupported call `label`.
pub(crate) fn resource<T>(
    value: &Value,
    label: &str,
    read: impl FnOnce(&Node<'_>) -> Result<T, ReadError>,
) -> Result<Read<T>, ReadError> {
    let notes = Notes::default();
    let value = read(&Node::root(value, label, &notes))?;
    Ok(Read { value, unsupported: notes.into_list() })
}

/// The kind and name of a resource, as paths begin.
pub(crate) fn label(kind: &str, value: &Value) -> String {
    let name = ["name", "clusterName"].iter().find_map(|field| value.get(field)).and_then(Value::as_str);
    format!("{kind} {}", name.unwrap_or("without name"))
}

/// JSON of a value as messages show it: not more than fits on a line.
pub(crate) fn shortened(value: &Value) -> String {
    const LONGEST: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
