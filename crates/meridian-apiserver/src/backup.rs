//! Objects of the store as documents of a backup, and back.
//!
//! A document is an object as `kubectl get -o yaml` shows it, without `resourceVersion`, which belongs to one store.

mod export;

use meridian_store::{Key, StoreError, StoredObject, maintenance};
use serde_json::Value;

use crate::resource::{self, ApiResource};
use crate::version;

pub use export::{Export, Found, Summary, Without, summary};

/// Why a document cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It has no `apiVersion`, `kind` or name.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// No such kind is served.
    #[error("no kind {kind} is served in {api_version}")]
    UnknownKind {
        /// As the document says.
        api_version: String,
        /// As the document says.
        kind: String,
    },
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The document of an object; nothing when no served kind lives in its collection.
pub fn document(object: &StoredObject) -> Option<Value> {
    let resource = resource::all().iter().find(|resource| resource.collection == object.key().resource)?;
    let mut value = object.to_value(&resource.api_version(resource.versions[0]), resource.kind);
    value.get_mut("metadata").and_then(Value::as_object_mut)?.remove("resourceVersion");
    Some(value)
}

/// The object of a document, with its uid, creation time and generation. It is not checked as a new one would be: it was
/// when it was written first.
///
/// # Errors
/// [`BackupError`].
pub fn object(mut document: Value) -> Result<StoredObject, BackupError> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    for (value, field) in [(&api_version, "apiVersion"), (&kind, "kind"), (&name, "metadata.name")] {
        if value.is_empty() {
            return Err(BackupError::Missing(field));
        }
    }
    let serves = |resource: &&ApiResource| {
        resource.kind == kind && resource.versions.iter().any(|version| resource.api_version(version) == api_version)
    };
    let resource =
        resource::all().iter().find(serves).ok_or(BackupError::UnknownKind { api_version, kind: kind.clone() })?;
    let namespace = match (resource.namespaced, text("/metadata/namespace")) {
        (false, _) => String::new(),
        (true, namespace) if namespace.is_empty() => return Err(BackupError::Missing("metadata.namespace")),
        (true, namespace) => namespace,
    };
    version::to_stored(resource, &mut document);
    Ok(maintenance::restored(Key::new(resource.collection.clone(), &namespace, &name), document)?)
}
