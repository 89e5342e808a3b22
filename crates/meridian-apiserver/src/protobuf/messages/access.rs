//! `rbac.authorization.k8s.io` and `authorization.k8s.io`.

use super::Type::{Bool, Text, TextsMap};
use super::others::LABEL_SELECTOR;
use super::{
    METADATA, Message, NON_RESOURCE_ATTRIBUTES, RESOURCE_ATTRIBUTES, SUBJECT_ACCESS_REVIEW_STATUS, Type, many, one,
    optional,
};

pub(super) static AGGREGATION_RULE: Message =
    Message { name: "AggregationRule", fields: &[many(1, "clusterRoleSelectors", Type::Message(&LABEL_SELECTOR))] };

pub(super) static CLUSTER_ROLE: Message = Message {
    name: "ClusterRole",
    fields: &[
        METADATA,
        many(2, "rules", Type::Message(&POLICY_RULE)),
        optional(3, "aggregationRule", Type::Message(&AGGREGATION_RULE)),
    ],
};

pub(super) static CLUSTER_ROLE_BINDING: Message = Message {
    name: "ClusterRoleBinding",
    fields: &[METADATA, many(2, "subjects", Type::Message(&SUBJECT)), one(3, "roleRef", Type::Message(&ROLE_REF))],
};

pub(super) static LOCAL_SUBJECT_ACCESS_REVIEW: Message = Message {
    name: "LocalSubjectAccessReview",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&SUBJECT_ACCESS_REVIEW_SPEC)),
        one(3, "status", Type::Message(&SUBJECT_ACCESS_REVIEW_STATUS)),
    ],
};

pub(super) static NON_RESOURCE_RULE: Message =
    Message { name: "NonResourceRule", fields: &[many(1, "verbs", Text), many(2, "nonResourceURLs", Text)] };

pub(super) static POLICY_RULE: Message = Message {
    name: "PolicyRule",
    fields: &[
        many(1, "verbs", Text),
        many(2, "apiGroups", Text),
        many(3, "resources", Text),
        many(4, "resourceNames", Text),
        many(5, "nonResourceURLs", Text),
    ],
};

pub(super) static RESOURCE_RULE: Message = Message {
    name: "ResourceRule",
    fields: &[
        many(1, "verbs", Text),
        many(2, "apiGroups", Text),
        many(3, "resources", Text),
        many(4, "resourceNames", Text),
    ],
};

pub(super) static ROLE: Message =
    Message { name: "Role", fields: &[METADATA, many(2, "rules", Type::Message(&POLICY_RULE))] };

pub(super) static ROLE_BINDING: Message = Message {
    name: "RoleBinding",
    fields: &[METADATA, many(2, "subjects", Type::Message(&SUBJECT)), one(3, "roleRef", Type::Message(&ROLE_REF))],
};

pub(super) static ROLE_REF: Message =
    Message { name: "RoleRef", fields: &[one(1, "apiGroup", Text), one(2, "kind", Text), one(3, "name", Text)] };

pub(super) static SELF_SUBJECT_RULES_REVIEW: Message = Message {
    name: "SelfSubjectRulesReview",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&SELF_SUBJECT_RULES_REVIEW_SPEC)),
        one(3, "status", Type::Message(&SUBJECT_RULES_REVIEW_STATUS)),
    ],
};

pub(super) static SELF_SUBJECT_RULES_REVIEW_SPEC: Message =
    Message { name: "SelfSubjectRulesReviewSpec", fields: &[one(1, "namespace", Text)] };

pub(super) static SUBJECT: Message = Message {
    name: "Subject",
    fields: &[one(1, "kind", Text), one(2, "apiGroup", Text), one(3, "name", Text), one(4, "namespace", Text)],
};

pub(super) static SUBJECT_ACCESS_REVIEW: Message = Message {
    name: "SubjectAccessReview",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&SUBJECT_ACCESS_REVIEW_SPEC)),
        one(3, "status", Type::Message(&SUBJECT_ACCESS_REVIEW_STATUS)),
    ],
};

pub(super) static SUBJECT_ACCESS_REVIEW_SPEC: Message = Message {
    name: "SubjectAccessReviewSpec",
    fields: &[
        optional(1, "resourceAttributes", Type::Message(&RESOURCE_ATTRIBUTES)),
        optional(2, "nonResourceAttributes", Type::Message(&NON_RESOURCE_ATTRIBUTES)),
        one(3, "user", Text),
        many(4, "groups", Text),
        one(5, "extra", TextsMap),
        one(6, "uid", Text),
    ],
};

pub(super) static SUBJECT_RULES_REVIEW_STATUS: Message = Message {
    name: "SubjectRulesReviewStatus",
    fields: &[
        many(1, "resourceRules", Type::Message(&RESOURCE_RULE)),
        many(2, "nonResourceRules", Type::Message(&NON_RESOURCE_RULE)),
        one(3, "incomplete", Bool),
        one(4, "evaluationError", Text),
    ],
};
