//! Edits of request and response headers.

use crate::Name;
use crate::format::Format;

/// What happens when the header is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppendAction {
    /// One more header of this name (`headers.add`).
    Append,
    /// Replaces all of this name (`headers.set`).
    Overwrite,
}

/// One header to write.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderValue {
    /// Lowercase name.
    pub name: Name,
    /// Value with Envoy's `%OPERATORS%`.
    pub value: Format,
    /// See [`AppendAction`].
    pub action: AppendAction,
}

/// Edits, applied in Envoy's order: removals first, then writes in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeaderEdits {
    /// Lowercase names to remove.
    pub remove: Vec<Name>,
    /// Headers to write.
    pub write: Vec<HeaderValue>,
}

impl HeaderEdits {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.write.is_empty()
    }
}
