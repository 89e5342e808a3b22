//! XMesh (experimental): a mesh and who makes it.

use super::common::{Condition, ObjectReference, pending};
use super::gateway_class::SupportedFeature;
use super::text;
use crate::kind::cells::condition;
use crate::kind::{Column, Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `XMesh` of `gateway.networking.x-k8s.io`.
pub static KIND: Kind = Kind {
    group: super::EXPERIMENTAL_GROUP,
    versions: &["v1alpha1"],
    kind: "XMesh",
    list_kind: "XMeshList",
    plural: "xmeshes",
    singular: "xmesh",
    short_names: &["mesh"],
    categories: super::CATEGORIES,
    namespaced: false,
    status_subresource: true,
    columns: &[Column::string("Accepted", "Whether a controller makes it.", |mesh| condition(mesh, "Accepted"))],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<XMesh>,
};

schema::forms!(schema::of_spec::<XMesh>(&KIND, true));

impl Spec for XMesh {
    type Status = XMeshStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::XMesh(object)
    }
}

/// XMesh says that there is a mesh, and which controller makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["controllerName"]))]
pub struct XMesh {
    /// The controller; cannot be changed.
    #[schemars(with = "text::ControllerName")]
    pub controller_name: String,
    /// An object with more settings.
    pub parameters_ref: Option<ObjectReference>,
    /// For people.
    #[schemars(length(max = 64))]
    pub description: Option<String>,
}

/// What is reported of a mesh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-default" = { "conditions": pending(&["Accepted"]) }))]
pub struct XMeshStatus {
    /// What is said.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"], "x-default" = pending(&["Accepted", "Programmed"])))]
    pub conditions: Vec<Condition>,
    /// What the mesh can do, by name.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub supported_features: Vec<SupportedFeature>,
}
