//! Namespace (`v1`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::schema;

/// The kind `Namespace` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "Namespace",
    list_kind: "NamespaceList",
    plural: "namespaces",
    singular: "namespace",
    short_names: &["ns"],
    categories: &[],
    namespaced: false,
    status_subresource: true,
    columns: &[Column::string("Status", "The status of the namespace", |object| {
        cells::text_or(object, "/status/phase", "Active")
    })],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<Namespace>,
};

schema::forms!(schema::of_spec::<Namespace>(&KIND, false));

impl Spec for Namespace {
    type Status = NamespaceStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Namespace(object)
    }
}

/// Namespace provides a scope for names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespace {
    /// What must be done before the namespace can go away.
    pub finalizers: Vec<String>,
}

/// What is known about a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespaceStatus {
    /// Aspects of its state.
    pub conditions: Vec<Condition>,
    /// `Active` or `Terminating`.
    pub phase: String,
}
