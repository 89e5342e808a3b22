//! ConfigMap (`v1`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{NoStatus, Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `ConfigMap` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "ConfigMap",
    list_kind: "ConfigMapList",
    plural: "configmaps",
    singular: "configmap",
    short_names: &["cm"],
    categories: &[],
    namespaced: true,
    status_subresource: false,
    columns: &[Column::string("Data", "Data contains the configuration data.", |object| {
        cells::count(object, &["/data", "/binaryData"])
    })],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::config_map),
    decode: crate::object::decode_as::<ConfigMap>,
};

schema::forms!(schema::of_flat::<ConfigMap>(&KIND));

impl Spec for ConfigMap {
    type Status = NoStatus;
    const FLAT: bool = true;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::ConfigMap(object)
    }
}

/// ConfigMap holds configuration data for others to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigMap {
    /// Data that need not be text, in base64.
    #[schemars(with = "BTreeMap<String, schema::text::Base64>")]
    pub binary_data: BTreeMap<String, String>,
    /// Text by name.
    pub data: BTreeMap<String, String>,
    /// Whether the data may no longer change.
    pub immutable: Option<bool>,
}
