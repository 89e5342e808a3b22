//! Pods: containers, probes, scheduling, and the status of each.

use super::Type::{Bool, IntOrString, Number, Quantity, QuantityMap, Text, TextMap, Time};
use super::others::LABEL_SELECTOR;
use super::volumes::{RESOURCE_REQUIREMENTS, VOLUME, VOLUME_DEVICE, VOLUME_MOUNT, VOLUME_MOUNT_STATUS};
use super::{LOCAL_OBJECT_REFERENCE, METADATA, Message, Type, many, one, optional};

pub(super) static AFFINITY: Message = Message {
    name: "Affinity",
    fields: &[
        optional(1, "nodeAffinity", Type::Message(&NODE_AFFINITY)),
        optional(2, "podAffinity", Type::Message(&POD_AFFINITY)),
        optional(3, "podAntiAffinity", Type::Message(&POD_ANTI_AFFINITY)),
    ],
};

pub(super) static APP_ARMOR_PROFILE: Message =
    Message { name: "AppArmorProfile", fields: &[one(1, "type", Text), optional(2, "localhostProfile", Text)] };

pub(super) static CAPABILITIES: Message =
    Message { name: "Capabilities", fields: &[many(1, "add", Text), many(2, "drop", Text)] };

pub(super) static CONFIG_MAP_ENV_SOURCE: Message = Message {
    name: "ConfigMapEnvSource",
    fields: &[one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)), optional(2, "optional", Bool)],
};

pub(super) static CONFIG_MAP_KEY_SELECTOR: Message = Message {
    name: "ConfigMapKeySelector",
    fields: &[
        one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)),
        one(2, "key", Text),
        optional(3, "optional", Bool),
    ],
};

pub(super) static CONTAINER: Message = Message {
    name: "Container",
    fields: &[
        one(1, "name", Text),
        one(2, "image", Text),
        many(3, "command", Text),
        many(4, "args", Text),
        one(5, "workingDir", Text),
        many(6, "ports", Type::Message(&CONTAINER_PORT)),
        many(7, "env", Type::Message(&ENV_VAR)),
        one(8, "resources", Type::Message(&RESOURCE_REQUIREMENTS)),
        many(9, "volumeMounts", Type::Message(&VOLUME_MOUNT)),
        optional(10, "livenessProbe", Type::Message(&PROBE)),
        optional(11, "readinessProbe", Type::Message(&PROBE)),
        optional(12, "lifecycle", Type::Message(&LIFECYCLE)),
        one(13, "terminationMessagePath", Text),
        one(14, "imagePullPolicy", Text),
        optional(15, "securityContext", Type::Message(&SECURITY_CONTEXT)),
        one(16, "stdin", Bool),
        one(17, "stdinOnce", Bool),
        one(18, "tty", Bool),
        many(19, "envFrom", Type::Message(&ENV_FROM_SOURCE)),
        one(20, "terminationMessagePolicy", Text),
        many(21, "volumeDevices", Type::Message(&VOLUME_DEVICE)),
        optional(22, "startupProbe", Type::Message(&PROBE)),
        many(23, "resizePolicy", Type::Message(&CONTAINER_RESIZE_POLICY)),
        optional(24, "restartPolicy", Text),
        many(25, "restartPolicyRules", Type::Message(&CONTAINER_RESTART_RULE)),
    ],
};

pub(super) static CONTAINER_EXTENDED_RESOURCE_REQUEST: Message = Message {
    name: "ContainerExtendedResourceRequest",
    fields: &[one(1, "containerName", Text), one(2, "resourceName", Text), one(3, "requestName", Text)],
};

pub(super) static CONTAINER_PORT: Message = Message {
    name: "ContainerPort",
    fields: &[
        one(1, "name", Text),
        one(2, "hostPort", Number),
        one(3, "containerPort", Number),
        one(4, "protocol", Text),
        one(5, "hostIP", Text),
    ],
};

