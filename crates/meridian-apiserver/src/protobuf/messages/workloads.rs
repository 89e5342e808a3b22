//! What makes pods, scales and protects them: `apps`, `batch`, `autoscaling`, `policy`.

use super::Type::{Bool, IntOrString, Number, Quantity, Text, Time};
use super::others::LABEL_SELECTOR;
use super::pods::POD_TEMPLATE_SPEC;
use super::volumes::PERSISTENT_VOLUME_CLAIM;
use super::{CONDITION, DELETE_OPTIONS, METADATA, Message, OBJECT_REFERENCE, Type, many, one, optional};

pub(super) static CONTAINER_RESOURCE_METRIC_SOURCE: Message = Message {
    name: "ContainerResourceMetricSource",
    fields: &[one(1, "name", Text), one(2, "target", Type::Message(&METRIC_TARGET)), one(3, "container", Text)],
};

pub(super) static CONTAINER_RESOURCE_METRIC_STATUS: Message = Message {
    name: "ContainerResourceMetricStatus",
    fields: &[one(1, "name", Text), one(2, "current", Type::Message(&METRIC_VALUE_STATUS)), one(3, "container", Text)],
};

pub(super) static CRON_JOB: Message = Message {
    name: "CronJob",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&CRON_JOB_SPEC)),
        one(3, "status", Type::Message(&CRON_JOB_STATUS)),
    ],
};

pub(super) static CRON_JOB_SPEC: Message = Message {
    name: "CronJobSpec",
    fields: &[
        one(1, "schedule", Text),
        optional(2, "startingDeadlineSeconds", Number),
        one(3, "concurrencyPolicy", Text),
        optional(4, "suspend", Bool),
        one(5, "jobTemplate", Type::Message(&JOB_TEMPLATE_SPEC)),
        optional(6, "successfulJobsHistoryLimit", Number),
        optional(7, "failedJobsHistoryLimit", Number),
        optional(8, "timeZone", Text),
    ],
};

pub(super) static CRON_JOB_STATUS: Message = Message {
    name: "CronJobStatus",
    fields: &[
        many(1, "active", Type::Message(&OBJECT_REFERENCE)),
        optional(4, "lastScheduleTime", Time),
        optional(5, "lastSuccessfulTime", Time),
    ],
};

pub(super) static CROSS_VERSION_OBJECT_REFERENCE: Message = Message {
    name: "CrossVersionObjectReference",
    fields: &[one(1, "kind", Text), one(2, "name", Text), one(3, "apiVersion", Text)],
};

pub(super) static DAEMON_SET: Message = Message {
    name: "DaemonSet",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&DAEMON_SET_SPEC)),
        one(3, "status", Type::Message(&DAEMON_SET_STATUS)),
    ],
};

pub(super) static DAEMON_SET_CONDITION: Message = Message {
    name: "DaemonSetCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastTransitionTime", Time),
        one(4, "reason", Text),
        one(5, "message", Text),
    ],
};

pub(super) static DAEMON_SET_SPEC: Message = Message {
    name: "DaemonSetSpec",
    fields: &[
        optional(1, "selector", Type::Message(&LABEL_SELECTOR)),
        one(2, "template", Type::Message(&POD_TEMPLATE_SPEC)),
        one(3, "updateStrategy", Type::Message(&DAEMON_SET_UPDATE_STRATEGY)),
        one(4, "minReadySeconds", Number),
        optional(6, "revisionHistoryLimit", Number),
    ],
};

pub(super) static DAEMON_SET_STATUS: Message = Message {
    name: "DaemonSetStatus",
    fields: &[
        one(1, "currentNumberScheduled", Number),
        one(2, "numberMisscheduled", Number),
        one(3, "desiredNumberScheduled", Number),
        one(4, "numberReady", Number),
        one(5, "observedGeneration", Number),
        one(6, "updatedNumberScheduled", Number),
        one(7, "numberAvailable", Number),
        one(8, "numberUnavailable", Number),
        optional(9, "collisionCount", Number),
        many(10, "conditions", Type::Message(&DAEMON_SET_CONDITION)),
    ],
};

pub(super) static DAEMON_SET_UPDATE_STRATEGY: Message = Message {
    name: "DaemonSetUpdateStrategy",
    fields: &[one(1, "type", Text), optional(2, "rollingUpdate", Type::Message(&ROLLING_UPDATE_DAEMON_SET))],
};

