//! One stored object: its text and its place in time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Key, StoreError};

/// An object as it was at one revision. Immutable; cheap to share.
///
/// The text is kept without `apiVersion`, `kind` and `resourceVersion`: they are the same for a whole collection, depend
/// on the version under which it is read, or are the revision. It starts with the `metadata` object and goes on with the
/// other fields, so that a complete object is made by writing a head in front of it.
#[derive(Clone)]
pub struct StoredObject {
    key: Key,
    revision: u64,
    body: Arc<str>,
}

/// The parts of `metadata` that servers and controllers look at.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// Unique over time: an object created anew under the same name has another.
    pub uid: String,
    /// Counts the changes of everything but `metadata` and `status`; 0 for kinds without it.
    pub generation: i64,
    /// RFC 3339, whole seconds, UTC.
    pub creation_timestamp: String,
    /// When a deletion that waits for finalizers was asked for (RFC 3339).
    pub deletion_timestamp: Option<String>,
    /// The labels, for selection.
    pub labels: BTreeMap<String, String>,
    /// The annotations, not for selection.
    pub annotations: BTreeMap<String, String>,
    /// Who must agree before the object disappears.
    pub finalizers: Vec<String>,
    /// The objects on which this one depends.
    pub owner_references: Vec<OwnerReference>,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// API version of the owner.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the same namespace or in none.
    pub name: String,
    /// Uid of the owner.
    pub uid: String,
}

/// Says which object it is, never its content: that may be a Secret.
impl fmt::Debug for StoredObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ({} bytes)", self.key, self.revision, self.body.len())
    }
}

impl StoredObject {
    pub(crate) fn new(key: Key, revision: u64, body: Arc<str>) -> StoredObject {
        StoredObject { key, revision, body }
    }

    /// The object's identity.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The revision of the write that made it as it is: `metadata.resourceVersion`.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The same content at another revision.
    #[must_use]
    pub fn at_revision(&self, revision: u64) -> StoredObject {
        StoredObject { key: self.key.clone(), revision, body: self.body.clone() }
    }

    /// What [`crate::Store::create`] would store, without storing it; its revision is 0.
    ///
    /// # Errors
    /// [`StoreError::Malformed`].
    pub fn draft(key: Key, object: Value) -> Result<StoredObject, StoreError> {
        let body = body_of_new(&key, object)?;
        Ok(StoredObject { key, revision: 0, body })
    }

    /// What [`crate::Store::update`] would store, without storing it; its revision is that of this object.
    ///
    /// # Errors
    /// [`StoreError::Malformed`].
    pub fn changed(&self, object: Value) -> Result<StoredObject, StoreError> {
        let body = body_of_update(self, object)?.unwrap_or_else(|| self.body.clone());
        Ok(StoredObject { key: self.key.clone(), revision: self.revision, body })
    }

    pub(crate) fn body(&self) -> &Arc<str> {
        &self.body
    }

    /// Appends the complete JSON text, as it reads under `api_version`.
    pub fn write_json(&self, api_version: &str, kind: &str, out: &mut Vec<u8>) {
        out.reserve(self.body.len() + api_version.len() + kind.len() + 80);
        out.extend_from_slice(b"{\"apiVersion\":\"");
        out.extend_from_slice(api_version.as_bytes());
        out.extend_from_slice(b"\",\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"metadata\":{\"resourceVersion\":\"");
        out.extend_from_slice(self.revision.to_string().as_bytes());
        out.extend_from_slice(b"\",");
        // The body opens the metadata object itself, and metadata is never empty: it has a name.
        out.extend_from_slice(&self.body.as_bytes()[1..]);
    }

    /// The complete object as a tree, as it reads under `api_version`.
    pub fn to_value(&self, api_version: &str, kind: &str) -> Value {
        let mut text = Vec::new();
        self.write_json(api_version, kind, &mut text);
        serde_json::from_slice(&text).expect("a stored body was written by this module from a JSON tree")
    }

    /// The metadata alone; cheaper than the whole tree.
    pub fn metadata(&self) -> ObjectMeta {
        self.partial().unwrap_or_default()
    }

    /// The metadata object alone as JSON text, without `resourceVersion`.
    pub fn metadata_text(&self) -> &str {
        let raw: Option<&serde_json::value::RawValue> = self.partial();
        raw.map_or("{}", serde_json::value::RawValue::get)
    }

    fn partial<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        T::deserialize(&mut serde_json::Deserializer::from_str(&self.body)).ok()
    }
}