pub(super) static CONTAINER_RESIZE_POLICY: Message =
    Message { name: "ContainerResizePolicy", fields: &[one(1, "resourceName", Text), one(2, "restartPolicy", Text)] };

pub(super) static CONTAINER_RESTART_RULE: Message = Message {
    name: "ContainerRestartRule",
    fields: &[one(1, "action", Text), optional(2, "exitCodes", Type::Message(&CONTAINER_RESTART_RULE_ON_EXIT_CODES))],
};

pub(super) static CONTAINER_RESTART_RULE_ON_EXIT_CODES: Message =
    Message { name: "ContainerRestartRuleOnExitCodes", fields: &[one(1, "operator", Text), many(2, "values", Number)] };

pub(super) static CONTAINER_STATE: Message = Message {
    name: "ContainerState",
    fields: &[
        optional(1, "waiting", Type::Message(&CONTAINER_STATE_WAITING)),
        optional(2, "running", Type::Message(&CONTAINER_STATE_RUNNING)),
        optional(3, "terminated", Type::Message(&CONTAINER_STATE_TERMINATED)),
    ],
};

pub(super) static CONTAINER_STATE_RUNNING: Message =
    Message { name: "ContainerStateRunning", fields: &[one(1, "startedAt", Time)] };

pub(super) static CONTAINER_STATE_TERMINATED: Message = Message {
    name: "ContainerStateTerminated",
    fields: &[
        one(1, "exitCode", Number),
        one(2, "signal", Number),
        one(3, "reason", Text),
        one(4, "message", Text),
        one(5, "startedAt", Time),
        one(6, "finishedAt", Time),
        one(7, "containerID", Text),
    ],
};

pub(super) static CONTAINER_STATE_WAITING: Message =
    Message { name: "ContainerStateWaiting", fields: &[one(1, "reason", Text), one(2, "message", Text)] };

pub(super) static CONTAINER_STATUS: Message = Message {
    name: "ContainerStatus",
    fields: &[
        one(1, "name", Text),
        one(2, "state", Type::Message(&CONTAINER_STATE)),
        one(3, "lastState", Type::Message(&CONTAINER_STATE)),
        one(4, "ready", Bool),
        one(5, "restartCount", Number),
        one(6, "image", Text),
        one(7, "imageID", Text),
        one(8, "containerID", Text),
        optional(9, "started", Bool),
        one(10, "allocatedResources", QuantityMap),
        optional(11, "resources", Type::Message(&RESOURCE_REQUIREMENTS)),
        many(12, "volumeMounts", Type::Message(&VOLUME_MOUNT_STATUS)),
        optional(13, "user", Type::Message(&CONTAINER_USER)),
        many(14, "allocatedResourcesStatus", Type::Message(&RESOURCE_STATUS)),
        optional(15, "stopSignal", Text),
    ],
};

pub(super) static CONTAINER_USER: Message =
    Message { name: "ContainerUser", fields: &[optional(1, "linux", Type::Message(&LINUX_CONTAINER_USER))] };

pub(super) static ENV_FROM_SOURCE: Message = Message {
    name: "EnvFromSource",
    fields: &[
        one(1, "prefix", Text),
        optional(2, "configMapRef", Type::Message(&CONFIG_MAP_ENV_SOURCE)),
        optional(3, "secretRef", Type::Message(&SECRET_ENV_SOURCE)),
    ],
};

pub(super) static ENV_VAR: Message = Message {
    name: "EnvVar",
    fields: &[one(1, "name", Text), one(2, "value", Text), optional(3, "valueFrom", Type::Message(&ENV_VAR_SOURCE))],
};

