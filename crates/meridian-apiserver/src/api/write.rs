//! Writing: create, replace, patch.

use std::sync::Arc;

use meridian_store::{Change, Key, StoreError, StoredObject};
use serde_json::Value;

use super::{Api, key};
use crate::admission::{self, Admitted};
use crate::error::{ApiError, Reason};
use crate::managed::{self, Tracking};
use crate::patch::Patch;
use crate::query::WriteOptions;
use crate::target::Objects;
use crate::version;

/// The outcome of a write.
#[derive(Debug)]
pub(crate) struct Written {
    /// The object as it is now, or as it would be after a dry run.
    pub object: Arc<StoredObject>,
    /// What the client should know.
    pub warnings: Vec<String>,
    /// Whether there was none before.
    pub created: bool,
}

impl Api {
    /// Creates an object.
    ///
    /// # Errors
    /// 400, 404 for a missing namespace, 409 for a name that is taken, 422.
    pub(crate) async fn create(
        &self,
        target: &Objects,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        self.create_tracked(target, object, options, Tracking::Update(&options.manager)).await
    }

    async fn create_tracked(
        &self,
        target: &Objects,
        object: Value,
        options: &WriteOptions,
        tracking: Tracking<'_>,
    ) -> Result<Written, ApiError> {
        let (admitted, reservation) =
            admission::admit_new(target, object, options.field_validation, tracking, &self.allocator)?;
        let Admitted { mut object, warnings } = admitted;
        self.default_ingress_class(target.resource, &mut object);
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let key = Key::new(target.resource.collection.clone(), target.namespace.as_deref().unwrap_or(""), name);
        self.check_namespace(&key)?;
        if options.dry_run {
            if self.store.get(&key).is_some() {
                return Err(ApiError::already_exists(&key.resource, &key.name));
            }
            let object = Arc::new(StoredObject::draft(key, object)?);
            return Ok(Written { object, warnings, created: true });
        }
        let object = self.store.create(key, object).await?;
        reservation.keep();
        if target.resource.is_namespaces() {
            self.make_default_service_account(&object.key().name).await?;
        }
        Ok(Written { object, warnings, created: true })
    }

    /// Replaces an object or its status. Of a few kinds an object that is not there is created.
    ///
    /// # Errors
    /// 400, 404, 409 when the object has changed since the client read it, 422.
    pub(crate) async fn update(
        &self,
        target: &Objects,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        admission::check_name(target, &object)?;
        loop {
            if target.is_created_by_update() && self.store.get(&key(target)?).is_none() {
                options.check_creation()?;
                match self.create(target, unversioned(target, &object)?, options).await {
                    // Somebody else created it meanwhile.
                    Err(error) if error.reason == Reason::AlreadyExists => {}
                    result => return result,
                }
            }
            let tracking = Tracking::Update(&options.manager);
            match self.change(target, options, tracking, |_| Ok(object.clone())).await {
                // Somebody else removed it meanwhile.
                Err(error) if error.reason == Reason::NotFound && target.is_created_by_update() => {}
                result => return result,
            }
        }
    }

    /// Patches an object or its status. Unless the patch names a `resourceVersion`, it is applied to whatever is there.
    ///
    /// # Errors
    /// As [`Api::update`], and 422 when the patch does not fit.
    pub(crate) async fn patch(
        &self,
        target: &Objects,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let api_version = target.api_version();
        self.change(target, options, Tracking::Update(&options.manager), |current| {
            let old = version::to_value(target.resource, &api_version, current);
            let object = patch.apply(target.resource, old.clone())?;
            admission::check_patched(target, &old, &object, options.field_validation)?;
            Ok(object)
        })
        .await
    }

