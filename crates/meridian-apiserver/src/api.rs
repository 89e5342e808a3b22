//! What the API does, without HTTP: read, write and remove objects as Kubernetes' API server would.
//!
//! Programs that hold the store use it in the same process: what they write passes the same checks, gets the same
//! defaults and is on disk when the call returns.

mod collect;
mod delete;
mod ingress_class;
mod namespaces;
mod read;
mod scale;
mod write;

use std::sync::Arc;

use meridian_resources::Kind;
use meridian_store::{Key, Store, StoredObject};
use serde_json::{Value, json};

use crate::admission::Allocator;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::in_process::InProcess;
use crate::resource;
use crate::server::Options;
use crate::target::Objects;

pub(crate) use delete::{DeleteOptions, Deleted};
pub(crate) use read::Page;
pub(crate) use read::matches;
pub(crate) use write::Written;

/// The namespaces that exist from the start.
const NAMESPACES: &[&str] = &["default", "istio-system", "kube-system"];

/// The operations on objects. Cheap to clone; all clones share the store.
#[derive(Debug, Clone)]
pub struct Api {
    store: Store,
    allocator: Allocator,
}

impl Api {
    /// The API over a store, in which the first namespaces are made when they are missing.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn new(store: Store) -> Result<Api, ApiError> {
        let allocator = Allocator::new(&store);
        let api = Api { store, allocator };
        let namespaces = resource::by_plural("", "namespaces").ok_or_else(ApiError::no_such_resource)?;
        for name in NAMESPACES {
            let target = target(namespaces, "v1", None, None);
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            if api.store.get(&Key::namespace(name)).is_none() {
                api.create(&target, namespace, &Default::default()).await?;
            }
            api.make_default_service_account(name).await?;
        }
        Ok(api)
    }

    /// The same API as clients see it, as `caller`, without a connection.
    pub fn connect(&self, caller: Caller) -> InProcess {
        InProcess::new(self.clone(), caller, &Options::default())
    }

    /// The store beneath.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Creates an object of a kind, or replaces the one of that name, as `kubectl replace --force` without the deletion:
    /// what the object does not say is not kept. `metadata.namespace` defaults to `default`.
    ///
    /// # Errors
    /// What the API refuses, refuses this too.
    pub async fn put(&self, kind: &Kind, mut object: Value) -> Result<Arc<StoredObject>, ApiError> {
        let resource = resource::of_kind(kind).ok_or_else(ApiError::no_such_resource)?;
        let metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (name, mut namespace) = (metadata("name"), metadata("namespace"));
        if namespace.is_empty() && resource.namespaced {
            namespace = meridian_resources::meta::DEFAULT_NAMESPACE.to_owned();
        }
        let version = object["apiVersion"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let version = resource.versions.iter().find(|served| **served == version).unwrap_or(&resource.versions[0]);
        let namespace = resource.namespaced.then_some(namespace);
        self.default_ingress_class(resource, &mut object);
        let options = Default::default();
        loop {
            let key = Key::new(resource.collection.clone(), namespace.as_deref().unwrap_or(""), &name);
            let Some(current) = self.store.get(&key) else {
                match self.create(&target(resource, version, namespace.clone(), None), object.clone(), &options).await {
                    // Somebody else created it meanwhile.
                    Err(error) if error.reason == crate::error::Reason::AlreadyExists => continue,
                    result => return Ok(result?.object),
                }
            };
            object["metadata"]["resourceVersion"] = current.revision().to_string().into();
            let target = target(resource, version, namespace.clone(), Some(name.clone()));
            match self.update(&target, object.clone(), &options).await {
                Err(error) if error.reason == crate::error::Reason::Conflict => {}
                Err(error) if error.reason == crate::error::Reason::NotFound => {
                    object["metadata"]["resourceVersion"] = Value::Null;
                }
                result => return Ok(result?.object),
            }
        }
    }

    /// Removes an object of a kind.
    ///
    /// # Errors
    /// 404 when it is not there.
    pub async fn remove(&self, kind: &Kind, namespace: &str, name: &str) -> Result<(), ApiError> {
        let resource = resource::of_kind(kind).ok_or_else(ApiError::no_such_resource)?;
        let namespace = resource.namespaced.then(|| namespace.to_owned());
        let target = target(resource, resource.versions[0], namespace, Some(name.to_owned()));
        self.delete(&target, &DeleteOptions::default()).await.map(|_| ())
    }
}

fn target(
    resource: &'static resource::ApiResource,
    version: &'static str,
    namespace: Option<String>,
    name: Option<String>,
) -> Objects {
    Objects { resource, version, namespace, name, subresource: None }
}

/// The key of the one object that a URL names.
fn key(target: &Objects) -> Result<Key, ApiError> {
    let name = target.name.as_deref().ok_or_else(|| ApiError::bad_request("name must be provided"))?;
    Ok(Key::new(target.resource.collection.clone(), target.namespace.as_deref().unwrap_or(""), name))
}