pub(super) static ENV_VAR_SOURCE: Message = Message {
    name: "EnvVarSource",
    fields: &[
        optional(1, "fieldRef", Type::Message(&OBJECT_FIELD_SELECTOR)),
        optional(2, "resourceFieldRef", Type::Message(&RESOURCE_FIELD_SELECTOR)),
        optional(3, "configMapKeyRef", Type::Message(&CONFIG_MAP_KEY_SELECTOR)),
        optional(4, "secretKeyRef", Type::Message(&SECRET_KEY_SELECTOR)),
        optional(5, "fileKeyRef", Type::Message(&FILE_KEY_SELECTOR)),
    ],
};

pub(super) static EPHEMERAL_CONTAINER: Message = Message {
    name: "EphemeralContainer",
    fields: &[
        one(1, "EphemeralContainerCommon", Type::Inline(&EPHEMERAL_CONTAINER_COMMON)),
        one(2, "targetContainerName", Text),
    ],
};

pub(super) static EPHEMERAL_CONTAINER_COMMON: Message = Message {
    name: "EphemeralContainerCommon",
    fields: &[
        one(1, "name", Text),
        one(2, "image", Text),
        many(3, "command", Text),
        many(4, "args", Text),
        one(5, "workingDir", Text),
        many(6, "ports", Type::Message(&CONTAINER_PORT)),
        many(7, "env", Type::Message(&ENV_VAR)),
        one(8, "resources", Type::Message(&RESOURCE_REQUIREMENTS)),
        many(9, "volumeMounts", Type::Message(&VOLUME_MOUNT)),
        optional(10, "livenessProbe", Type::Message(&PROBE)),
        optional(11, "readinessProbe", Type::Message(&PROBE)),
        optional(12, "lifecycle", Type::Message(&LIFECYCLE)),
        one(13, "terminationMessagePath", Text),
        one(14, "imagePullPolicy", Text),
        optional(15, "securityContext", Type::Message(&SECURITY_CONTEXT)),
        one(16, "stdin", Bool),
        one(17, "stdinOnce", Bool),
        one(18, "tty", Bool),
        many(19, "envFrom", Type::Message(&ENV_FROM_SOURCE)),
        one(20, "terminationMessagePolicy", Text),
        many(21, "volumeDevices", Type::Message(&VOLUME_DEVICE)),
        optional(22, "startupProbe", Type::Message(&PROBE)),
        many(23, "resizePolicy", Type::Message(&CONTAINER_RESIZE_POLICY)),
        optional(24, "restartPolicy", Text),
        many(25, "restartPolicyRules", Type::Message(&CONTAINER_RESTART_RULE)),
    ],
};

pub(super) static EXEC_ACTION: Message = Message { name: "ExecAction", fields: &[many(1, "command", Text)] };

pub(super) static FILE_KEY_SELECTOR: Message = Message {
    name: "FileKeySelector",
    fields: &[one(1, "volumeName", Text), one(2, "path", Text), one(3, "key", Text), optional(4, "optional", Bool)],
};

pub(super) static GRPC_ACTION: Message =
    Message { name: "GRPCAction", fields: &[one(1, "port", Number), optional(2, "service", Text)] };

pub(super) static HOST_ALIAS: Message =
    Message { name: "HostAlias", fields: &[one(1, "ip", Text), many(2, "hostnames", Text)] };

pub(super) static HOST_IP: Message = Message { name: "HostIP", fields: &[one(1, "ip", Text)] };

pub(super) static HTTP_GET_ACTION: Message = Message {
    name: "HTTPGetAction",
    fields: &[
        one(1, "path", Text),
        one(2, "port", IntOrString),
        one(3, "host", Text),
        one(4, "scheme", Text),
        many(5, "httpHeaders", Type::Message(&HTTP_HEADER)),
    ],
};

pub(super) static HTTP_HEADER: Message =
    Message { name: "HTTPHeader", fields: &[one(1, "name", Text), one(2, "value", Text)] };

pub(super) static LIFECYCLE: Message = Message {
    name: "Lifecycle",
    fields: &[
        optional(1, "postStart", Type::Message(&LIFECYCLE_HANDLER)),
        optional(2, "preStop", Type::Message(&LIFECYCLE_HANDLER)),
        optional(3, "stopSignal", Text),
    ],
};

