//! What Kubernetes' API server fills in by itself for its own kinds that are only stored (`SetDefaults_*`).

pub(crate) mod pods;
mod quantity;

use serde_json::{Value, json};

use crate::resource::ApiResource;
use crate::values::{absent, default, items_mut, object_at};

/// Completes an object.
pub(crate) fn fill(resource: &ApiResource, object: &mut Value) {
    match (resource.group, resource.kind) {
        ("apps", "Deployment") => deployment(object_at(object, "spec")),
        ("apps", "ReplicaSet") => {
            let spec = object_at(object, "spec");
            default(spec, "replicas", json!(1));
            pods::template(object_at(spec, "template"));
        }
        ("apps", "StatefulSet") => stateful_set(object_at(object, "spec")),
        ("apps", "DaemonSet") => daemon_set(object_at(object, "spec")),
        ("", "ReplicationController") => replication_controller(object),
        ("", "PodTemplate") => pods::template(object_at(object, "template")),
        ("batch", "Job") => job(object_at(object, "spec")),
        ("batch", "CronJob") => cron_job(object_at(object, "spec")),
        ("autoscaling", _) => autoscaler(object),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(object_at(object, "spec")),
        ("scheduling.k8s.io", _) => default(object, "preemptionPolicy", json!("PreemptLowerPriority")),
        ("storage.k8s.io", "StorageClass") => {
            default(object, "reclaimPolicy", json!("Delete"));
            default(object, "volumeBindingMode", json!("Immediate"));
        }
        ("", "PersistentVolume") => {
            let spec = object_at(object, "spec");
            default(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
            default(spec, "volumeMode", json!("Filesystem"));
        }
        ("", "PersistentVolumeClaim") => default(object_at(object, "spec"), "volumeMode", json!("Filesystem")),
        ("", "Event") => event(object),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => role_binding(object),
        ("admissionregistration.k8s.io", kind) => webhooks(kind, object),
        ("apiextensions.k8s.io", _) => definition(object_at(object, "spec")),
        _ => {}
    }
    pods::amounts(object);
}

/// The fields of an Event that are always written, be they empty.
pub(super) fn event(object: &mut Value) {
    for time in ["eventTime", "firstTimestamp", "lastTimestamp"] {
        default(object, time, Value::Null);
    }
    for reporter in ["reportingComponent", "reportingInstance"] {
        default(object, reporter, json!(""));
    }
    default(object, "source", json!({}));
}

fn rolling_update(spec: &mut Value, field: &str, parameters: &Value) {
    let strategy = object_at(spec, field);
    default(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    let rolling = object_at(strategy, "rollingUpdate");
    for (name, value) in parameters.as_object().into_iter().flatten() {
        default(rolling, name, value.clone());
    }
}

fn deployment(spec: &mut Value) {
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "progressDeadlineSeconds", json!(600));
    rolling_update(spec, "strategy", &json!({"maxUnavailable": "25%", "maxSurge": "25%"}));
    pods::template(object_at(spec, "template"));
}

fn stateful_set(spec: &mut Value) {
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "podManagementPolicy", json!("OrderedReady"));
    rolling_update(spec, "updateStrategy", &json!({"partition": 0}));
    let retention = object_at(spec, "persistentVolumeClaimRetentionPolicy");
    default(retention, "whenDeleted", json!("Retain"));
    default(retention, "whenScaled", json!("Retain"));
    for claim in items_mut(spec, "volumeClaimTemplates") {
        default(claim, "apiVersion", json!("v1"));
        default(claim, "kind", json!("PersistentVolumeClaim"));
        default(object_at(claim, "status"), "phase", json!("Pending"));
        default(object_at(claim, "spec"), "volumeMode", json!("Filesystem"));
    }
    pods::template(object_at(spec, "template"));
}

fn daemon_set(spec: &mut Value) {
    default(spec, "revisionHistoryLimit", json!(10));
    rolling_update(spec, "updateStrategy", &json!({"maxUnavailable": 1, "maxSurge": 0}));
    pods::template(object_at(spec, "template"));
}

/// Labels and selector come from the template.
fn replication_controller(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        default(object_at(object, "spec"), "selector", labels.clone());
        default(object_at(object, "metadata"), "labels", labels);
    }
    let spec = object_at(object, "spec");
    default(spec, "replicas", json!(1));
    pods::template(object_at(spec, "template"));
}

