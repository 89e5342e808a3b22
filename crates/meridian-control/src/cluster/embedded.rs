//! The API of this process: the store with its checks.

use super::changes::{Body, Change, Ended, Observed};
use super::{ClusterError, Current};
use crate::events;
use meridian_apiserver::{Api, ApiError, Reason};
use meridian_resources::{Kind, kind};
use meridian_store::{
    Change as Write, Event, EventType, GroupResource, Key, Preconditions, Selection, Store, StoreError, StoredObject,
    Watch, WatchError,
};
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;

/// The embedded API. One process has it at a time, so it leads from the start.
#[derive(Debug, Clone)]
pub(super) struct Embedded {
    api: Api,
    leads: Arc<watch::Sender<bool>>,
}

impl Embedded {
    pub(super) fn new(api: Api) -> Self {
        Self { api, leads: Arc::new(watch::channel(true).0) }
    }

    pub(super) fn leadership(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    pub(super) fn changes(&self) -> Changes {
        Changes::new(self.api.store().clone())
    }

    pub(super) fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ClusterError> {
        let kind = known(api_version, kind)?;
        let object = self.api.store().get(&Key::new(GroupResource::of(kind), namespace, name));
        Ok(object.map(|object| object.to_value(api_version, kind.kind)))
    }

    pub(super) async fn apply(&self, object: &Value) -> Result<(), ClusterError> {
        let kind = kind_of(object)?;
        self.api.put(kind, object.clone()).await.map(drop).map_err(of_api)
    }

    pub(super) async fn create(&self, object: &Value) -> Result<bool, ClusterError> {
        let kind = kind_of(object)?;
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        if self.api.store().get(&Key::new(GroupResource::of(kind), text("namespace"), text("name"))).is_some() {
            return Ok(false);
        }
        self.api.put(kind, object.clone()).await.map(|_| true).map_err(of_api)
    }

    pub(super) async fn delete(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<(), ClusterError> {
        match self.api.remove(known(api_version, kind)?, namespace, name).await {
            Err(error) if error.reason != Reason::NotFound => Err(of_api(error)),
            _ => Ok(()),
        }
    }

    pub(super) async fn modify_status(
        &self,
        _: &'static Kind,
        key: &Key,
        change: impl Fn(Current<'_>) -> Option<Value>,
    ) -> Result<String, ClusterError> {
        let modified = self.api.store().modify(key, |current: &StoredObject| -> Result<Write, StoreError> {
            let mut object = current.to_value("", "");
            let generation = current.metadata().generation;
            let status = change(Current { status: object.get("status"), generation });
            Ok(match status {
                Some(status) => {
                    object["status"] = status;
                    Write::Put(object)
                }
                None => Write::Keep,
            })
        });
        modified.await.map(|object| object.metadata().uid).map_err(of_store)
    }

    pub(super) async fn put_event(&self, name: &str, new: Value) -> Result<(), ClusterError> {
        let namespace = new["metadata"]["namespace"].as_str().unwrap_or_default();
        let (store, key) = (self.api.store(), event_key(namespace, name));
        let renewed = store.modify(&key, |current: &StoredObject| -> Result<Write, StoreError> {
            let mut value = current.to_value("v1", "Event");
            if events::is_same(&value, &new) {
                return Ok(Write::Keep);
            }
            for field in events::RENEWED {
                value[field] = new[field].clone();
            }
            value["count"] = (value["count"].as_i64().unwrap_or(0) + 1).into();
            Ok(Write::Put(value))
        });
        let written = match renewed.await {
            Err(StoreError::NotFound(_)) => store.create(key, new.clone()).await,
            other => other,
        };
        of_event(written)
    }

    pub(super) async fn remove_event(&self, namespace: &str, name: &str) -> Result<(), ClusterError> {
        let key = event_key(namespace, name);
        if self.api.store().get(&key).is_none() {
            return Ok(());
        }
        of_event(self.api.store().delete(&key, &Preconditions::default()).await)
    }
}

fn event_key(namespace: &str, name: &str) -> Key {
    Key::new(GroupResource::new("", "events"), namespace, name)
}

/// When the namespace goes, or the process ends, nobody waits for an event any more.
fn of_event<T>(written: Result<T, StoreError>) -> Result<(), ClusterError> {
    match written.map(drop).map_err(of_store) {
        Err(ClusterError::NotFound(_)) => Ok(()),
        other => other,
    }
}

fn known(api_version: &str, kind: &str) -> Result<&'static Kind, ClusterError> {
    let unknown = || ClusterError::NotFound(format!("{api_version} {kind} is no kind of the embedded API"));
    kind::by_api_version_kind(api_version, kind).ok_or_else(unknown)
}

fn kind_of(object: &Value) -> Result<&'static Kind, ClusterError> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    known(text("apiVersion"), text("kind"))
}

fn of_api(error: ApiError) -> ClusterError {
    match error.reason {
        Reason::NotFound => ClusterError::NotFound(error.message),
        Reason::Forbidden => ClusterError::Forbidden(error.message),
        Reason::InternalError | Reason::ServiceUnavailable | Reason::Timeout | Reason::Conflict => {
            ClusterError::Unavailable(error.message)
        }
        _ => ClusterError::Refused(error.message),
    }
}

fn of_store(error: StoreError) -> ClusterError {
    match error {
        // Deleted meanwhile, or the process ends: nobody waits for this any more.
        StoreError::NotFound(_) | StoreError::RequiredMissing { .. } | StoreError::Closed => {
            ClusterError::NotFound(error.to_string())
        }
        StoreError::Disk(_) | StoreError::Conflict { .. } => ClusterError::Unavailable(error.to_string()),
        other => ClusterError::Refused(other.to_string()),
    }
}

/// The changes of the store.
#[derive(Debug)]
pub(crate) struct Changes {
    store: Store,
    kinds: HashMap<GroupResource, &'static Kind>,
    /// Follows the store; `None`: it is to be read from the start.
    watch: Option<Watch>,
    /// Objects of the list that have not been told yet.
    listed: VecDeque<Arc<StoredObject>>,
    /// What is told after them.
    after: VecDeque<Change>,
}

impl Changes {
    fn new(store: Store) -> Self {
        let kinds = kind::all().iter().map(|kind| (GroupResource::of(kind), *kind)).collect();
        Self { store, kinds, watch: None, listed: VecDeque::new(), after: VecDeque::new() }
    }