pub(super) static LIFECYCLE_HANDLER: Message = Message {
    name: "LifecycleHandler",
    fields: &[
        optional(1, "exec", Type::Message(&EXEC_ACTION)),
        optional(2, "httpGet", Type::Message(&HTTP_GET_ACTION)),
        optional(3, "tcpSocket", Type::Message(&TCP_SOCKET_ACTION)),
        optional(4, "sleep", Type::Message(&SLEEP_ACTION)),
    ],
};

pub(super) static LINUX_CONTAINER_USER: Message = Message {
    name: "LinuxContainerUser",
    fields: &[one(1, "uid", Number), one(2, "gid", Number), many(3, "supplementalGroups", Number)],
};

pub(super) static NODE_AFFINITY: Message = Message {
    name: "NodeAffinity",
    fields: &[
        optional(1, "requiredDuringSchedulingIgnoredDuringExecution", Type::Message(&NODE_SELECTOR)),
        many(2, "preferredDuringSchedulingIgnoredDuringExecution", Type::Message(&PREFERRED_SCHEDULING_TERM)),
    ],
};

pub(super) static NODE_ALLOCATABLE_RESOURCE_CLAIM_STATUS: Message = Message {
    name: "NodeAllocatableResourceClaimStatus",
    fields: &[one(1, "resourceClaimName", Text), many(2, "containers", Text), one(3, "resources", QuantityMap)],
};

pub(super) static NODE_SELECTOR: Message =
    Message { name: "NodeSelector", fields: &[many(1, "nodeSelectorTerms", Type::Message(&NODE_SELECTOR_TERM))] };

pub(super) static NODE_SELECTOR_REQUIREMENT: Message = Message {
    name: "NodeSelectorRequirement",
    fields: &[one(1, "key", Text), one(2, "operator", Text), many(3, "values", Text)],
};

pub(super) static NODE_SELECTOR_TERM: Message = Message {
    name: "NodeSelectorTerm",
    fields: &[
        many(1, "matchExpressions", Type::Message(&NODE_SELECTOR_REQUIREMENT)),
        many(2, "matchFields", Type::Message(&NODE_SELECTOR_REQUIREMENT)),
    ],
};

pub(super) static OBJECT_FIELD_SELECTOR: Message =
    Message { name: "ObjectFieldSelector", fields: &[one(1, "apiVersion", Text), one(2, "fieldPath", Text)] };

pub(super) static POD: Message = Message {
    name: "Pod",
    fields: &[METADATA, one(2, "spec", Type::Message(&POD_SPEC)), one(3, "status", Type::Message(&POD_STATUS))],
};

pub(super) static POD_AFFINITY: Message = Message {
    name: "PodAffinity",
    fields: &[
        many(1, "requiredDuringSchedulingIgnoredDuringExecution", Type::Message(&POD_AFFINITY_TERM)),
        many(2, "preferredDuringSchedulingIgnoredDuringExecution", Type::Message(&WEIGHTED_POD_AFFINITY_TERM)),
    ],
};

pub(super) static POD_AFFINITY_TERM: Message = Message {
    name: "PodAffinityTerm",
    fields: &[
        optional(1, "labelSelector", Type::Message(&LABEL_SELECTOR)),
        many(2, "namespaces", Text),
        one(3, "topologyKey", Text),
        optional(4, "namespaceSelector", Type::Message(&LABEL_SELECTOR)),
        many(5, "matchLabelKeys", Text),
        many(6, "mismatchLabelKeys", Text),
    ],
};

pub(super) static POD_ANTI_AFFINITY: Message = Message {
    name: "PodAntiAffinity",
    fields: &[
        many(1, "requiredDuringSchedulingIgnoredDuringExecution", Type::Message(&POD_AFFINITY_TERM)),
        many(2, "preferredDuringSchedulingIgnoredDuringExecution", Type::Message(&WEIGHTED_POD_AFFINITY_TERM)),
    ],
};

