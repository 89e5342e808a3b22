//! The connection to an API server, and single objects.

use crate::error::{Error, whole_text};
use crate::requests::{Counting, Requests};
use crate::tree::Tree;
use crate::{kubeconfig, merge_patch};
use bytes::Bytes;
use http::{Request, Response};
use kube::api::{Api, ApiResource, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::client::{Body, ClientBuilder};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use meridian_resources::{Kind, kind};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tower_layer::Layer;
use tower_service::Service;

/// Who is named as the writer of what is written here.
pub const FIELD_MANAGER: &str = "meridian";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A connection to an API server. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Client {
    pub(crate) kube: kube::Client,
    requests: Requests,
    known: Arc<Known>,
    /// It is the API of this process.
    pub(crate) in_process: bool,
}

/// What is known of the kinds that the server has.
#[derive(Debug, Default)]
struct Known {
    /// The version in which a kind of ours is served, where it is not the preferred one.
    served: Mutex<HashMap<&'static Kind, &'static str>>,
    /// Kinds that are not ours, by `apiVersion` and kind; and whether they are in namespaces.
    others: Mutex<HashMap<(String, String), (ApiResource, bool)>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Client {
    /// The cluster of a kubeconfig's current context. Without a path: what kubectl would use, as
    /// [`connect_as_kubectl`](crate::connect_as_kubectl) says.
    ///
    /// # Errors
    /// [`Error::Config`] when it cannot be read or used. Nothing is asked of the server yet.
    pub async fn from_kubeconfig(path: Option<&Path>) -> Result<Self, Error> {
        Self::new(kubeconfig::as_kubectl(path, None).await?)
    }

    /// The cluster that this process is a pod of.
    ///
    /// # Errors
    /// [`Error::Config`] when it is not, or has no service account.
    pub fn in_cluster() -> Result<Self, Error> {
        let config = kube::Config::incluster().map_err(|error| Error::Config(whole_text(&error)))?;
        Self::new(config)
    }

    fn new(mut config: kube::Config) -> Result<Self, Error> {
        // A watch is never ready: it is given up by its own time limit.
        config.read_timeout = None;
        let namespace = config.default_namespace.clone();
        let requests = Requests::default();
        let builder = ClientBuilder::try_from(config).map_err(|error| Error::Config(whole_text(&error)))?;
        let kube = builder.with_layer(&Counting(requests.clone())).build();
        tracing::debug!(namespace, "a client of the Kubernetes API");
        Ok(Self { kube, requests, known: Arc::default(), in_process: false })
    }

    /// The API of this process, which serves all kinds from the start: `service` answers requests without a
    /// connection. The client needs the runtime on which it is made.
    #[must_use]
    pub fn in_process<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let requests = Requests::default();
        let kube = kube::Client::new(Counting(requests.clone()).layer(service), "default");
        Self { kube, requests, known: Arc::default(), in_process: true }
    }

    /// What was asked of the server so far.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Notes the version in which a kind is served.
    pub(crate) fn set_version(&self, kind: &'static Kind, version: &'static str) {
        self.known.served.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, version);
    }

    /// A kind of ours as it is served.
    pub(crate) fn resource_of(&self, kind: &'static Kind) -> ApiResource {
        let served = self.known.served.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied();
        resource(kind, served.unwrap_or(kind.versions[0]))
    }

    /// The objects of a kind by its name; those that are not ours are looked up once.
    async fn objects(&self, api_version: &str, kind: &str, namespace: &str) -> Result<Api<Tree>, Error> {
        let (resource, namespaced) = match kind::by_api_version_kind(api_version, kind) {
            Some(known) => (resource(known, api_version.rsplit('/').next().unwrap_or(api_version)), known.namespaced),
            None => self.look_up(api_version, kind).await?,
        };
        Ok(if namespaced {
            Api::namespaced_with(self.kube.clone(), namespace, &resource)
        } else {
            Api::all_with(self.kube.clone(), &resource)
        })
    }

    async fn look_up(&self, api_version: &str, kind: &str) -> Result<(ApiResource, bool), Error> {
        let name = (api_version.to_owned(), kind.to_owned());
        if let Some(known) = self.known.others.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(known.clone());
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let (resource, capabilities) = pinned_kind(&self.kube, &GroupVersionKind::gvk(group, version, kind)).await?;
        let found = (resource, capabilities.scope == Scope::Namespaced);
        self.known.others.lock().unwrap_or_else(PoisonError::into_inner).insert(name, found.clone());
        Ok(found)
    }

    async fn objects_of(&self, object: &Value) -> Result<(Api<Tree>, String), Error> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let api = self.objects(text("/apiVersion"), text("/kind"), text("/metadata/namespace")).await?;
        Ok((api, text("/metadata/name").to_owned()))
    }

    /// An object as it is now; `namespace` is empty for kinds without.
    ///
    /// # Errors
    /// See [`Error`]; an object that does not exist is `None`.
    pub async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, Error> {
        let api = self.objects(api_version, kind, namespace).await?;
        Ok(api.get_opt(name).await?.map(|object| object.into_value(api_version, kind)))
    }

    /// Namespace and name of all objects of a kind.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn names(&self, api_version: &str, kind: &str) -> Result<Vec<(String, String)>, Error> {
        let (resource, _) = self.look_up(api_version, kind).await?;
        let api: Api<Tree> = Api::all_with(self.kube.clone(), &resource);
        let all = api.list_metadata(&ListParams::default()).await?;
        let name = |metadata: ObjectMeta| (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default());
        Ok(all.items.into_iter().map(|object| name(object.metadata)).collect())
    }

    /// Server-side apply with force, under [`FIELD_MANAGER`]: makes the object, or makes it say what this one says.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply(&self, object: &Value) -> Result<Value, Error> {
        let (api, name) = self.objects_of(object).await?;
        let applied = api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(object)).await?;
        Ok(applied.into_value("", ""))
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::AlreadyExists`] among them.
    pub async fn create(&self, object: &Value) -> Result<Value, Error> {
        let (api, _) = self.objects_of(object).await?;
        let created = api.create(&by_us(), &Tree::new(object.clone())).await?;
        Ok(created.into_value("", ""))
    }

    /// Replaces an object, whose `metadata.resourceVersion` says what is replaced.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Conflict`] when it is another one by now.
    pub async fn replace(&self, object: &Value) -> Result<Value, Error> {
        let (api, name) = self.objects_of(object).await?;
        let replaced = api.replace(&name, &by_us(), &Tree::new(object.clone())).await?;
        Ok(replaced.into_value("", ""))
    }

    /// Changes an object by a JSON merge patch (RFC 7396).
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Conflict`] when the patch has a `metadata.resourceVersion` that is not the object's.
    pub async fn merge(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, Error> {
        let api = self.objects(api_version, kind, namespace).await?;
        let patched = api.patch(name, &patch_by_us(), &Patch::Merge(patch)).await?;
        Ok(patched.into_value(api_version, kind))
    }

    /// Deletes an object; what it owns is deleted after it.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NotFound`] when it does not exist.
    pub async fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<(), Error> {
        let api = self.objects(api_version, kind, namespace).await?;
        api.delete(name, &DeleteParams::background()).await?;
        Ok(())
    }

    /// An object of a kind of ours, in the version that is served; `namespace` is empty for kinds without.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NotFound`] when it does not exist.
    pub async fn read(&self, kind: &'static Kind, namespace: &str, name: &str) -> Result<Value, Error> {
        let resource = self.resource_of(kind);
        let object = self.api(kind, &resource, namespace).get(name).await?;
        Ok(object.into_value(&resource.api_version, kind.kind))
    }

    /// Writes the status of an object of a kind of ours, if the object still has the version `resource_version`, in
    /// which the status was `before`. The object as it then is.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Conflict`] when it has another version.
    pub async fn write_status(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        resource_version: &str,
        (before, after): (Option<&Value>, &Value),
    ) -> Result<Value, Error> {
        let resource = self.resource_of(kind);
        let patch = json!({
            "metadata": {"resourceVersion": resource_version},
            "status": merge_patch::diff(before.unwrap_or(&Value::Null), after),
        });
        let api = self.api(kind, &resource, namespace);
        let written = api.patch_status(name, &patch_by_us(), &Patch::Merge(patch)).await?;
        Ok(written.into_value(&resource.api_version, kind.kind))
    }

    fn api(&self, kind: &Kind, resource: &ApiResource, namespace: &str) -> Api<Tree> {
        if kind.namespaced {
            Api::namespaced_with(self.kube.clone(), namespace, resource)
        } else {
            Api::all_with(self.kube.clone(), resource)
        }
    }
}

fn by_us() -> PostParams {
    PostParams { dry_run: false, field_manager: Some(FIELD_MANAGER.to_owned()) }
}

fn patch_by_us() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// A kind of ours in one version.
pub(crate) fn resource(kind: &Kind, version: &str) -> ApiResource {
    let name = GroupVersionKind::gvk(kind.group, version, kind.kind);
    ApiResource::from_gvk_with_plural(&name, kind.plural)
}
