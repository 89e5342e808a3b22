//! What a caller can ask the writer for.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::{Key, StoreError, StoredObject};

/// What a change function decides after looking at the current object.
pub enum Change {
    /// Replace the object with this one. Same content: nothing is written and the revision stays.
    Put(Value),
    /// Remove the object.
    Delete,
    /// Leave it as it is.
    Keep,
}

/// Says what is decided, never the content.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Put(_) => "Put",
            Change::Delete => "Delete",
            Change::Keep => "Keep",
        })
    }
}

/// What must hold for a deletion (`DeleteOptions.preconditions`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The object must have this uid.
    pub uid: Option<String>,
    /// The object must be at this revision.
    pub revision: Option<u64>,
}

impl Preconditions {
    /// Checks them against the current object.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] that names what was expected and found.
    pub fn check(&self, current: &StoredObject) -> Result<(), StoreError> {
        let conflict = |expected, found| Err(StoreError::Conflict { key: current.key().clone(), expected, found });
        if let Some(revision) = self.revision
            && revision != current.revision()
        {
            return conflict(format!("resourceVersion {revision}"), format!("resourceVersion {}", current.revision()));
        }
        if let Some(uid) = &self.uid {
            let found = current.metadata().uid;
            if *uid != found {
                return conflict(format!("uid {uid}"), format!("uid {found}"));
            }
        }
        Ok(())
    }
}

/// One order to the writer thread. Each states what it has seen, and is refused when that is no longer so.
pub(crate) enum Order {
    /// Add an object that does not exist yet, while `requires` exists.
    Create { key: Key, body: Arc<str>, requires: Option<Key> },
    /// Replace the object that is at revision `seen`.
    Replace { key: Key, body: Arc<str>, seen: u64 },
    /// Remove the object that is at revision `seen`.
    Delete { key: Key, seen: u64 },
    /// Remove a namespace and everything in it, unless something in it has finalizers.
    DeleteNamespace { name: Arc<str> },
}

/// Says what is asked for, never the content.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Create { key, .. } => write!(f, "create {key}"),
            Order::Replace { key, seen, .. } => write!(f, "replace {key} at {seen}"),
            Order::Delete { key, seen } => write!(f, "delete {key} at {seen}"),
            Order::DeleteNamespace { name } => write!(f, "delete namespace {name}"),
        }
    }
}
