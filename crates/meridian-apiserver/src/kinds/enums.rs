//! The values that fields of Kubernetes' own types may have, where there are only some.
//!
//! The types of the library know texts only. It is said by definition and field, as Kubernetes' OpenAPI documents do;
//! those of Kubernetes 1.36. `kubectl explain` prints them; what is refused is said elsewhere.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Where the values of a field stand in its schema.
const PARTS: [(&str, &str); 2] = [("[]", "items"), ("{}", "additionalProperties")];

/// Writes into a definition which values its fields may have.
pub(super) fn write(name: &str, definition: &mut Value) {
    let Ok(at) = FIELDS.binary_search_by_key(&name, |(name, _)| name) else { return };
    for (field, values) in FIELDS[at].1 {
        let part = PARTS.iter().find_map(|(suffix, part)| Some((field.strip_suffix(suffix)?, *part)));
        let (field, part) = part.map_or((*field, None), |(field, part)| (field, Some(part)));
        // The library's Kubernetes may be another version than that of the table.
        let Some(property) = definition["properties"].get_mut(field) else { continue };
        let schema = match part {
            Some(part) => &mut property[part],
            None => {
                describe(property, values);
                property
            }
        };
        schema["enum"] = json!(values);
    }
}

/// Names the values below the description, as Kubernetes does.
fn describe(property: &mut Value, values: &[&str]) {
    let mut text = property["description"].as_str().unwrap_or_default().to_owned();
    text += if text.is_empty() { "Possible enum values:" } else { "\n\nPossible enum values:" };
    for value in values {
        // Writing into a string does not fail.
        let _ = write!(text, "\n - `{value:?}`");
    }
    property["description"] = text.into();
}

const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const FAILURE_POLICIES: &[&str] = &["Fail", "Ignore"];
const MATCH_POLICIES: &[&str] = &["Equivalent", "Exact"];
const NODE_POLICIES: &[&str] = &["Honor", "Ignore"];
const PROFILES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];
const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const QUOTA_SCOPES: &[&str] = &[
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];
const RECLAIM_POLICIES: &[&str] = &["Delete", "Recycle", "Retain"];
const SIDE_EFFECTS: &[&str] = &["None", "NoneOnDryRun", "Some", "Unknown"];
const SIGNALS: &[&str] = &[
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMAX-1",
    "SIGRTMAX-10",
    "SIGRTMAX-11",
    "SIGRTMAX-12",
    "SIGRTMAX-13",
    "SIGRTMAX-14",
    "SIGRTMAX-2",
    "SIGRTMAX-3",
    "SIGRTMAX-4",
    "SIGRTMAX-5",
    "SIGRTMAX-6",
    "SIGRTMAX-7",
    "SIGRTMAX-8",
    "SIGRTMAX-9",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];
const TAINT_EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "PreferNoSchedule"];
const TERMINATION_MESSAGES: &[&str] = &["FallbackToLogsOnError", "File"];
const TRAFFIC_POLICIES: &[&str] = &["Cluster", "Local"];
const UPDATES: &[&str] = &["OnDelete", "RollingUpdate"];
const VOLUME_MODES: &[&str] = &["Block", "Filesystem"];

