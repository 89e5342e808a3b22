//! The messages that clients send in protobuf: field numbers and JSON names (`generated.proto` of `k8s.io/api`).

mod access;
mod others;
mod pods;
mod volumes;
mod workloads;

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) type_: Type,
    pub(super) repeated: bool,
    /// Whether a zero means something: fields that can also be absent are only written when they are set.
    pub(super) keep_zero: bool,
}

/// What a field holds, in JSON's terms.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    Text,
    Number,
    Bool,
    Message(&'static Message),
    /// A message whose fields JSON has among those of the message around it.
    Inline(&'static Message),
    /// A map of texts.
    TextMap,
    /// A map of bytes, which are base64 in JSON.
    BytesMap,
    /// A map of lists of texts.
    TextsMap,
    IntOrString,
    /// `resource.Quantity`, a text in JSON.
    Quantity,
    /// A map of quantities.
    QuantityMap,
    /// Seconds since 1970, RFC 3339 in JSON.
    Time,
    /// The same with microseconds.
    MicroTime,
    /// JSON in bytes.
    Json,
}

use Type::{Bool, BytesMap, IntOrString, Json, Number, Text, TextMap, Time};

/// A plain field.
const fn one(number: u64, name: &'static str, type_: Type) -> Field {
    Field { number, name, type_, repeated: false, keep_zero: false }
}

/// A list.
const fn many(number: u64, name: &'static str, type_: Type) -> Field {
    Field { number, name, type_, repeated: true, keep_zero: false }
}

/// A field that can be absent.
const fn optional(number: u64, name: &'static str, type_: Type) -> Field {
    Field { number, name, type_, repeated: false, keep_zero: true }
}

/// The message of a kind.
pub(super) fn find(api_version: &str, kind: &str) -> Option<&'static Message> {
    Some(match (api_version, kind) {
        ("v1", "ConfigMap") => &CONFIG_MAP,
        ("v1", "Endpoints") => &ENDPOINTS,
        ("v1", "Namespace") => &NAMESPACE,
        ("v1", "Secret") => &SECRET,
        ("v1", "Service") => &SERVICE,
        ("v1", "ServiceAccount") => &SERVICE_ACCOUNT,
        ("discovery.k8s.io/v1", "EndpointSlice") => &ENDPOINT_SLICE,
        ("networking.k8s.io/v1", "Ingress") => &INGRESS,
        ("networking.k8s.io/v1", "IngressClass") => &INGRESS_CLASS,
        ("v1", "Pod") => &pods::POD,
        ("v1", "ReplicationController") => &pods::REPLICATION_CONTROLLER,
        ("v1", "PodTemplate") => &pods::POD_TEMPLATE,
        ("v1", "PersistentVolumeClaim") => &volumes::PERSISTENT_VOLUME_CLAIM,
        ("v1", "LimitRange") => &others::LIMIT_RANGE,
        ("v1", "ResourceQuota") => &others::RESOURCE_QUOTA,
        ("v1", "Event") => &others::EVENT,
        ("apps/v1", "Deployment") => &workloads::DEPLOYMENT,
        ("apps/v1", "ReplicaSet") => &workloads::REPLICA_SET,
        ("apps/v1", "StatefulSet") => &workloads::STATEFUL_SET,
        ("apps/v1", "DaemonSet") => &workloads::DAEMON_SET,
        ("autoscaling/v1", "HorizontalPodAutoscaler") => &workloads::V1_HORIZONTAL_POD_AUTOSCALER,
        ("autoscaling/v1", "Scale") => &workloads::SCALE,
        ("autoscaling/v2", "HorizontalPodAutoscaler") => &workloads::HORIZONTAL_POD_AUTOSCALER,
        ("batch/v1", "Job") => &workloads::JOB,
        ("batch/v1", "CronJob") => &workloads::CRON_JOB,
        ("coordination.k8s.io/v1", "Lease") => &others::LEASE,
        ("events.k8s.io/v1", "Event") => &others::EVENTS_EVENT,
        ("networking.k8s.io/v1", "NetworkPolicy") => &others::NETWORK_POLICY,
        ("policy/v1", "PodDisruptionBudget") => &workloads::POD_DISRUPTION_BUDGET,
        ("policy/v1", "Eviction") => &workloads::EVICTION,
        ("rbac.authorization.k8s.io/v1", "Role") => &access::ROLE,
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => &access::CLUSTER_ROLE,
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => &access::ROLE_BINDING,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => &access::CLUSTER_ROLE_BINDING,
        ("scheduling.k8s.io/v1", "PriorityClass") => &others::PRIORITY_CLASS,
        ("storage.k8s.io/v1", "StorageClass") => &others::STORAGE_CLASS,
        ("authorization.k8s.io/v1", "SubjectAccessReview") => &access::SUBJECT_ACCESS_REVIEW,
        ("authorization.k8s.io/v1", "LocalSubjectAccessReview") => &access::LOCAL_SUBJECT_ACCESS_REVIEW,
        ("authorization.k8s.io/v1", "SelfSubjectRulesReview") => &access::SELF_SUBJECT_RULES_REVIEW,
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview") => &SELF_SUBJECT_ACCESS_REVIEW,
        ("authentication.k8s.io/v1", "SelfSubjectReview") => &SELF_SUBJECT_REVIEW,
        ("authentication.k8s.io/v1", "TokenRequest") => &TOKEN_REQUEST,
        ("authentication.k8s.io/v1", "TokenReview") => &TOKEN_REVIEW,
        (_, "DeleteOptions") => &DELETE_OPTIONS,
        _ => return None,
    })
}

