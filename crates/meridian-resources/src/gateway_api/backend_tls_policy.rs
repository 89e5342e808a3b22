//! BackendTLSPolicy: TLS towards Services.

use super::common::{Condition, LocalObjectReference, LocalPolicyTargetReference, ParentReference};
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
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<BackendTlsPolicy>,
};

schema::compiled_once!(schema::of_spec::<BackendTlsPolicy>(&KIND, true));

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
    pub target_refs: Vec<LocalPolicyTargetReference>,
    /// How certificates are verified.
    pub validation: BackendTlsPolicyValidation,
    /// Settings of the implementation.
    pub options: BTreeMap<String, String>,
}

/// How the certificates of backends are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["hostname"]))]
pub struct BackendTlsPolicyValidation {
    /// ConfigMaps with authorities in `ca.crt`.
    #[serde(rename = "caCertificateRefs")]
    pub ca_certificate_refs: Vec<LocalObjectReference>,
    /// `System`: the authorities of the machine.
    #[serde(rename = "wellKnownCACertificates")]
    pub well_known_ca_certificates: Option<String>,
    /// The server name, and the identity unless `subject_alt_names` are given.
    pub hostname: String,
    /// Identities of which a certificate must have one.
    pub subject_alt_names: Vec<SubjectAltName>,
}

/// An identity of a certificate; `type` says which of the fields it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type"]))]
pub struct SubjectAltName {
    /// What it is.
    #[serde(rename = "type")]
    pub type_: SubjectAltNameType,
    /// A DNS name.
    pub hostname: Option<String>,
    /// A URI.
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
pub struct PolicyStatus {
    /// For each Gateway, or other object, through which it has an effect.
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
    pub controller_name: String,
    /// What is said.
    pub conditions: Vec<Condition>,
}
