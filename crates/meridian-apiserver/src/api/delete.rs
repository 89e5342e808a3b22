//! Removing: one object, many, and namespaces with all that is in them.
//!
//! An object with finalizers is only marked (`metadata.deletionTimestamp`) and goes when the last finalizer is taken
//! off. A namespace goes when nothing is left in it.

use std::sync::Arc;

use meridian_store::{Change, GroupResource, Key, StoreError, StoredObject};
use serde::Deserialize;
use serde_json::Value;

use super::{Api, key, target};
use crate::error::ApiError;
use crate::media;
use crate::query::{ListOptions, Query, resource_version};
use crate::target::Objects;

/// `metav1.DeleteOptions`, as far as they change what happens. Grace periods are zero for all that is stored here, and
/// nothing is collected in the background.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    /// Do everything but remove.
    pub dry_run: bool,
    /// The object must have this uid.
    pub uid: Option<String>,
    /// The object must be at this revision.
    pub resource_version: Option<u64>,
}

/// The body of a deletion.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    dry_run: Vec<String>,
    preconditions: Option<BodyPreconditions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BodyPreconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl DeleteOptions {
    pub(crate) fn read(query: &Query, content_type: Option<&str>, body: &[u8]) -> Result<DeleteOptions, ApiError> {
        let body: Body = if body.is_empty() {
            Body::default()
        } else {
            serde_json::from_value(media::read_object(content_type, body)?)
                .map_err(|e| ApiError::bad_request(format!("the body is not a DeleteOptions object: {e}")))?
        };
        let dry_runs = body.dry_run.iter().map(String::as_str).chain(query.get("dryRun"));
        let mut dry_run = false;
        for value in dry_runs {
            if value != "All" {
                return Err(ApiError::bad_request(format!("dryRun={value:?} is not supported; use \"All\"")));
            }
            dry_run = true;
        }
        let preconditions = body.preconditions.unwrap_or_default();
        let resource_version = resource_version(preconditions.resource_version.as_deref())?;
        Ok(DeleteOptions { dry_run, uid: preconditions.uid, resource_version })
    }

    fn check(&self, target: &Objects, current: &StoredObject) -> Result<(), ApiError> {
        let name = &current.key().name;
        let uid = current.metadata().uid;
        let why = match (&self.uid, self.resource_version) {
            (Some(expected), _) if *expected != uid => format!(
                "the UID in the precondition ({expected}) does not match the UID in record ({uid}). The object might \
                 have been deleted and then recreated"
            ),
            (_, Some(expected)) if expected != current.revision() => format!(
                "the ResourceVersion in the precondition ({expected}) does not match the ResourceVersion in record \
                 ({}). The object might have been modified",
                current.revision()
            ),
            _ => return Ok(()),
        };
        Err(ApiError::conflict(&target.resource.collection, name, &why))
    }
}

/// What a deletion has come to.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The object is gone; this is its last content.
    Gone(Arc<StoredObject>),
    /// The object is marked, and goes when its finalizers are taken off.
    Pending(Arc<StoredObject>),
}

impl Deleted {
    /// The object as it last was.
    pub(crate) fn object(&self) -> &Arc<StoredObject> {
        match self {
            Deleted::Gone(object) | Deleted::Pending(object) => object,
        }
    }
}

impl Api {
    /// Removes an object.
    ///
    /// # Errors
    /// 404; 409 when a precondition does not hold.
    pub(crate) async fn delete(&self, target: &Objects, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        let key = key(target)?;
        if options.dry_run {
            let current = self.store.get(&key).ok_or_else(|| StoreError::NotFound(key.clone()))?;
            options.check(target, &current)?;
            return Ok(Deleted::Gone(current));
        }
        if target.resource.is_namespaces() {
            return self.delete_namespace(target, &key, options).await;
        }
        let mut pending = false;
        let object = self
            .store
            .modify(&key, |current| -> Result<Change, ApiError> {
                options.check(target, current)?;
                pending = !current.metadata().finalizers.is_empty();
                Ok(if pending { mark(current) } else { Change::Delete })
            })
            .await?;
        if pending {
            return Ok(Deleted::Pending(object));
        }
        self.after_deletion(&object).await?;
        Ok(Deleted::Gone(object))
    }

