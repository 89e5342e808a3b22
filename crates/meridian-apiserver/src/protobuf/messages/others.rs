//! Events, quotas, leases, network policies and classes.

use super::Type::{Bool, IntOrString, MicroTime, Number, QuantityMap, Text, TextMap, Time};
use super::pods::TOPOLOGY_SELECTOR_TERM;
use super::{METADATA, Message, OBJECT_REFERENCE, Type, many, one, optional};

pub(super) static EVENT: Message = Message {
    name: "Event",
    fields: &[
        METADATA,
        one(2, "involvedObject", Type::Message(&OBJECT_REFERENCE)),
        one(3, "reason", Text),
        one(4, "message", Text),
        one(5, "source", Type::Message(&EVENT_SOURCE)),
        one(6, "firstTimestamp", Time),
        one(7, "lastTimestamp", Time),
        one(8, "count", Number),
        one(9, "type", Text),
        one(10, "eventTime", MicroTime),
        optional(11, "series", Type::Message(&EVENT_SERIES)),
        one(12, "action", Text),
        optional(13, "related", Type::Message(&OBJECT_REFERENCE)),
        one(14, "reportingComponent", Text),
        one(15, "reportingInstance", Text),
    ],
};

pub(super) static EVENTS_EVENT: Message = Message {
    name: "Event",
    fields: &[
        METADATA,
        one(2, "eventTime", MicroTime),
        optional(3, "series", Type::Message(&EVENTS_EVENT_SERIES)),
        one(4, "reportingController", Text),
        one(5, "reportingInstance", Text),
        one(6, "action", Text),
        one(7, "reason", Text),
        one(8, "regarding", Type::Message(&OBJECT_REFERENCE)),
        optional(9, "related", Type::Message(&OBJECT_REFERENCE)),
        one(10, "note", Text),
        one(11, "type", Text),
        one(12, "deprecatedSource", Type::Message(&EVENT_SOURCE)),
        one(13, "deprecatedFirstTimestamp", Time),
        one(14, "deprecatedLastTimestamp", Time),
        one(15, "deprecatedCount", Number),
    ],
};

pub(super) static EVENTS_EVENT_SERIES: Message =
    Message { name: "EventSeries", fields: &[one(1, "count", Number), one(2, "lastObservedTime", MicroTime)] };

pub(super) static EVENT_SERIES: Message =
    Message { name: "EventSeries", fields: &[one(1, "count", Number), one(2, "lastObservedTime", MicroTime)] };

pub(super) static EVENT_SOURCE: Message =
    Message { name: "EventSource", fields: &[one(1, "component", Text), one(2, "host", Text)] };

pub(super) static IP_BLOCK: Message =
    Message { name: "IPBlock", fields: &[one(1, "cidr", Text), many(2, "except", Text)] };

pub(super) static LABEL_SELECTOR: Message = Message {
    name: "LabelSelector",
    fields: &[one(1, "matchLabels", TextMap), many(2, "matchExpressions", Type::Message(&LABEL_SELECTOR_REQUIREMENT))],
};

pub(super) static LABEL_SELECTOR_REQUIREMENT: Message = Message {
    name: "LabelSelectorRequirement",
    fields: &[one(1, "key", Text), one(2, "operator", Text), many(3, "values", Text)],
};

pub(super) static LEASE: Message =
    Message { name: "Lease", fields: &[METADATA, one(2, "spec", Type::Message(&LEASE_SPEC))] };

pub(super) static LEASE_SPEC: Message = Message {
    name: "LeaseSpec",
    fields: &[
        optional(1, "holderIdentity", Text),
        optional(2, "leaseDurationSeconds", Number),
        optional(3, "acquireTime", MicroTime),
        optional(4, "renewTime", MicroTime),
        optional(5, "leaseTransitions", Number),
        optional(6, "strategy", Text),
        optional(7, "preferredHolder", Text),
    ],
};

pub(super) static LIMIT_RANGE: Message =
    Message { name: "LimitRange", fields: &[METADATA, one(2, "spec", Type::Message(&LIMIT_RANGE_SPEC))] };

pub(super) static LIMIT_RANGE_ITEM: Message = Message {
    name: "LimitRangeItem",
    fields: &[
        one(1, "type", Text),
        one(2, "max", QuantityMap),
        one(3, "min", QuantityMap),
        one(4, "default", QuantityMap),
        one(5, "defaultRequest", QuantityMap),
        one(6, "maxLimitRequestRatio", QuantityMap),
    ],
};

