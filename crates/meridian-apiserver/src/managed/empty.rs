//! Objects before anything is said about them.
//!
//! The types of Kubernetes' own kinds have structures and lists that are always there, be they empty. Nobody sets them,
//! so nobody owns them; in custom kinds whoever sets the first field of `spec` owns `spec` too.

use serde_json::{Value, json};

use crate::resource::ApiResource;

/// The empty object of a kind.
pub(super) fn object(resource: &ApiResource, api_version: &str) -> Value {
    let mut object = if resource.built_in() { structures(resource) } else { json!({}) };
    object["apiVersion"] = api_version.into();
    object["kind"] = resource.kind.into();
    object
}

/// The structures that are always there.
fn structures(resource: &ApiResource) -> Value {
    let pod = json!({"containers": null});
    let template = json!({"metadata": {}, "spec": pod});
    let with = |spec: Value, status: Value| json!({"metadata": {}, "spec": spec, "status": status});
    match resource.kind {
        "Service" | "Ingress" => with(json!({}), json!({"loadBalancer": {}})),
        "Deployment" => with(json!({"strategy": {}, "template": template}), json!({})),
        "StatefulSet" | "DaemonSet" => with(json!({"template": template, "updateStrategy": {}}), json!({})),
        "ReplicaSet" | "Job" => with(json!({"template": template}), json!({})),
        "CronJob" => with(json!({"jobTemplate": {"metadata": {}, "spec": {"template": template}}}), json!({})),
        "HorizontalPodAutoscaler" => with(json!({"scaleTargetRef": {}}), json!({})),
        "PersistentVolumeClaim" => with(json!({"resources": {}}), json!({})),
        "CustomResourceDefinition" => with(json!({"names": {}}), json!({"acceptedNames": {}})),
        "Pod" => with(pod, json!({})),
        "Namespace"
        | "Node"
        | "PersistentVolume"
        | "PodDisruptionBudget"
        | "ReplicationController"
        | "ResourceQuota" => with(json!({}), json!({})),
        "NetworkPolicy" => json!({"metadata": {}, "spec": {"podSelector": {}}}),
        "IngressClass" | "LimitRange" | "Lease" => json!({"metadata": {}, "spec": {}}),
        "PodTemplate" => json!({"metadata": {}, "template": template}),
        "Event" if resource.group.is_empty() => json!({
            "metadata": {}, "involvedObject": {}, "source": {}, "reportingComponent": "", "reportingInstance": "",
            "eventTime": null, "firstTimestamp": null, "lastTimestamp": null,
        }),
        "Event" => json!({
            "metadata": {}, "regarding": {}, "deprecatedSource": {},
            "eventTime": null, "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
        }),
        _ => json!({"metadata": {}}),
    }
}
