//! The Kubernetes objects that stand before the user comes: namespaces, mesh configuration, pods, Services, EndpointSlices.
//!
//! The gateways' own Services, EndpointSlices and pods are made by `meridian up`, unless the gateways are processes of their own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::proxies::{Proxy, Role};
use crate::definition::{Backend, Lab, LabelService, Workload, WorkloadService};

/// All objects, in an order in which they can be applied.
pub(crate) fn all(lab: &Lab, workloads: &[(&Workload, Ipv4Addr)], proxies: &[Proxy]) -> Vec<Value> {
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
    objects.extend(proxies.iter().map(service_account));
    objects.extend(proxies.iter().filter(|proxy| proxy.role == Role::Gateway).flat_map(gateway));
    objects
}

/// The labels of a workload: `app: NAME`, and its own, which may replace it.
pub(crate) fn labels(workload: &Workload) -> BTreeMap<String, String> {
    let app = ("app".to_owned(), workload.name.clone());
    [app].into_iter().chain(workload.labels.clone()).collect()
}

/// The labels of a gateway, as an installation of Istio gives them.
pub(crate) fn gateway_labels(name: &str) -> BTreeMap<String, String> {
    [("istio", name.to_owned()), ("app", format!("istio-{name}"))].map(|(name, value)| (name.to_owned(), value)).into()
}

/// What a proxy says who it is by.
fn service_account(proxy: &Proxy) -> Value {
    let metadata = json!({"name": proxy.name, "namespace": proxy.namespace});
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
}

/// The pod, the Service and the EndpointSlice of a gateway that is a process of its own.
fn gateway(proxy: &Proxy) -> Vec<Value> {
    let Proxy { name, namespace, labels, address, .. } = proxy;
    let ports = [("http2", 80, 8080), ("https", 443, 8443)];
    let of_service = ports.map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target}));
    let of_slice = ports.map(|(name, _, target)| json!({"name": name, "port": target, "protocol": "TCP"}));
    let spec = json!({"ports": of_service, "selector": labels});
    let [service, mut slice] =
        service_and_slice(&format!("istio-{name}"), namespace, &spec, &[(name, namespace, *address)]);
    slice["ports"] = json!(of_slice);
    vec![running(name, namespace, &json!(labels), &json!({}), *address), service, slice]
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
    let mut labels = labels(workload);
    if workload.sidecar {
        // What injection adds: the workload can be reached by mutual TLS.
        labels.insert("security.istio.io/tlsMode".to_owned(), "istio".to_owned());
    }
    running(&workload.name, "default", &json!(labels), &json!(workload.annotations), address)
}

/// A pod that runs as the service account of its own name.
fn running(name: &str, namespace: &str, labels: &Value, annotations: &Value, address: Ipv4Addr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations},
        "spec": {
            "serviceAccountName": name,
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
    service_and_slice(&service.name, &service.namespace, &spec, &[(&workload.name, "default", address)])
}

/// A Service over the workloads that have all the labels.
fn over_labels(service: &LabelService, workloads: &[(&Workload, Ipv4Addr)]) -> [Value; 2] {
    let selected = |workload: &Workload| {
        let labels = labels(workload);
        service.selects.iter().all(|(name, value)| labels.get(name) == Some(value))
    };
    let chosen: Vec<_> = workloads
        .iter()
        .filter(|(w, _)| selected(w))
        .map(|(w, address)| (w.name.as_str(), "default", *address))
        .collect();
    let ports = json!([{"name": "http", "port": service.port, "targetPort": service.target_port}]);
    service_and_slice(&service.name, "default", &json!({"ports": ports, "selector": service.selects}), &chosen)
}

/// A Service and the EndpointSlice that says where it is served.
fn service_and_slice(name: &str, namespace: &str, spec: &Value, pods: &[(&str, &str, Ipv4Addr)]) -> [Value; 2] {
    let port = &spec["ports"][0];
    let endpoint = |(pod, home, address): &(&str, &str, Ipv4Addr)| {
        json!({
            "addresses": [address],
            "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": pod, "namespace": home},
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
