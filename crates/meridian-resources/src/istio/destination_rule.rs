//! DestinationRule: how a destination is spoken to, once routing has chosen it (`networking.istio.io` DestinationRule).

pub(crate) mod rules;
pub mod traffic_policy;

pub use traffic_policy::*;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::IstioStatus;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `DestinationRule` of `networking.istio.io`.
pub static KIND: Kind = Kind {
    group: super::NETWORKING_GROUP,
    versions: super::NETWORKING_VERSIONS,
    kind: "DestinationRule",
    list_kind: "DestinationRuleList",
    plural: "destinationrules",
    singular: "destinationrule",
    short_names: &["dr"],
    categories: super::NETWORKING_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[Column::string("Host", "The name of a service from the service registry", |object| {
        cells::json_path(object, "/spec/host")
    })
    .at(".spec.host")],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<DestinationRule>,
};

schema::forms!(schema::of_spec::<DestinationRule>(&KIND, false));

impl Spec for DestinationRule {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::DestinationRule(object)
    }
}

/// DestinationRule is the policy for traffic to one host: load balancing, pools, TLS, outliers, and its subsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["host"]))]
pub struct DestinationRule {
    /// Namespaces that see this rule: `.` its own, `*` all, or a name. Empty means the mesh's default.
    pub export_to: Vec<String>,
    /// The service's host, also with a wildcard prefix; a short name is resolved in the rule's own namespace.
    pub host: String,
    /// Named groups of the service's endpoints.
    pub subsets: Vec<Subset>,
    /// The policy for all of the service's ports and subsets, where nothing more specific is given.
    pub traffic_policy: Option<TrafficPolicy>,
    /// The clients to which the rule applies; all when absent.
    pub workload_selector: Option<WorkloadSelector>,
}

/// A named group of a service's endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct Subset {
    /// Labels that select the endpoints.
    pub labels: BTreeMap<String, String>,
    /// The subset's name, which routes refer to.
    pub name: String,
    /// The policy for this subset, over that of the DestinationRule.
    pub traffic_policy: Option<TrafficPolicy>,
}

/// Selects workloads by their labels (Istio `type.v1beta1.WorkloadSelector`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSelector {
    /// Labels that a workload must carry.
    #[schemars(with = "BTreeMap<String, schema::text::LabelValue>")]
    #[schemars(extend("maxProperties" = 4096, "x-rule" = "match-labels"))]
    pub match_labels: BTreeMap<String, String>,
}