pub(super) static DEPLOYMENT: Message = Message {
    name: "Deployment",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&DEPLOYMENT_SPEC)),
        one(3, "status", Type::Message(&DEPLOYMENT_STATUS)),
    ],
};

pub(super) static DEPLOYMENT_CONDITION: Message = Message {
    name: "DeploymentCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(4, "reason", Text),
        one(5, "message", Text),
        one(6, "lastUpdateTime", Time),
        one(7, "lastTransitionTime", Time),
    ],
};

pub(super) static DEPLOYMENT_SPEC: Message = Message {
    name: "DeploymentSpec",
    fields: &[
        optional(1, "replicas", Number),
        optional(2, "selector", Type::Message(&LABEL_SELECTOR)),
        one(3, "template", Type::Message(&POD_TEMPLATE_SPEC)),
        one(4, "strategy", Type::Message(&DEPLOYMENT_STRATEGY)),
        one(5, "minReadySeconds", Number),
        optional(6, "revisionHistoryLimit", Number),
        one(7, "paused", Bool),
        optional(9, "progressDeadlineSeconds", Number),
    ],
};

pub(super) static DEPLOYMENT_STATUS: Message = Message {
    name: "DeploymentStatus",
    fields: &[
        one(1, "observedGeneration", Number),
        one(2, "replicas", Number),
        one(3, "updatedReplicas", Number),
        one(4, "availableReplicas", Number),
        one(5, "unavailableReplicas", Number),
        many(6, "conditions", Type::Message(&DEPLOYMENT_CONDITION)),
        one(7, "readyReplicas", Number),
        optional(8, "collisionCount", Number),
        optional(9, "terminatingReplicas", Number),
    ],
};

pub(super) static DEPLOYMENT_STRATEGY: Message = Message {
    name: "DeploymentStrategy",
    fields: &[one(1, "type", Text), optional(2, "rollingUpdate", Type::Message(&ROLLING_UPDATE_DEPLOYMENT))],
};

pub(super) static EVICTION: Message =
    Message { name: "Eviction", fields: &[METADATA, optional(2, "deleteOptions", Type::Message(&DELETE_OPTIONS))] };

pub(super) static EXTERNAL_METRIC_SOURCE: Message = Message {
    name: "ExternalMetricSource",
    fields: &[one(1, "metric", Type::Message(&METRIC_IDENTIFIER)), one(2, "target", Type::Message(&METRIC_TARGET))],
};

pub(super) static EXTERNAL_METRIC_STATUS: Message = Message {
    name: "ExternalMetricStatus",
    fields: &[
        one(1, "metric", Type::Message(&METRIC_IDENTIFIER)),
        one(2, "current", Type::Message(&METRIC_VALUE_STATUS)),
    ],
};

pub(super) static HORIZONTAL_POD_AUTOSCALER: Message = Message {
    name: "HorizontalPodAutoscaler",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&HORIZONTAL_POD_AUTOSCALER_SPEC)),
        one(3, "status", Type::Message(&HORIZONTAL_POD_AUTOSCALER_STATUS)),
    ],
};

pub(super) static HORIZONTAL_POD_AUTOSCALER_BEHAVIOR: Message = Message {
    name: "HorizontalPodAutoscalerBehavior",
    fields: &[
        optional(1, "scaleUp", Type::Message(&HPA_SCALING_RULES)),
        optional(2, "scaleDown", Type::Message(&HPA_SCALING_RULES)),
    ],
};

pub(super) static HORIZONTAL_POD_AUTOSCALER_CONDITION: Message = Message {
    name: "HorizontalPodAutoscalerCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastTransitionTime", Time),
        one(4, "reason", Text),
        one(5, "message", Text),
    ],
};

pub(super) static HORIZONTAL_POD_AUTOSCALER_SPEC: Message = Message {
    name: "HorizontalPodAutoscalerSpec",
    fields: &[
        one(1, "scaleTargetRef", Type::Message(&V2_CROSS_VERSION_OBJECT_REFERENCE)),
        optional(2, "minReplicas", Number),
        one(3, "maxReplicas", Number),
        many(4, "metrics", Type::Message(&METRIC_SPEC)),
        optional(5, "behavior", Type::Message(&HORIZONTAL_POD_AUTOSCALER_BEHAVIOR)),
    ],
};

