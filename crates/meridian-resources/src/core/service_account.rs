//! ServiceAccount (`v1`): who a workload is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ObjectReference;
use crate::kind::{Kind, Nulls};
use crate::object::{NoStatus, Object, Resource, Spec};
use crate::schema;

/// The kind `ServiceAccount` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "ServiceAccount",
    list_kind: "ServiceAccountList",
    plural: "serviceaccounts",
    singular: "serviceaccount",
    short_names: &["sa"],
    categories: &[],
    namespaced: true,
    status_subresource: false,
    columns: &[],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<ServiceAccount>,
};

schema::forms!(schema::of_flat::<ServiceAccount>(&KIND));

impl Spec for ServiceAccount {
    type Status = NoStatus;
    const FLAT: bool = true;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::ServiceAccount(object)
    }
}

/// ServiceAccount is the identity of workloads: `kubectl create token` makes tokens for it, and the mesh's authority
/// certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Whether Pods get a token without asking. Nothing here makes Pods.
    pub automount_service_account_token: Option<bool>,
    /// Secrets for pulling images. Nothing here pulls images.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Secrets that its Pods may use. Nothing here makes Pods.
    pub secrets: Vec<ObjectReference>,
}

/// An object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalObjectReference {
    /// Its name.
    pub name: String,
}