pub(super) static POD_CONDITION: Message = Message {
    name: "PodCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastProbeTime", Time),
        one(4, "lastTransitionTime", Time),
        one(5, "reason", Text),
        one(6, "message", Text),
        one(7, "observedGeneration", Number),
    ],
};

pub(super) static POD_DNS_CONFIG: Message = Message {
    name: "PodDNSConfig",
    fields: &[
        many(1, "nameservers", Text),
        many(2, "searches", Text),
        many(3, "options", Type::Message(&POD_DNS_CONFIG_OPTION)),
    ],
};

pub(super) static POD_DNS_CONFIG_OPTION: Message =
    Message { name: "PodDNSConfigOption", fields: &[one(1, "name", Text), optional(2, "value", Text)] };

pub(super) static POD_EXTENDED_RESOURCE_CLAIM_STATUS: Message = Message {
    name: "PodExtendedResourceClaimStatus",
    fields: &[
        many(1, "requestMappings", Type::Message(&CONTAINER_EXTENDED_RESOURCE_REQUEST)),
        one(2, "resourceClaimName", Text),
    ],
};

pub(super) static POD_IP: Message = Message { name: "PodIP", fields: &[one(1, "ip", Text)] };

pub(super) static POD_OS: Message = Message { name: "PodOS", fields: &[one(1, "name", Text)] };

pub(super) static POD_READINESS_GATE: Message =
    Message { name: "PodReadinessGate", fields: &[one(1, "conditionType", Text)] };

pub(super) static POD_RESOURCE_CLAIM: Message = Message {
    name: "PodResourceClaim",
    fields: &[
        one(1, "name", Text),
        optional(3, "resourceClaimName", Text),
        optional(4, "resourceClaimTemplateName", Text),
    ],
};

pub(super) static POD_RESOURCE_CLAIM_STATUS: Message =
    Message { name: "PodResourceClaimStatus", fields: &[one(1, "name", Text), optional(2, "resourceClaimName", Text)] };

pub(super) static POD_SCHEDULING_GATE: Message = Message { name: "PodSchedulingGate", fields: &[one(1, "name", Text)] };

pub(super) static POD_SCHEDULING_GROUP: Message =
    Message { name: "PodSchedulingGroup", fields: &[optional(1, "podGroupName", Text)] };

pub(super) static POD_SECURITY_CONTEXT: Message = Message {
    name: "PodSecurityContext",
    fields: &[
        optional(1, "seLinuxOptions", Type::Message(&SE_LINUX_OPTIONS)),
        optional(2, "runAsUser", Number),
        optional(3, "runAsNonRoot", Bool),
        many(4, "supplementalGroups", Number),
        optional(5, "fsGroup", Number),
        optional(6, "runAsGroup", Number),
        many(7, "sysctls", Type::Message(&SYSCTL)),
        optional(8, "windowsOptions", Type::Message(&WINDOWS_SECURITY_CONTEXT_OPTIONS)),
        optional(9, "fsGroupChangePolicy", Text),
        optional(10, "seccompProfile", Type::Message(&SECCOMP_PROFILE)),
        optional(11, "appArmorProfile", Type::Message(&APP_ARMOR_PROFILE)),
        optional(12, "supplementalGroupsPolicy", Text),
        optional(13, "seLinuxChangePolicy", Text),
    ],
};

