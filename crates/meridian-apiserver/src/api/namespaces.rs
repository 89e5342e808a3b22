//! The end of namespaces: with all that is in them.
//!
//! A namespace goes with its content at once, in one transaction. Something in it that has finalizers keeps it:
//! `Terminating`, with conditions that say what is left, and closed for new objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use meridian_store::{Change, GroupResource, Key, StoreError, StoredObject};
use serde_json::{Value, json};

use super::delete::{DeleteOptions, Deleted};
use super::{Api, key, target};
use crate::error::{ApiError, Reason};
use crate::target::Objects;
use crate::time;

impl Api {
    /// Removes a namespace, or begins to.
    pub(super) async fn delete_namespace(
        &self,
        target: &Objects,
        key: &Key,
        options: &DeleteOptions,
    ) -> Result<Deleted, ApiError> {
        let current = self.store.get(key).ok_or_else(|| StoreError::NotFound(key.clone()))?;
        options.check(target, &current)?;
        if !current.metadata().finalizers.is_empty() {
            let marked = self.mark_namespace(key).await?;
            self.empty_namespace(&key.name).await?;
            return Ok(Deleted::Pending(marked));
        }
        let services = self.store.list(&GroupResource::new("", "services"), Some(&key.name)).objects;
        match self.store.delete_namespace(&key.name).await {
            Ok(gone) => {
                services.iter().for_each(|service| self.allocator.release(&service.to_value("v1", "Service")));
                Ok(Deleted::Gone(gone))
            }
            Err(StoreError::Finalizers(_)) => {
                self.mark_namespace(key).await?;
                self.empty_namespace(&key.name).await?;
                self.describe_rest(key).await.map(Deleted::Pending)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn mark_namespace(&self, key: &Key) -> Result<Arc<StoredObject>, ApiError> {
        let mark = |current: &StoredObject| {
            let mut object = current.to_value("", "");
            if current.metadata().deletion_timestamp.is_none() {
                object["metadata"]["deletionTimestamp"] = time::now().into();
            }
            object["status"]["phase"] = "Terminating".into();
            Ok::<_, ApiError>(Change::Put(object))
        };
        self.store.modify(key, mark).await
    }

    /// Removes or marks everything in a namespace.
    async fn empty_namespace(&self, namespace: &str) -> Result<(), ApiError> {
        for resource in crate::resource::all().iter().filter(|resource| resource.namespaced) {
            for object in self.store.list(&resource.collection, Some(namespace)).objects {
                let name = Some(object.key().name.to_string());
                let one = target(resource, resource.versions[0], Some(namespace.to_owned()), name);
                match Box::pin(self.delete(&one, &DeleteOptions::default())).await {
                    Err(error) if error.reason == Reason::NotFound => {}
                    result => drop(result?),
                }
            }
        }
        Ok(())
    }

    /// Says in a namespace's status what keeps it.
    async fn describe_rest(&self, key: &Key) -> Result<Arc<StoredObject>, ApiError> {
        let rest: Vec<Arc<StoredObject>> =
            self.store.list_all().objects.into_iter().filter(|object| object.key().namespace == key.name).collect();
        let conditions = conditions(&rest);
        let describe = |current: &StoredObject| {
            let mut object = current.to_value("", "");
            object["status"]["conditions"] = conditions.clone();
            Ok::<_, ApiError>(Change::Put(object))
        };
        self.store.modify(key, describe).await
    }

    /// Removes a namespace that only waits for its content, when nothing is left.
    pub(super) async fn finish_namespace(&self, namespace: &str) -> Result<(), ApiError> {
        let key = Key::namespace(namespace);
        let waits = self.store.get(&key).is_some_and(|namespace| {
            let metadata = namespace.metadata();
            metadata.deletion_timestamp.is_some() && metadata.finalizers.is_empty()
        });
        if !waits {
            return Ok(());
        }
        match self.store.delete_namespace(namespace).await {
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(StoreError::Finalizers(_)) => match self.describe_rest(&key).await {
                Err(error) if error.reason != Reason::NotFound => Err(error),
                _ => Ok(()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// `PUT /api/v1/namespaces/NAME/finalize`: replaces `spec.finalizers`. A namespace that is being deleted and has none
    /// left goes, whatever is in it.
    ///
    /// # Errors
    /// 404; 409 when the namespace has changed since the client read it.
    pub(crate) async fn finalize_namespace(
        &self,
        target: &Objects,
        object: &Value,
    ) -> Result<Arc<StoredObject>, ApiError> {
        let key = key(target)?;
        let seen = crate::query::resource_version(object["metadata"]["resourceVersion"].as_str())?;
        let finalizers = object["spec"]["finalizers"].as_array().cloned().unwrap_or_default();
        let finalize = |current: &StoredObject| {
            if seen.is_some_and(|seen| seen != current.revision()) {
                return Err(ApiError::modified(&key.resource, &key.name));
            }
            let metadata = current.metadata();
            if finalizers.is_empty() && metadata.deletion_timestamp.is_some() && metadata.finalizers.is_empty() {
                return Ok(Change::Delete);
            }
            let mut object = current.to_value("", "");
            object["spec"]["finalizers"] = finalizers.clone().into();
            Ok(Change::Put(object))
        };
        self.store.modify(&key, finalize).await
    }
}

/// The conditions of a namespace that is kept by these objects, in the words of Kubernetes' namespace controller.
fn conditions(rest: &[Arc<StoredObject>]) -> Value {
    let (mut resources, mut finalizers) = (BTreeMap::<&str, usize>::new(), BTreeMap::<String, usize>::new());
    for object in rest {
        *resources.entry(object.key().resource.as_str()).or_default() += 1;
        for finalizer in object.metadata().finalizers {
            *finalizers.entry(finalizer).or_default() += 1;
        }
    }
    let counted = |(what, count): (&str, usize)| format!("{what} has {count} resource instances");
    let content: Vec<String> = resources
        .into_iter()
        .map(|(what, count)| counted((&if what.contains('.') { what.to_owned() } else { format!("{what}.") }, count)))
        .collect();
    let held: Vec<String> =
        finalizers.into_iter().map(|(what, count)| format!("{what} in {count} resource instances")).collect();
    let (content, held) = (content.join(", "), held.join(", "));
    let now = time::now();
    let condition = |type_: &str, status: &str, reason: &str, message: String| json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": now});
    let left = |text: &str| if text.is_empty() { "False" } else { "True" };
    json!([
        condition(
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered".to_owned()
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".to_owned()
        ),
        condition(
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".to_owned()
        ),
        condition(
            "NamespaceContentRemaining",
            left(&content),
            if content.is_empty() { "ContentRemoved" } else { "SomeResourcesRemain" },
            if content.is_empty() {
                "All content successfully removed".to_owned()
            } else {
                format!("Some resources are remaining: {content}")
            },
        ),
        condition(
            "NamespaceFinalizersRemaining",
            left(&held),
            if held.is_empty() { "ContentHasNoFinalizers" } else { "SomeFinalizersRemain" },
            if held.is_empty() {
                "All content-preserving finalizers finished".to_owned()
            } else {
                format!("Some content in the namespace has finalizers remaining: {held}")
            },
        ),
    ])
}
