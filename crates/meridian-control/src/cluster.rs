//! The one interface by which the control plane reads and writes objects: a Kubernetes API, that of this process or a
//! real one, by one client.
//!
//! Reading is a stream of [`Change`]s that begins with every object there is. Writing is whole objects that are ours
//! ([`Cluster::apply`], [`Cluster::delete`]) and the status of objects that are others'.
//!
//! A status is read, changed and written under the version that was read, and the write is repeated when somebody else
//! was faster. Server-side apply would not do: the lists in which several controllers have entries (`parents` of a
//! route, `ancestors` of a policy) are atomic in their definitions, so an apply of ours would take the others' away.

mod changes;
mod seen;
mod tokens;

pub(crate) use changes::{Change, Changes, Ended, Observed};
pub use tokens::KubernetesTokens;

use crate::events;
use meridian_apiserver::{Api, Caller};
use meridian_kube::{Client, Error};
use meridian_resources::networking::ingress;
use meridian_resources::{Kind, kind};
use meridian_store::Key;
use seen::{Seen, State};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Who is named as the writer of what the control plane writes.
pub const FIELD_MANAGER: &str = meridian_kube::FIELD_MANAGER;

/// Why the API did not do what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The object, its namespace or its kind does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The control plane may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// The API does not accept the object as it is: to repeat it is of no use.
    #[error("{0}")]
    Refused(String),
    /// Something else is in the way now; to repeat it later may help.
    #[error("{0}")]
    Unavailable(String),
}

impl ClusterError {
    /// Whether the same may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// An object as it is when its status is about to be written.
#[derive(Debug)]
pub(crate) struct Current<'a> {
    /// Its status.
    pub(crate) status: Option<&'a Value>,
    /// Its generation; 0 for kinds without.
    pub(crate) generation: i64,
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

/// Whose API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The one of this process. One process has it at a time, so it leads from the start.
    Here,
    /// That of a Kubernetes, where pods are run.
    Kubernetes,
}

/// An API with objects. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Cluster {
    client: Client,
    leads: watch::Receiver<bool>,
    seen: Seen,
    place: Place,
    /// Where objects are followed.
    runtime: Handle,
}

impl Cluster {
    /// The API of this process, as a client of it. Requests are answered by the tasks that make them, and its objects
    /// are followed by tasks of the current runtime, which it needs as long as it is used.
    #[must_use]
    pub fn embedded(api: &Api) -> Self {
        // That there is no sender any more says only that it stays so.
        let (_, leads) = watch::channel(true);
        Self::new(Client::in_process(api.connect(Caller::meridian())), leads, Place::Here)
    }

    /// A Kubernetes API; `leads` says when this process is the one of several that writes. Its objects are followed by
    /// tasks of the current runtime.
    #[must_use]
    pub fn kubernetes(client: Client, leads: watch::Receiver<bool>) -> Self {
        Self::new(client, leads, Place::Kubernetes)
    }

    fn new(client: Client, leads: watch::Receiver<bool>, place: Place) -> Self {
        Self { client, leads, seen: Seen::new(place == Place::Kubernetes), place, runtime: Handle::current() }
    }

    /// Whether it is a Kubernetes API, where pods are run; else gateways are processes of this machine.
    #[must_use]
    pub fn is_kubernetes(&self) -> bool {
        self.place == Place::Kubernetes
    }

    /// All objects of the kinds that are known, and what becomes of them.
    pub(crate) fn changes(&self) -> Changes {
        let _entered = self.runtime.enter();
        Changes::new(self.client.watch(kind::all()), self.seen.clone())
    }

    /// Whether this control plane is the one that writes, now and from now on. Others only serve proxies.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// An object as it is now; `namespace` is empty for kinds without.
    ///
    /// # Errors
    /// See [`ClusterError`]; an object that does not exist is `None`.
    pub async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ClusterError> {
        Ok(self.client.get(api_version, kind, namespace, name).await?)
    }

    /// Creates an object, or makes the existing one say what this one says, by server-side apply with force under
    /// [`FIELD_MANAGER`], so that fields which others have added stay. Nothing is written where it says the same
    /// already.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn apply(&self, object: &Value) -> Result<(), ClusterError> {
        Ok(self.client.apply(object).await.map(drop)?)
    }

    /// Creates an object. False: one of that name exists, and stays as it is.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn create(&self, object: &Value) -> Result<bool, ClusterError> {
        match self.client.create(object).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object. One that does not exist is no error.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<(), ClusterError> {
        match self.client.delete(api_version, kind, namespace, name).await {
            Err(Error::NotFound(_)) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Sets the status of an object to what `change` makes of it; `None` writes nothing. `change` is asked again when
    /// somebody else has written meanwhile. The uid of the object is returned.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub(crate) async fn modify_status(
        &self,
        kind: &'static Kind,
        key: &Key,
        change: impl Fn(Current<'_>) -> Option<Value> + Send,
    ) -> Result<String, ClusterError> {
        let mut state = self.seen.get(key);
        loop {
            let known = match state.take() {
                Some(known) => known,
                None => {
                    let object = self.client.read(kind, &key.namespace, &key.name).await?;
                    let read = Arc::new(State::of(&object, false));
                    self.seen.read(key, read.clone());
                    read
                }
            };
            let before = known.status();
            let wanted = change(Current { status: before.as_ref(), generation: known.generation });
            let wanted = wanted.map(|status| without_unknown(kind, status));
            let Some(status) = wanted.filter(|status| before.as_ref() != Some(status)) else {
                return Ok(known.uid.clone());
            };
            let (version, status) = (&known.resource_version, (before.as_ref(), &status));
            match self.client.write_status(kind, &key.namespace, &key.name, version, status).await {
                Ok(object) => {
                    self.seen.written(key, &object);
                    return Ok(known.uid.clone());
                }
                // Somebody else has written meanwhile: look again.
                Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes the event `name`, or renews it; one that says the same already stays.
    pub(crate) async fn put_event(&self, name: &str, new: Value) -> Result<(), ClusterError> {
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

    /// Removes an event, if it is there. On Kubernetes events end by themselves.
    pub(crate) async fn remove_event(&self, namespace: &str, name: &str) -> Result<(), ClusterError> {
        if self.is_kubernetes() {
            return Ok(());
        }
        self.delete("v1", "Event", namespace, name).await
    }

    /// Namespace and name of the events that are there and do not end by themselves.
    pub(crate) async fn lasting_events(&self) -> Result<Vec<(String, String)>, ClusterError> {
        if self.is_kubernetes() {
            return Ok(Vec::new());
        }
        Ok(self.client.names("v1", "Event").await?)
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
