//! Pod (`v1`): what selecting a workload needs. The rest of a Pod is kept as it is and not checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Protocol};
use crate::kind::{Column, Kind, Nulls, cells};
use crate::object::{Object, Resource, Spec};
use crate::rules::typed;
use crate::schema;

/// The kind `Pod` of core v1.
pub static KIND: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "Pod",
    list_kind: "PodList",
    plural: "pods",
    singular: "pod",
    short_names: &["po"],
    categories: &["all"],
    namespaced: true,
    status_subresource: true,
    columns: &[
        Column::string("Ready", "The aggregate readiness state of this pod for accepting traffic.", cells::pod_ready),
        Column::string("Status", "The aggregate status of the containers in this pod.", cells::pod_status),
        Column::string(
            "Restarts",
            "The number of times the containers in this pod have been restarted.",
            cells::pod_restarts,
        ),
        Column::string("IP", "The IP address of the pod.", |object| cells::text_or(object, "/status/podIP", "<none>"))
            .wide(),
        Column::string("Node", "The node on which the pod runs.", |object| {
            cells::text_or(object, "/spec/nodeName", "<none>")
        })
        .wide(),
        Column::string("Nominated Node", "The node for which the pod waits.", |object| {
            cells::text_or(object, "/status/nominatedNodeName", "<none>")
        })
        .wide(),
        Column::string("Readiness Gates", "Further conditions of readiness.", cells::pod_readiness_gates).wide(),
    ],
    nulls: Nulls::Absent,
    schema: published,
    compiled,
    rules: |object, findings| typed(object, findings, super::rules::pod),
    decode: crate::object::decode_as::<Pod>,
};

schema::forms!(schema::of_spec::<Pod>(&KIND, false));

impl Spec for Pod {
    type Status = PodStatus;
    const FLAT: bool = false;

    fn kind() -> &'static Kind {
        &KIND
    }

    fn wrap(object: std::sync::Arc<Object<Self>>) -> Resource {
        Resource::Pod(object)
    }
}

/// Pod is a group of containers that share one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Pod {
    /// The containers.
    pub containers: Vec<Container>,
    /// Whether the pod uses the node's network.
    pub host_network: bool,
    /// The node on which the pod runs.
    pub node_name: String,
    /// The pod's service account.
    pub service_account_name: String,
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"], "x-kubernetes-preserve-unknown-fields" = true))]
pub struct Container {
    /// The container's name, unique within the pod.
    pub name: String,
    /// Ports that the container serves.
    pub ports: Vec<ContainerPort>,
}

/// A port that a container serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["containerPort"]))]
pub struct ContainerPort {
    /// The port number, 1 to 65535.
    pub container_port: i32,
    /// The address on the node to which the port is bound.
    #[serde(rename = "hostIP")]
    pub host_ip: String,
    /// The port on the node.
    pub host_port: i32,
    /// The port's name, which Services refer to.
    pub name: String,
    /// The transport protocol.
    #[schemars(extend("x-default" = "TCP"))]
    pub protocol: Protocol,
}

/// What is known about a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct PodStatus {
    /// Aspects of its state; `Ready` among them.
    pub conditions: Vec<Condition>,
    /// The node's address.
    #[serde(rename = "hostIP")]
    pub host_ip: String,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// The pod's address.
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    /// The pod's addresses, one for each address family.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
}

impl PodStatus {
    /// Whether the condition `Ready` is `True`.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    }
}

/// One address of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}
