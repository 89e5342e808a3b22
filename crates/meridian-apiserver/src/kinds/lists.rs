//! How the lists and maps of Kubernetes' own types are merged.
//!
//! The types of the library know their fields but not this. It is said by definition and field, as Kubernetes' OpenAPI
//! documents do (`x-kubernetes-list-type`, `x-kubernetes-patch-strategy` and their relatives); those of Kubernetes 1.36.

use serde_json::{Map, Value, json};

use crate::patch::merge_keys::ListMerge;

use Mark::{Atomic, AtomicMap, GranularMap, Set, Struct};
use Strategy::{Merge, MergeBy, Replace, RetainKeys};

/// How a strategic merge patch treats a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// As a whole.
    Replace,
    /// Scalars are added to those that are there.
    Merge,
    /// Items are merged with those that have the same value in this field.
    MergeBy(&'static str),
    /// As `MergeBy`, and what a patch does not name goes; without a field, an object of which the same is true.
    RetainKeys(&'static str),
}

/// How server-side apply and strategic merge patches treat a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A list that has one owner.
    Atomic(Strategy),
    /// A list without duplicates; each item has an owner.
    Set(Strategy),
    /// A list of objects that are told apart by these fields.
    Map(&'static [&'static str], Strategy),
    /// A map that has one owner.
    AtomicMap,
    /// A map of which each entry has an owner, unlike others of its type.
    GranularMap,
    /// An object.
    Struct(Strategy),
}

impl Mark {
    /// How a strategic merge patch merges the list; `None` when it replaces it, and for what is no list.
    pub(super) fn merge(self) -> Option<ListMerge> {
        match self {
            Atomic(strategy) | Set(strategy) | Mark::Map(_, strategy) => match strategy {
                Merge => Some(ListMerge::Set),
                MergeBy(key) | RetainKeys(key) => Some(ListMerge::By(key)),
                Replace => None,
            },
            AtomicMap | GranularMap | Struct(_) => None,
        }
    }

    /// Writes the extensions of OpenAPI that say this.
    pub(super) fn write(self, schema: &mut Map<String, Value>) {
        let mut set = |name: &str, value: Value| drop(schema.insert(format!("x-kubernetes-{name}"), value));
        let strategy = match self {
            Atomic(strategy) => {
                set("list-type", "atomic".into());
                strategy
            }
            Set(strategy) => {
                set("list-type", "set".into());
                strategy
            }
            Mark::Map(keys, strategy) => {
                set("list-type", "map".into());
                set("list-map-keys", json!(keys));
                strategy
            }
            AtomicMap => return set("map-type", "atomic".into()),
            GranularMap => return set("map-type", "granular".into()),
            Struct(Replace) => return set("patch-strategy", "replace".into()),
            Struct(strategy) => strategy,
        };
        match strategy {
            Replace => {}
            Merge => set("patch-strategy", "merge".into()),
            MergeBy(key) => {
                set("patch-strategy", "merge".into());
                set("patch-merge-key", key.into());
            }
            RetainKeys("") => set("patch-strategy", "retainKeys".into()),
            RetainKeys(key) => {
                set("patch-strategy", "merge,retainKeys".into());
                set("patch-merge-key", key.into());
            }
        }
    }
}

/// The marked fields of a definition.
pub(super) fn fields(definition: &str) -> &'static [(&'static str, Mark)] {
    let found = FIELDS.binary_search_by_key(&definition, |(name, _)| name);
    found.map_or(&[], |at| FIELDS[at].1)
}

/// Whether an object of a definition has one owner as a whole.
pub(super) fn is_atomic(definition: &str) -> bool {
    ATOMIC.contains(&definition)
}

/// Objects that have one owner.
const ATOMIC: &[&str] = &[
    "io.k8s.api.autoscaling.v1.CrossVersionObjectReference",
    "io.k8s.api.core.v1.ConfigMapKeySelector",
    "io.k8s.api.core.v1.EndpointAddress",
    "io.k8s.api.core.v1.EndpointPort",
    "io.k8s.api.core.v1.FileKeySelector",
    "io.k8s.api.core.v1.LocalObjectReference",
    "io.k8s.api.core.v1.NodeSelector",
    "io.k8s.api.core.v1.NodeSelectorTerm",
    "io.k8s.api.core.v1.ObjectFieldSelector",
    "io.k8s.api.core.v1.ObjectReference",
    "io.k8s.api.core.v1.ResourceFieldSelector",
    "io.k8s.api.core.v1.ScopeSelector",
    "io.k8s.api.core.v1.SecretKeySelector",
    "io.k8s.api.core.v1.SecretReference",
    "io.k8s.api.core.v1.TopologySelectorTerm",
    "io.k8s.api.core.v1.TypedLocalObjectReference",
    "io.k8s.api.discovery.v1.EndpointPort",
    "io.k8s.api.networking.v1.ServiceBackendPort",
    "io.k8s.api.rbac.v1.RoleRef",
    "io.k8s.api.rbac.v1.Subject",
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
    "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
];

