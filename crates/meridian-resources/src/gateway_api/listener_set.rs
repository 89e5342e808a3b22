//! ListenerSet: listeners that are added to a Gateway.

use super::common::{Condition, pending};
use super::gateway::{Listener, ListenerStatus};
use super::text;
use crate::kind::cells::condition;
use crate::kind::{Column, Kind, Nulls};
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
    columns: &[
        Column::string("Accepted", "Whether its listeners are valid.", |set| condition(set, "Accepted")),
        Column::string("Programmed", "Whether they serve.", |set| condition(set, "Programmed")),
    ],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<ListenerSet>,
};

schema::forms!(schema::of_spec::<ListenerSet>(&KIND, true));

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
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"], "x-rule" = "listeners"))]
    pub listeners: Vec<Listener>,
}

/// The Gateway that listeners are added to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ParentGatewayReference {
    /// The API group.
    #[schemars(with = "text::Group", extend("x-default" = super::GROUP))]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName", extend("x-default" = "Gateway"))]
    pub kind: String,
    /// The name.
    #[schemars(with = "text::ObjectName")]
    pub name: String,
    /// The namespace; that of the ListenerSet when absent.
    #[schemars(with = "text::NamespaceName")]
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
#[schemars(extend("x-default" = { "conditions": pending(&["Accepted", "Programmed"]) }))]
pub struct ListenerSetStatus {
    /// What is said.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"], "x-default" = pending(&["Accepted", "Programmed"])))]
    pub conditions: Vec<Condition>,
    /// What is said of each listener.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub listeners: Vec<ListenerStatus>,
}
