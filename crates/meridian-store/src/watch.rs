//! Following changes.
//!
//! A watch has a position in the shared history and reads on when it is polled. It costs writers nothing: a watcher that
//! is too slow finds that the history has moved past its position and ends with [`WatchError::Expired`].

use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

use tokio::sync::watch::Receiver;

use crate::state::State;
use crate::{GroupResource, Key, StoredObject, WatchError};

/// How many changes a watch looks at while it holds the read lock.
const BATCH: usize = 512;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// It is new.
    Added,
    /// It has another content.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Event {
    /// What happened.
    pub event_type: EventType,
    /// The object after the change; its last content with the revision of the removal when it was deleted.
    pub object: Arc<StoredObject>,
    /// The object before the change.
    pub previous: Option<Arc<StoredObject>>,
}

impl Event {
    /// The text that only the history keeps: what was replaced or removed.
    pub(crate) fn bytes(&self) -> usize {
        self.previous.as_ref().map_or(0, |previous| previous.body().len())
    }
}

/// Which objects a watch follows. The default follows all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this collection.
    pub resource: Option<GroupResource>,
    /// Only this namespace.
    pub namespace: Option<Arc<str>>,
    /// Only this name.
    pub name: Option<Arc<str>>,
}

impl Selection {
    /// Everything in one collection.
    pub fn of(resource: GroupResource) -> Selection {
        Selection { resource: Some(resource), ..Selection::default() }
    }

    fn matches(&self, key: &Key) -> bool {
        self.resource.as_ref().is_none_or(|resource| *resource == key.resource)
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

/// Every change after a revision that concerns a selection, in order, once.
#[derive(Debug)]
pub struct Watch {
    state: Arc<RwLock<State>>,
    revisions: Receiver<u64>,
    selection: Selection,
    position: u64,
    pending: VecDeque<Event>,
}

impl Watch {
    pub(crate) fn new(
        state: Arc<RwLock<State>>,
        revisions: Receiver<u64>,
        selection: Selection,
        after: u64,
    ) -> Result<Watch, WatchError> {
        let watch = Watch { state, revisions, selection, position: after, pending: VecDeque::new() };
        crate::store::read(&watch.state).check_reach(after)?;
        Ok(watch)
    }

    /// Waits for the next change.
    ///
    /// Cancel-safe: a change is lost by nobody who drops this future.
    ///
    /// # Errors
    /// [`WatchError::Expired`] when this watch fell behind the history, [`WatchError::Closed`] when the store was closed.
    pub async fn next(&mut self) -> Result<Event, WatchError> {
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            if self.revisions.changed().await.is_err() {
                return Err(WatchError::Closed);
            }
        }
    }

    /// The next change when there is one already.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn try_next(&mut self) -> Result<Option<Event>, WatchError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            // Seen before the state is read: a change in between wakes the next wait.
            self.revisions.borrow_and_update();
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// The revision up to which everything that concerns this watch has been returned.
    pub fn revision(&self) -> u64 {
        self.pending.front().map_or(self.position, |event| event.object.revision() - 1)
    }

    /// Takes the next changes from the history; false when there are none.
    fn read_on(&mut self) -> Result<bool, WatchError> {
        let state = crate::store::read(&self.state);
        state.check_reach(self.position)?;
        if self.position == state.revision {
            return if state.closed { Err(WatchError::Closed) } else { Ok(false) };
        }
        for event in state.history.after(self.position).take(BATCH) {
            self.position = event.object.revision();
            if self.selection.matches(event.object.key()) {
                self.pending.push_back(event.clone());
            }
        }
        Ok(true)
    }
}