pub(super) static POD_SPEC: Message = Message {
    name: "PodSpec",
    fields: &[
        many(1, "volumes", Type::Message(&VOLUME)),
        many(2, "containers", Type::Message(&CONTAINER)),
        one(3, "restartPolicy", Text),
        optional(4, "terminationGracePeriodSeconds", Number),
        optional(5, "activeDeadlineSeconds", Number),
        one(6, "dnsPolicy", Text),
        one(7, "nodeSelector", TextMap),
        one(8, "serviceAccountName", Text),
        one(9, "serviceAccount", Text),
        one(10, "nodeName", Text),
        one(11, "hostNetwork", Bool),
        one(12, "hostPID", Bool),
        one(13, "hostIPC", Bool),
        optional(14, "securityContext", Type::Message(&POD_SECURITY_CONTEXT)),
        many(15, "imagePullSecrets", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        one(16, "hostname", Text),
        one(17, "subdomain", Text),
        optional(18, "affinity", Type::Message(&AFFINITY)),
        one(19, "schedulerName", Text),
        many(20, "initContainers", Type::Message(&CONTAINER)),
        optional(21, "automountServiceAccountToken", Bool),
        many(22, "tolerations", Type::Message(&TOLERATION)),
        many(23, "hostAliases", Type::Message(&HOST_ALIAS)),
        one(24, "priorityClassName", Text),
        optional(25, "priority", Number),
        optional(26, "dnsConfig", Type::Message(&POD_DNS_CONFIG)),
        optional(27, "shareProcessNamespace", Bool),
        many(28, "readinessGates", Type::Message(&POD_READINESS_GATE)),
        optional(29, "runtimeClassName", Text),
        optional(30, "enableServiceLinks", Bool),
        optional(31, "preemptionPolicy", Text),
        one(32, "overhead", QuantityMap),
        many(33, "topologySpreadConstraints", Type::Message(&TOPOLOGY_SPREAD_CONSTRAINT)),
        many(34, "ephemeralContainers", Type::Message(&EPHEMERAL_CONTAINER)),
        optional(35, "setHostnameAsFQDN", Bool),
        optional(36, "os", Type::Message(&POD_OS)),
        optional(37, "hostUsers", Bool),
        many(38, "schedulingGates", Type::Message(&POD_SCHEDULING_GATE)),
        many(39, "resourceClaims", Type::Message(&POD_RESOURCE_CLAIM)),
        optional(40, "resources", Type::Message(&RESOURCE_REQUIREMENTS)),
        optional(41, "hostnameOverride", Text),
        optional(43, "schedulingGroup", Type::Message(&POD_SCHEDULING_GROUP)),
    ],
};

pub(super) static POD_STATUS: Message = Message {
    name: "PodStatus",
    fields: &[
        one(1, "phase", Text),
        many(2, "conditions", Type::Message(&POD_CONDITION)),
        one(3, "message", Text),
        one(4, "reason", Text),
        one(5, "hostIP", Text),
        one(6, "podIP", Text),
        optional(7, "startTime", Time),
        many(8, "containerStatuses", Type::Message(&CONTAINER_STATUS)),
        one(9, "qosClass", Text),
        many(10, "initContainerStatuses", Type::Message(&CONTAINER_STATUS)),
        one(11, "nominatedNodeName", Text),
        many(12, "podIPs", Type::Message(&POD_IP)),
        many(13, "ephemeralContainerStatuses", Type::Message(&CONTAINER_STATUS)),
        one(14, "resize", Text),
        many(15, "resourceClaimStatuses", Type::Message(&POD_RESOURCE_CLAIM_STATUS)),
        many(16, "hostIPs", Type::Message(&HOST_IP)),
        one(17, "observedGeneration", Number),
        optional(18, "extendedResourceClaimStatus", Type::Message(&POD_EXTENDED_RESOURCE_CLAIM_STATUS)),
        one(19, "allocatedResources", QuantityMap),
        optional(20, "resources", Type::Message(&RESOURCE_REQUIREMENTS)),
        many(21, "nodeAllocatableResourceClaimStatuses", Type::Message(&NODE_ALLOCATABLE_RESOURCE_CLAIM_STATUS)),
    ],
};

pub(super) static POD_TEMPLATE: Message =
    Message { name: "PodTemplate", fields: &[METADATA, one(2, "template", Type::Message(&POD_TEMPLATE_SPEC))] };

pub(super) static POD_TEMPLATE_SPEC: Message =
    Message { name: "PodTemplateSpec", fields: &[METADATA, one(2, "spec", Type::Message(&POD_SPEC))] };

pub(super) static PREFERRED_SCHEDULING_TERM: Message = Message {
    name: "PreferredSchedulingTerm",
    fields: &[one(1, "weight", Number), one(2, "preference", Type::Message(&NODE_SELECTOR_TERM))],
};

pub(super) static PROBE: Message = Message {
    name: "Probe",
    fields: &[
        one(1, "ProbeHandler", Type::Inline(&PROBE_HANDLER)),
        one(2, "initialDelaySeconds", Number),
        one(3, "timeoutSeconds", Number),
        one(4, "periodSeconds", Number),
        one(5, "successThreshold", Number),
        one(6, "failureThreshold", Number),
        optional(7, "terminationGracePeriodSeconds", Number),
    ],
};

pub(super) static PROBE_HANDLER: Message = Message {
    name: "ProbeHandler",
    fields: &[
        optional(1, "exec", Type::Message(&EXEC_ACTION)),
        optional(2, "httpGet", Type::Message(&HTTP_GET_ACTION)),
        optional(3, "tcpSocket", Type::Message(&TCP_SOCKET_ACTION)),
        optional(4, "grpc", Type::Message(&GRPC_ACTION)),
    ],
};

pub(super) static REPLICATION_CONTROLLER: Message = Message {
    name: "ReplicationController",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&REPLICATION_CONTROLLER_SPEC)),
        one(3, "status", Type::Message(&REPLICATION_CONTROLLER_STATUS)),
    ],
};

