//! `metadata`: the fields that every object has.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::FieldError;
use crate::kind::Kind;
use crate::object::{ObjectRef, StringMap};

pub use crate::rules::metadata::{label_key, label_value};

/// The namespace of objects that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Name, namespace, labels and the like, in the form in which other crates use them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The name.
    pub name: Arc<str>,
    /// The namespace: `default` when the object names none, empty for kinds without namespaces.
    pub namespace: Arc<str>,
    /// The UID; empty before the object is stored.
    pub uid: String,
    /// The resource version; empty before the object is stored.
    pub resource_version: String,
    /// Counts the changes of the specification.
    pub generation: i64,
    /// When the object was created (RFC 3339); empty before it is stored.
    pub creation_timestamp: String,
    /// The same in seconds since 1970; 0 when empty.
    pub creation_seconds: i64,
    /// When the object shall go away (RFC 3339); empty when it shall not.
    pub deletion_timestamp: String,
    /// Labels.
    pub labels: StringMap,
    /// Annotations.
    pub annotations: StringMap,
}

impl Meta {
    pub(crate) fn of(kind: &Kind, object: &Value) -> Result<Self, Vec<FieldError>> {
        let wire = match object.get("metadata") {
            Some(metadata) => ObjectMeta::deserialize(metadata)
                .map_err(|error| vec![FieldError::invalid_hidden("metadata", error.to_string())])?,
            None => return Err(vec![FieldError::required("metadata.name", "name or generateName is required")]),
        };
        let namespace = match wire.namespace.as_str() {
            _ if !kind.namespaced => "",
            "" => DEFAULT_NAMESPACE,
            namespace => namespace,
        };
        Ok(Meta {
            name: wire.name.into(),
            namespace: namespace.into(),
            uid: wire.uid,
            resource_version: wire.resource_version,
            generation: wire.generation,
            creation_seconds: unix_seconds(&wire.creation_timestamp).unwrap_or(0),
            creation_timestamp: wire.creation_timestamp,
            deletion_timestamp: wire.deletion_timestamp,
            labels: wire.labels,
            annotations: wire.annotations,
        })
    }

    /// The reference to an object of this kind with this metadata.
    pub fn object_ref(&self, kind: &'static Kind) -> ObjectRef {
        let namespace = kind.namespaced.then(|| self.namespace.clone());
        ObjectRef { kind, namespace, name: self.name.clone() }
    }
}

/// The seconds since 1970 of an RFC 3339 time.
pub(crate) fn unix_seconds(rfc3339: &str) -> Option<i64> {
    rfc3339.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// Standard object's metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// Values by name that tools attach.
    pub annotations: StringMap,
    /// When the object was created; set by the server.
    #[schemars(extend("format" = "date-time"))]
    pub creation_timestamp: String,
    /// Seconds that the object may take to go away.
    pub deletion_grace_period_seconds: Option<i64>,
    /// When the object shall go away; set by the server.
    #[schemars(extend("format" = "date-time"))]
    pub deletion_timestamp: String,
    /// What must be done before the object can go away.
    pub finalizers: Vec<String>,
    /// The beginning of a name that the server completes.
    pub generate_name: String,
    /// Counts the changes of the specification; set by the server.
    pub generation: i64,
    /// Values by name by which objects are selected.
    pub labels: StringMap,
    /// Who set which field; set by the server.
    #[serde(deserialize_with = "passed_over")]
    pub managed_fields: Vec<ManagedFieldsEntry>,
    /// The name, unique within kind and namespace.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Objects on which this one depends.
    pub owner_references: Vec<OwnerReference>,
    /// Identifies the object's version; set by the server.
    pub resource_version: String,
    /// Deprecated.
    pub self_link: String,
    /// Identifies the object for all time; set by the server.
    pub uid: String,
}

/// Who set what matters to the API alone, and is the larger part of many objects: nobody else reads it.
fn passed_over<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ManagedFieldsEntry>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Vec::new())
}

/// An object on which another depends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Its API version.
    pub api_version: String,
    /// Whether it may not go away before this object.
    pub block_owner_deletion: Option<bool>,
    /// Whether it is the managing controller.
    pub controller: Option<bool>,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Who set which fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedFieldsEntry {
    /// The API version of the change.
    pub api_version: String,
    /// The form of `fieldsV1`.
    pub fields_type: String,
    /// The fields.
    #[schemars(schema_with = "preserved_object")]
    pub fields_v1: Option<Value>,
    /// Who.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The subresource of the change.
    pub subresource: String,
    /// When.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
}

fn preserved_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
