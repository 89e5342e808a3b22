//! The store's handle: reads from memory, writes through the writer.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::backend::{Backend, Loaded};
use crate::history::{History, MAX_EVENTS};
use crate::object::{body_of_new, body_of_update};
use crate::state::State;
use crate::write::Order;
use crate::writer::{Request, Writer};
use crate::{
    Change, GroupResource, Key, OpenError, Preconditions, Selection, StoreError, StoredObject, Watch, WatchError,
};

/// How many orders may wait for the writer; past that, callers wait to hand theirs over.
const QUEUE: usize = 1024;

/// A store of objects. Cheap to clone; it closes when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Arc<RwLock<State>>,
    revisions: watch::Receiver<u64>,
    /// `None` only while dropping.
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// A collection as it was after one revision; a watch after that revision continues it without a gap.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The newest revision that the list has seen, of any collection.
    pub revision: u64,
    /// The objects, ordered by namespace and name.
    pub objects: Vec<Arc<StoredObject>>,
}

impl Store {
    /// Opens the store in a folder, which is made (mode 0700) when it does not exist.
    ///
    /// # Errors
    /// [`OpenError`] says whether it is in use, damaged, too new or unreadable, and what to do.
    pub fn open(dir: impl AsRef<Path>) -> Result<Store, OpenError> {
        let dir = dir.as_ref();
        let (backend, loaded) = Backend::open(dir)?;
        Store::start(Some(backend), loaded, MAX_EVENTS).map_err(|reason| OpenError::Io { path: dir.into(), reason })
    }

