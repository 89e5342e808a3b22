//! Removing: one object, or many.
//!
//! An object with finalizers is only marked (`metadata.deletionTimestamp`) and goes when the last finalizer is taken
//! off.

use std::sync::Arc;

use meridian_resources::FieldError;
use meridian_store::{Change, GroupResource, StoreError, StoredObject};
use serde::Deserialize;

use super::{Api, key};
use crate::error::ApiError;
use crate::media;
use crate::query::{ListOptions, Query, resource_version};
use crate::target::Objects;
use crate::time;

/// The finalizer of an object that waits until its dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object that waits until its dependents have forgotten it.
pub(crate) const ORPHAN: &str = "orphan";
/// The namespaces that cannot be deleted.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// What happens to the objects that depend on one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
    /// They stay.
    Orphan,
}

/// `metav1.DeleteOptions`, as far as they change what happens. Grace periods are zero for all that is stored here.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    /// Do everything but remove.
    pub dry_run: bool,
    /// The object must have this uid.
    pub uid: Option<String>,
    /// The object must be at this revision.
    pub resource_version: Option<u64>,
    /// What happens to those that depend on it; `None` leaves that to the object's own finalizers.
    pub propagation: Option<Propagation>,
}

/// The body of a deletion.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    dry_run: Vec<String>,
    preconditions: Option<BodyPreconditions>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<String>,
    grace_period_seconds: Option<i64>,
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
        let grace = match query.get("gracePeriodSeconds") {
            None => body.grace_period_seconds,
            Some(text) => Some(text.parse().map_err(|_| {
                ApiError::bad_request(format!("gracePeriodSeconds={text:?} is not a number; it must be zero or more"))
            })?),
        };
        if let Some(seconds) = grace.filter(|seconds| *seconds < 0) {
            return Err(invalid(&format!(
                "gracePeriodSeconds: Invalid value: {seconds}: must be greater than or equal to 0"
            )));
        }
        let propagation = propagation(
            body.orphan_dependents.or_else(|| query.get("orphanDependents").map(|value| value != "false")),
            body.propagation_policy.as_deref().or_else(|| query.get("propagationPolicy")),
        )?;
        let preconditions = body.preconditions.unwrap_or_default();
        let resource_version = resource_version(preconditions.resource_version.as_deref())?;
        Ok(DeleteOptions { dry_run, uid: preconditions.uid, resource_version, propagation })
    }

    pub(super) fn check(&self, target: &Objects, current: &StoredObject) -> Result<(), ApiError> {
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
        // Kubernetes names the kind here, not its plural.
        Err(ApiError::conflict(&GroupResource::new(target.resource.group, target.resource.kind), name, &why))
    }
}

fn invalid(why: &str) -> ApiError {
    ApiError::unprocessable(format!("DeleteOptions.meta.k8s.io \"\" is invalid: {why}"))
}

/// `propagationPolicy`, and its older form.
fn propagation(orphan: Option<bool>, policy: Option<&str>) -> Result<Option<Propagation>, ApiError> {
    if let (Some(_), Some(policy)) = (orphan, policy) {
        return Err(invalid(&format!(
            "propagationPolicy: Invalid value: \"{policy}\": orphanDependents and deletionPropagation cannot be both set"
        )));
    }
    Ok(match (orphan, policy) {
        (Some(true), _) | (_, Some("Orphan")) => Some(Propagation::Orphan),
        (_, Some("Foreground")) => Some(Propagation::Foreground),
        (Some(false), _) | (_, Some("Background")) => Some(Propagation::Background),
        (None, None) => None,
        (None, Some(other)) => {
            let allowed = ["Foreground", "Background", "Orphan", "nil"];
            let error = FieldError::not_supported("propagationPolicy", &other.into(), &allowed);
            return Err(ApiError::invalid_options("DeleteOptions", &[error]));
        }
    })
}

/// The finalizers of an object when it is deleted in this manner.
fn finalizers(current: &StoredObject, propagation: Option<Propagation>) -> Vec<String> {
    let mut finalizers = current.metadata().finalizers;
    let Some(propagation) = propagation else { return finalizers };
    finalizers.retain(|one| one != FOREGROUND && one != ORPHAN);
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
        Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
    }
    finalizers
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
        if target.resource.is_namespaces() && IMMORTAL.contains(&&*key.name) {
            return Err(ApiError::forbidden(&key.resource, &key.name, "this namespace may not be deleted"));
        }
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
                let finalizers = finalizers(current, options.propagation);
                pending = !finalizers.is_empty();
                Ok(if pending { mark(current, &finalizers) } else { Change::Delete })
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

    /// What an object's end entails: its addresses are free again, and its namespace may go if it waits for that.
    pub(super) async fn after_deletion(&self, object: &StoredObject) -> Result<(), ApiError> {
        let key = object.key();
        if key.resource == GroupResource::new("", "services") {
            self.allocator.release(&object.to_value("v1", "Service"));
        }
        self.finish_namespace(&key.namespace).await
    }
}

/// The object with the time at which its deletion was asked for, waiting for these finalizers.
fn mark(current: &StoredObject, finalizers: &[String]) -> Change {
    let metadata = current.metadata();
    if metadata.deletion_timestamp.is_some() && metadata.finalizers == finalizers {
        return Change::Keep;
    }
    let mut object = current.to_value("", "");
    if metadata.deletion_timestamp.is_none() {
        object["metadata"]["deletionTimestamp"] = time::now().into();
        object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    }
    object["metadata"]["finalizers"] = finalizers.into();
    Change::Put(object)
}
