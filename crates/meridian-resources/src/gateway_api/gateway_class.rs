//! GatewayClass: who serves the Gateways of a class.

use super::common::{Condition, ObjectReference, pending};
use super::text;
use crate::kind::cells::{condition, json_path};
use crate::kind::{Column, Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `GatewayClass` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1beta1"],
    kind: "GatewayClass",
    list_kind: "GatewayClassList",
    plural: "gatewayclasses",
    singular: "gatewayclass",
    short_names: &["gc"],
    categories: super::CATEGORIES,
    namespaced: false,
    status_subresource: true,
    columns: &[
        Column::string("Controller", "The controller.", |class| json_path(class, "/spec/controllerName")),
        Column::string("Accepted", "Whether a controller serves it.", |class| condition(class, "Accepted")),
        Column::string("Description", "For people.", |class| json_path(class, "/spec/description")).wide(),
    ],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<GatewayClass>,
};

schema::forms!(schema::of_spec::<GatewayClass>(&KIND, true));

impl Spec for GatewayClass {
    type Status = GatewayClassStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::GatewayClass(object)
    }
}

/// GatewayClass names the controller that serves the Gateways of a class, and settings for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["controllerName"]))]
pub struct GatewayClass {
    /// The controller, such as `meridian.dev/gateway-controller`; cannot be changed.
    #[schemars(with = "text::ControllerName")]
    pub controller_name: String,
    /// An object with more settings.
    pub parameters_ref: Option<ObjectReference>,
    /// For people.
    #[schemars(length(max = 64))]
    pub description: Option<String>,
}

/// What is reported of a GatewayClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-default" = { "conditions": pending(&["Accepted"]) }))]
pub struct GatewayClassStatus {
    /// What is said.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"], "x-default" = pending(&["Accepted"])))]
    pub conditions: Vec<Condition>,
    /// What the controller can do, by name.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub supported_features: Vec<SupportedFeature>,
}

/// One thing that a controller can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct SupportedFeature {
    /// Its name, such as `HTTPRouteRetry`.
    pub name: String,
}