static OBJECT_META: Message = Message {
    name: "ObjectMeta",
    fields: &[
        one(1, "name", Text),
        one(2, "generateName", Text),
        one(3, "namespace", Text),
        one(4, "selfLink", Text),
        one(5, "uid", Text),
        one(6, "resourceVersion", Text),
        one(7, "generation", Number),
        one(8, "creationTimestamp", Time),
        one(9, "deletionTimestamp", Time),
        optional(10, "deletionGracePeriodSeconds", Number),
        one(11, "labels", TextMap),
        one(12, "annotations", TextMap),
        many(13, "ownerReferences", Type::Message(&OWNER_REFERENCE)),
        many(14, "finalizers", Text),
        many(17, "managedFields", Type::Message(&MANAGED_FIELDS_ENTRY)),
    ],
};

static OWNER_REFERENCE: Message = Message {
    name: "OwnerReference",
    fields: &[
        one(1, "kind", Text),
        one(3, "name", Text),
        one(4, "uid", Text),
        one(5, "apiVersion", Text),
        optional(6, "controller", Bool),
        optional(7, "blockOwnerDeletion", Bool),
    ],
};

static MANAGED_FIELDS_ENTRY: Message = Message {
    name: "ManagedFieldsEntry",
    fields: &[
        one(1, "manager", Text),
        one(2, "operation", Text),
        one(3, "apiVersion", Text),
        one(4, "time", Time),
        one(6, "fieldsType", Text),
        one(7, "fieldsV1", Json),
        one(8, "subresource", Text),
    ],
};

static CONDITION: Message = Message {
    name: "Condition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "observedGeneration", Number),
        one(4, "lastTransitionTime", Time),
        one(5, "reason", Text),
        one(6, "message", Text),
    ],
};

const METADATA: Field = one(1, "metadata", Type::Message(&OBJECT_META));

static CONFIG_MAP: Message = Message {
    name: "ConfigMap",
    fields: &[METADATA, one(2, "data", TextMap), one(3, "binaryData", BytesMap), optional(4, "immutable", Bool)],
};

static SECRET: Message = Message {
    name: "Secret",
    fields: &[
        METADATA,
        one(2, "data", BytesMap),
        one(3, "type", Text),
        one(4, "stringData", TextMap),
        optional(5, "immutable", Bool),
    ],
};

