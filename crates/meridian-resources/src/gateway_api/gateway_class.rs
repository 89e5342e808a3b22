//! GatewayClass: who serves the Gateways of a class.

use super::common::{Condition, ObjectReference};
use crate::kind::{Kind, Nulls};
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
    columns: &[],
    nulls: Nulls::Refused,
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<GatewayClass>,
};

schema::compiled_once!(schema::of_spec::<GatewayClass>(&KIND, true));

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
    pub controller_name: String,
    /// An object with more settings.
    pub parameters_ref: Option<ObjectReference>,
    /// For people.
    pub description: Option<String>,
}

/// What is reported of a GatewayClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayClassStatus {
    /// What is said.
    pub conditions: Vec<Condition>,
    /// What the controller can do, by name.
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
