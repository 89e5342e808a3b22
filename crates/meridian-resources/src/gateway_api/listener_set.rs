//! ListenerSet: listeners that are added to a Gateway.

use super::common::Condition;
use super::gateway::{Listener, ListenerStatus};
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `ListenerSet` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1"],
    kind: "ListenerSet",
    list_kind: "ListenerSetList",
    plural: "listenersets",
    singular: "listenerset",
    short_names: &["lset"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<ListenerSet>,
};

schema::compiled_once!(schema::of_spec::<ListenerSet>(&KIND, true));

impl Spec for ListenerSet {
    type Status = ListenerSetStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::ListenerSet(object)
    }
}

/// ListenerSet adds listeners to a Gateway, from another owner or namespace, and past its limit of 64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["parentRef", "listeners"]))]
pub struct ListenerSet {
    /// The Gateway.
    pub parent_ref: ParentGatewayReference,
    /// Ports, protocols and hosts.
    pub listeners: Vec<Listener>,
}

/// The Gateway that listeners are added to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ParentGatewayReference {
    /// The API group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The namespace; that of the ListenerSet when absent.
    pub namespace: Option<String>,
}

impl Default for ParentGatewayReference {
    fn default() -> Self {
        Self { group: super::GROUP.to_owned(), kind: "Gateway".to_owned(), name: String::new(), namespace: None }
    }
}

/// What is reported of a ListenerSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerSetStatus {
    /// What is said.
    pub conditions: Vec<Condition>,
    /// What is said of each listener.
    pub listeners: Vec<ListenerStatus>,
}