pub(super) static HORIZONTAL_POD_AUTOSCALER_STATUS: Message = Message {
    name: "HorizontalPodAutoscalerStatus",
    fields: &[
        optional(1, "observedGeneration", Number),
        optional(2, "lastScaleTime", Time),
        one(3, "currentReplicas", Number),
        one(4, "desiredReplicas", Number),
        many(5, "currentMetrics", Type::Message(&METRIC_STATUS)),
        many(6, "conditions", Type::Message(&HORIZONTAL_POD_AUTOSCALER_CONDITION)),
    ],
};

pub(super) static HPA_SCALING_POLICY: Message = Message {
    name: "HPAScalingPolicy",
    fields: &[one(1, "type", Text), one(2, "value", Number), one(3, "periodSeconds", Number)],
};

pub(super) static HPA_SCALING_RULES: Message = Message {
    name: "HPAScalingRules",
    fields: &[
        optional(1, "selectPolicy", Text),
        many(2, "policies", Type::Message(&HPA_SCALING_POLICY)),
        optional(3, "stabilizationWindowSeconds", Number),
        optional(4, "tolerance", Quantity),
    ],
};

pub(super) static JOB: Message = Message {
    name: "Job",
    fields: &[METADATA, one(2, "spec", Type::Message(&JOB_SPEC)), one(3, "status", Type::Message(&JOB_STATUS))],
};

pub(super) static JOB_CONDITION: Message = Message {
    name: "JobCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastProbeTime", Time),
        one(4, "lastTransitionTime", Time),
        one(5, "reason", Text),
        one(6, "message", Text),
    ],
};

pub(super) static JOB_SPEC: Message = Message {
    name: "JobSpec",
    fields: &[
        optional(1, "parallelism", Number),
        optional(2, "completions", Number),
        optional(3, "activeDeadlineSeconds", Number),
        optional(4, "selector", Type::Message(&LABEL_SELECTOR)),
        optional(5, "manualSelector", Bool),
        one(6, "template", Type::Message(&POD_TEMPLATE_SPEC)),
        optional(7, "backoffLimit", Number),
        optional(8, "ttlSecondsAfterFinished", Number),
        optional(9, "completionMode", Text),
        optional(10, "suspend", Bool),
        optional(11, "podFailurePolicy", Type::Message(&POD_FAILURE_POLICY)),
        optional(12, "backoffLimitPerIndex", Number),
        optional(13, "maxFailedIndexes", Number),
        optional(14, "podReplacementPolicy", Text),
        optional(15, "managedBy", Text),
        optional(16, "successPolicy", Type::Message(&SUCCESS_POLICY)),
    ],
};

pub(super) static JOB_STATUS: Message = Message {
    name: "JobStatus",
    fields: &[
        many(1, "conditions", Type::Message(&JOB_CONDITION)),
        optional(2, "startTime", Time),
        optional(3, "completionTime", Time),
        one(4, "active", Number),
        one(5, "succeeded", Number),
        one(6, "failed", Number),
        one(7, "completedIndexes", Text),
        optional(8, "uncountedTerminatedPods", Type::Message(&UNCOUNTED_TERMINATED_PODS)),
        optional(9, "ready", Number),
        optional(10, "failedIndexes", Text),
        optional(11, "terminating", Number),
    ],
};

pub(super) static JOB_TEMPLATE_SPEC: Message =
    Message { name: "JobTemplateSpec", fields: &[METADATA, one(2, "spec", Type::Message(&JOB_SPEC))] };

pub(super) static METRIC_IDENTIFIER: Message = Message {
    name: "MetricIdentifier",
    fields: &[one(1, "name", Text), optional(2, "selector", Type::Message(&LABEL_SELECTOR))],
};

pub(super) static METRIC_SPEC: Message = Message {
    name: "MetricSpec",
    fields: &[
        one(1, "type", Text),
        optional(2, "object", Type::Message(&OBJECT_METRIC_SOURCE)),
        optional(3, "pods", Type::Message(&PODS_METRIC_SOURCE)),
        optional(4, "resource", Type::Message(&RESOURCE_METRIC_SOURCE)),
        optional(5, "external", Type::Message(&EXTERNAL_METRIC_SOURCE)),
        optional(7, "containerResource", Type::Message(&CONTAINER_RESOURCE_METRIC_SOURCE)),
    ],
};