static NAMESPACE: Message = Message {
    name: "Namespace",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&NAMESPACE_SPEC)),
        one(3, "status", Type::Message(&NAMESPACE_STATUS)),
    ],
};

static NAMESPACE_SPEC: Message = Message { name: "NamespaceSpec", fields: &[many(1, "finalizers", Text)] };

static NAMESPACE_STATUS: Message = Message {
    name: "NamespaceStatus",
    fields: &[one(1, "phase", Text), many(2, "conditions", Type::Message(&NAMESPACE_CONDITION))],
};

static NAMESPACE_CONDITION: Message = Message {
    name: "NamespaceCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(4, "lastTransitionTime", Time),
        one(5, "reason", Text),
        one(6, "message", Text),
    ],
};

static SERVICE: Message = Message {
    name: "Service",
    fields: &[METADATA, one(2, "spec", Type::Message(&SERVICE_SPEC)), one(3, "status", Type::Message(&SERVICE_STATUS))],
};

static SERVICE_SPEC: Message = Message {
    name: "ServiceSpec",
    fields: &[
        many(1, "ports", Type::Message(&SERVICE_PORT)),
        one(2, "selector", TextMap),
        one(3, "clusterIP", Text),
        one(4, "type", Text),
        many(5, "externalIPs", Text),
        one(7, "sessionAffinity", Text),
        one(8, "loadBalancerIP", Text),
        many(9, "loadBalancerSourceRanges", Text),
        one(10, "externalName", Text),
        one(11, "externalTrafficPolicy", Text),
        one(12, "healthCheckNodePort", Number),
        one(13, "publishNotReadyAddresses", Bool),
        one(14, "sessionAffinityConfig", Type::Message(&SESSION_AFFINITY_CONFIG)),
        optional(17, "ipFamilyPolicy", Text),
        many(18, "clusterIPs", Text),
        many(19, "ipFamilies", Text),
        optional(20, "allocateLoadBalancerNodePorts", Bool),
        optional(21, "loadBalancerClass", Text),
        optional(22, "internalTrafficPolicy", Text),
        optional(23, "trafficDistribution", Text),
    ],
};

static SERVICE_PORT: Message = Message {
    name: "ServicePort",
    fields: &[
        one(1, "name", Text),
        one(2, "protocol", Text),
        one(3, "port", Number),
        one(4, "targetPort", IntOrString),
        one(5, "nodePort", Number),
        optional(6, "appProtocol", Text),
    ],
};

static SESSION_AFFINITY_CONFIG: Message =
    Message { name: "SessionAffinityConfig", fields: &[one(1, "clientIP", Type::Message(&CLIENT_IP_CONFIG))] };

static CLIENT_IP_CONFIG: Message = Message { name: "ClientIPConfig", fields: &[optional(1, "timeoutSeconds", Number)] };

static SERVICE_STATUS: Message = Message {
    name: "ServiceStatus",
    fields: &[
        one(1, "loadBalancer", Type::Message(&LOAD_BALANCER_STATUS)),
        many(2, "conditions", Type::Message(&CONDITION)),
    ],
};

static LOAD_BALANCER_STATUS: Message =
    Message { name: "LoadBalancerStatus", fields: &[many(1, "ingress", Type::Message(&LOAD_BALANCER_INGRESS))] };

static LOAD_BALANCER_INGRESS: Message = Message {
    name: "LoadBalancerIngress",
    fields: &[
        one(1, "ip", Text),
        one(2, "hostname", Text),
        optional(3, "ipMode", Text),
        many(4, "ports", Type::Message(&PORT_STATUS)),
    ],
};

static PORT_STATUS: Message = Message {
    name: "PortStatus",
    fields: &[one(1, "port", Number), one(2, "protocol", Text), optional(3, "error", Text)],
};

static ENDPOINTS: Message =
    Message { name: "Endpoints", fields: &[METADATA, many(2, "subsets", Type::Message(&ENDPOINT_SUBSET))] };

