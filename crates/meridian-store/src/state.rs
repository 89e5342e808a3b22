//! What readers see: the acknowledged objects, the revision, and the recent changes, moved forward together.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::history::History;
use crate::watch::{Event, EventType};
use crate::{GroupResource, Key, StoredObject, WatchError};

/// The state after one revision.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) revision: u64,
    pub(crate) objects: BTreeMap<Key, Arc<StoredObject>>,
    pub(crate) history: History,
    pub(crate) closed: bool,
}

impl State {
    /// Moves to the next revision, by a change that is on disk.
    pub(crate) fn apply(&mut self, event: Event) {
        let object = &event.object;
        match event.event_type {
            EventType::Added | EventType::Modified => self.objects.insert(object.key().clone(), object.clone()),
            EventType::Deleted => self.objects.remove(object.key()),
        };
        self.revision = object.revision();
        self.history.push(event);
    }

    /// Whether everything after `revision` is known.
    pub(crate) fn check_reach(&self, revision: u64) -> Result<(), WatchError> {
        let oldest = self.history.complete_after();
        if revision > self.revision {
            return Err(WatchError::Future { requested: revision, current: self.revision });
        }
        if revision < oldest {
            return Err(WatchError::Expired { requested: revision, oldest });
        }
        Ok(())
    }

    /// As [`State::select`], as it was after `revision`, which must be within reach: the changes since then are undone,
    /// the newest first.
    pub(crate) fn select_at(
        &self,
        resource: &GroupResource,
        namespace: Option<&str>,
        revision: u64,
    ) -> Vec<Arc<StoredObject>> {
        if revision == self.revision {
            return self.select(resource, namespace).cloned().collect();
        }
        let mut objects: BTreeMap<&Key, &Arc<StoredObject>> =
            self.select(resource, namespace).map(|object| (object.key(), object)).collect();
        let concerned = |event: &&Event| {
            let key = event.object.key();
            key.resource == *resource && namespace.is_none_or(|namespace| *key.namespace == *namespace)
        };
        for event in self.history.after(revision).rev().filter(concerned) {
            match &event.previous {
                Some(previous) => objects.insert(event.object.key(), previous),
                None => objects.remove(event.object.key()),
            };
        }
        objects.into_values().cloned().collect()
    }

    /// The objects of a collection in the order of their keys, of one namespace or of all.
    pub(crate) fn select<'a>(
        &'a self,
        resource: &'a GroupResource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<StoredObject>> {
        let start = Key::new(resource.clone(), namespace.unwrap_or(""), "");
        self.objects.range((Bound::Included(start), Bound::Unbounded)).map(|(_, object)| object).take_while(
            move |object| {
                let key = object.key();
                key.resource == *resource && namespace.is_none_or(|namespace| *key.namespace == *namespace)
            },
        )
    }
}
