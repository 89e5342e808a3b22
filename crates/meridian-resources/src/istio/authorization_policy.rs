//! AuthorizationPolicy: who may do what with a workload (`security.istio.io` AuthorizationPolicy).

pub(crate) mod rules;
pub mod values;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::IstioStatus;
use crate::istio::destination_rule::WorkloadSelector;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The annotation by which a policy is only tried and counted.
pub const DRY_RUN: &str = "istio.io/dry-run";

/// The kind `AuthorizationPolicy` of `security.istio.io`.
pub static KIND: Kind = Kind {
    group: super::SECURITY_GROUP,
    versions: super::SECURITY_VERSIONS,
    kind: "AuthorizationPolicy",
    list_kind: "AuthorizationPolicyList",
    plural: "authorizationpolicies",
    singular: "authorizationpolicy",
    short_names: &["ap"],
    categories: super::SECURITY_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[Column::string("Action", "The operation to take.", |object| cells::json_path(object, "/spec/action"))
        .at(".spec.action")],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<AuthorizationPolicy>,
};

schema::forms!(schema::of_spec::<AuthorizationPolicy>(&KIND, false));

impl Spec for AuthorizationPolicy {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::AuthorizationPolicy(object)
    }
}

/// AuthorizationPolicy allows, denies, audits or delegates requests and connections to workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "policy-target", "x-one-of" = [["provider"]]))]
pub struct AuthorizationPolicy {
    /// What becomes of what a rule matches; `ALLOW` by default. CUSTOM comes before DENY, and DENY before ALLOW.
    pub action: Action,
    /// Who decides about what the rules of a CUSTOM policy match.
    pub provider: Option<ExtensionProvider>,
    /// When the policy matches: when one of these does. None at all never match, and `{}` always does.
    #[schemars(length(max = 512))]
    pub rules: Vec<Rule>,
    /// The workloads to which the policy applies, by their labels; all of the namespace when absent.
    pub selector: Option<WorkloadSelector>,
    /// What the policy applies to, by name instead of by labels.
    pub target_ref: Option<PolicyTargetReference>,
    /// As `targetRef`, several of them.
    #[schemars(length(max = 16))]
    pub target_refs: Vec<PolicyTargetReference>,
}

/// What becomes of what a policy matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// It may pass, and what no ALLOW policy of the workload matches may not.
    #[default]
    Allow,
    /// It may not pass.
    Deny,
    /// It is noted.
    Audit,
    /// The provider decides.
    Custom,
}

impl Action {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
            Self::Audit => "AUDIT",
            Self::Custom => "CUSTOM",
        }
    }
}

/// A provider of the mesh's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtensionProvider {
    /// Its name in `meshConfig.extensionProviders`.
    pub name: String,
}

/// An object that a policy applies to (Istio `type.v1beta1.PolicyTargetReference`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["kind", "name"]))]
pub struct PolicyTargetReference {
    /// Its API group; empty for core.
    #[schemars(
        length(max = 253),
        regex(pattern = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub group: String,
    /// Its kind.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"))]
    pub kind: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace, which is the policy's own.
    #[schemars(extend("x-rule" = "own-namespace"))]
    pub namespace: String,
}

/// One rule: it matches when one of `from`, one of `to` and all of `when` do; what is left out always does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// Who it comes from.
    #[schemars(length(max = 512))]
    pub from: Vec<From>,
    /// What it does.
    pub to: Vec<To>,
    /// What else must be so.
    pub when: Vec<Condition>,
}

/// Who a request or connection comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct From {
    /// The source.
    pub source: Option<SourceMatch>,
}

/// What a request or connection does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct To {
    /// The operation.
    pub operation: Option<Operation>,
}

/// Identities and addresses of a client (Istio `Source`): all lists that are given must match, each by one of its
/// values, and no value of a list that begins with `not` may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "Source", extend("x-rule" = "policy-source"))]
pub struct SourceMatch {
    /// Addresses and ranges of the peer.
    pub ip_blocks: Vec<String>,
    /// Namespaces of the peer's identity.
    pub namespaces: Vec<String>,
    /// See `ipBlocks`.
    pub not_ip_blocks: Vec<String>,
    /// See `namespaces`.
    pub not_namespaces: Vec<String>,
    /// See `principals`.
    pub not_principals: Vec<String>,
    /// See `remoteIpBlocks`.
    pub not_remote_ip_blocks: Vec<String>,
    /// See `requestPrincipals`.
    pub not_request_principals: Vec<String>,
    /// See `serviceAccounts`.
    #[schemars(length(max = 16), inner(length(max = 320)))]
    pub not_service_accounts: Vec<String>,
    /// See `trustDomains`.
    pub not_trust_domains: Vec<String>,
    /// Identities of the peer: `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
    pub principals: Vec<String>,
    /// Addresses and ranges of the client, as trusted proxies tell it.
    pub remote_ip_blocks: Vec<String>,
    /// Identities of the request's token: `ISSUER/SUBJECT`.
    pub request_principals: Vec<String>,
    /// Service accounts of the peer's identity: `NAMESPACE/ACCOUNT`, or `ACCOUNT` in the policy's own namespace.
    #[schemars(length(max = 16), inner(length(max = 320)))]
    pub service_accounts: Vec<String>,
    /// Trust domains of the peer's identity.
    pub trust_domains: Vec<String>,
}

/// What is done to a workload (Istio `Operation`), in lists as those of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// Hosts of requests, without regard to case.
    pub hosts: Vec<String>,
    /// Methods of requests.
    pub methods: Vec<String>,
    /// See `hosts`.
    pub not_hosts: Vec<String>,
    /// See `methods`.
    pub not_methods: Vec<String>,
    /// See `paths`.
    pub not_paths: Vec<String>,
    /// See `ports`.
    pub not_ports: Vec<String>,
    /// Paths of requests in canonical form, without query; `{*}` stands for a segment and `{**}` for any number of them.
    pub paths: Vec<String>,
    /// Ports of the destination.
    pub ports: Vec<String>,
}

/// An attribute that must have one of some values, or none of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["key"]))]
pub struct Condition {
    /// The attribute: `request.headers[NAME]`, `source.ip`, `connection.sni` and others.
    pub key: String,
    /// Values that it must not have.
    pub not_values: Vec<String>,
    /// Values of which it must have one.
    pub values: Vec<String>,
}