/// A definition, and the fields that have some values only.
type Fields = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// Fields by definition, in order; `[]` are the items of a list, `{}` the values of a map.
const FIELDS: &[Fields] = &[
    (
        "io.k8s.api.admissionregistration.v1.MutatingWebhook",
        &[
            ("failurePolicy", FAILURE_POLICIES),
            ("matchPolicy", MATCH_POLICIES),
            ("reinvocationPolicy", &["IfNeeded", "Never"]),
            ("sideEffects", SIDE_EFFECTS),
        ],
    ),
    (
        "io.k8s.api.admissionregistration.v1.RuleWithOperations",
        &[
            ("operations[]", &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]),
            ("scope", &["*", "Cluster", "Namespaced"]),
        ],
    ),
    (
        "io.k8s.api.admissionregistration.v1.ValidatingWebhook",
        &[("failurePolicy", FAILURE_POLICIES), ("matchPolicy", MATCH_POLICIES), ("sideEffects", SIDE_EFFECTS)],
    ),
    ("io.k8s.api.apps.v1.DaemonSetUpdateStrategy", &[("type", UPDATES)]),
    ("io.k8s.api.apps.v1.DeploymentStrategy", &[("type", &["Recreate", "RollingUpdate"])]),
    ("io.k8s.api.apps.v1.StatefulSetSpec", &[("podManagementPolicy", &["OrderedReady", "Parallel"])]),
    ("io.k8s.api.apps.v1.StatefulSetUpdateStrategy", &[("type", UPDATES)]),
    ("io.k8s.api.batch.v1.CronJobSpec", &[("concurrencyPolicy", &["Allow", "Forbid", "Replace"])]),
    (
        "io.k8s.api.batch.v1.JobSpec",
        &[("completionMode", &["Indexed", "NonIndexed"]), ("podReplacementPolicy", &["Failed", "TerminatingOrFailed"])],
    ),
    ("io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement", &[("operator", &["In", "NotIn"])]),
    ("io.k8s.api.batch.v1.PodFailurePolicyRule", &[("action", &["Count", "FailIndex", "FailJob", "Ignore"])]),
    ("io.k8s.api.core.v1.AppArmorProfile", &[("type", PROFILES)]),
    (
        "io.k8s.api.core.v1.AzureDiskVolumeSource",
        &[("cachingMode", &["None", "ReadOnly", "ReadWrite"]), ("kind", &["Dedicated", "Managed", "Shared"])],
    ),
    (
        "io.k8s.api.core.v1.Container",
        &[("imagePullPolicy", PULL_POLICIES), ("terminationMessagePolicy", TERMINATION_MESSAGES)],
    ),
    ("io.k8s.api.core.v1.ContainerPort", &[("protocol", PROTOCOLS)]),
    ("io.k8s.api.core.v1.ContainerStatus", &[("stopSignal", SIGNALS)]),
    ("io.k8s.api.core.v1.EndpointPort", &[("protocol", PROTOCOLS)]),
    (
        "io.k8s.api.core.v1.EphemeralContainer",
        &[("imagePullPolicy", PULL_POLICIES), ("terminationMessagePolicy", TERMINATION_MESSAGES)],
    ),
    ("io.k8s.api.core.v1.HTTPGetAction", &[("scheme", &["HTTP", "HTTPS"])]),
    (
        "io.k8s.api.core.v1.HostPathVolumeSource",
        &[(
            "type",
            &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"],
        )],
    ),
    ("io.k8s.api.core.v1.ImageVolumeSource", &[("pullPolicy", PULL_POLICIES)]),
    ("io.k8s.api.core.v1.Lifecycle", &[("stopSignal", SIGNALS)]),
    ("io.k8s.api.core.v1.ModifyVolumeStatus", &[("status", &["InProgress", "Infeasible", "Pending"])]),
    ("io.k8s.api.core.v1.NamespaceStatus", &[("phase", &["Active", "Terminating"])]),
    (
        "io.k8s.api.core.v1.NodeSelectorRequirement",
        &[("operator", &["DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"])],
    ),
    ("io.k8s.api.core.v1.NodeStatus", &[("phase", &["Pending", "Running", "Terminated"])]),
    ("io.k8s.api.core.v1.PersistentVolumeClaimSpec", &[("accessModes[]", ACCESS_MODES), ("volumeMode", VOLUME_MODES)]),
    (
        "io.k8s.api.core.v1.PersistentVolumeClaimStatus",
        &[
            ("accessModes[]", ACCESS_MODES),
            (
                "allocatedResourceStatuses{}",
                &[
                    "ControllerResizeInProgress",
                    "ControllerResizeInfeasible",
                    "NodeResizeInProgress",
                    "NodeResizeInfeasible",
                    "NodeResizePending",
                ],
            ),
            ("phase", &["Bound", "Lost", "Pending"]),
        ],
    ),
    (
        "io.k8s.api.core.v1.PersistentVolumeSpec",
        &[
            ("accessModes[]", ACCESS_MODES),
            ("persistentVolumeReclaimPolicy", RECLAIM_POLICIES),
            ("volumeMode", VOLUME_MODES),
        ],
    ),
    (
        "io.k8s.api.core.v1.PersistentVolumeStatus",
        &[("phase", &["Available", "Bound", "Failed", "Pending", "Released"])],
    ),
    (
        "io.k8s.api.core.v1.PodSecurityContext",
        &[("fsGroupChangePolicy", &["Always", "OnRootMismatch"]), ("supplementalGroupsPolicy", &["Merge", "Strict"])],
    ),
    (
        "io.k8s.api.core.v1.PodSpec",
        &[
            ("dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
            ("preemptionPolicy", &["Never", "PreemptLowerPriority"]),
            ("restartPolicy", &["Always", "Never", "OnFailure"]),
        ],
    ),
    (
        "io.k8s.api.core.v1.PodStatus",
        &[
            ("phase", &["Failed", "Pending", "Running", "Succeeded", "Unknown"]),
            ("qosClass", &["BestEffort", "Burstable", "Guaranteed"]),
        ],
    ),
    ("io.k8s.api.core.v1.PortStatus", &[("protocol", PROTOCOLS)]),
    ("io.k8s.api.core.v1.ResourceQuotaSpec", &[("scopes[]", QUOTA_SCOPES)]),
    (
        "io.k8s.api.core.v1.ScopedResourceSelectorRequirement",
        &[("operator", &["DoesNotExist", "Exists", "In", "NotIn"]), ("scopeName", QUOTA_SCOPES)],
    ),
    ("io.k8s.api.core.v1.SeccompProfile", &[("type", PROFILES)]),
    ("io.k8s.api.core.v1.SecurityContext", &[("procMount", &["Default", "Unmasked"])]),
    ("io.k8s.api.core.v1.ServicePort", &[("protocol", PROTOCOLS)]),
    (
        "io.k8s.api.core.v1.ServiceSpec",
        &[
            ("externalTrafficPolicy", TRAFFIC_POLICIES),
            ("internalTrafficPolicy", TRAFFIC_POLICIES),
            ("ipFamilies[]", &["", "IPv4", "IPv6"]),
            ("ipFamilyPolicy", &["PreferDualStack", "RequireDualStack", "SingleStack"]),
            ("sessionAffinity", &["ClientIP", "None"]),
            ("type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]),
        ],
    ),
    ("io.k8s.api.core.v1.Taint", &[("effect", TAINT_EFFECTS)]),
    ("io.k8s.api.core.v1.Toleration", &[("effect", TAINT_EFFECTS), ("operator", &["Equal", "Exists", "Gt", "Lt"])]),
    (
        "io.k8s.api.core.v1.TopologySpreadConstraint",
        &[
            ("nodeAffinityPolicy", NODE_POLICIES),
            ("nodeTaintsPolicy", NODE_POLICIES),
            ("whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]),
        ],
    ),
    ("io.k8s.api.core.v1.VolumeMount", &[("mountPropagation", &["Bidirectional", "HostToContainer", "None"])]),
    ("io.k8s.api.discovery.v1.EndpointPort", &[("protocol", PROTOCOLS)]),
    ("io.k8s.api.discovery.v1.EndpointSlice", &[("addressType", &["FQDN", "IPv4", "IPv6"])]),
    ("io.k8s.api.networking.v1.HTTPIngressPath", &[("pathType", &["Exact", "ImplementationSpecific", "Prefix"])]),
    ("io.k8s.api.networking.v1.IngressPortStatus", &[("protocol", PROTOCOLS)]),
    ("io.k8s.api.networking.v1.NetworkPolicyPort", &[("protocol", PROTOCOLS)]),
    ("io.k8s.api.networking.v1.NetworkPolicySpec", &[("policyTypes[]", &["Egress", "Ingress"])]),
    (
        "io.k8s.api.policy.v1.PodDisruptionBudgetSpec",
        &[("unhealthyPodEvictionPolicy", &["AlwaysAllow", "IfHealthyBudget"])],
    ),
    (
        "io.k8s.api.storage.v1.StorageClass",
        &[("reclaimPolicy", RECLAIM_POLICIES), ("volumeBindingMode", &["Immediate", "WaitForFirstConsumer"])],
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule",
        &[("reason", &["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"])],
    ),
];

#[cfg(test)]
mod tests {
    use super::{FIELDS, write};
    use serde_json::json;

    #[test]
    fn the_table_is_in_order() {
        assert!(FIELDS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn values_stand_where_kubernetes_has_them() {
        let mut definition = json!({"properties": {
            "type": {"type": "string", "description": "How it is reached."},
            "ipFamilies": {"type": "array", "items": {"type": "string"}},
        }});
        write("io.k8s.api.core.v1.ServiceSpec", &mut definition);
        let fields = &definition["properties"];
        assert_eq!(fields["type"]["enum"], json!(["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
        let text = fields["type"]["description"].as_str().unwrap_or_default();
        assert!(text.starts_with("How it is reached.\n\nPossible enum values:\n - `\"ClusterIP\"`\n"), "{text}");
        assert_eq!(fields["ipFamilies"]["items"]["enum"], json!(["", "IPv4", "IPv6"]));
    }
}
