//! What an EnvoyProxy says of the objects that are made on Kubernetes for a Gateway.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envoy_proxy::KubernetesPatch;
use crate::core::service::ServiceType;
use crate::int_or_string::IntOrString;
use crate::schema::text::FreeObject;

/// The objects that are made on Kubernetes for a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvoyProxyKubernetesProvider {
    /// A DaemonSet instead of the Deployment.
    #[schemars(with = "FreeObject")]
    pub envoy_daemon_set: Option<Value>,
    /// The Deployment.
    pub envoy_deployment: Option<KubernetesDeploymentSpec>,
    /// A HorizontalPodAutoscaler; none when absent.
    pub envoy_hpa: Option<KubernetesHpaSpec>,
    /// A PodDisruptionBudget; none when absent.
    #[serde(rename = "envoyPDB")]
    pub envoy_pdb: Option<KubernetesPdbSpec>,
    /// The Service.
    pub envoy_service: Option<KubernetesServiceSpec>,
    /// The ServiceAccount.
    pub envoy_service_account: Option<KubernetesServiceAccountSpec>,
    /// Whether containers listen on the ports of the listeners; they do in any case.
    pub use_listener_port_as_container_port: Option<bool>,
}

/// The Deployment of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesDeploymentSpec {
    /// The container of the proxy.
    pub container: Option<KubernetesContainerSpec>,
    /// Containers that run before it (`core/v1.Container`).
    #[schemars(with = "Vec<FreeObject>")]
    pub init_containers: Vec<Value>,
    /// Its name; made of that of the Gateway when absent.
    pub name: Option<String>,
    /// A change of the whole object, after all others.
    pub patch: Option<KubernetesPatch>,
    /// Its pods.
    pub pod: Option<KubernetesPodSpec>,
    /// How many pods; left to Kubernetes when absent.
    pub replicas: Option<i32>,
    /// How pods are replaced (`apps/v1.DeploymentStrategy`).
    #[schemars(with = "FreeObject")]
    pub strategy: Option<Value>,
}

/// The pods of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesPodSpec {
    /// Where they may run (`core/v1.Affinity`).
    #[schemars(with = "FreeObject")]
    pub affinity: Option<Value>,
    /// More annotations.
    pub annotations: BTreeMap<String, String>,
    /// Secrets for pulling the image (`core/v1.LocalObjectReference`).
    #[schemars(with = "Vec<FreeObject>")]
    pub image_pull_secrets: Vec<Value>,
    /// More labels.
    pub labels: BTreeMap<String, String>,
    /// Labels of the nodes on which they may run.
    pub node_selector: BTreeMap<String, String>,
    /// How important they are to the scheduler.
    pub priority_class_name: Option<String>,
    /// Rights of their processes (`core/v1.PodSecurityContext`).
    #[schemars(with = "FreeObject")]
    pub security_context: Option<Value>,
    /// Taints that they tolerate (`core/v1.Toleration`).
    #[schemars(with = "Vec<FreeObject>")]
    pub tolerations: Vec<Value>,
    /// How they spread (`core/v1.TopologySpreadConstraint`).
    #[schemars(with = "Vec<FreeObject>")]
    pub topology_spread_constraints: Vec<Value>,
    /// More volumes (`core/v1.Volume`).
    #[schemars(with = "Vec<FreeObject>")]
    pub volumes: Vec<Value>,
}

/// The container of a Gateway's proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesContainerSpec {
    /// More environment variables (`core/v1.EnvVar`).
    #[schemars(with = "Vec<FreeObject>")]
    pub env: Vec<Value>,
    /// The image.
    pub image: Option<String>,
    /// When the image is pulled: `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: Option<String>,
    /// The image without its tag, which stays the control plane's.
    pub image_repository: Option<String>,
    /// What it needs and may use (`core/v1.ResourceRequirements`).
    #[schemars(with = "FreeObject")]
    pub resources: Option<Value>,
    /// Rights of its processes (`core/v1.SecurityContext`).
    #[schemars(with = "FreeObject")]
    pub security_context: Option<Value>,
    /// More mounts (`core/v1.VolumeMount`).
    #[schemars(with = "Vec<FreeObject>")]
    pub volume_mounts: Vec<Value>,
}

/// The Service of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesServiceSpec {
    /// Whether a load balancer needs node ports.
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// More annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether traffic from outside stays on the node that received it; `Local` when absent.
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    /// More labels.
    pub labels: BTreeMap<String, String>,
    /// Which load balancer is responsible.
    pub load_balancer_class: Option<String>,
    /// The wanted address of the load balancer.
    #[serde(rename = "loadBalancerIP")]
    pub load_balancer_ip: Option<String>,
    /// Client addresses that the load balancer lets through.
    pub load_balancer_source_ranges: Vec<String>,
    /// Its name; made of that of the Gateway when absent.
    pub name: Option<String>,
    /// A change of the whole object, after all others.
    pub patch: Option<KubernetesPatch>,
    /// How it is exposed; `LoadBalancer` when absent.
    #[serde(rename = "type")]
    pub type_: Option<ServiceType>,
}

/// Whether traffic from outside stays on the node that received it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// It goes to any pod.
    Cluster,
    /// It stays, and keeps the client's address.
    #[default]
    Local,
}

impl ExternalTrafficPolicy {
    /// The value in a Service.
    pub const fn as_str(self) -> &'static str {
        match self {
            ExternalTrafficPolicy::Cluster => "Cluster",
            ExternalTrafficPolicy::Local => "Local",
        }
    }
}

/// The ServiceAccount of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesServiceAccountSpec {
    /// Its name; made of that of the Gateway when absent.
    pub name: Option<String>,
}

/// The HorizontalPodAutoscaler of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["maxReplicas"]))]
pub struct KubernetesHpaSpec {
    /// How fast it follows (`autoscaling/v2.HorizontalPodAutoscalerBehavior`).
    #[schemars(with = "FreeObject")]
    pub behavior: Option<Value>,
    /// Most pods.
    pub max_replicas: i32,
    /// What it follows (`autoscaling/v2.MetricSpec`); 80 % of the CPU that pods ask for when empty.
    #[schemars(with = "Vec<FreeObject>")]
    pub metrics: Vec<Value>,
    /// Fewest pods.
    pub min_replicas: Option<i32>,
    /// Its name; made of that of the Gateway when absent.
    pub name: Option<String>,
    /// A change of the whole object, after all others.
    pub patch: Option<KubernetesPatch>,
}

/// The PodDisruptionBudget of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["minAvailable", "maxUnavailable"]]))]
pub struct KubernetesPdbSpec {
    /// How many pods may be away, or which part of them.
    pub max_unavailable: Option<IntOrString>,
    /// How many pods must stay, or which part of them.
    pub min_available: Option<IntOrString>,
    /// Its name; made of that of the Gateway when absent.
    pub name: Option<String>,
    /// A change of the whole object, after all others.
    pub patch: Option<KubernetesPatch>,
}
