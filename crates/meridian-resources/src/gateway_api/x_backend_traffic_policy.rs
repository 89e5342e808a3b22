//! XBackendTrafficPolicy (experimental): budgets of retries, and session persistence, of Services.

use super::backend_tls_policy::PolicyStatus;
use super::common::{LocalObjectReference, SessionPersistence};
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
    schema: || &compiled().public,
    compiled,
    rules: |_, _| {},
    decode: crate::object::decode_as::<XBackendTrafficPolicy>,
};

schema::compiled_once!(schema::of_spec::<XBackendTrafficPolicy>(&KIND, true));

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
    pub target_refs: Vec<LocalObjectReference>,
    /// How many retries there may be.
    pub retry_constraint: Option<RetryConstraint>,
    /// Whether requests of one session stay together.
    pub session_persistence: Option<SessionPersistence>,
}

/// How many retries there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryConstraint {
    /// As a part of all requests.
    pub budget: Option<RetryBudget>,
    /// As many as this always.
    pub min_retry_rate: Option<RequestRate>,
}

/// A part of all requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryBudget {
    /// In percent.
    pub percent: i32,
    /// Over how long.
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
    pub count: i32,
    /// In how long.
    pub interval: String,
}

impl Default for RequestRate {
    fn default() -> Self {
        Self { count: 10, interval: "1s".to_owned() }
    }
}
