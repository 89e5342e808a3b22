//! Secret (`v1`): certificates and keys. No value of a Secret is ever printed.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base64;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{NoStatus, Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Secret` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "Secret",
    list_kind: "SecretList",
    plural: "secrets",
    singular: "secret",
    short_names: &[],
    categories: &[],
    namespaced: true,
    status_subresource: false,
    columns: &[
        Column::string("Type", "Used to facilitate programmatic handling of secret data.", |object| {
            cells::text_or(object, "/type", "Opaque")
        }),
        Column::string("Data", "Data contains the secret data.", |object| cells::count(object, &["/data"])),
    ],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::secret),
    decode: crate::object::decode_as::<Secret>,
};

schema::forms!(schema::of_flat::<Secret>(&KIND));

impl Spec for Secret {
    type Status = NoStatus;
    const FLAT: bool = true;
    const SENSITIVE: bool = true;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Secret(object)
    }
}

/// Secret holds data that must not be shown, such as private keys.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Secret {
    /// The data by name, in base64.
    #[schemars(extend("x-sensitive" = true))]
    pub data: BTreeMap<String, SecretValue>,
    /// Whether the data may no longer change.
    pub immutable: Option<bool>,
    /// Text by name, which is written over `data` when the Secret is stored, and never read back.
    #[schemars(extend("x-sensitive" = true))]
    pub string_data: BTreeMap<String, String>,
    /// What the Secret is for, such as `kubernetes.io/tls`; `Opaque` when empty.
    #[serde(rename = "type")]
    pub type_: String,
}

impl Secret {
    /// The decoded value of one key; `None` when there is no such key, or it is not base64.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.string_data
            .get(key)
            .map(|text| text.clone().into_bytes())
            .or_else(|| self.data.get(key).and_then(SecretValue::decode))
    }

    /// The names of the values.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let only_text = self.string_data.keys().filter(|key| !self.data.contains_key(*key));
        self.data.keys().chain(only_text).map(String::as_str)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("type", &self.type_).field("keys", &self.keys().collect::<Vec<_>>()).finish()
    }
}

/// One value of a Secret, kept in base64 until it is asked for; its `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("format" = "byte", "x-sensitive" = true))]
pub struct SecretValue(String);

impl SecretValue {
    /// The decoded bytes; `None` when the value is not base64.
    pub fn decode(&self) -> Option<Vec<u8>> {
        base64::decode(&self.0)
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