/// Makes the text of a new object: fills what the server owns in `metadata`.
pub(crate) fn body_of_new(key: &Key, object: Value) -> Result<Arc<str>, StoreError> {
    let (mut meta, rest) = split(key, object)?;
    meta.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    meta.insert("creationTimestamp".into(), now().into());
    meta.remove("deletionTimestamp");
    if key.resource.has_generation() {
        meta.insert("generation".into(), 1.into());
    } else {
        meta.remove("generation");
    }
    Ok(join(&meta, &rest).into())
}

/// Makes the text of an object of a backup: keeps what the server had filled in.
pub(crate) fn body_of_restored(key: &Key, object: Value) -> Result<Arc<str>, StoreError> {
    let (mut meta, rest) = split(key, object)?;
    if meta.get("uid").and_then(Value::as_str).is_none_or(str::is_empty) {
        meta.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    }
    if meta.get("creationTimestamp").and_then(Value::as_str).is_none_or(str::is_empty) {
        meta.insert("creationTimestamp".into(), now().into());
    }
    if key.resource.has_generation() && meta.get("generation").and_then(Value::as_i64).is_none() {
        meta.insert("generation".into(), 1.into());
    }
    Ok(join(&meta, &rest).into())
}

/// Makes the text of a changed object: keeps what the server owns, counts the generation. `None` when nothing changed.
pub(crate) fn body_of_update(current: &StoredObject, object: Value) -> Result<Option<Arc<str>>, StoreError> {
    let key = current.key();
    let (mut meta, rest) = split(key, object)?;
    let (old_meta, old_rest) = split(key, current.to_value("", ""))?;
    for owned in ["uid", "creationTimestamp", "generation"] {
        match old_meta.get(owned) {
            Some(value) => meta.insert(owned.into(), value.clone()),
            None => meta.remove(owned),
        };
    }
    // A deletion that was asked for cannot be taken back.
    if let Some(since) = old_meta.get("deletionTimestamp") {
        meta.insert("deletionTimestamp".into(), since.clone());
    }
    if meta == old_meta && rest == old_rest {
        return Ok(None);
    }
    // To ask for the deletion is a change too, which controllers have to observe.
    let is_marked = meta.contains_key("deletionTimestamp") && !old_meta.contains_key("deletionTimestamp");
    if key.resource.has_generation() && (is_marked || spec_differs(&old_rest, &rest)) {
        let generation = old_meta.get("generation").and_then(Value::as_i64).unwrap_or(0);
        meta.insert("generation".into(), (generation + 1).into());
    }
    Ok(Some(join(&meta, &rest).into()))
}

/// Whether anything but the status differs.
fn spec_differs(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let spec = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key("status"));
    spec(a) != spec(b) || a.iter().any(|(field, value)| field != "status" && b.get(field) != Some(value))
}

/// Checks that a text read from disk is a body: a metadata object with the key's name, then the other fields.
pub(crate) fn check_body(key: &Key, body: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Identity<'a> {
        #[serde(borrow)]
        name: std::borrow::Cow<'a, str>,
    }
    // What the library says may quote the object, which may be a Secret.
    let damaged = |e: serde_json::Error| format!("the object {key} is not readable at byte {}", e.column());
    let identity = Identity::deserialize(&mut serde_json::Deserializer::from_str(body)).map_err(damaged)?;
    if identity.name != *key.name {
        return Err(format!("the object {key} holds the name {:?}", identity.name));
    }
    let text = format!("{{\"metadata\":{body}");
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(damaged)?;
    Ok(())
}

type Fields = Map<String, Value>;

/// Takes the metadata out and drops what is not stored.
fn split(key: &Key, object: Value) -> Result<(Fields, Fields), StoreError> {
    let malformed = |reason| StoreError::Malformed { key: key.clone(), reason };
    let Value::Object(mut rest) = object else { return Err(malformed("it is not a JSON object")) };
    let mut meta = match rest.remove("metadata") {
        Some(Value::Object(meta)) => meta,
        None => Map::new(),
        Some(_) => return Err(malformed("its metadata is not a JSON object")),
    };
    rest.remove("apiVersion");
    rest.remove("kind");
    for absent in ["resourceVersion", "selfLink"] {
        meta.remove(absent);
    }
    meta.insert("name".into(), (*key.name).into());
    if key.namespace.is_empty() {
        meta.remove("namespace");
    } else {
        meta.insert("namespace".into(), (*key.namespace).into());
    }
    meta.retain(|_, value| !value.is_null());
    Ok((meta, rest))
}

fn join(meta: &Fields, rest: &Fields) -> String {
    let mut body = Value::to_string(&Value::Object(meta.clone()));
    for (field, value) in rest {
        body.push(',');
        body.push_str(&Value::String(field.clone()).to_string());
        body.push(':');
        body.push_str(&value.to_string());
    }
    body.push('}');
    body
}

/// The time as Kubernetes writes it: RFC 3339, whole seconds, UTC.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
