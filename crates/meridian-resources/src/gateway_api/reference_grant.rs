//! ReferenceGrant: who may refer to objects of a namespace from outside it.

use super::text;
use crate::kind::{Kind, Nulls};
use crate::object::NoStatus;
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `ReferenceGrant` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1beta1"],
    kind: "ReferenceGrant",
    list_kind: "ReferenceGrantList",
    plural: "referencegrants",
    singular: "referencegrant",
    short_names: &["refgrant"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: false,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<ReferenceGrant>,
};

schema::forms!(schema::of_spec::<ReferenceGrant>(&KIND, true));

impl Spec for ReferenceGrant {
    type Status = NoStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::ReferenceGrant(object)
    }
}

/// ReferenceGrant lets objects of other namespaces refer to objects of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["from", "to"]))]
pub struct ReferenceGrant {
    /// Who may.
    #[schemars(length(min = 1, max = 16))]
    pub from: Vec<ReferenceGrantFrom>,
    /// What to.
    #[schemars(length(min = 1, max = 16))]
    pub to: Vec<ReferenceGrantTo>,
}

/// Objects that may refer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["group", "kind", "namespace"]))]
pub struct ReferenceGrantFrom {
    /// Their API group; empty for core.
    #[schemars(with = "text::Group")]
    pub group: String,
    /// Their kind.
    #[schemars(with = "text::KindName")]
    pub kind: String,
    /// Their namespace.
    #[schemars(with = "text::NamespaceName")]
    pub namespace: String,
}

/// Objects that may be referred to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["group", "kind"]))]
pub struct ReferenceGrantTo {
    /// Their API group; empty for core.
    #[schemars(with = "text::Group")]
    pub group: String,
    /// Their kind.
    #[schemars(with = "text::KindName")]
    pub kind: String,
    /// One name; all when absent.
    #[schemars(with = "text::ObjectName")]
    pub name: Option<String>,
}