static ENDPOINT_SUBSET: Message = Message {
    name: "EndpointSubset",
    fields: &[
        many(1, "addresses", Type::Message(&ENDPOINT_ADDRESS)),
        many(2, "notReadyAddresses", Type::Message(&ENDPOINT_ADDRESS)),
        many(3, "ports", Type::Message(&ENDPOINT_PORT)),
    ],
};

static ENDPOINT_ADDRESS: Message = Message {
    name: "EndpointAddress",
    fields: &[
        one(1, "ip", Text),
        one(2, "targetRef", Type::Message(&OBJECT_REFERENCE)),
        one(3, "hostname", Text),
        optional(4, "nodeName", Text),
    ],
};

static ENDPOINT_PORT: Message = Message {
    name: "EndpointPort",
    fields: &[one(1, "name", Text), one(2, "port", Number), one(3, "protocol", Text), optional(4, "appProtocol", Text)],
};

static OBJECT_REFERENCE: Message = Message {
    name: "ObjectReference",
    fields: &[
        one(1, "kind", Text),
        one(2, "namespace", Text),
        one(3, "name", Text),
        one(4, "uid", Text),
        one(5, "apiVersion", Text),
        one(6, "resourceVersion", Text),
        one(7, "fieldPath", Text),
    ],
};

static ENDPOINT_SLICE: Message = Message {
    name: "EndpointSlice",
    fields: &[
        METADATA,
        many(2, "endpoints", Type::Message(&ENDPOINT)),
        many(3, "ports", Type::Message(&SLICE_PORT)),
        one(4, "addressType", Text),
    ],
};

static ENDPOINT: Message = Message {
    name: "Endpoint",
    fields: &[
        many(1, "addresses", Text),
        one(2, "conditions", Type::Message(&ENDPOINT_CONDITIONS)),
        optional(3, "hostname", Text),
        one(4, "targetRef", Type::Message(&OBJECT_REFERENCE)),
        one(5, "deprecatedTopology", TextMap),
        optional(6, "nodeName", Text),
        optional(7, "zone", Text),
        one(8, "hints", Type::Message(&ENDPOINT_HINTS)),
    ],
};

static ENDPOINT_CONDITIONS: Message = Message {
    name: "EndpointConditions",
    fields: &[optional(1, "ready", Bool), optional(2, "serving", Bool), optional(3, "terminating", Bool)],
};

static ENDPOINT_HINTS: Message = Message {
    name: "EndpointHints",
    fields: &[many(1, "forZones", Type::Message(&NAMED)), many(2, "forNodes", Type::Message(&NAMED))],
};

/// `ForZone` and `ForNode`.
static NAMED: Message = Message { name: "ForZone", fields: &[one(1, "name", Text)] };

/// The port of an EndpointSlice, which can leave out what that of Endpoints cannot.
static SLICE_PORT: Message = Message {
    name: "EndpointPort",
    fields: &[
        optional(1, "name", Text),
        optional(2, "protocol", Text),
        optional(3, "port", Number),
        optional(4, "appProtocol", Text),
    ],
};

static INGRESS: Message = Message {
    name: "Ingress",
    fields: &[METADATA, one(2, "spec", Type::Message(&INGRESS_SPEC)), one(3, "status", Type::Message(&INGRESS_STATUS))],
};

static INGRESS_SPEC: Message = Message {
    name: "IngressSpec",
    fields: &[
        one(1, "defaultBackend", Type::Message(&INGRESS_BACKEND)),
        many(2, "tls", Type::Message(&INGRESS_TLS)),
        many(3, "rules", Type::Message(&INGRESS_RULE)),
        optional(4, "ingressClassName", Text),
    ],
};

static INGRESS_BACKEND: Message = Message {
    name: "IngressBackend",
    fields: &[
        one(3, "resource", Type::Message(&TYPED_LOCAL_OBJECT_REFERENCE)),
        one(4, "service", Type::Message(&INGRESS_SERVICE_BACKEND)),
    ],
};

