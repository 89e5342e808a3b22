//! Envoy's wire format: the JSON of this crate's messages becomes protobuf bytes, and bytes become JSON.
//!
//! Both directions follow one table of messages, fields and enums (`wire/schema/*.txt`), which is data and no generated
//! code: what a sidecar keeps in memory for it is counted in kilobytes. The JSON is protobuf's own mapping, so whatever
//! Envoy prints can be encoded, and whatever is decoded reads as Envoy would print it, with lowerCamelCase names.
//!
//! Nothing is lost in silence. A field that the table does not have appears in the JSON as `[<number>]` with what its
//! bytes are, so that [`crate::read`] lists it as unsupported; a message of unknown type inside an `Any` keeps its
//! bytes as base64 in `value`. Both are written back unchanged.

mod decode;
mod encode;
mod raw;
mod scalar;
mod schema;
mod unknown;
mod well_known;

pub(crate) use scalar::double;

use bytes::Bytes;
use serde_json::Value;

/// How deep messages may be nested; protobuf's own limit.
const DEEPEST: usize = 100;

/// Why JSON cannot become bytes, or bytes JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: found {found}, allowed: {allowed}")]
pub struct WireError {
    /// The message and the field, such as `envoy.config.cluster.v3.Cluster: connectTimeout`.
    pub path: String,
    /// What is there.
    pub found: String,
    /// What would be accepted.
    pub allowed: String,
}

impl WireError {
    fn new(found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { path: String::new(), found: found.into(), allowed: allowed.into() }
    }

    /// The same error, one step further outside.
    fn within(mut self, step: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{separator}{}", self.path);
        self
    }

    fn of_message(mut self, name: &str) -> Self {
        let separator = if self.path.is_empty() { "" } else { ": " };
        self.path = format!("{name}{separator}{}", self.path);
        self
    }
}

/// The bytes of a message whose `@type` says what it is. The same JSON always gives the same bytes.
///
/// # Errors
/// The message's type or one of its fields is not known, or a value does not fit its field.
pub fn encode(message: &Value) -> Result<Bytes, WireError> {
    match message.get("@type").and_then(Value::as_str) {
        Some(type_url) => encode_as(type_url, message),
        None => Err(WireError::new("no @type", "a message whose @type says what it is").of_message("message")),
    }
}

/// The bytes of a message of the type that `type_url` names; an `@type` in the message itself is not looked at.
///
/// # Errors
/// See [`encode`].
pub fn encode_as(type_url: &str, message: &Value) -> Result<Bytes, WireError> {
    let name = type_name(type_url);
    let mut out = Vec::new();
    encode::resource(name, message, &mut out).map_err(|error| error.of_message(name))?;
    Ok(out.into())
}

/// The JSON of a message of the type that `type_url` names. `@type` is set.
///
/// The JSON may take some thirty times the memory of the bytes, so it is the caller who bounds these.
///
/// # Errors
/// The type is not known, or the bytes are no message of this type.
pub fn decode(type_url: &str, bytes: &[u8]) -> Result<Value, WireError> {
    let name = type_name(type_url);
    let mut value = decode::resource(name, bytes).map_err(|error| error.of_message(name))?;
    if let Value::Object(fields) = &mut value {
        fields.insert("@type".to_owned(), type_url.into());
    }
    Ok(value)
}

/// Whatever the bytes are, decoding ends with an error or with a message that is encoded to the same again. The first
/// byte chooses among the types that a proxy is sent.
///
/// # Panics
/// This does not hold.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    use crate::type_url::{CLUSTER, CLUSTER_LOAD_ASSIGNMENT, LISTENER, ROUTE_CONFIGURATION, SECRET};
    let types = [LISTENER, ROUTE_CONFIGURATION, CLUSTER, CLUSTER_LOAD_ASSIGNMENT, SECRET];
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let type_url = types[usize::from(*choice) % types.len()];
    let Ok(decoded) = decode(type_url, bytes) else { return };
    let encoded = encode(&decoded).unwrap_or_else(|error| panic!("{error}: {decoded}"));
    assert_eq!(decode(type_url, &encoded).as_ref(), Ok(&decoded));
}

/// Whether messages of this type can be encoded and decoded.
pub fn is_known(type_url: &str) -> bool {
    matches!(schema::Schema::get().message(type_name(type_url)), Some(schema::Composite::Message(_)))
}

/// `envoy.config.cluster.v3.Cluster` of `type.googleapis.com/envoy.config.cluster.v3.Cluster`.
fn type_name(type_url: &str) -> &str {
    type_url.rsplit('/').next().unwrap_or(type_url)
}

#[cfg(test)]
mod tests;