/// Fields by definition, in order.
const FIELDS: &[(&str, &[(&str, Mark)])] = &[
    (
        "io.k8s.api.admissionregistration.v1.MutatingWebhook",
        &[
            ("admissionReviewVersions", Atomic(Replace)),
            ("matchConditions", Mark::Map(&["name"], MergeBy("name"))),
            ("rules", Atomic(Replace)),
        ],
    ),
    (
        "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
        &[("webhooks", Mark::Map(&["name"], MergeBy("name")))],
    ),
    (
        "io.k8s.api.admissionregistration.v1.RuleWithOperations",
        &[
            ("apiGroups", Atomic(Replace)),
            ("apiVersions", Atomic(Replace)),
            ("operations", Atomic(Replace)),
            ("resources", Atomic(Replace)),
        ],
    ),
    (
        "io.k8s.api.admissionregistration.v1.ValidatingWebhook",
        &[
            ("admissionReviewVersions", Atomic(Replace)),
            ("matchConditions", Mark::Map(&["name"], MergeBy("name"))),
            ("rules", Atomic(Replace)),
        ],
    ),
    (
        "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
        &[("webhooks", Mark::Map(&["name"], MergeBy("name")))],
    ),
    ("io.k8s.api.apps.v1.DaemonSetStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.apps.v1.DeploymentSpec", &[("strategy", Struct(RetainKeys("")))]),
    ("io.k8s.api.apps.v1.DeploymentStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.apps.v1.ReplicaSetStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.apps.v1.StatefulSetSpec", &[("volumeClaimTemplates", Atomic(Replace))]),
    ("io.k8s.api.apps.v1.StatefulSetStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.autoscaling.v2.HPAScalingRules", &[("policies", Atomic(Replace))]),
    ("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec", &[("metrics", Atomic(Replace))]),
    (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus",
        &[("conditions", Mark::Map(&["type"], MergeBy("type"))), ("currentMetrics", Atomic(Replace))],
    ),
    ("io.k8s.api.batch.v1.CronJobStatus", &[("active", Atomic(Replace))]),
    ("io.k8s.api.batch.v1.JobStatus", &[("conditions", Atomic(MergeBy("type")))]),
    ("io.k8s.api.batch.v1.PodFailurePolicy", &[("rules", Atomic(Replace))]),
    ("io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement", &[("values", Set(Replace))]),
    ("io.k8s.api.batch.v1.PodFailurePolicyRule", &[("onPodConditions", Atomic(Replace))]),
    ("io.k8s.api.batch.v1.SuccessPolicy", &[("rules", Atomic(Replace))]),
    ("io.k8s.api.batch.v1.UncountedTerminatedPods", &[("failed", Set(Replace)), ("succeeded", Set(Replace))]),
    ("io.k8s.api.core.v1.Capabilities", &[("add", Atomic(Replace)), ("drop", Atomic(Replace))]),
    ("io.k8s.api.core.v1.CephFSPersistentVolumeSource", &[("monitors", Atomic(Replace))]),
    ("io.k8s.api.core.v1.CephFSVolumeSource", &[("monitors", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ConfigMapProjection", &[("items", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ConfigMapVolumeSource", &[("items", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.Container",
        &[
            ("args", Atomic(Replace)),
            ("command", Atomic(Replace)),
            ("env", Mark::Map(&["name"], MergeBy("name"))),
            ("envFrom", Atomic(Replace)),
            ("ports", Mark::Map(&["containerPort", "protocol"], MergeBy("containerPort"))),
            ("resizePolicy", Atomic(Replace)),
            ("restartPolicyRules", Atomic(Replace)),
            ("volumeDevices", Mark::Map(&["devicePath"], MergeBy("devicePath"))),
            ("volumeMounts", Mark::Map(&["mountPath"], MergeBy("mountPath"))),
        ],
    ),
    ("io.k8s.api.core.v1.ContainerImage", &[("names", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes", &[("values", Set(Replace))]),
    (
        "io.k8s.api.core.v1.ContainerStatus",
        &[
            ("allocatedResourcesStatus", Mark::Map(&["name"], MergeBy("name"))),
            ("volumeMounts", Mark::Map(&["mountPath"], MergeBy("mountPath"))),
        ],
    ),
    ("io.k8s.api.core.v1.DownwardAPIProjection", &[("items", Atomic(Replace))]),
    ("io.k8s.api.core.v1.DownwardAPIVolumeSource", &[("items", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.EndpointSubset",
        &[("addresses", Atomic(Replace)), ("notReadyAddresses", Atomic(Replace)), ("ports", Atomic(Replace))],
    ),
    ("io.k8s.api.core.v1.Endpoints", &[("subsets", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.EphemeralContainer",
        &[
            ("args", Atomic(Replace)),
            ("command", Atomic(Replace)),
            ("env", Mark::Map(&["name"], MergeBy("name"))),
            ("envFrom", Atomic(Replace)),
            ("ports", Mark::Map(&["containerPort", "protocol"], MergeBy("containerPort"))),
            ("resizePolicy", Atomic(Replace)),
            ("restartPolicyRules", Atomic(Replace)),
            ("volumeDevices", Mark::Map(&["devicePath"], MergeBy("devicePath"))),
            ("volumeMounts", Mark::Map(&["mountPath"], MergeBy("mountPath"))),
        ],
    ),
    ("io.k8s.api.core.v1.ExecAction", &[("command", Atomic(Replace))]),
    ("io.k8s.api.core.v1.FCVolumeSource", &[("targetWWNs", Atomic(Replace)), ("wwids", Atomic(Replace))]),
    ("io.k8s.api.core.v1.HTTPGetAction", &[("httpHeaders", Atomic(Replace))]),
    ("io.k8s.api.core.v1.HostAlias", &[("hostnames", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ISCSIPersistentVolumeSource", &[("portals", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ISCSIVolumeSource", &[("portals", Atomic(Replace))]),
    ("io.k8s.api.core.v1.LimitRangeSpec", &[("limits", Atomic(Replace))]),
    ("io.k8s.api.core.v1.LinuxContainerUser", &[("supplementalGroups", Atomic(Replace))]),
    ("io.k8s.api.core.v1.LoadBalancerIngress", &[("ports", Atomic(Replace))]),
    ("io.k8s.api.core.v1.LoadBalancerStatus", &[("ingress", Atomic(Replace))]),
    ("io.k8s.api.core.v1.NamespaceSpec", &[("finalizers", Atomic(Replace))]),
    ("io.k8s.api.core.v1.NamespaceStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.core.v1.NodeAffinity", &[("preferredDuringSchedulingIgnoredDuringExecution", Atomic(Replace))]),
    ("io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus", &[("containers", Set(Replace))]),
    ("io.k8s.api.core.v1.NodeSelector", &[("nodeSelectorTerms", Atomic(Replace))]),
    ("io.k8s.api.core.v1.NodeSelectorRequirement", &[("values", Atomic(Replace))]),
    ("io.k8s.api.core.v1.NodeSelectorTerm", &[("matchExpressions", Atomic(Replace)), ("matchFields", Atomic(Replace))]),
    ("io.k8s.api.core.v1.NodeSpec", &[("podCIDRs", Set(Merge)), ("taints", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.NodeStatus",
        &[
            ("addresses", Mark::Map(&["type"], MergeBy("type"))),
            ("conditions", Mark::Map(&["type"], MergeBy("type"))),
            ("declaredFeatures", Atomic(Replace)),
            ("images", Atomic(Replace)),
            ("runtimeHandlers", Atomic(Replace)),
            ("volumesAttached", Atomic(Replace)),
            ("volumesInUse", Atomic(Replace)),
        ],
    ),
    ("io.k8s.api.core.v1.PersistentVolumeClaimSpec", &[("accessModes", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.PersistentVolumeClaimStatus",
        &[
            ("accessModes", Atomic(Replace)),
            ("allocatedResourceStatuses", GranularMap),
            ("conditions", Mark::Map(&["type"], MergeBy("type"))),
        ],
    ),
    (
        "io.k8s.api.core.v1.PersistentVolumeSpec",
        &[("accessModes", Atomic(Replace)), ("claimRef", GranularMap), ("mountOptions", Atomic(Replace))],
    ),
    (
        "io.k8s.api.core.v1.PodAffinity",
        &[
            ("preferredDuringSchedulingIgnoredDuringExecution", Atomic(Replace)),
            ("requiredDuringSchedulingIgnoredDuringExecution", Atomic(Replace)),
        ],
    ),
    (
        "io.k8s.api.core.v1.PodAffinityTerm",
        &[("matchLabelKeys", Atomic(Replace)), ("mismatchLabelKeys", Atomic(Replace)), ("namespaces", Atomic(Replace))],
    ),
    (
        "io.k8s.api.core.v1.PodAntiAffinity",
        &[
            ("preferredDuringSchedulingIgnoredDuringExecution", Atomic(Replace)),
            ("requiredDuringSchedulingIgnoredDuringExecution", Atomic(Replace)),
        ],
    ),
    (
        "io.k8s.api.core.v1.PodDNSConfig",
        &[("nameservers", Atomic(Replace)), ("options", Atomic(Replace)), ("searches", Atomic(Replace))],
    ),
    ("io.k8s.api.core.v1.PodExtendedResourceClaimStatus", &[("requestMappings", Atomic(Replace))]),
    ("io.k8s.api.core.v1.PodSecurityContext", &[("supplementalGroups", Atomic(Replace)), ("sysctls", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.PodSpec",
        &[
            ("containers", Mark::Map(&["name"], MergeBy("name"))),
            ("ephemeralContainers", Mark::Map(&["name"], MergeBy("name"))),
            ("hostAliases", Mark::Map(&["ip"], MergeBy("ip"))),
            ("imagePullSecrets", Mark::Map(&["name"], MergeBy("name"))),
            ("initContainers", Mark::Map(&["name"], MergeBy("name"))),
            ("nodeSelector", AtomicMap),
            ("readinessGates", Atomic(Replace)),
            ("resourceClaims", Mark::Map(&["name"], RetainKeys("name"))),
            ("schedulingGates", Mark::Map(&["name"], MergeBy("name"))),
            ("tolerations", Atomic(Replace)),
            ("topologySpreadConstraints", Mark::Map(&["topologyKey", "whenUnsatisfiable"], MergeBy("topologyKey"))),
            ("volumes", Mark::Map(&["name"], RetainKeys("name"))),
        ],
    ),
    (
        "io.k8s.api.core.v1.PodStatus",
        &[
            ("conditions", Mark::Map(&["type"], MergeBy("type"))),
            ("containerStatuses", Atomic(Replace)),
            ("ephemeralContainerStatuses", Atomic(Replace)),
            ("hostIPs", Atomic(MergeBy("ip"))),
            ("initContainerStatuses", Atomic(Replace)),
            ("nodeAllocatableResourceClaimStatuses", Atomic(Replace)),
            ("podIPs", Mark::Map(&["ip"], MergeBy("ip"))),
            ("resourceClaimStatuses", Mark::Map(&["name"], RetainKeys("name"))),
        ],
    ),
    ("io.k8s.api.core.v1.ProjectedVolumeSource", &[("sources", Atomic(Replace))]),
    ("io.k8s.api.core.v1.RBDPersistentVolumeSource", &[("monitors", Atomic(Replace))]),
    ("io.k8s.api.core.v1.RBDVolumeSource", &[("monitors", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ReplicationControllerSpec", &[("selector", AtomicMap)]),
    ("io.k8s.api.core.v1.ReplicationControllerStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.core.v1.ResourceQuotaSpec", &[("scopes", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ResourceRequirements", &[("claims", Mark::Map(&["name"], Replace))]),
    ("io.k8s.api.core.v1.ResourceStatus", &[("resources", Mark::Map(&["resourceID"], Replace))]),
    ("io.k8s.api.core.v1.ScopeSelector", &[("matchExpressions", Atomic(Replace))]),
    ("io.k8s.api.core.v1.ScopedResourceSelectorRequirement", &[("values", Atomic(Replace))]),
    ("io.k8s.api.core.v1.SecretProjection", &[("items", Atomic(Replace))]),
    ("io.k8s.api.core.v1.SecretVolumeSource", &[("items", Atomic(Replace))]),
    (
        "io.k8s.api.core.v1.ServiceAccount",
        &[("imagePullSecrets", Atomic(Replace)), ("secrets", Mark::Map(&["name"], MergeBy("name")))],
    ),
    (
        "io.k8s.api.core.v1.ServiceSpec",
        &[
            ("clusterIPs", Atomic(Replace)),
            ("externalIPs", Atomic(Replace)),
            ("ipFamilies", Atomic(Replace)),
            ("loadBalancerSourceRanges", Atomic(Replace)),
            ("ports", Mark::Map(&["port", "protocol"], MergeBy("port"))),
            ("selector", AtomicMap),
        ],
    ),
    ("io.k8s.api.core.v1.ServiceStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.core.v1.TopologySelectorLabelRequirement", &[("values", Atomic(Replace))]),
    ("io.k8s.api.core.v1.TopologySelectorTerm", &[("matchLabelExpressions", Atomic(Replace))]),
    ("io.k8s.api.core.v1.TopologySpreadConstraint", &[("matchLabelKeys", Atomic(Replace))]),
    ("io.k8s.api.discovery.v1.Endpoint", &[("addresses", Set(Replace))]),
    ("io.k8s.api.discovery.v1.EndpointHints", &[("forNodes", Atomic(Replace)), ("forZones", Atomic(Replace))]),
    ("io.k8s.api.discovery.v1.EndpointSlice", &[("endpoints", Atomic(Replace)), ("ports", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.HTTPIngressRuleValue", &[("paths", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.IPBlock", &[("except", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.IngressLoadBalancerIngress", &[("ports", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.IngressLoadBalancerStatus", &[("ingress", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.IngressSpec", &[("rules", Atomic(Replace)), ("tls", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.IngressTLS", &[("hosts", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.NetworkPolicyEgressRule", &[("ports", Atomic(Replace)), ("to", Atomic(Replace))]),
    ("io.k8s.api.networking.v1.NetworkPolicyIngressRule", &[("from", Atomic(Replace)), ("ports", Atomic(Replace))]),
    (
        "io.k8s.api.networking.v1.NetworkPolicySpec",
        &[("egress", Atomic(Replace)), ("ingress", Atomic(Replace)), ("policyTypes", Atomic(Replace))],
    ),
    ("io.k8s.api.policy.v1.PodDisruptionBudgetSpec", &[("selector", Struct(Replace))]),
    ("io.k8s.api.policy.v1.PodDisruptionBudgetStatus", &[("conditions", Mark::Map(&["type"], MergeBy("type")))]),
    ("io.k8s.api.rbac.v1.AggregationRule", &[("clusterRoleSelectors", Atomic(Replace))]),
    ("io.k8s.api.rbac.v1.ClusterRole", &[("rules", Atomic(Replace))]),
    ("io.k8s.api.rbac.v1.ClusterRoleBinding", &[("subjects", Atomic(Replace))]),
    (
        "io.k8s.api.rbac.v1.PolicyRule",
        &[
            ("apiGroups", Atomic(Replace)),
            ("nonResourceURLs", Atomic(Replace)),
            ("resourceNames", Atomic(Replace)),
            ("resources", Atomic(Replace)),
            ("verbs", Atomic(Replace)),
        ],
    ),
    ("io.k8s.api.rbac.v1.Role", &[("rules", Atomic(Replace))]),
    ("io.k8s.api.rbac.v1.RoleBinding", &[("subjects", Atomic(Replace))]),
    (
        "io.k8s.api.storage.v1.StorageClass",
        &[("allowedTopologies", Atomic(Replace)), ("mountOptions", Atomic(Replace))],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames",
        &[("categories", Atomic(Replace)), ("shortNames", Atomic(Replace))],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec",
        &[("versions", Atomic(Replace))],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus",
        &[("conditions", Mark::Map(&["type"], Replace)), ("storedVersions", Atomic(Replace))],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion",
        &[("additionalPrinterColumns", Atomic(Replace)), ("selectableFields", Atomic(Replace))],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
        &[
            ("allOf", Atomic(Replace)),
            ("anyOf", Atomic(Replace)),
            ("enum", Atomic(Replace)),
            ("oneOf", Atomic(Replace)),
            ("required", Atomic(Replace)),
            ("x-kubernetes-list-map-keys", Atomic(Replace)),
            ("x-kubernetes-validations", Mark::Map(&["rule"], MergeBy("rule"))),
        ],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookConversion",
        &[("conversionReviewVersions", Atomic(Replace))],
    ),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", &[("matchExpressions", Atomic(Replace))]),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement", &[("values", Atomic(Replace))]),
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        &[
            ("finalizers", Set(Merge)),
            ("managedFields", Atomic(Replace)),
            ("ownerReferences", Mark::Map(&["uid"], MergeBy("uid"))),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::{FIELDS, Mark, Strategy, fields};

    #[test]
    fn definitions_are_in_order() {
        assert!(FIELDS.is_sorted_by_key(|(name, _)| *name));
        let ports = fields("io.k8s.api.core.v1.ServiceSpec").iter().find(|(field, _)| *field == "ports");
        assert_eq!(ports.map(|(_, mark)| *mark), Some(Mark::Map(&["port", "protocol"], Strategy::MergeBy("port"))));
        assert!(fields("io.k8s.api.core.v1.Nothing").is_empty());
    }
}