    pub(super) async fn next(&mut self) -> Result<Change, Ended> {
        loop {
            if let Some(change) = self.try_next()? {
                return Ok(change);
            }
            let Some(watch) = &mut self.watch else { continue };
            match watch.next().await {
                Ok(event) => {
                    if let Some(change) = self.change_of(event) {
                        return Ok(change);
                    }
                }
                Err(error) => self.fell_behind(&error)?,
            }
        }
    }

    pub(super) fn try_next(&mut self) -> Result<Option<Change>, Ended> {
        loop {
            if let Some(object) = self.listed.pop_front() {
                match self.observed(object) {
                    Some(observed) => return Ok(Some(Change::Put(observed))),
                    None => continue,
                }
            }
            if let Some(change) = self.after.pop_front() {
                return Ok(Some(change));
            }
            let Some(watch) = &mut self.watch else {
                self.start_over()?;
                continue;
            };
            match watch.try_next() {
                Ok(Some(event)) => {
                    if let Some(change) = self.change_of(event) {
                        return Ok(Some(change));
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) => self.fell_behind(&error)?,
            }
        }
    }

    fn start_over(&mut self) -> Result<(), Ended> {
        let snapshot = self.store.list_all();
        match self.store.watch(Selection::default(), snapshot.revision) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => return self.fell_behind(&error),
        }
        let keys: HashSet<Key> = snapshot.objects.iter().map(|object| object.key().clone()).collect();
        self.listed = snapshot.objects.into();
        self.after = [Change::Listed(None, keys), Change::InStep].into();
        Ok(())
    }

    fn fell_behind(&mut self, error: &WatchError) -> Result<(), Ended> {
        self.watch = None;
        if *error == WatchError::Closed {
            return Err(Ended);
        }
        tracing::warn!(%error, "too many changes at once: reading all objects again");
        Ok(())
    }

    fn change_of(&self, event: Event) -> Option<Change> {
        match event.event_type {
            EventType::Deleted => Some(Change::Gone(event.object.key().clone())),
            EventType::Added | EventType::Modified => self.observed(event.object).map(Change::Put),
        }
    }

    fn observed(&self, object: Arc<StoredObject>) -> Option<Observed> {
        let kind = self.kinds.get(&object.key().resource)?;
        Some(Observed { kind, key: object.key().clone(), object: Body::Stored(object) })
    }
}
