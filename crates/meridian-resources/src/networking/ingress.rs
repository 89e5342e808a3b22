//! Ingress (`networking.k8s.io/v1`, and `v1beta1` in its own form).

pub mod v1beta1;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::service::LoadBalancerStatus;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The annotation that named the class before `spec.ingressClassName` did; it goes first where both are given.
pub const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// The kind `Ingress` of `networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    versions: &["v1", "v1beta1"],
    kind: "Ingress",
    list_kind: "IngressList",
    plural: "ingresses",
    singular: "ingress",
    short_names: &["ing"],
    categories: &[],
    namespaced: true,
    status_subresource: true,
    columns: &[
        Column::string(
            "Class",
            "The name of the IngressClass resource that should be used for processing.",
            |object| cells::text_or(object, "/spec/ingressClassName", "<none>"),
        ),
        Column::string("Hosts", "Hosts that incoming requests are matched against.", cells::ingress_hosts),
        Column::string("Address", "Where the load balancer is reached.", cells::ingress_address),
        Column::string("Ports", "Ports of TLS configurations.", cells::ingress_ports),
    ],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::ingress),
    decode: crate::object::decode_as::<Ingress>,
};

schema::forms!(schema::of_spec::<Ingress>(&KIND, false));

impl Spec for Ingress {
    type Status = IngressStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Ingress(object)
    }
}

/// Ingress exposes Services to clients outside, by the host and path of their HTTP requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingress {
    /// Where requests go that no rule takes. Istio ignores it.
    pub default_backend: Option<IngressBackend>,
    /// The IngressClass, which names the controller that serves this Ingress.
    pub ingress_class_name: Option<String>,
    /// Rules by host.
    pub rules: Vec<IngressRule>,
    /// Certificates by host.
    pub tls: Vec<IngressTls>,
}

/// The paths of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressRule {
    /// The host: a DNS name, also with `*` as its first label; empty for all hosts.
    pub host: String,
    /// The paths.
    pub http: Option<HttpIngressRuleValue>,
}

/// Paths and where their requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpIngressRuleValue {
    /// The paths.
    pub paths: Vec<HttpIngressPath>,
}

/// One path and where its requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["backend"]))]
pub struct HttpIngressPath {
    /// Where the requests go.
    pub backend: IngressBackend,
    /// The path.
    pub path: String,
    /// How the path is compared.
    pub path_type: Option<PathType>,
}

/// How the path of a rule is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PathType {
    /// The whole path.
    Exact,
    /// As the controller likes: for Istio, exact, or a prefix when the path ends with `/*` or `.*`.
    ImplementationSpecific,
    /// The path's first elements, as `/` separates them.
    Prefix,
}

/// Where requests go: a Service or another object, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressBackend {
    /// Another object of the Ingress's namespace.
    pub resource: Option<TypedLocalObjectReference>,
    /// A Service of the Ingress's namespace.
    pub service: Option<IngressServiceBackend>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct IngressServiceBackend {
    /// The Service's name.
    pub name: String,
    /// The port, by number or by name.
    pub port: ServiceBackendPort,
}

/// A port by number or by name, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceBackendPort {
    /// The port's name.
    pub name: String,
    /// The port's number.
    pub number: i32,
}

/// An object of the same namespace (`core/v1.TypedLocalObjectReference`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["kind", "name"]))]
pub struct TypedLocalObjectReference {
    /// The API group; empty for core.
    pub api_group: Option<String>,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// The certificate of some hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressTls {
    /// The hosts; none means all.
    pub hosts: Vec<String>,
    /// The Secret with certificate and key. Istio looks for it in the gateway's namespace.
    pub secret_name: String,
}

/// What is known about an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressStatus {
    /// Where the gateways that serve it are reached.
    pub load_balancer: LoadBalancerStatus,
}