pub(super) static REPLICATION_CONTROLLER_CONDITION: Message = Message {
    name: "ReplicationControllerCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastTransitionTime", Time),
        one(4, "reason", Text),
        one(5, "message", Text),
    ],
};

pub(super) static REPLICATION_CONTROLLER_SPEC: Message = Message {
    name: "ReplicationControllerSpec",
    fields: &[
        optional(1, "replicas", Number),
        one(2, "selector", TextMap),
        optional(3, "template", Type::Message(&POD_TEMPLATE_SPEC)),
        one(4, "minReadySeconds", Number),
    ],
};

pub(super) static REPLICATION_CONTROLLER_STATUS: Message = Message {
    name: "ReplicationControllerStatus",
    fields: &[
        one(1, "replicas", Number),
        one(2, "fullyLabeledReplicas", Number),
        one(3, "observedGeneration", Number),
        one(4, "readyReplicas", Number),
        one(5, "availableReplicas", Number),
        many(6, "conditions", Type::Message(&REPLICATION_CONTROLLER_CONDITION)),
    ],
};

pub(super) static RESOURCE_CLAIM: Message =
    Message { name: "ResourceClaim", fields: &[one(1, "name", Text), one(2, "request", Text)] };

pub(super) static RESOURCE_FIELD_SELECTOR: Message = Message {
    name: "ResourceFieldSelector",
    fields: &[one(1, "containerName", Text), one(2, "resource", Text), one(3, "divisor", Quantity)],
};

pub(super) static RESOURCE_HEALTH: Message = Message {
    name: "ResourceHealth",
    fields: &[one(1, "resourceID", Text), one(2, "health", Text), optional(6, "message", Text)],
};

pub(super) static RESOURCE_STATUS: Message = Message {
    name: "ResourceStatus",
    fields: &[one(1, "name", Text), many(2, "resources", Type::Message(&RESOURCE_HEALTH))],
};

pub(super) static SECCOMP_PROFILE: Message =
    Message { name: "SeccompProfile", fields: &[one(1, "type", Text), optional(2, "localhostProfile", Text)] };

pub(super) static SECRET_ENV_SOURCE: Message = Message {
    name: "SecretEnvSource",
    fields: &[one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)), optional(2, "optional", Bool)],
};

