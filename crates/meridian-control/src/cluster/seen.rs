//! What is known of the statuses of objects, so that nothing need be asked to find out that a status says already what
//! it is to say.

use meridian_resources::Kind;
use meridian_store::Key;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The statuses as they were seen last.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    states: Arc<Mutex<HashMap<Key, Arc<State>>>>,
    /// Whether statuses are kept. Where asking costs next to nothing, only the versions are that were written here.
    keeps: bool,
}

/// An object's status, and of which version of the object it is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: i64,
    /// As text, which is a tenth of the tree.
    status: Option<Box<str>>,
    /// It is what was written here.
    own: bool,
}

impl State {
    /// What an object says; `own`: after this process wrote it.
    pub(super) fn of(object: &Value, own: bool) -> Self {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        Self {
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
            status: object.get("status").map(|status| status.to_string().into()),
            own,
        }
    }

    /// The status as a tree.
    pub(super) fn status(&self) -> Option<Value> {
        // It was a tree before it was text.
        self.status.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }
}

/// Whether statuses of a kind are written here.
fn has_reports(kind: &Kind) -> bool {
    kind.status_subresource && !kind.group.is_empty()
}

impl Seen {
    pub(super) fn new(keeps: bool) -> Self {
        Self { states: Arc::default(), keeps }
    }

    /// The status of an object, as far as it is kept.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<State>> {
        if self.keeps { self.state(key) } else { None }
    }

    fn state(&self, key: &Key) -> Option<Arc<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Takes in the status of an object that was read.
    pub(super) fn read(&self, key: &Key, state: Arc<State>) {
        if self.keeps {
            self.insert(key, state);
        }
    }

    /// Takes in an object whose status was written here.
    pub(super) fn written(&self, key: &Key, object: &Value) {
        let mut state = State::of(object, true);
        if !self.keeps {
            state.status = None;
        }
        self.insert(key, Arc::new(state));
    }

    fn insert(&self, key: &Key, state: Arc<State>) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), state);
    }

    pub(super) fn remove(&self, key: &Key) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Takes in an object that the watch has told. Whether it is as it was written here.
    pub(super) fn told(&self, kind: &Kind, key: &Key, object: &Value) -> bool {
        if !has_reports(kind) {
            return false;
        }
        let version = object["metadata"]["resourceVersion"].as_str();
        if self.state(key).is_some_and(|state| state.own && Some(&*state.resource_version) == version) {
            return true;
        }
        if self.keeps {
            self.insert(key, Arc::new(State::of(object, false)));
        }
        false
    }
}
