//! Gateway (`gateway.networking.k8s.io`): where traffic comes in.

use super::common::{Condition, LabelSelector, LocalObjectReference, ObjectReference, SecretObjectReference, pending};
use super::text;
use crate::kind::cells::{condition, json_path};
use crate::kind::{Column, Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind `Gateway` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1beta1"],
    kind: "Gateway",
    list_kind: "GatewayList",
    plural: "gateways",
    singular: "gateway",
    short_names: &["gtw"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[
        Column::string("Class", "The class.", |gateway| json_path(gateway, "/spec/gatewayClassName")),
        Column::string("Address", "Where it is reached.", |gateway| json_path(gateway, "/status/addresses/0/value")),
        Column::string("Programmed", "Whether it serves.", |gateway| condition(gateway, "Programmed")),
    ],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<Gateway>,
};

schema::forms!(schema::of_spec::<Gateway>(&KIND, true));

impl Spec for Gateway {
    type Status = GatewayStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::KubernetesGateway(object)
    }
}

/// Gateway is a place where traffic comes in: addresses, and listeners that routes attach to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["gatewayClassName", "listeners"]))]
pub struct Gateway {
    /// The class, and so who serves it.
    #[schemars(with = "text::ObjectName")]
    pub gateway_class_name: String,
    /// Ports, protocols and hosts.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"], "x-rule" = "listeners"))]
    pub listeners: Vec<Listener>,
    /// The addresses that are asked for.
    #[schemars(length(max = 16), extend("x-rule" = "gateway-addresses"))]
    pub addresses: Vec<GatewaySpecAddress>,
    /// Settings of what is made for it.
    pub infrastructure: Option<GatewayInfrastructure>,
    /// The ListenerSets that may add listeners.
    pub allowed_listeners: Option<AllowedListeners>,
    /// TLS settings of all listeners.
    pub tls: Option<GatewayTlsConfig>,
    /// Whether routes that ask for default Gateways attach to it.
    pub default_scope: Option<DefaultScope>,
}

/// A port, a protocol and a host that routes attach to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "port", "protocol"]))]
pub struct Listener {
    /// The name, which routes refer to as `sectionName`.
    #[schemars(with = "text::SectionName")]
    pub name: String,
    /// The host: a DNS name, also with `*` as its first label; all hosts when absent.
    #[schemars(with = "text::Hostname")]
    pub hostname: Option<String>,
    /// The port.
    #[schemars(with = "text::PortNumber")]
    pub port: i32,
    /// `HTTP`, `HTTPS`, `TLS`, `TCP` or `UDP`.
    #[schemars(with = "text::Protocol")]
    pub protocol: String,
    /// How TLS is handled.
    pub tls: Option<ListenerTlsConfig>,
    /// The routes that may attach.
    #[schemars(extend("x-default" = { "namespaces": { "from": "Same" } }))]
    pub allowed_routes: AllowedRoutes,
}

/// How a listener handles TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "listener-tls"))]
pub struct ListenerTlsConfig {
    /// Whether it ends TLS or passes it on.
    #[schemars(extend("x-default" = "Terminate"))]
    pub mode: TlsMode,
    /// The certificates of `Terminate`.
    #[schemars(length(max = 64))]
    pub certificate_refs: Vec<SecretObjectReference>,
    /// Settings of the implementation.
    #[schemars(with = "BTreeMap<String, text::AnnotationValue>", extend("maxProperties" = 16))]
    pub options: BTreeMap<String, String>,
}

/// Whether a listener ends TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    /// It does, and routes see what is inside.
    #[default]
    Terminate,
    /// It passes the bytes on as they are.
    Passthrough,
}

/// The routes that may attach to a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AllowedRoutes {
    /// Their namespaces.
    #[schemars(extend("x-default" = { "from": "Same" }))]
    pub namespaces: RouteNamespaces,
    /// Their kinds; all that fit the protocol when empty.
    #[schemars(length(max = 8))]
    pub kinds: Vec<RouteGroupKind>,
}

/// The namespaces of the routes that may attach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteNamespaces {
    /// Which.
    #[schemars(extend("x-default" = "Same"))]
    pub from: FromNamespaces,
    /// Their labels, with `from: Selector`.
    pub selector: Option<LabelSelector>,
}

/// Which namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FromNamespaces {
    /// All.
    All,
    /// Those with certain labels.
    Selector,
    /// That of the listener.
    #[default]
    Same,
}

/// A kind of routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["kind"]))]
pub struct RouteGroupKind {
    /// The API group.
    #[schemars(with = "text::Group", extend("x-default" = super::GROUP))]
    pub group: String,
    /// The kind.
    #[schemars(with = "text::KindName")]
    pub kind: String,
}

impl Default for RouteGroupKind {
    fn default() -> Self {
        Self { group: super::GROUP.to_owned(), kind: String::new() }
    }
}