pub(super) static LIMIT_RANGE_SPEC: Message =
    Message { name: "LimitRangeSpec", fields: &[many(1, "limits", Type::Message(&LIMIT_RANGE_ITEM))] };

pub(super) static NETWORK_POLICY: Message =
    Message { name: "NetworkPolicy", fields: &[METADATA, one(2, "spec", Type::Message(&NETWORK_POLICY_SPEC))] };

pub(super) static NETWORK_POLICY_EGRESS_RULE: Message = Message {
    name: "NetworkPolicyEgressRule",
    fields: &[
        many(1, "ports", Type::Message(&NETWORK_POLICY_PORT)),
        many(2, "to", Type::Message(&NETWORK_POLICY_PEER)),
    ],
};

pub(super) static NETWORK_POLICY_INGRESS_RULE: Message = Message {
    name: "NetworkPolicyIngressRule",
    fields: &[
        many(1, "ports", Type::Message(&NETWORK_POLICY_PORT)),
        many(2, "from", Type::Message(&NETWORK_POLICY_PEER)),
    ],
};

pub(super) static NETWORK_POLICY_PEER: Message = Message {
    name: "NetworkPolicyPeer",
    fields: &[
        optional(1, "podSelector", Type::Message(&LABEL_SELECTOR)),
        optional(2, "namespaceSelector", Type::Message(&LABEL_SELECTOR)),
        optional(3, "ipBlock", Type::Message(&IP_BLOCK)),
    ],
};

pub(super) static NETWORK_POLICY_PORT: Message = Message {
    name: "NetworkPolicyPort",
    fields: &[optional(1, "protocol", Text), optional(2, "port", IntOrString), optional(3, "endPort", Number)],
};

pub(super) static NETWORK_POLICY_SPEC: Message = Message {
    name: "NetworkPolicySpec",
    fields: &[
        one(1, "podSelector", Type::Message(&LABEL_SELECTOR)),
        many(2, "ingress", Type::Message(&NETWORK_POLICY_INGRESS_RULE)),
        many(3, "egress", Type::Message(&NETWORK_POLICY_EGRESS_RULE)),
        many(4, "policyTypes", Text),
    ],
};

pub(super) static PRIORITY_CLASS: Message = Message {
    name: "PriorityClass",
    fields: &[
        METADATA,
        one(2, "value", Number),
        one(3, "globalDefault", Bool),
        one(4, "description", Text),
        optional(5, "preemptionPolicy", Text),
    ],
};

pub(super) static RESOURCE_QUOTA: Message = Message {
    name: "ResourceQuota",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&RESOURCE_QUOTA_SPEC)),
        one(3, "status", Type::Message(&RESOURCE_QUOTA_STATUS)),
    ],
};

pub(super) static RESOURCE_QUOTA_SPEC: Message = Message {
    name: "ResourceQuotaSpec",
    fields: &[
        one(1, "hard", QuantityMap),
        many(2, "scopes", Text),
        optional(3, "scopeSelector", Type::Message(&SCOPE_SELECTOR)),
    ],
};

pub(super) static RESOURCE_QUOTA_STATUS: Message =
    Message { name: "ResourceQuotaStatus", fields: &[one(1, "hard", QuantityMap), one(2, "used", QuantityMap)] };

pub(super) static SCOPED_RESOURCE_SELECTOR_REQUIREMENT: Message = Message {
    name: "ScopedResourceSelectorRequirement",
    fields: &[one(1, "scopeName", Text), one(2, "operator", Text), many(3, "values", Text)],
};

pub(super) static SCOPE_SELECTOR: Message = Message {
    name: "ScopeSelector",
    fields: &[many(1, "matchExpressions", Type::Message(&SCOPED_RESOURCE_SELECTOR_REQUIREMENT))],
};

pub(super) static STORAGE_CLASS: Message = Message {
    name: "StorageClass",
    fields: &[
        METADATA,
        one(2, "provisioner", Text),
        one(3, "parameters", TextMap),
        optional(4, "reclaimPolicy", Text),
        many(5, "mountOptions", Text),
        optional(6, "allowVolumeExpansion", Bool),
        optional(7, "volumeBindingMode", Text),
        many(8, "allowedTopologies", Type::Message(&TOPOLOGY_SELECTOR_TERM)),
    ],
};