static TYPED_LOCAL_OBJECT_REFERENCE: Message = Message {
    name: "TypedLocalObjectReference",
    fields: &[optional(1, "apiGroup", Text), one(2, "kind", Text), one(3, "name", Text)],
};

static INGRESS_SERVICE_BACKEND: Message = Message {
    name: "IngressServiceBackend",
    fields: &[one(1, "name", Text), one(2, "port", Type::Message(&SERVICE_BACKEND_PORT))],
};

static SERVICE_BACKEND_PORT: Message =
    Message { name: "ServiceBackendPort", fields: &[one(1, "name", Text), one(2, "number", Number)] };

static INGRESS_TLS: Message =
    Message { name: "IngressTLS", fields: &[many(1, "hosts", Text), one(2, "secretName", Text)] };

static INGRESS_RULE: Message = Message {
    name: "IngressRule",
    fields: &[one(1, "host", Text), one(2, "ingressRuleValue", Type::Inline(&INGRESS_RULE_VALUE))],
};

static INGRESS_RULE_VALUE: Message =
    Message { name: "IngressRuleValue", fields: &[optional(1, "http", Type::Message(&HTTP_INGRESS_RULE_VALUE))] };

static HTTP_INGRESS_RULE_VALUE: Message =
    Message { name: "HTTPIngressRuleValue", fields: &[many(1, "paths", Type::Message(&HTTP_INGRESS_PATH))] };

static HTTP_INGRESS_PATH: Message = Message {
    name: "HTTPIngressPath",
    fields: &[one(1, "path", Text), one(2, "backend", Type::Message(&INGRESS_BACKEND)), optional(3, "pathType", Text)],
};

static INGRESS_STATUS: Message =
    Message { name: "IngressStatus", fields: &[one(1, "loadBalancer", Type::Message(&INGRESS_LOAD_BALANCER_STATUS))] };

static INGRESS_LOAD_BALANCER_STATUS: Message = Message {
    name: "IngressLoadBalancerStatus",
    fields: &[many(1, "ingress", Type::Message(&INGRESS_LOAD_BALANCER_INGRESS))],
};

static INGRESS_LOAD_BALANCER_INGRESS: Message = Message {
    name: "IngressLoadBalancerIngress",
    fields: &[one(1, "ip", Text), one(2, "hostname", Text), many(4, "ports", Type::Message(&PORT_STATUS))],
};

static INGRESS_CLASS: Message =
    Message { name: "IngressClass", fields: &[METADATA, one(2, "spec", Type::Message(&INGRESS_CLASS_SPEC))] };

static INGRESS_CLASS_SPEC: Message = Message {
    name: "IngressClassSpec",
    fields: &[one(1, "controller", Text), one(2, "parameters", Type::Message(&INGRESS_CLASS_PARAMETERS))],
};

static INGRESS_CLASS_PARAMETERS: Message = Message {
    name: "IngressClassParametersReference",
    fields: &[
        optional(1, "apiGroup", Text),
        one(2, "kind", Text),
        one(3, "name", Text),
        optional(4, "scope", Text),
        optional(5, "namespace", Text),
    ],
};

static SELF_SUBJECT_ACCESS_REVIEW: Message = Message {
    name: "SelfSubjectAccessReview",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&SELF_SUBJECT_ACCESS_REVIEW_SPEC)),
        one(3, "status", Type::Message(&SUBJECT_ACCESS_REVIEW_STATUS)),
    ],
};

static SELF_SUBJECT_ACCESS_REVIEW_SPEC: Message = Message {
    name: "SelfSubjectAccessReviewSpec",
    fields: &[
        one(1, "resourceAttributes", Type::Message(&RESOURCE_ATTRIBUTES)),
        one(2, "nonResourceAttributes", Type::Message(&NON_RESOURCE_ATTRIBUTES)),
    ],
};

