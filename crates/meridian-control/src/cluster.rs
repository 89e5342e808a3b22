//! The one interface by which the control plane reads and writes objects: the embedded API, or a real Kubernetes API.
//!
//! Reading is a stream of [`Change`]s that begins with every object there is. Writing is whole objects that are ours
//! ([`Cluster::apply`], [`Cluster::delete`]) and the status of objects that are others'.
//!
//! A status is read, changed and written under the version that was read, and the write is repeated when somebody else
//! was faster. Server-side apply would not do: the lists in which several controllers have entries (`parents` of a
//! route, `ancestors` of a policy) are atomic in their definitions, so an apply of ours would take the others' away.

mod changes;
mod embedded;
mod kubernetes;
mod tokens;

pub(crate) use changes::{Change, Changes, Ended, Observed};
pub use tokens::KubernetesTokens;

use embedded::Embedded;
use kubernetes::Kubernetes;
use meridian_apiserver::Api;
use meridian_kube::Client;
use meridian_resources::Kind;
use meridian_store::Key;
use serde_json::Value;
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

/// An API with objects. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Cluster(Backend);

#[derive(Debug, Clone)]
enum Backend {
    Embedded(Embedded),
    Kubernetes(Kubernetes),
}

impl Cluster {
    /// The API of this process.
    #[must_use]
    pub fn embedded(api: Api) -> Self {
        Self(Backend::Embedded(Embedded::new(api)))
    }

    /// A Kubernetes API; `leads` says when this process is the one of several that writes. Its objects are followed by
    /// tasks of the current runtime.
    #[must_use]
    pub fn kubernetes(client: Client, leads: watch::Receiver<bool>) -> Self {
        Self(Backend::Kubernetes(Kubernetes::new(client, leads)))
    }

    /// Whether it is a Kubernetes API, where pods are run; else gateways are processes of this machine.
    #[must_use]
    pub fn is_kubernetes(&self) -> bool {
        match &self.0 {
            Backend::Embedded(_) => false,
            Backend::Kubernetes(_) => true,
        }
    }

    /// All objects of the kinds that are known, and what becomes of them.
    pub(crate) fn changes(&self) -> Changes {
        match &self.0 {
            Backend::Embedded(embedded) => Changes::Embedded(Box::new(embedded.changes())),
            Backend::Kubernetes(kubernetes) => Changes::Kubernetes(kubernetes.changes()),
        }
    }

    /// Whether this control plane is the one that writes, now and from now on. Others only serve proxies.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<bool> {
        match &self.0 {
            Backend::Embedded(embedded) => embedded.leadership(),
            Backend::Kubernetes(kubernetes) => kubernetes.leadership(),
        }
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
        match &self.0 {
            Backend::Embedded(embedded) => embedded.get(api_version, kind, namespace, name),
            Backend::Kubernetes(kubernetes) => kubernetes.get(api_version, kind, namespace, name).await,
        }
    }

    /// Creates an object, or makes the existing one say what this one says: on Kubernetes by server-side apply with
    /// force under [`FIELD_MANAGER`], so that fields which others have added stay; on the embedded API the object is
    /// replaced. Nothing is written where it says the same already.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn apply(&self, object: &Value) -> Result<(), ClusterError> {
        match &self.0 {
            Backend::Embedded(embedded) => embedded.apply(object).await,
            Backend::Kubernetes(kubernetes) => kubernetes.apply(object).await,
        }
    }

    /// Creates an object. False: one of that name exists, and stays as it is.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn create(&self, object: &Value) -> Result<bool, ClusterError> {
        match &self.0 {
            Backend::Embedded(embedded) => embedded.create(object).await,
            Backend::Kubernetes(kubernetes) => kubernetes.create(object).await,
        }
    }

    /// Deletes an object. One that does not exist is no error.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<(), ClusterError> {
        match &self.0 {
            Backend::Embedded(embedded) => embedded.delete(api_version, kind, namespace, name).await,
            Backend::Kubernetes(kubernetes) => kubernetes.delete(api_version, kind, namespace, name).await,
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
        match &self.0 {
            Backend::Embedded(embedded) => embedded.modify_status(kind, key, change).await,
            Backend::Kubernetes(kubernetes) => kubernetes.modify_status(kind, key, change).await,
        }
    }

    /// Writes the event `name`, or renews it; one that says the same already stays.
    pub(crate) async fn put_event(&self, name: &str, event: Value) -> Result<(), ClusterError> {
        match &self.0 {
            Backend::Embedded(embedded) => embedded.put_event(name, event).await,
            Backend::Kubernetes(kubernetes) => kubernetes.put_event(name, event).await,
        }
    }

    /// Removes an event, if it is there. On Kubernetes events end by themselves.
    pub(crate) async fn remove_event(&self, namespace: &str, name: &str) -> Result<(), ClusterError> {
        match &self.0 {
            Backend::Embedded(embedded) => embedded.remove_event(namespace, name).await,
            Backend::Kubernetes(_) => Ok(()),
        }
    }
}
