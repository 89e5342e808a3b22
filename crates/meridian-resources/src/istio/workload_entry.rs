//! WorkloadEntry: one endpoint outside of Kubernetes (`networking.istio.io` WorkloadEntry).

pub(crate) mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::istio::IstioStatus;
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `WorkloadEntry` of `networking.istio.io`.
pub static KIND: Kind = Kind {
    group: super::NETWORKING_GROUP,
    versions: super::NETWORKING_VERSIONS,
    kind: "WorkloadEntry",
    list_kind: "WorkloadEntryList",
    plural: "workloadentries",
    singular: "workloadentry",
    short_names: &["we"],
    categories: super::NETWORKING_CATEGORIES,
    namespaced: true,
    status_subresource: true,
    columns: &[Column::string("Address", "Address associated with the network endpoint.", |object| {
        cells::json_path(object, "/spec/address")
    })
    .at(".spec.address")
    .after_age()],
    nulls: Nulls::Refused,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, rules::check),
    decode: crate::object::decode_as::<WorkloadEntry>,
};

schema::forms!(schema::of_spec::<WorkloadEntry>(&KIND, true));

impl Spec for WorkloadEntry {
    type Status = IstioStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::WorkloadEntry(object)
    }
}

/// WorkloadEntry is one workload that is not a pod: a virtual machine, or an endpoint of a ServiceEntry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-rule" = "workload-entry"))]
pub struct WorkloadEntry {
    /// An IP address, a DNS name, or `unix://` and a path; may be left out when `network` is given.
    #[schemars(length(max = 256), extend("x-rule" = "workload-address"))]
    pub address: String,
    /// Labels of the workload, which subsets and selectors refer to.
    #[schemars(extend("maxProperties" = 256))]
    pub labels: BTreeMap<String, String>,
    /// Where the workload runs: `region/zone/subzone`.
    #[schemars(length(max = 2048))]
    pub locality: String,
    /// The network that the address belongs to.
    #[schemars(length(max = 2048))]
    pub network: String,
    /// Ports by name, instead of those that the service declares.
    #[schemars(extend("maxProperties" = 128, "x-rule" = "endpoint-ports"))]
    pub ports: BTreeMap<String, u32>,
    /// The workload's service account.
    #[schemars(length(max = 253))]
    pub service_account: String,
    /// The workload's share in load balancing; 1 when 0.
    pub weight: u32,
}
