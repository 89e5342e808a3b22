//! The one thread that writes.
//!
//! It takes an order, and with it all orders that wait at that moment, decides each against the state that the orders
//! before it leave behind, writes what changes in one transaction, shows it to readers, and then answers.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use tokio::sync::{mpsc, oneshot, watch};

use crate::backend::Backend;
use crate::state::State;
use crate::store::{read, write};
use crate::watch::{Event, EventType};
use crate::write::Order;
use crate::{Key, StoreError, StoredObject};

/// The most orders that share a transaction. A full batch costs a few milliseconds, which bounds the wait of its first.
const MAX_BATCH: usize = 1024;

/// The answer: the object as written, or as it last was when it was removed.
pub(crate) type Answer = Result<Arc<StoredObject>, StoreError>;

/// An order and where its answer goes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) order: Order,
    pub(crate) answer: oneshot::Sender<Answer>,
}

pub(crate) struct Writer {
    pub(crate) backend: Option<Backend>,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) revisions: watch::Sender<u64>,
    pub(crate) requests: mpsc::Receiver<Request>,
}

impl Writer {
    /// Works until every sender is gone.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.requests.blocking_recv() {
            let mut batch = Batch::new(self.state.clone());
            let mut next = Some(first);
            while let Some(request) = next {
                batch.take(request);
                next = if batch.answers.len() < MAX_BATCH { self.requests.try_recv().ok() } else { None };
            }
            self.finish(batch);
        }
        write(&self.state).closed = true;
        // Dropping the sender wakes the watchers, which then find the store closed.
    }

    /// Puts a batch on disk, shows it to readers, and answers.
    fn finish(&mut self, batch: Batch) {
        let Batch { applied, answers, revision, .. } = batch;
        if !applied.is_empty()
            && let Some(backend) = &mut self.backend
            && let Err(reason) = backend.commit(&applied, &self.state)
        {
            tracing::error!(%reason, writes = applied.len(), "the store could not write to disk");
            for (sender, answer) in answers {
                let _ = sender.send(answer.and_then(|_| Err(StoreError::Disk(reason.clone()))));
            }
            return;
        }
        if !applied.is_empty() {
            let mut state = write(&self.state);
            for one in applied {
                state.apply(one);
            }
            drop(state);
            self.revisions.send_replace(revision);
        }
        for (sender, answer) in answers {
            // A caller that went away does not undo the write.
            let _ = sender.send(answer);
        }
    }
}

/// Orders that will share a transaction, and the state that they leave behind.
struct Batch {
    state: Arc<RwLock<State>>,
    revision: u64,
    /// What the batch has changed so far; `None` for removed.
    overlay: HashMap<Key, Option<Arc<StoredObject>>>,
    applied: Vec<Event>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Batch {
    fn new(state: Arc<RwLock<State>>) -> Batch {
        let revision = read(&state).revision;
        Batch { state, revision, overlay: HashMap::new(), applied: Vec::new(), answers: Vec::new() }
    }

    fn take(&mut self, request: Request) {
        let answer = self.decide(request.order);
        self.answers.push((request.answer, answer));
    }

    fn decide(&mut self, order: Order) -> Answer {
        match order {
            Order::Create { key, body, requires } => {
                if let Some(required) = requires
                    && self.current(&required).is_none()
                {
                    return Err(StoreError::RequiredMissing { required });
                }
                if self.current(&key).is_some() {
                    return Err(StoreError::AlreadyExists(key));
                }
                Ok(self.put(key, body))
            }
            Order::Replace { key, body, seen } => {
                self.expect(&key, seen)?;
                Ok(self.put(key, body))
            }
            Order::Delete { key, seen } => {
                let current = self.expect(&key, seen)?;
                Ok(self.remove(&current))
            }
            Order::DeleteNamespace { name } => self.delete_namespace(&name),
        }
    }

    fn current(&self, key: &Key) -> Option<Arc<StoredObject>> {
        match self.overlay.get(key) {
            Some(changed) => changed.clone(),
            None => read(&self.state).objects.get(key).cloned(),
        }
    }

    fn expect(&self, key: &Key, seen: u64) -> Answer {
        let current = self.current(key).ok_or_else(|| StoreError::NotFound(key.clone()))?;
        if current.revision() != seen {
            return Err(StoreError::Conflict {
                key: key.clone(),
                expected: format!("resourceVersion {seen}"),
                found: format!("resourceVersion {}", current.revision()),
            });
        }
        Ok(current)
    }

    fn put(&mut self, key: Key, body: Arc<str>) -> Arc<StoredObject> {
        self.revision += 1;
        let previous = self.current(&key);
        let event_type = if previous.is_some() { EventType::Modified } else { EventType::Added };
        let object = Arc::new(StoredObject::new(key.clone(), self.revision, body));
        self.overlay.insert(key, Some(object.clone()));
        self.applied.push(Event { event_type, object: object.clone(), previous });
        object
    }

    /// A removed object carries the revision of its removal.
    fn remove(&mut self, current: &Arc<StoredObject>) -> Arc<StoredObject> {
        self.revision += 1;
        let gone = Arc::new(current.at_revision(self.revision));
        self.overlay.insert(current.key().clone(), None);
        let previous = Some(current.clone());
        self.applied.push(Event { event_type: EventType::Deleted, object: gone.clone(), previous });
        gone
    }

    fn delete_namespace(&mut self, name: &str) -> Answer {
        let key = Key::namespace(name);
        let namespace = self.current(&key).ok_or(StoreError::NotFound(key))?;
        let mut content: Vec<Arc<StoredObject>> = {
            let state = read(&self.state);
            let inside = |key: &&Key| *key.namespace == *name && !self.overlay.contains_key(*key);
            state.objects.keys().filter(inside).map(|key| state.objects[key].clone()).collect()
        };
        content.extend(self.overlay.values().flatten().filter(|o| *o.key().namespace == *name).cloned());
        content.sort_by(|a, b| a.key().cmp(b.key()));
        if let Some(held) = content.iter().find(|object| !object.metadata().finalizers.is_empty()) {
            return Err(StoreError::Finalizers(held.key().clone()));
        }
        for object in &content {
            self.remove(object);
        }
        Ok(self.remove(&namespace))
    }
}