/// An address that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "gateway-spec-address"))]
pub struct GatewaySpecAddress {
    /// What `value` is.
    #[serde(rename = "type")]
    #[schemars(with = "text::AddressTypeName", extend("x-default" = "IPAddress"))]
    pub type_: AddressType,
    /// The address; any of the type when absent.
    #[schemars(length(max = 253))]
    pub value: Option<String>,
}

/// What an address is: `IPAddress`, `Hostname`, or a type of an implementation such as `example.com/Named`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AddressType(pub String);

impl Default for AddressType {
    fn default() -> Self {
        Self("IPAddress".to_owned())
    }
}

/// Settings of what is made for a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayInfrastructure {
    /// Labels of everything that is made.
    #[schemars(with = "BTreeMap<String, text::LabelValue>", extend("maxProperties" = 8, "x-rule" = "infrastructure-labels"))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of everything that is made.
    #[schemars(with = "BTreeMap<String, text::AnnotationValue>", extend("maxProperties" = 16, "x-rule" = "infrastructure-annotations"))]
    pub annotations: BTreeMap<String, String>,
    /// An object with more settings.
    pub parameters_ref: Option<LocalObjectReference>,
}

/// The ListenerSets that may add listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AllowedListeners {
    /// Their namespaces.
    #[schemars(extend("x-default" = { "from": "None" }))]
    pub namespaces: ListenerNamespaces,
}

/// The namespaces of the ListenerSets that may add listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerNamespaces {
    /// Which.
    #[schemars(extend("x-default" = "None"))]
    pub from: FromListenerNamespaces,
    /// Their labels, with `from: Selector`.
    pub selector: Option<LabelSelector>,
}

/// Which namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FromListenerNamespaces {
    /// All.
    All,
    /// Those with certain labels.
    Selector,
    /// That of the Gateway.
    Same,
    /// None at all.
    #[default]
    None,
}

/// Which routes that ask for default Gateways attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DefaultScope {
    /// All.
    All,
    /// None.
    #[default]
    None,
}

/// TLS settings of all listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayTlsConfig {
    /// Towards backends.
    pub backend: Option<GatewayBackendTls>,
    /// Towards clients.
    pub frontend: Option<FrontendTlsConfig>,
}

/// What is shown to backends that ask for a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayBackendTls {
    /// The Secret with the certificate.
    pub client_certificate_ref: Option<SecretObjectReference>,
}

/// TLS towards clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["default"]))]
pub struct FrontendTlsConfig {
    /// For all ports that `per_port` does not name.
    pub default: FrontendTls,
    /// For single ports.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["port"]))]
    pub per_port: Vec<FrontendTlsPort>,
}

/// TLS towards clients of one port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["port", "tls"]))]
pub struct FrontendTlsPort {
    /// The port.
    #[schemars(with = "text::PortNumber")]
    pub port: i32,
    /// Its settings.
    pub tls: FrontendTls,
}

/// TLS towards clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FrontendTls {
    /// Whether and how clients show certificates.
    pub validation: Option<FrontendTlsValidation>,
}

/// How the certificates of clients are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["caCertificateRefs"]))]
pub struct FrontendTlsValidation {
    /// ConfigMaps with authorities in `ca.crt`.
    #[serde(rename = "caCertificateRefs")]
    #[schemars(length(min = 1, max = 16))]
    pub ca_certificate_refs: Vec<ObjectReference>,
    /// What happens to clients without a good certificate.
    #[schemars(extend("x-default" = "AllowValidOnly"))]
    pub mode: FrontendValidationMode,
}

/// What happens to clients without a good certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FrontendValidationMode {
    /// Their handshakes fail.
    #[default]
    AllowValidOnly,
    /// They are served as well.
    AllowInsecureFallback,
}

/// What is reported of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-default" = { "conditions": pending(&["Accepted", "Programmed"]) }))]
pub struct GatewayStatus {
    /// Where it is reached.
    #[schemars(length(max = 16))]
    pub addresses: Vec<GatewayStatusAddress>,
    /// What is said.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"], "x-default" = pending(&["Accepted", "Programmed"])))]
    pub conditions: Vec<Condition>,
    /// What is said of each listener.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub listeners: Vec<ListenerStatus>,
    /// How many ListenerSets add listeners.
    pub attached_listener_sets: Option<i32>,
}

/// Where a Gateway is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["value"]))]
#[schemars(extend("x-rule" = "gateway-status-address"))]
pub struct GatewayStatusAddress {
    /// What `value` is.
    #[serde(rename = "type")]
    #[schemars(with = "text::AddressTypeName", extend("x-default" = "IPAddress"))]
    pub type_: AddressType,
    /// The address.
    #[schemars(length(min = 1, max = 253))]
    pub value: String,
}

/// What is said of one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "attachedRoutes", "conditions"]))]
pub struct ListenerStatus {
    /// Its name.
    #[schemars(with = "text::SectionName")]
    pub name: String,
    /// The kinds of routes that may attach.
    #[schemars(length(max = 8))]
    pub supported_kinds: Vec<RouteGroupKind>,
    /// How many do.
    pub attached_routes: i32,
    /// What is said.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