pub(super) static METRIC_STATUS: Message = Message {
    name: "MetricStatus",
    fields: &[
        one(1, "type", Text),
        optional(2, "object", Type::Message(&OBJECT_METRIC_STATUS)),
        optional(3, "pods", Type::Message(&PODS_METRIC_STATUS)),
        optional(4, "resource", Type::Message(&RESOURCE_METRIC_STATUS)),
        optional(5, "external", Type::Message(&EXTERNAL_METRIC_STATUS)),
        optional(7, "containerResource", Type::Message(&CONTAINER_RESOURCE_METRIC_STATUS)),
    ],
};

pub(super) static METRIC_TARGET: Message = Message {
    name: "MetricTarget",
    fields: &[
        one(1, "type", Text),
        optional(2, "value", Quantity),
        optional(3, "averageValue", Quantity),
        optional(4, "averageUtilization", Number),
    ],
};

pub(super) static METRIC_VALUE_STATUS: Message = Message {
    name: "MetricValueStatus",
    fields: &[
        optional(1, "value", Quantity),
        optional(2, "averageValue", Quantity),
        optional(3, "averageUtilization", Number),
    ],
};

pub(super) static OBJECT_METRIC_SOURCE: Message = Message {
    name: "ObjectMetricSource",
    fields: &[
        one(1, "describedObject", Type::Message(&V2_CROSS_VERSION_OBJECT_REFERENCE)),
        one(2, "target", Type::Message(&METRIC_TARGET)),
        one(3, "metric", Type::Message(&METRIC_IDENTIFIER)),
    ],
};

pub(super) static OBJECT_METRIC_STATUS: Message = Message {
    name: "ObjectMetricStatus",
    fields: &[
        one(1, "metric", Type::Message(&METRIC_IDENTIFIER)),
        one(2, "current", Type::Message(&METRIC_VALUE_STATUS)),
        one(3, "describedObject", Type::Message(&V2_CROSS_VERSION_OBJECT_REFERENCE)),
    ],
};

pub(super) static PODS_METRIC_SOURCE: Message = Message {
    name: "PodsMetricSource",
    fields: &[one(1, "metric", Type::Message(&METRIC_IDENTIFIER)), one(2, "target", Type::Message(&METRIC_TARGET))],
};

pub(super) static PODS_METRIC_STATUS: Message = Message {
    name: "PodsMetricStatus",
    fields: &[
        one(1, "metric", Type::Message(&METRIC_IDENTIFIER)),
        one(2, "current", Type::Message(&METRIC_VALUE_STATUS)),
    ],
};

pub(super) static POD_DISRUPTION_BUDGET: Message = Message {
    name: "PodDisruptionBudget",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&POD_DISRUPTION_BUDGET_SPEC)),
        one(3, "status", Type::Message(&POD_DISRUPTION_BUDGET_STATUS)),
    ],
};

pub(super) static POD_DISRUPTION_BUDGET_SPEC: Message = Message {
    name: "PodDisruptionBudgetSpec",
    fields: &[
        optional(1, "minAvailable", IntOrString),
        optional(2, "selector", Type::Message(&LABEL_SELECTOR)),
        optional(3, "maxUnavailable", IntOrString),
        optional(4, "unhealthyPodEvictionPolicy", Text),
    ],
};

pub(super) static POD_DISRUPTION_BUDGET_STATUS: Message = Message {
    name: "PodDisruptionBudgetStatus",
    fields: &[
        one(1, "observedGeneration", Number),
        one(3, "disruptionsAllowed", Number),
        one(4, "currentHealthy", Number),
        one(5, "desiredHealthy", Number),
        one(6, "expectedPods", Number),
        many(7, "conditions", Type::Message(&CONDITION)),
    ],
};

pub(super) static POD_FAILURE_POLICY: Message =
    Message { name: "PodFailurePolicy", fields: &[many(1, "rules", Type::Message(&POD_FAILURE_POLICY_RULE))] };

pub(super) static POD_FAILURE_POLICY_ON_EXIT_CODES_REQUIREMENT: Message = Message {
    name: "PodFailurePolicyOnExitCodesRequirement",
    fields: &[optional(1, "containerName", Text), one(2, "operator", Text), many(3, "values", Number)],
};

pub(super) static POD_FAILURE_POLICY_ON_POD_CONDITIONS_PATTERN: Message =
    Message { name: "PodFailurePolicyOnPodConditionsPattern", fields: &[one(1, "type", Text), one(2, "status", Text)] };