    /// A store that lives in memory and is gone when it is dropped.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn memory() -> Result<Store, OpenError> {
        Store::memory_with_history(MAX_EVENTS)
    }

    /// As [`Store::memory`], keeping at most `events` changes for watchers.
    ///
    /// # Errors
    /// As [`Store::memory`].
    pub fn memory_with_history(events: usize) -> Result<Store, OpenError> {
        Store::start(None, Loaded::default(), events).map_err(|reason| OpenError::Io { path: "memory".into(), reason })
    }

    fn start(backend: Option<Backend>, loaded: Loaded, events: usize) -> std::io::Result<Store> {
        let Loaded { revision, objects, events: past, .. } = loaded;
        let history = History::resumed(past.into_iter(), revision, events);
        let state = Arc::new(RwLock::new(State { revision, objects, history, closed: false }));
        let (revision_sender, revisions) = watch::channel(revision);
        let (sender, requests) = mpsc::channel(QUEUE);
        let writer = Writer { backend, state: state.clone(), revisions: revision_sender, requests };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run())?;
        let inner = Inner { state, revisions, requests: Some(sender), thread: Some(thread) };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// The newest acknowledged revision.
    pub fn revision(&self) -> u64 {
        read(&self.inner.state).revision
    }

    /// The object of that name.
    pub fn get(&self, key: &Key) -> Option<Arc<StoredObject>> {
        read(&self.inner.state).objects.get(key).cloned()
    }

    /// The objects of a collection, of one namespace or of all.
    pub fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Snapshot {
        let state = read(&self.inner.state);
        Snapshot { revision: state.revision, objects: state.select(resource, namespace).cloned().collect() }
    }

    /// As [`Store::list`], as it was after an earlier revision.
    ///
    /// # Errors
    /// [`WatchError::Expired`] when the history does not reach back that far, [`WatchError::Future`] when the revision
    /// has not happened.
    pub fn list_at(
        &self,
        resource: &GroupResource,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Snapshot, WatchError> {
        let state = read(&self.inner.state);
        state.check_reach(revision)?;
        Ok(Snapshot { revision, objects: state.select_at(resource, namespace, revision) })
    }

    /// Every object of every collection.
    pub fn list_all(&self) -> Snapshot {
        let state = read(&self.inner.state);
        Snapshot { revision: state.revision, objects: state.objects.values().cloned().collect() }
    }

    /// Follows the changes after `revision`, which comes from a [`Snapshot`] or from an object.
    ///
    /// # Errors
    /// [`WatchError::Expired`] when the history does not reach back that far, [`WatchError::Future`] when the revision
    /// has not happened.
    pub fn watch(&self, selection: Selection, revision: u64) -> Result<Watch, WatchError> {
        Watch::new(self.inner.state.clone(), self.inner.revisions.clone(), selection, revision)
    }

    /// Adds an object. `metadata.uid`, `creationTimestamp`, `generation` and `resourceVersion` are set here; name and
    /// namespace come from the key. Answers when it is on disk.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`]; [`StoreError::RequiredMissing`] when the namespace does not exist.
    pub async fn create(&self, key: Key, object: Value) -> Result<Arc<StoredObject>, StoreError> {
        let body = body_of_new(&key, object)?;
        let requires = (!key.namespace.is_empty()).then(|| Key::namespace(&key.namespace));
        self.order(Order::Create { key, body, requires }).await
    }

    /// Replaces an object; with `expected`, only while it is at that revision. `metadata.generation` grows when anything
    /// but metadata and status changes. The same content again changes nothing, not even the revision.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`].
    pub async fn update(
        &self,
        key: &Key,
        object: Value,
        expected: Option<u64>,
    ) -> Result<Arc<StoredObject>, StoreError> {
        let preconditions = Preconditions { revision: expected, uid: None };
        self.modify(key, |current| {
            preconditions.check(current)?;
            Ok(Change::Put(object.clone()))
        })
        .await
    }

    /// Replaces `.status` and leaves the rest as it is, whoever changes it meanwhile. `null` removes the status.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_status(&self, key: &Key, status: Value) -> Result<Arc<StoredObject>, StoreError> {
        self.modify(key, |current| -> Result<Change, StoreError> {
            let mut object = current.to_value("", "");
            if status.is_null() {
                object.as_object_mut().and_then(|fields| fields.remove("status"));
            } else {
                object["status"] = status.clone();
            }
            Ok(Change::Put(object))
        })
        .await
    }

    /// Removes an object at once, whatever its finalizers. Returns it as it last was, with the revision of the removal.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when a precondition does not hold.
    pub async fn delete(&self, key: &Key, preconditions: &Preconditions) -> Result<Arc<StoredObject>, StoreError> {
        self.modify(key, |current| {
            preconditions.check(current)?;
            Ok(Change::Delete)
        })
        .await
    }

    /// Removes a namespace and everything in it, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Finalizers`] when an object in it has finalizers: nothing is removed then.
    pub async fn delete_namespace(&self, name: &str) -> Result<Arc<StoredObject>, StoreError> {
        self.order(Order::DeleteNamespace { name: name.into() }).await
    }

    /// Reads an object, lets `change` decide, and writes the decision if the object is still the same; otherwise reads
    /// it again and asks again. Returns the object as it then is.
    ///
    /// # Errors
    /// What `change` returns, and [`StoreError::NotFound`].
    pub async fn modify<E: From<StoreError>>(
        &self,
        key: &Key,
        mut change: impl FnMut(&StoredObject) -> Result<Change, E>,
    ) -> Result<Arc<StoredObject>, E> {
        loop {
            let current = self.get(key).ok_or_else(|| StoreError::NotFound(key.clone()))?;
            let seen = current.revision();
            let order = match change(&current)? {
                Change::Keep => return Ok(current),
                Change::Delete => Order::Delete { key: key.clone(), seen },
                Change::Put(object) => match body_of_update(&current, object)? {
                    Some(body) => Order::Replace { key: key.clone(), body, seen },
                    None => return Ok(current),
                },
            };
            match self.order(order).await {
                // Somebody was faster. One of all who compete succeeds each time, so this ends.
                Err(StoreError::Conflict { .. }) => {}
                other => return Ok(other?),
            }
        }
    }

    async fn order(&self, order: Order) -> Result<Arc<StoredObject>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.inner.requests.as_ref().ok_or(StoreError::Closed)?;
        requests.send(Request { order, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Inner {
    /// Waits for the writer to finish what it has, so that the folder can be opened again at once.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread ended with a panic");
        }
    }
}

/// Takes the lock for reading. Its data is changed by complete steps only, so a panic elsewhere leaves it sound.
pub(crate) fn read(state: &RwLock<State>) -> RwLockReadGuard<'_, State> {
    state.read().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the lock for writing; see [`read`].
pub(crate) fn write(state: &RwLock<State>) -> RwLockWriteGuard<'_, State> {
    state.write().unwrap_or_else(PoisonError::into_inner)
}
