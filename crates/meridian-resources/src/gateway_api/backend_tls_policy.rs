//! BackendTLSPolicy: TLS towards Services.

use super::common::{Condition, LocalObjectReference, LocalPolicyTargetReference, ParentReference};
use super::text;
use crate::kind::converted::ConvertedVersion;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind `BackendTLSPolicy` of `gateway.networking.k8s.io`.
pub static KIND: Kind = Kind {
    group: super::GROUP,
    versions: &["v1", "v1alpha3"],
    kind: "BackendTLSPolicy",
    list_kind: "BackendTLSPolicyList",
    plural: "backendtlspolicies",
    singular: "backendtlspolicy",
    short_names: &["btlspolicy"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<BackendTlsPolicy>,
};

schema::forms!(schema::of_spec::<BackendTlsPolicy>(&KIND, true));

/// The version `v1alpha3`, which has the same limits.
pub(crate) static V1ALPHA3: ConvertedVersion = ConvertedVersion::same_form(
    "v1alpha3",
    published,
    compiled,
    "The v1alpha3 version of BackendTLSPolicy has been deprecated and will be removed in a future release of the API. \
     Please upgrade to v1.",
);

impl Spec for BackendTlsPolicy {
    type Status = PolicyStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::BackendTlsPolicy(object)
    }
}

/// BackendTLSPolicy says that Services are spoken to by TLS, and how their certificates are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["targetRefs", "validation"]))]
pub struct BackendTlsPolicy {
    /// The Services, or ports of them by name.
    #[schemars(length(min = 1, max = 16), extend("x-rule" = "policy-target-refs"))]
    pub target_refs: Vec<LocalPolicyTargetReference>,
    /// How certificates are verified.
    pub validation: BackendTlsPolicyValidation,
    /// Settings of the implementation.
    #[schemars(with = "BTreeMap<String, text::AnnotationValue>", extend("maxProperties" = 16))]
    pub options: BTreeMap<String, String>,
}

/// How the certificates of backends are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hostname"]))]
#[schemars(extend("x-rule" = "backend-tls-validation"))]
pub struct BackendTlsPolicyValidation {
    /// ConfigMaps with authorities in `ca.crt`.
    #[serde(rename = "caCertificateRefs")]
    #[schemars(length(max = 8))]
    pub ca_certificate_refs: Vec<LocalObjectReference>,
    /// `System`: the authorities of the machine.
    #[serde(rename = "wellKnownCACertificates")]
    #[schemars(with = "text::WellKnownAuthorities")]
    pub well_known_ca_certificates: Option<String>,
    /// The server name, and the identity unless `subject_alt_names` are given.
    #[schemars(with = "text::PreciseHostname")]
    pub hostname: String,
    /// Identities of which a certificate must have one.
    #[schemars(length(max = 5))]
    pub subject_alt_names: Vec<SubjectAltName>,
}

/// An identity of a certificate; `type` says which of the fields it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type"]))]
#[schemars(extend("x-rule" = "subject-alt-name"))]
pub struct SubjectAltName {
    /// What it is.
    #[serde(rename = "type")]
    pub type_: SubjectAltNameType,
    /// A DNS name.
    #[schemars(with = "text::Hostname")]
    pub hostname: Option<String>,
    /// A URI.
    #[schemars(with = "text::Uri")]
    pub uri: Option<String>,
}

/// What an identity is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SubjectAltNameType {
    /// A DNS name.
    #[default]
    Hostname,
    /// A URI.
    #[serde(rename = "URI")]
    Uri,
}

/// What is reported of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["ancestors"]))]
pub struct PolicyStatus {
    /// For each Gateway, or other object, through which it has an effect.
    #[schemars(length(max = 16))]
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// What one controller says of a policy and one object through which it has an effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["ancestorRef", "controllerName", "conditions"]))]
pub struct PolicyAncestorStatus {
    /// The object.
    pub ancestor_ref: ParentReference,
    /// Who says so.
    #[schemars(with = "text::ControllerName")]
    pub controller_name: String,
    /// What is said.
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