pub(super) static POD_FAILURE_POLICY_RULE: Message = Message {
    name: "PodFailurePolicyRule",
    fields: &[
        one(1, "action", Text),
        optional(2, "onExitCodes", Type::Message(&POD_FAILURE_POLICY_ON_EXIT_CODES_REQUIREMENT)),
        many(3, "onPodConditions", Type::Message(&POD_FAILURE_POLICY_ON_POD_CONDITIONS_PATTERN)),
    ],
};

pub(super) static REPLICA_SET: Message = Message {
    name: "ReplicaSet",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&REPLICA_SET_SPEC)),
        one(3, "status", Type::Message(&REPLICA_SET_STATUS)),
    ],
};

pub(super) static REPLICA_SET_CONDITION: Message = Message {
    name: "ReplicaSetCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastTransitionTime", Time),
        one(4, "reason", Text),
        one(5, "message", Text),
    ],
};

pub(super) static REPLICA_SET_SPEC: Message = Message {
    name: "ReplicaSetSpec",
    fields: &[
        optional(1, "replicas", Number),
        optional(2, "selector", Type::Message(&LABEL_SELECTOR)),
        one(3, "template", Type::Message(&POD_TEMPLATE_SPEC)),
        one(4, "minReadySeconds", Number),
    ],
};

pub(super) static REPLICA_SET_STATUS: Message = Message {
    name: "ReplicaSetStatus",
    fields: &[
        one(1, "replicas", Number),
        one(2, "fullyLabeledReplicas", Number),
        one(3, "observedGeneration", Number),
        one(4, "readyReplicas", Number),
        one(5, "availableReplicas", Number),
        many(6, "conditions", Type::Message(&REPLICA_SET_CONDITION)),
        optional(7, "terminatingReplicas", Number),
    ],
};

pub(super) static RESOURCE_METRIC_SOURCE: Message = Message {
    name: "ResourceMetricSource",
    fields: &[one(1, "name", Text), one(2, "target", Type::Message(&METRIC_TARGET))],
};

pub(super) static RESOURCE_METRIC_STATUS: Message = Message {
    name: "ResourceMetricStatus",
    fields: &[one(1, "name", Text), one(2, "current", Type::Message(&METRIC_VALUE_STATUS))],
};

pub(super) static ROLLING_UPDATE_DAEMON_SET: Message = Message {
    name: "RollingUpdateDaemonSet",
    fields: &[optional(1, "maxUnavailable", IntOrString), optional(2, "maxSurge", IntOrString)],
};

pub(super) static ROLLING_UPDATE_DEPLOYMENT: Message = Message {
    name: "RollingUpdateDeployment",
    fields: &[optional(1, "maxUnavailable", IntOrString), optional(2, "maxSurge", IntOrString)],
};

pub(super) static ROLLING_UPDATE_STATEFUL_SET_STRATEGY: Message = Message {
    name: "RollingUpdateStatefulSetStrategy",
    fields: &[optional(1, "partition", Number), optional(2, "maxUnavailable", IntOrString)],
};

pub(super) static SCALE: Message = Message {
    name: "Scale",
    fields: &[METADATA, one(2, "spec", Type::Message(&SCALE_SPEC)), one(3, "status", Type::Message(&SCALE_STATUS))],
};

pub(super) static SCALE_SPEC: Message = Message { name: "ScaleSpec", fields: &[one(1, "replicas", Number)] };

pub(super) static SCALE_STATUS: Message =
    Message { name: "ScaleStatus", fields: &[one(1, "replicas", Number), one(2, "selector", Text)] };

pub(super) static STATEFUL_SET: Message = Message {
    name: "StatefulSet",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&STATEFUL_SET_SPEC)),
        one(3, "status", Type::Message(&STATEFUL_SET_STATUS)),
    ],
};

pub(super) static STATEFUL_SET_CONDITION: Message = Message {
    name: "StatefulSetCondition",
    fields: &[
        one(1, "type", Text),
        one(2, "status", Text),
        one(3, "lastTransitionTime", Time),
        one(4, "reason", Text),
        one(5, "message", Text),
    ],
};

pub(super) static STATEFUL_SET_ORDINALS: Message =
    Message { name: "StatefulSetOrdinals", fields: &[one(1, "start", Number)] };