static RESOURCE_ATTRIBUTES: Message = Message {
    name: "ResourceAttributes",
    fields: &[
        one(1, "namespace", Text),
        one(2, "verb", Text),
        one(3, "group", Text),
        one(4, "version", Text),
        one(5, "resource", Text),
        one(6, "subresource", Text),
        one(7, "name", Text),
    ],
};

static NON_RESOURCE_ATTRIBUTES: Message =
    Message { name: "NonResourceAttributes", fields: &[one(1, "path", Text), one(2, "verb", Text)] };

static SUBJECT_ACCESS_REVIEW_STATUS: Message = Message {
    name: "SubjectAccessReviewStatus",
    fields: &[one(1, "allowed", Bool), one(2, "reason", Text), one(3, "evaluationError", Text), one(4, "denied", Bool)],
};

static SELF_SUBJECT_REVIEW: Message =
    Message { name: "SelfSubjectReview", fields: &[METADATA, one(2, "status", Type::Message(&EMPTY))] };

/// A status that clients send empty.
static EMPTY: Message =
    Message { name: "SelfSubjectReviewStatus", fields: &[one(1, "userInfo", Type::Message(&USER_INFO))] };

static USER_INFO: Message =
    Message { name: "UserInfo", fields: &[one(1, "username", Text), one(2, "uid", Text), many(3, "groups", Text)] };

static SERVICE_ACCOUNT: Message = Message {
    name: "ServiceAccount",
    fields: &[
        METADATA,
        many(2, "secrets", Type::Message(&OBJECT_REFERENCE)),
        many(3, "imagePullSecrets", Type::Message(&LOCAL_OBJECT_REFERENCE)),
        optional(4, "automountServiceAccountToken", Bool),
    ],
};

static LOCAL_OBJECT_REFERENCE: Message = Message { name: "LocalObjectReference", fields: &[one(1, "name", Text)] };

static TOKEN_REQUEST: Message = Message {
    name: "TokenRequest",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&TOKEN_REQUEST_SPEC)),
        one(3, "status", Type::Message(&TOKEN_REQUEST_STATUS)),
    ],
};

static TOKEN_REQUEST_SPEC: Message = Message {
    name: "TokenRequestSpec",
    fields: &[
        many(1, "audiences", Text),
        optional(3, "boundObjectRef", Type::Message(&BOUND_OBJECT_REFERENCE)),
        optional(4, "expirationSeconds", Number),
    ],
};

static BOUND_OBJECT_REFERENCE: Message = Message {
    name: "BoundObjectReference",
    fields: &[one(1, "kind", Text), one(2, "apiVersion", Text), one(3, "name", Text), one(4, "uid", Text)],
};

static TOKEN_REQUEST_STATUS: Message =
    Message { name: "TokenRequestStatus", fields: &[one(1, "token", Text), one(2, "expirationTimestamp", Time)] };

static TOKEN_REVIEW: Message = Message {
    name: "TokenReview",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&TOKEN_REVIEW_SPEC)),
        one(3, "status", Type::Message(&TOKEN_REVIEW_STATUS)),
    ],
};

static TOKEN_REVIEW_SPEC: Message =
    Message { name: "TokenReviewSpec", fields: &[one(1, "token", Text), many(2, "audiences", Text)] };

/// Clients send it empty.
static TOKEN_REVIEW_STATUS: Message = Message {
    name: "TokenReviewStatus",
    fields: &[
        one(1, "authenticated", Bool),
        one(2, "user", Type::Message(&USER_INFO)),
        one(3, "error", Text),
        many(4, "audiences", Text),
    ],
};

static DELETE_OPTIONS: Message = Message {
    name: "DeleteOptions",
    fields: &[
        optional(1, "gracePeriodSeconds", Number),
        one(2, "preconditions", Type::Message(&PRECONDITIONS)),
        optional(3, "orphanDependents", Bool),
        optional(4, "propagationPolicy", Text),
        many(5, "dryRun", Text),
    ],
};

static PRECONDITIONS: Message =
    Message { name: "Preconditions", fields: &[optional(1, "uid", Text), optional(2, "resourceVersion", Text)] };