fn job(spec: &mut Value) {
    if absent(spec.get("completions")) && absent(spec.get("parallelism")) {
        default(spec, "completions", json!(1));
    }
    default(spec, "parallelism", json!(1));
    default(spec, "backoffLimit", json!(6));
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "manualSelector", json!(false));
    let policy = if spec["podFailurePolicy"].is_null() { "TerminatingOrFailed" } else { "Failed" };
    default(spec, "podReplacementPolicy", json!(policy));
    pods::template(object_at(spec, "template"));
}

fn cron_job(spec: &mut Value) {
    default(spec, "concurrencyPolicy", json!("Allow"));
    default(spec, "suspend", json!(false));
    default(spec, "successfulJobsHistoryLimit", json!(3));
    default(spec, "failedJobsHistoryLimit", json!(1));
    let job = object_at(object_at(spec, "jobTemplate"), "spec");
    pods::template(object_at(job, "template"));
}

/// An autoscaler that measures nothing measures the processors.
fn autoscaler(object: &mut Value) {
    let v2 = object["apiVersion"] == "autoscaling/v2";
    let spec = object_at(object, "spec");
    default(spec, "minReplicas", json!(1));
    if v2 && spec["metrics"].as_array().is_none_or(Vec::is_empty) {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        spec["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    }
}

fn network_policy(spec: &mut Value) {
    if spec["policyTypes"].as_array().is_none_or(Vec::is_empty) {
        let egress = spec["egress"].as_array().is_some_and(|rules| !rules.is_empty());
        spec["policyTypes"] = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    }
    for direction in ["ingress", "egress"] {
        for rule in items_mut(spec, direction) {
            for port in items_mut(rule, "ports") {
                default(port, "protocol", json!("TCP"));
            }
        }
    }
    default(spec, "podSelector", json!({}));
}

fn role_binding(object: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    default(object_at(object, "roleRef"), "apiGroup", json!(GROUP));
    for subject in items_mut(object, "subjects") {
        if subject["kind"] == "User" || subject["kind"] == "Group" {
            default(subject, "apiGroup", json!(GROUP));
        }
    }
}

fn webhooks(kind: &str, object: &mut Value) {
    for webhook in items_mut(object, "webhooks") {
        default(webhook, "failurePolicy", json!("Fail"));
        default(webhook, "matchPolicy", json!("Equivalent"));
        default(webhook, "namespaceSelector", json!({}));
        default(webhook, "objectSelector", json!({}));
        default(webhook, "timeoutSeconds", json!(10));
        if kind == "MutatingWebhookConfiguration" {
            default(webhook, "reinvocationPolicy", json!("Never"));
        }
        if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
            default(service, "port", json!(443));
        }
        for rule in items_mut(webhook, "rules") {
            default(rule, "scope", json!("*"));
        }
    }
}

fn definition(spec: &mut Value) {
    let names = object_at(spec, "names");
    let kind = names["kind"].as_str().unwrap_or_default().to_owned();
    default(names, "singular", json!(kind.to_lowercase()));
    default(names, "listKind", json!(format!("{kind}List")));
    default(object_at(spec, "conversion"), "strategy", json!("None"));
}

#[cfg(test)]
mod tests {
    use super::fill;
    use crate::resource;
    use serde_json::json;

    #[test]
    fn a_deployment_gets_what_kubernetes_gives_it() {
        let resource = resource::by_plural("apps", "deployments").expect("deployments are stored");
        let mut object = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "nginx:1.27", "ports": [{"containerPort": 80}],
             "resources": {"limits": {"cpu": 1}}, "readinessProbe": {"httpGet": {"port": 80}}},
        ]}}}});
        fill(resource, &mut object);
        let spec = &object["spec"];
        assert_eq!((&spec["replicas"], &spec["progressDeadlineSeconds"]), (&json!(1), &json!(600)));
        assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
        let pod = &spec["template"]["spec"];
        assert_eq!((&pod["restartPolicy"], &pod["dnsPolicy"]), (&json!("Always"), &json!("ClusterFirst")));
        let container = &pod["containers"][0];
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(container["ports"][0]["protocol"], "TCP");
        assert_eq!(container["resources"], json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}));
        let probe = &container["readinessProbe"];
        assert_eq!((&probe["failureThreshold"], &probe["httpGet"]["scheme"]), (&json!(3), &json!("HTTP")));
        let before = object.clone();
        fill(resource, &mut object);
        assert_eq!(object, before, "defaults fill what is missing only");
    }
}
