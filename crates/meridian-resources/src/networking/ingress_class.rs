//! IngressClass (`networking.k8s.io/v1`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{NoStatus, Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The annotation that makes a class that of Ingresses which name none.
pub const DEFAULT_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";

/// The kind `IngressClass` of `networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    versions: &["v1", "v1beta1"],
    kind: "IngressClass",
    list_kind: "IngressClassList",
    plural: "ingressclasses",
    singular: "ingressclass",
    short_names: &[],
    categories: &[],
    namespaced: false,
    status_subresource: false,
    columns: &[
        Column::string("Controller", "Controller that is responsible for handling this class", |object| {
            cells::text_or(object, "/spec/controller", "")
        }),
        Column::string(
            "Parameters",
            "A reference to a resource with additional parameters",
            cells::ingress_class_parameters,
        ),
    ],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::ingress_class),
    decode: crate::object::decode_as::<IngressClass>,
};

schema::forms!(schema::of_spec::<IngressClass>(&KIND, false));

impl Spec for IngressClass {
    type Status = NoStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::IngressClass(object)
    }
}

/// IngressClass names the controller that serves the Ingresses of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressClass {
    /// The controller, such as `istio.io/ingress-controller`; cannot be changed.
    pub controller: String,
    /// An object with more settings. Istio ignores it.
    pub parameters: Option<IngressClassParametersReference>,
}

/// The object with the settings of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["kind", "name"]))]
pub struct IngressClassParametersReference {
    /// The API group; empty for core.
    pub api_group: Option<String>,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The namespace; only where `scope` is `Namespace`.
    pub namespace: Option<String>,
    /// `Cluster` or `Namespace`.
    #[schemars(extend("enum" = ["Cluster", "Namespace"]))]
    pub scope: Option<String>,
}
