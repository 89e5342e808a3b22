//! XBackendTrafficPolicy (experimental): budgets of retries, and session persistence, of Services.

use super::backend_tls_policy::PolicyStatus;
use super::common::{LocalObjectReference, SessionPersistence};
use super::text;
use crate::kind::{Kind, Nulls};
use crate::object::{Object, Resource, Spec};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind `XBackendTrafficPolicy` of `gateway.networking.x-k8s.io`.
pub static KIND: Kind = Kind {
    group: super::EXPERIMENTAL_GROUP,
    versions: &["v1alpha1"],
    kind: "XBackendTrafficPolicy",
    list_kind: "XBackendTrafficPolicyList",
    plural: "xbackendtrafficpolicies",
    singular: "xbackendtrafficpolicy",
    short_names: &["xbtrafficpolicy"],
    categories: super::CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<XBackendTrafficPolicy>,
};

schema::forms!(schema::of_spec::<XBackendTrafficPolicy>(&KIND, true));

impl Spec for XBackendTrafficPolicy {
    type Status = PolicyStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::XBackendTrafficPolicy(object)
    }
}

/// XBackendTrafficPolicy bounds the retries towards Services, and keeps sessions together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["targetRefs"]))]
pub struct XBackendTrafficPolicy {
    /// The Services.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["group", "kind", "name"]))]
    pub target_refs: Vec<LocalObjectReference>,
    /// How many retries there may be.
    pub retry_constraint: Option<RetryConstraint>,
    /// Whether requests of one session stay together.
    pub session_persistence: Option<SessionPersistence>,
}

/// How many retries there may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryConstraint {
    /// As a part of all requests.
    #[schemars(extend("x-default" = { "interval": "10s", "percent": 20 }))]
    pub budget: Option<RetryBudget>,
    /// As many as this always.
    #[schemars(extend("x-default" = { "count": 10, "interval": "1s" }))]
    pub min_retry_rate: Option<RequestRate>,
}

impl Default for RetryConstraint {
    fn default() -> Self {
        Self { budget: Some(RetryBudget::default()), min_retry_rate: Some(RequestRate::default()) }
    }
}

/// A part of all requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryBudget {
    /// In percent.
    #[schemars(range(min = 0, max = 100), extend("x-default" = 20))]
    pub percent: i32,
    /// Over how long.
    #[schemars(with = "text::GatewayDuration", extend("x-default" = "10s", "x-rule" = "budget-interval"))]
    pub interval: String,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { percent: 20, interval: "10s".to_owned() }
    }
}

/// Requests in a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestRate {
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: i32,
    /// In how long.
    #[schemars(with = "text::GatewayDuration", extend("x-rule" = "rate-interval"))]
    pub interval: String,
}

impl Default for RequestRate {
    fn default() -> Self {
        Self { count: 10, interval: "1s".to_owned() }
    }
}