    /// Applies a configuration to an object or its status (server-side apply). An object that is not there is created.
    ///
    /// # Errors
    /// As [`Api::update`], 409 when others own what would change, and 404 for the status of an object that is not there.
    pub(crate) async fn apply(
        &self,
        target: &Objects,
        config: &Value,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        let (api_version, key) = (target.api_version(), key(target)?);
        let applied = |live| managed::apply(target, live, config, &options.manager, options.force);
        loop {
            if target.subresource.is_none() && self.store.get(&key).is_none() {
                options.check_creation()?;
                match self.create_tracked(target, applied(None)?, options, Tracking::Known).await {
                    // Somebody else created it meanwhile.
                    Err(error) if error.reason == Reason::AlreadyExists => {}
                    result => return result,
                }
            }
            let next =
                |current: &StoredObject| applied(Some(version::to_value(target.resource, &api_version, current)));
            match self.change(target, options, Tracking::Known, next).await {
                // Somebody else removed it meanwhile.
                Err(error) if error.reason == Reason::NotFound && target.subresource.is_none() => {}
                result => return result,
            }
        }
    }

    /// Lets `next` make the new object out of the current one, and writes it if it is admitted; again when somebody
    /// else was faster.
    pub(super) async fn change(
        &self,
        target: &Objects,
        options: &WriteOptions,
        tracking: Tracking<'_>,
        next: impl Fn(&StoredObject) -> Result<Value, ApiError>,
    ) -> Result<Written, ApiError> {
        let key = key(target)?;
        let mut outcome = None;
        let mut decide = |current: &StoredObject| -> Result<Value, ApiError> {
            let object = next(current)?;
            // What an attempt that came too late has reserved is given back here.
            let (admitted, reservation) =
                admission::admit_update(target, current, object, options.field_validation, tracking, &self.allocator)?;
            outcome = Some((admitted.warnings, reservation));
            Ok(admitted.object)
        };
        if options.dry_run {
            let current = self.store.get(&key).ok_or_else(|| StoreError::NotFound(key.clone()))?;
            let object = Arc::new(current.changed(decide(&current)?)?);
            let warnings = outcome.map(|(warnings, _)| warnings).unwrap_or_default();
            return Ok(Written { object, warnings, created: false });
        }
        let mut last_finalizer = false;
        let object = self
            .store
            .modify(&key, |current| -> Result<Change, ApiError> {
                let object = decide(current)?;
                last_finalizer = awaits_deletion(current) && !has_finalizers(&object);
                // A namespace goes only with its content.
                let goes = last_finalizer && !target.resource.is_namespaces();
                Ok(if goes { Change::Delete } else { Change::Put(object) })
            })
            .await?;
        let (warnings, reservation) = outcome.unwrap_or_default();
        reservation.keep();
        if last_finalizer && target.resource.is_namespaces() {
            self.finish_namespace(&object.key().name).await?;
        } else if last_finalizer {
            self.after_deletion(&object).await?;
        }
        Ok(Written { object, warnings, created: false })
    }

    /// Nothing new can be put into a namespace that is going away.
    fn check_namespace(&self, key: &Key) -> Result<(), ApiError> {
        if key.namespace.is_empty() {
            return Ok(());
        }
        let name = &*key.namespace;
        let namespace = Key::namespace(name);
        let Some(found) = self.store.get(&namespace) else {
            return Err(ApiError::not_found(&namespace.resource, name));
        };
        if awaits_deletion(&found) {
            let why = format!("unable to create new content in namespace {name} because it is being terminated");
            return Err(ApiError::forbidden(&key.resource, &key.name, &why));
        }
        Ok(())
    }
}

/// An object that an update creates. What was read before has gone.
fn unversioned(target: &Objects, object: &Value) -> Result<Value, ApiError> {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        let claimed = metadata.get("uid").and_then(Value::as_str).unwrap_or_default();
        if !claimed.is_empty() {
            let why = format!("Precondition failed: UID in precondition: {claimed}, UID in object meta: ");
            let name = target.name.as_deref().unwrap_or_default();
            return Err(ApiError::conflict(&target.resource.collection, name, &why));
        }
    }
    Ok(object)
}

/// Whether a deletion was asked for.
fn awaits_deletion(object: &StoredObject) -> bool {
    object.metadata().deletion_timestamp.is_some()
}

fn has_finalizers(object: &Value) -> bool {
    object.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|finalizers| !finalizers.is_empty())
}
