//! A real Kubernetes API.

use super::changes::{Body, Change, Ended, Observed};
use super::{ClusterError, Current};
use crate::events;
use meridian_kube::{Client, Error};
use meridian_resources::networking::ingress;
use meridian_resources::{Kind, kind};
use meridian_store::{GroupResource, Key};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// A Kubernetes API, and the statuses as they were seen last, so that nothing need be asked to find out that a status
/// says already what it is to say.
#[derive(Debug, Clone)]
pub(super) struct Kubernetes {
    client: Client,
    leads: watch::Receiver<bool>,
    seen: Seen,
    /// Where objects are followed.
    runtime: Handle,
}

/// What is known of the statuses of objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<HashMap<Key, Arc<State>>>>);

#[derive(Debug)]
struct State {
    uid: String,
    resource_version: String,
    generation: i64,
    status: Option<Value>,
    /// It is what was written here.
    own: bool,
}

impl State {
    fn of(object: &Value, own: bool) -> Self {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        Self {
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
            status: object.get("status").cloned(),
            own,
        }
    }
}

/// Whether statuses of a kind are written here.
fn has_reports(kind: &Kind) -> bool {
    kind.status_subresource && !kind.group.is_empty()
}

impl Seen {
    fn get(&self, key: &Key) -> Option<Arc<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn insert(&self, key: &Key, state: Arc<State>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), state);
    }

    fn remove(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Takes in an object that the watch has told. Whether it is as it was written here.
    fn told(&self, kind: &Kind, key: &Key, object: &Value) -> bool {
        if !has_reports(kind) {
            return false;
        }
        let version = object["metadata"]["resourceVersion"].as_str();
        if self.get(key).is_some_and(|state| state.own && Some(&*state.resource_version) == version) {
            return true;
        }
        self.insert(key, Arc::new(State::of(object, false)));
        false
    }
}

impl Kubernetes {
    pub(super) fn new(client: Client, leads: watch::Receiver<bool>) -> Self {
        Self { client, leads, seen: Seen::default(), runtime: Handle::current() }
    }

    pub(super) fn leadership(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    pub(super) fn changes(&self) -> Changes {
        let _entered = self.runtime.enter();
        Changes { watch: self.client.watch(kind::all()), seen: self.seen.clone() }
    }

    pub(super) async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ClusterError> {
        Ok(self.client.get(api_version, kind, namespace, name).await?)
    }

    pub(super) async fn apply(&self, object: &Value) -> Result<(), ClusterError> {
        Ok(self.client.apply(object).await.map(drop)?)
    }

    pub(super) async fn create(&self, object: &Value) -> Result<bool, ClusterError> {
        match self.client.create(object).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<(), ClusterError> {
        match self.client.delete(api_version, kind, namespace, name).await {
            Err(Error::NotFound(_)) => Ok(()),
            other => Ok(other?),
        }
    }

    pub(super) async fn modify_status(
        &self,
        kind: &'static Kind,
        key: &Key,
        change: impl Fn(Current<'_>) -> Option<Value>,
    ) -> Result<String, ClusterError> {
        let mut state = self.seen.get(key);
        loop {
            let known = match state.take() {
                Some(known) => known,
                None => {
                    let object = self.client.read(kind, &key.namespace, &key.name).await?;
                    let read = Arc::new(State::of(&object, false));
                    self.seen.insert(key, read.clone());
                    read
                }
            };
            let current = Current { status: known.status.as_ref(), generation: known.generation };
            let wanted = change(current).map(|status| without_unknown(kind, status));
            let wanted = wanted.filter(|status| known.status.as_ref() != Some(status));
            let Some(status) = wanted else { return Ok(known.uid.clone()) };
            let status = (known.status.as_ref(), &status);
            let written = self.client.write_status(kind, &key.namespace, &key.name, &known.resource_version, status);
            match written.await {
                Ok(object) => {
                    self.seen.insert(key, Arc::new(State::of(&object, true)));
                    return Ok(known.uid.clone());
                }
                // Somebody else has written meanwhile: look again.
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) async fn put_event(&self, name: &str, new: Value) -> Result<(), ClusterError> {
        let namespace = new["metadata"]["namespace"].as_str().unwrap_or_default();
        match self.client.create(&new).await {
            Ok(_) => return Ok(()),
            Err(Error::AlreadyExists(_)) => {}
            Err(error) => return of_event(error),
        }
        let current = match self.client.get("v1", "Event", namespace, name).await {
            Ok(Some(current)) => current,
            Ok(None) => return Ok(()),
            Err(error) => return of_event(error),
        };
        if events::is_same(&current, &new) {
            return Ok(());
        }
        let mut patch = json!({"count": current["count"].as_i64().unwrap_or(0) + 1});
        for field in events::RENEWED {
            patch[field] = new[field].clone();
        }
        match self.client.merge("v1", "Event", namespace, name, &patch).await {
            Ok(_) => Ok(()),
            Err(error) => of_event(error),
        }
    }
}

/// A status without the fields that Kubernetes does not keep: those of an Ingress are not for us to define. To write
/// them would be to write them again and again.
fn without_unknown(kind: &Kind, mut status: Value) -> Value {
    if *kind == ingress::KIND
        && let Some(fields) = status.as_object_mut()
    {
        fields.retain(|field, _| field == "loadBalancer");
    }
    status
}

/// When the namespace goes, nobody waits for an event any more.
fn of_event(error: Error) -> Result<(), ClusterError> {
    match error {
        Error::NotFound(_) | Error::Forbidden(_) => Ok(()),
        other => Err(other.into()),
    }
}

impl From<Error> for ClusterError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(text) => Self::NotFound(text),
            Error::Forbidden(text) => Self::Forbidden(text),
            Error::Refused(text) | Error::Config(text) => Self::Refused(text),
            Error::AlreadyExists(text) | Error::Conflict(text) | Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

/// The changes of the objects of a Kubernetes API.
#[derive(Debug)]
pub(crate) struct Changes {
    watch: meridian_kube::Watch,
    seen: Seen,
}

impl Changes {
    pub(super) async fn next(&mut self) -> Result<Change, Ended> {
        match self.watch.next().await {
            Some(change) => Ok(self.change_of(change)),
            None => Err(Ended),
        }
    }

    pub(super) fn try_next(&mut self) -> Option<Change> {
        self.watch.try_next().map(|change| self.change_of(change))
    }

    fn change_of(&self, change: meridian_kube::Change) -> Change {
        use meridian_kube::Change as Told;
        match change {
            Told::Put { kind, object } => {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                let key = Key::new(GroupResource::of(kind), text("namespace"), text("name"));
                let own = self.seen.told(kind, &key, &object);
                Change::Put(Observed { kind, key, object: Body::Read { object, own } })
            }
            Told::Gone { kind, namespace, name } => {
                let key = Key::new(GroupResource::of(kind), &namespace, &name);
                self.seen.remove(&key);
                Change::Gone(key)
            }
            Told::Listed { kind, objects } => {
                let collection = GroupResource::of(kind);
                let key = |(namespace, name): (String, String)| Key::new(collection.clone(), &namespace, &name);
                let keys: HashSet<Key> = objects.into_iter().map(key).collect();
                Change::Listed(Some(collection), keys)
            }
            Told::InStep => Change::InStep,
        }
    }
}
