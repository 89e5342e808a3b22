//! What the benchmark creates.

use serde_json::{Value, json};

pub(super) const SERVICES: &str = "/api/v1/namespaces/default/services";
pub(super) const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
pub(super) const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";
pub(super) const ROUTES: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes";

/// How many Services the routes lead to.
pub(super) const COUNT: usize = 20;

/// Where the backend listens: the host's side of the pods' bridge.
pub(super) const BACKEND: (&str, u16) = ("10.244.0.1", 8000);

fn service_name(index: usize) -> String {
    format!("service-{}", index % COUNT)
}

pub(super) fn route_name(index: usize) -> String {
    format!("route-{index}")
}

pub(super) fn host(index: usize) -> String {
    format!("route-{index}.example.com")
}

pub(super) fn host_of(gateway: &str) -> String {
    format!("{gateway}.example.com")
}

/// A Service without a selector, and the endpoint that it leads to.
pub(super) fn service(index: usize) -> [Value; 2] {
    let name = service_name(index);
    [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 8000}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": BACKEND.1, "protocol": "TCP"}],
            "endpoints": [{"addresses": [BACKEND.0], "conditions": {"ready": true}}]}),
    ]
}

pub(super) fn gateway(name: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": name},
        "spec": {"gatewayClassName": "meridian", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})
}

/// A route with two rules, for a host of its own.
pub(super) fn route(index: usize, gateway: &str) -> Value {
    let backend = |index: usize| json!([{"name": service_name(index), "port": 8000}]);
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": route_name(index)},
        "spec": {"parentRefs": [{"name": gateway}], "hostnames": [host(index)], "rules": [
            {"matches": [{"path": {"value": "/api"}, "headers": [{"name": "x-version", "value": "v2"}]}],
             "backendRefs": backend(index + 1)},
            {"backendRefs": backend(index)}]}})
}

/// The route of one of many Gateways.
pub(super) fn route_of(gateway: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": gateway},
        "spec": {"parentRefs": [{"name": gateway}], "hostnames": [host_of(gateway)],
            "rules": [{"backendRefs": [{"name": service_name(0), "port": 8000}]}]}})
}