pub(super) static STATEFUL_SET_PERSISTENT_VOLUME_CLAIM_RETENTION_POLICY: Message = Message {
    name: "StatefulSetPersistentVolumeClaimRetentionPolicy",
    fields: &[one(1, "whenDeleted", Text), one(2, "whenScaled", Text)],
};

pub(super) static STATEFUL_SET_SPEC: Message = Message {
    name: "StatefulSetSpec",
    fields: &[
        optional(1, "replicas", Number),
        optional(2, "selector", Type::Message(&LABEL_SELECTOR)),
        one(3, "template", Type::Message(&POD_TEMPLATE_SPEC)),
        many(4, "volumeClaimTemplates", Type::Message(&PERSISTENT_VOLUME_CLAIM)),
        one(5, "serviceName", Text),
        one(6, "podManagementPolicy", Text),
        one(7, "updateStrategy", Type::Message(&STATEFUL_SET_UPDATE_STRATEGY)),
        optional(8, "revisionHistoryLimit", Number),
        one(9, "minReadySeconds", Number),
        optional(
            10,
            "persistentVolumeClaimRetentionPolicy",
            Type::Message(&STATEFUL_SET_PERSISTENT_VOLUME_CLAIM_RETENTION_POLICY),
        ),
        optional(11, "ordinals", Type::Message(&STATEFUL_SET_ORDINALS)),
    ],
};

pub(super) static STATEFUL_SET_STATUS: Message = Message {
    name: "StatefulSetStatus",
    fields: &[
        one(1, "observedGeneration", Number),
        one(2, "replicas", Number),
        one(3, "readyReplicas", Number),
        one(4, "currentReplicas", Number),
        one(5, "updatedReplicas", Number),
        one(6, "currentRevision", Text),
        one(7, "updateRevision", Text),
        optional(9, "collisionCount", Number),
        many(10, "conditions", Type::Message(&STATEFUL_SET_CONDITION)),
        one(11, "availableReplicas", Number),
    ],
};

pub(super) static STATEFUL_SET_UPDATE_STRATEGY: Message = Message {
    name: "StatefulSetUpdateStrategy",
    fields: &[one(1, "type", Text), optional(2, "rollingUpdate", Type::Message(&ROLLING_UPDATE_STATEFUL_SET_STRATEGY))],
};

pub(super) static SUCCESS_POLICY: Message =
    Message { name: "SuccessPolicy", fields: &[many(1, "rules", Type::Message(&SUCCESS_POLICY_RULE))] };

pub(super) static SUCCESS_POLICY_RULE: Message = Message {
    name: "SuccessPolicyRule",
    fields: &[optional(1, "succeededIndexes", Text), optional(2, "succeededCount", Number)],
};

pub(super) static UNCOUNTED_TERMINATED_PODS: Message =
    Message { name: "UncountedTerminatedPods", fields: &[many(1, "succeeded", Text), many(2, "failed", Text)] };

pub(super) static V1_HORIZONTAL_POD_AUTOSCALER: Message = Message {
    name: "HorizontalPodAutoscaler",
    fields: &[
        METADATA,
        one(2, "spec", Type::Message(&V1_HORIZONTAL_POD_AUTOSCALER_SPEC)),
        one(3, "status", Type::Message(&V1_HORIZONTAL_POD_AUTOSCALER_STATUS)),
    ],
};

pub(super) static V1_HORIZONTAL_POD_AUTOSCALER_SPEC: Message = Message {
    name: "HorizontalPodAutoscalerSpec",
    fields: &[
        one(1, "scaleTargetRef", Type::Message(&CROSS_VERSION_OBJECT_REFERENCE)),
        optional(2, "minReplicas", Number),
        one(3, "maxReplicas", Number),
        optional(4, "targetCPUUtilizationPercentage", Number),
    ],
};

pub(super) static V1_HORIZONTAL_POD_AUTOSCALER_STATUS: Message = Message {
    name: "HorizontalPodAutoscalerStatus",
    fields: &[
        optional(1, "observedGeneration", Number),
        optional(2, "lastScaleTime", Time),
        one(3, "currentReplicas", Number),
        one(4, "desiredReplicas", Number),
        optional(5, "currentCPUUtilizationPercentage", Number),
    ],
};

pub(super) static V2_CROSS_VERSION_OBJECT_REFERENCE: Message = Message {
    name: "CrossVersionObjectReference",
    fields: &[one(1, "kind", Text), one(2, "name", Text), one(3, "apiVersion", Text)],
};
