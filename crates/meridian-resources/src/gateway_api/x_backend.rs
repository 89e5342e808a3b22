//! XBackend (experimental): a backend outside the cluster.

use super::backend_tls_policy::BackendTlsPolicyValidation;
use super::common::{Condition, ParentReference, SecretObjectReference};
use super::text;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `XBackend` of `gateway.networking.x-k8s.io`.
pub static KIND: Kind = Kind {
    group: super::EXPERIMENTAL_GROUP,
    versions: &["v1alpha1"],
    kind: "XBackend",
    list_kind: "XBackendList",
    plural: "xbackends",
    singular: "xbackend",
    short_names: &["xbackend"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<XBackend>,
};

schema::forms!(schema::of_spec::<XBackend>(&KIND, true));

impl Spec for XBackend {
    type Status = XBackendStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::XBackend(object)
    }
}

/// XBackend is a host outside the cluster that routes can send to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type", "port"]))]
#[schemars(extend("x-rule" = "x-backend"))]
pub struct XBackend {
    /// `ExternalHostname`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["ExternalHostname"]))]
    pub type_: String,
    /// Its port.
    pub port: XBackendPort,
    /// Its host.
    pub external_hostname: Option<XBackendHostname>,
    /// `TCP`, `HTTP`, `HTTP2`, `HTTP11`, `H2C` or `MCP`.
    #[schemars(extend("enum" = ["TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP"]))]
    pub protocol: Option<String>,
    /// TLS towards it.
    pub tls: Option<XBackendTls>,
}

/// A port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["port"]))]
pub struct XBackendPort {
    /// Its name.
    #[schemars(length(max = 63), extend("x-rule" = "port-label"))]
    pub name: Option<String>,
    /// Its number.
    #[schemars(with = "text::PortNumber")]
    pub port: i32,
}

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hostname"]))]
pub struct XBackendHostname {
    /// A DNS name.
    #[schemars(with = "text::PreciseHostname", extend("x-rule" = "external-hostname"))]
    pub hostname: String,
}

/// TLS towards a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["mode"]))]
#[schemars(extend("x-rule" = "x-backend-tls"))]
pub struct XBackendTls {
    /// Who shows a certificate.
    pub mode: XBackendTlsMode,
    /// The certificate that is shown to it.
    pub client_certificate_ref: Option<SecretObjectReference>,
    /// How its certificate is verified.
    pub validation: Option<BackendTlsPolicyValidation>,
}

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum XBackendTlsMode {
    /// Nobody: there is no TLS.
    #[default]
    None,
    /// The backend.
    ServerOnly,
    /// Both.
    ClientAndServer,
}

/// What is reported of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct XBackendStatus {
    /// For each Gateway through which it is used.
    #[schemars(length(max = 32))]
    pub parents: Vec<XBackendParentStatus>,
}

/// What one controller says of a backend and one Gateway through which it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["parentRef", "controllerName"]))]
pub struct XBackendParentStatus {
    /// The Gateway.
    pub parent_ref: ParentReference,
    /// Who says so.
    #[schemars(with = "text::ControllerName")]
    pub controller_name: String,
    /// What is said.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