pub(super) static SECRET_KEY_SELECTOR: Message = Message {
    name: "SecretKeySelector",
    fields: &[
        one(1, "LocalObjectReference", Type::Inline(&LOCAL_OBJECT_REFERENCE)),
        one(2, "key", Text),
        optional(3, "optional", Bool),
    ],
};

pub(super) static SECURITY_CONTEXT: Message = Message {
    name: "SecurityContext",
    fields: &[
        optional(1, "capabilities", Type::Message(&CAPABILITIES)),
        optional(2, "privileged", Bool),
        optional(3, "seLinuxOptions", Type::Message(&SE_LINUX_OPTIONS)),
        optional(4, "runAsUser", Number),
        optional(5, "runAsNonRoot", Bool),
        optional(6, "readOnlyRootFilesystem", Bool),
        optional(7, "allowPrivilegeEscalation", Bool),
        optional(8, "runAsGroup", Number),
        optional(9, "procMount", Text),
        optional(10, "windowsOptions", Type::Message(&WINDOWS_SECURITY_CONTEXT_OPTIONS)),
        optional(11, "seccompProfile", Type::Message(&SECCOMP_PROFILE)),
        optional(12, "appArmorProfile", Type::Message(&APP_ARMOR_PROFILE)),
    ],
};

pub(super) static SE_LINUX_OPTIONS: Message = Message {
    name: "SELinuxOptions",
    fields: &[one(1, "user", Text), one(2, "role", Text), one(3, "type", Text), one(4, "level", Text)],
};

pub(super) static SLEEP_ACTION: Message = Message { name: "SleepAction", fields: &[one(1, "seconds", Number)] };

pub(super) static SYSCTL: Message = Message { name: "Sysctl", fields: &[one(1, "name", Text), one(2, "value", Text)] };

pub(super) static TCP_SOCKET_ACTION: Message =
    Message { name: "TCPSocketAction", fields: &[one(1, "port", IntOrString), one(2, "host", Text)] };

pub(super) static TOLERATION: Message = Message {
    name: "Toleration",
    fields: &[
        one(1, "key", Text),
        one(2, "operator", Text),
        one(3, "value", Text),
        one(4, "effect", Text),
        optional(5, "tolerationSeconds", Number),
    ],
};

pub(super) static TOPOLOGY_SELECTOR_LABEL_REQUIREMENT: Message =
    Message { name: "TopologySelectorLabelRequirement", fields: &[one(1, "key", Text), many(2, "values", Text)] };

pub(super) static TOPOLOGY_SELECTOR_TERM: Message = Message {
    name: "TopologySelectorTerm",
    fields: &[many(1, "matchLabelExpressions", Type::Message(&TOPOLOGY_SELECTOR_LABEL_REQUIREMENT))],
};

pub(super) static TOPOLOGY_SPREAD_CONSTRAINT: Message = Message {
    name: "TopologySpreadConstraint",
    fields: &[
        one(1, "maxSkew", Number),
        one(2, "topologyKey", Text),
        one(3, "whenUnsatisfiable", Text),
        optional(4, "labelSelector", Type::Message(&LABEL_SELECTOR)),
        optional(5, "minDomains", Number),
        optional(6, "nodeAffinityPolicy", Text),
        optional(7, "nodeTaintsPolicy", Text),
        many(8, "matchLabelKeys", Text),
    ],
};

pub(super) static WEIGHTED_POD_AFFINITY_TERM: Message = Message {
    name: "WeightedPodAffinityTerm",
    fields: &[one(1, "weight", Number), one(2, "podAffinityTerm", Type::Message(&POD_AFFINITY_TERM))],
};

pub(super) static WINDOWS_SECURITY_CONTEXT_OPTIONS: Message = Message {
    name: "WindowsSecurityContextOptions",
    fields: &[
        optional(1, "gmsaCredentialSpecName", Text),
        optional(2, "gmsaCredentialSpec", Text),
        optional(3, "runAsUserName", Text),
        optional(4, "hostProcess", Bool),
    ],
};