    /// Removes every object that the options select.
    ///
    /// # Errors
    /// The first that stops it; what was removed until then is gone.
    pub(crate) async fn delete_collection(
        &self,
        target: &Objects,
        list: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<super::Page, ApiError> {
        let page = self.list(target, list)?;
        for object in &page.objects {
            let one = Objects {
                namespace: target.resource.namespaced.then(|| object.key().namespace.to_string()),
                name: Some(object.key().name.to_string()),
                ..target.clone()
            };
            match self.delete(&one, options).await {
                Err(error) if error.reason == crate::error::Reason::NotFound => {}
                result => drop(result?),
            }
        }
        Ok(page)
    }

    /// A namespace goes with its content at once, in one transaction, unless something in it has finalizers.
    async fn delete_namespace(
        &self,
        target: &Objects,
        key: &Key,
        options: &DeleteOptions,
    ) -> Result<Deleted, ApiError> {
        let current = self.store.get(key).ok_or_else(|| StoreError::NotFound(key.clone()))?;
        options.check(target, &current)?;
        if !current.metadata().finalizers.is_empty() {
            let marked = self.store.modify(key, |current| Ok::<_, ApiError>(mark_namespace(current))).await?;
            return Ok(Deleted::Pending(marked));
        }
        let services = self.store.list(&GroupResource::new("", "services"), Some(&key.name)).objects;
        match self.store.delete_namespace(&key.name).await {
            Ok(gone) => {
                services.iter().for_each(|service| self.allocator.release(&service.to_value("v1", "Service")));
                Ok(Deleted::Gone(gone))
            }
            Err(StoreError::Finalizers(_)) => {
                let marked = self.store.modify(key, |current| Ok::<_, ApiError>(mark_namespace(current))).await?;
                self.empty_namespace(&key.name).await?;
                Ok(Deleted::Pending(marked))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes or marks everything in a namespace.
    async fn empty_namespace(&self, namespace: &str) -> Result<(), ApiError> {
        for resource in crate::resource::all().iter().filter(|resource| resource.namespaced) {
            for object in self.store.list(&resource.collection, Some(namespace)).objects {
                let name = Some(object.key().name.to_string());
                let one = target(resource, resource.versions[0], Some(namespace.to_owned()), name);
                match Box::pin(self.delete(&one, &DeleteOptions::default())).await {
                    Err(error) if error.reason == crate::error::Reason::NotFound => {}
                    result => drop(result?),
                }
            }
        }
        Ok(())
    }

    /// What an object's end entails: its addresses are free again, and its namespace may go if it waits for that.
    pub(super) async fn after_deletion(&self, object: &StoredObject) -> Result<(), ApiError> {
        let key = object.key();
        if key.resource == GroupResource::new("", "services") {
            self.allocator.release(&object.to_value("v1", "Service"));
        }
        let namespace = Key::namespace(&key.namespace);
        let waits = self.store.get(&namespace).is_some_and(|namespace| {
            let metadata = namespace.metadata();
            metadata.deletion_timestamp.is_some() && metadata.finalizers.is_empty()
        });
        if waits {
            match self.store.delete_namespace(&key.namespace).await {
                Ok(_) | Err(StoreError::Finalizers(_) | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The object with the time at which its deletion was asked for.
fn mark(current: &StoredObject) -> Change {
    if current.metadata().deletion_timestamp.is_some() {
        return Change::Keep;
    }
    let mut object = current.to_value("", "");
    object["metadata"]["deletionTimestamp"] = now().into();
    object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    Change::Put(object)
}

fn mark_namespace(current: &StoredObject) -> Change {
    match mark(current) {
        Change::Put(mut object) => {
            object["status"]["phase"] = Value::from("Terminating");
            Change::Put(object)
        }
        other => other,
    }
}

/// The time as Kubernetes writes it: RFC 3339, whole seconds, UTC.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
