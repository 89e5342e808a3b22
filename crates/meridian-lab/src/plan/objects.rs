//! The Kubernetes objects that stand before the user comes: namespaces, mesh configuration, pods, Services, EndpointSlices.
//!
//! The gateways' own Services, EndpointSlices and pods are made by `meridian up`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::definition::{Backend, Lab, LabelService, Workload, WorkloadService};

/// All objects, in an order in which they can be applied.
pub(crate) fn all(lab: &Lab, workloads: &[(&Workload, Ipv4Addr)]) -> Vec<Value> {
    let namespaces = ["istio-system"].into_iter().chain(lab.namespaces.iter().map(String::as_str));
    let mut objects: Vec<_> = namespaces.map(namespace).collect();
    objects.push(mesh_configuration());
    for (workload, address) in workloads {
        objects.push(pod(workload, *address));
        if let (Some(service), Some(backend)) = (&workload.service, &workload.backend) {
            objects.extend(of_workload(workload, service, backend, *address));
        }
    }
    objects.extend(lab.services.iter().flat_map(|service| over_labels(service, workloads)));
    objects
}

/// The labels of a workload: `app: NAME`, and its own, which may replace it.
fn labels(workload: &Workload) -> BTreeMap<&str, &str> {
    let own = workload.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    [("app", workload.name.as_str())].into_iter().chain(own).collect()
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// `MeshConfig` as scenarios start with it.
fn mesh_configuration() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": "accessLogFile: /dev/stdout\n"},
    })
}

/// The pod that endpoints refer to, for the labels that subsets select by.
fn pod(workload: &Workload, address: Ipv4Addr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": workload.name,
            "namespace": "default",
            "labels": labels(workload),
            "annotations": workload.annotations,
        },
        "spec": {
            "serviceAccountName": workload.name,
            "nodeName": "lab",
            "containers": [{"name": "app", "image": "app"}],
        },
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "image": "app", "imageID": "", "ready": true, "restartCount": 0}],
        },
    })
}

/// The Service of one workload; without a selector, for the slice names its pod.
fn of_workload(workload: &Workload, service: &WorkloadService, backend: &Backend, address: Ipv4Addr) -> [Value; 2] {
    let usual = match backend {
        Backend::Nginx { tls, .. } if !tls.is_empty() => "https",
        _ => "http",
    };
    let port_name = service.port_name.as_deref().unwrap_or(usual);
    let target = service.target_port.unwrap_or(service.port);
    let spec = json!({"ports": [{"name": port_name, "port": service.port, "targetPort": target}]});
    service_and_slice(&service.name, &service.namespace, &spec, &[(&workload.name, address)])
}

/// A Service over the workloads that have all the labels.
fn over_labels(service: &LabelService, workloads: &[(&Workload, Ipv4Addr)]) -> [Value; 2] {
    let selected = |workload: &Workload| {
        let labels = labels(workload);
        service.selects.iter().all(|(name, value)| labels.get(name.as_str()) == Some(&value.as_str()))
    };
    let chosen: Vec<_> =
        workloads.iter().filter(|(w, _)| selected(w)).map(|(w, address)| (w.name.as_str(), *address)).collect();
    let ports = json!([{"name": "http", "port": service.port, "targetPort": service.target_port}]);
    service_and_slice(&service.name, "default", &json!({"ports": ports, "selector": service.selects}), &chosen)
}

/// A Service and the EndpointSlice that says where it is served.
fn service_and_slice(name: &str, namespace: &str, spec: &Value, pods: &[(&str, Ipv4Addr)]) -> [Value; 2] {
    let port = &spec["ports"][0];
    let endpoint = |(pod, address): &(&str, Ipv4Addr)| {
        json!({
            "addresses": [address],
            "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": pod, "namespace": "default"},
        })
    };
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": format!("{name}-1"), "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": port["name"], "port": port["targetPort"], "protocol": "TCP"}],
        "endpoints": pods.iter().map(endpoint).collect::<Vec<_>>(),
    });
    let metadata = json!({"name": name, "namespace": namespace});
    [json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}), slice]
}
