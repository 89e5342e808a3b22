//! What tools see of a gateway that is a process of this machine: the objects that there would be on Kubernetes, without
//! the Deployment, and with the Pod and the EndpointSlice that Kubernetes would make.

use crate::managed::objects::Objects;
use crate::standalone::{ADMIN_ANNOTATION, CONTROL_PLANE_ANNOTATION};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

/// The endpoints of its Service: itself.
pub(super) fn endpoint_slice(made: &Objects, address: IpAddr, is_ready: bool) -> Value {
    let metadata = &made.service["metadata"];
    let mut labels = metadata["labels"].clone();
    labels["kubernetes.io/service-name"] = metadata["name"].clone();
    let port = |port: &Value| json!({"name": port["name"], "port": port["port"], "protocol": port["protocol"]});
    let ports: Vec<Value> = made.service["spec"]["ports"].as_array().into_iter().flatten().map(port).collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": metadata["ownerReferences"],
        },
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{
            "addresses": [address.to_string()],
            "conditions": {"ready": is_ready},
            "targetRef": {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"]},
        }],
        "ports": ports,
    })
}

/// Its Pod.
pub(super) fn pod(made: &Objects, address: IpAddr, is_ready: bool, control_plane: SocketAddr) -> Value {
    let metadata = &made.service["metadata"];
    let template = &made.deployment["spec"]["template"];
    let mut annotations = template["metadata"]["annotations"].clone();
    if address.is_loopback() {
        annotations[ADMIN_ANNOTATION] = SocketAddr::new(address, 15000).to_string().into();
    }
    annotations[CONTROL_PLANE_ANNOTATION] = control_plane.to_string().into();
    let container = &template["spec"]["containers"][0];
    let (name, address) = (&container["name"], address.to_string());
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": annotations,
            "ownerReferences": metadata["ownerReferences"],
        },
        "spec": {
            "serviceAccountName": template["spec"]["serviceAccountName"],
            "containers": [{"name": name, "image": container["image"]}],
        },
        "status": {
            "phase": "Running",
            "podIP": address,
            "hostIP": address,
            "conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "False" }}],
            "containerStatuses": [{
                "name": name, "ready": is_ready, "restartCount": 0, "image": container["image"], "imageID": "",
                "state": {"running": {}},
            }],
        },
    })
}

/// Whether `whole` says everything that `part` says; statuses are another matter.
pub(super) fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .filter(|(name, _)| *name != "status")
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        (whole, part) => whole == part,
    }
}
