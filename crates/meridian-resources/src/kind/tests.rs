use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// The cells of an object, as `kubectl get` would print them.
fn cells(api_version: &str, kind: &str, object: Value) -> Vec<(&'static str, Value)> {
    let kind = by_api_version_kind(api_version, kind).expect("a known kind");
    kind.columns.iter().map(|column| (column.name, (column.cell)(&object))).collect()
}

#[test]
fn kinds_are_found_by_each_of_their_names() {
    for kind in all().iter().copied() {
        assert_eq!(by_group_kind(kind.group, kind.kind), Some(kind));
        assert_eq!(by_plural(kind.group, kind.plural), Some(kind));
        for version in kind.versions {
            assert_eq!(by_api_version_kind(&kind.api_version(version), kind.kind), Some(kind));
        }
        assert_eq!(by_api_version_kind("v0", kind.kind), None);
    }
    assert_eq!(by_api_version_kind("networking.istio.io/v1beta1", "Gateway").map(|kind| kind.plural), Some("gateways"));
}

#[test]
fn names_are_unique_within_a_group() {
    let mut seen = BTreeSet::new();
    for kind in all() {
        let names = [kind.plural, kind.singular].into_iter().chain(kind.short_names.iter().copied());
        for name in names.collect::<BTreeSet<_>>() {
            assert!(seen.insert((kind.group, name)), "{name}");
        }
    }
}

/// Every schema is in structural form: one type for each node, nothing that Kubernetes does not know.
#[test]
fn schemas_are_structural() {
    const KNOWN: [&str; 28] = [
        "type",
        "description",
        "properties",
        "items",
        "additionalProperties",
        "required",
        "enum",
        "format",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
        "pattern",
        "nullable",
        "default",
        "oneOf",
        "anyOf",
        "allOf",
        "not",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "uniqueItems",
    ];
    fn walk(path: &str, schema: &Value) {
        let node = schema.as_object().unwrap_or_else(|| panic!("{path}: {schema}"));
        for keyword in node.keys() {
            assert!(KNOWN.contains(&keyword.as_str()), "{path}: {keyword}");
        }
        let open = ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"];
        assert!(node.contains_key("type") || open.iter().any(|name| node.contains_key(*name)), "{path}: {schema}");
        if let Some(type_) = node.get("type") {
            assert!(type_.is_string(), "{path}: {type_}");
        }
        for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            assert!(property.get("description").is_some(), "{path}.{name} has no description");
            walk(&format!("{path}.{name}"), property);
        }
        for child in ["items", "additionalProperties"] {
            if let Some(child) = node.get(child) {
                walk(&format!("{path}[]"), child);
            }
        }
    }
    for kind in all() {
        let schema = (kind.schema)();
        walk(kind.kind, &schema);
        for field in ["apiVersion", "kind", "metadata"] {
            assert!(schema["properties"].get(field).is_some(), "{kind}: {field}");
        }
    }
}

#[test]
fn istio_cells() {
    let spec = json!({"spec": {"gateways": ["mesh", "a/b"], "hosts": ["*"]}});
    assert_eq!(
        cells("networking.istio.io/v1", "VirtualService", spec),
        [("Gateways", json!("[\"mesh\",\"a/b\"]")), ("Hosts", json!("[\"*\"]"))]
    );
    assert_eq!(
        cells("networking.istio.io/v1", "ServiceEntry", json!({"spec": {"hosts": ["a"], "resolution": "DNS"}})),
        [("Hosts", json!("[\"a\"]")), ("Location", Value::Null), ("Resolution", json!("DNS"))]
    );
}

#[test]
fn service_cells() {
    let ports = json!([{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]);
    let table = [
        (
            json!({"spec": {"clusterIP": "10.0.0.1", "ports": ports, "selector": {"b": "2", "a": "1"}}}),
            ["ClusterIP", "10.0.0.1", "<none>", "80:30080/TCP,53/UDP", "a=1,b=2"],
        ),
        (
            json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80}]}}),
            ["LoadBalancer", "10.0.0.1", "<pending>", "80/TCP", "<none>"],
        ),
        (
            json!({"spec": {"type": "LoadBalancer", "externalIPs": ["9.9.9.9"], "ports": [{"port": 80}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "lb.example.com"}]}}}),
            ["LoadBalancer", "<none>", "1.2.3.4,lb.example.com,9.9.9.9", "80/TCP", "<none>"],
        ),
        (
            json!({"spec": {"type": "ExternalName", "externalName": "example.com"}}),
            ["ExternalName", "<none>", "example.com", "<none>", "<none>"],
        ),
        (
            json!({"spec": {"clusterIP": "None", "externalIPs": ["9.9.9.9", "8.8.8.8"]}}),
            ["ClusterIP", "None", "9.9.9.9,8.8.8.8", "<none>", "<none>"],
        ),
    ];
    for (object, expected) in table {
        let found: Vec<Value> = cells("v1", "Service", object).into_iter().map(|(_, cell)| cell).collect();
        assert_eq!(found, expected.map(Value::from));
    }
}

#[test]
fn endpoint_cells() {
    let addresses = json!([{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}, {"ip": "fd00::3"}]);
    let subset = json!({"addresses": addresses, "ports": [{"port": 80}, {"port": 443}]});
    assert_eq!(
        cells("v1", "Endpoints", json!({"subsets": [subset]})),
        [("Endpoints", json!("10.0.0.1:80,10.0.0.2:80,[fd00::3]:80 + 3 more..."))]
    );
    assert_eq!(cells("v1", "Endpoints", json!({})), [("Endpoints", json!("<none>"))]);
    assert_eq!(
        cells("v1", "Endpoints", json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]})),
        [("Endpoints", json!("10.0.0.1"))]
    );
    let slice = json!({"addressType": "IPv4", "ports": [{"port": 80}, {"name": "any"}],
        "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.2"]}]});
    assert_eq!(
        cells("discovery.k8s.io/v1", "EndpointSlice", slice),
        [("AddressType", json!("IPv4")), ("Ports", json!("80,*")), ("Endpoints", json!("10.0.0.1,10.0.0.2"))]
    );
    assert_eq!(
        cells("discovery.k8s.io/v1", "EndpointSlice", json!({"addressType": "IPv4", "endpoints": []})),
        [("AddressType", json!("IPv4")), ("Ports", json!("<unset>")), ("Endpoints", json!("<unset>"))]
    );
}

#[test]
fn data_cells_count() {
    let secret = json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}});
    assert_eq!(cells("v1", "Secret", secret), [("Type", json!("kubernetes.io/tls")), ("Data", json!(2))]);
    let map = json!({"data": {"a": ""}, "binaryData": {"b": ""}});
    assert_eq!(cells("v1", "ConfigMap", map), [("Data", json!(2))]);
}

#[test]
fn pod_cells() {
    let waiting = json!({"ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    let running = json!({"ready": true, "restartCount": 1, "state": {"running": {}}});
    let pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}], "nodeName": "n1"},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [waiting, running]}});
    let found: Vec<Value> = cells("v1", "Pod", pod).into_iter().map(|(_, cell)| cell).collect();
    assert_eq!(found, ["1/2", "CrashLoopBackOff", "4", "10.0.0.1", "n1", "<none>", "<none>"].map(Value::from));
    let killed = json!({"spec": {"containers": [{"name": "a"}]}, "status": {"phase": "Failed",
        "containerStatuses": [{"state": {"terminated": {"exitCode": 3, "signal": 9}}}]}});
    assert_eq!(cells("v1", "Pod", killed)[1].1, "Signal:9");
    let leaving = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}});
    assert_eq!(cells("v1", "Pod", leaving)[1].1, "Terminating");
}

#[test]
fn gateway_api_cells() {
    let conditions = json!([{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "False"}]);
    let addresses = json!([{"type": "IPAddress", "value": "10.0.0.1"}, {"value": "10.0.0.2"}]);
    let gateway = json!({"spec": {"gatewayClassName": "meridian"},
        "status": {"conditions": conditions, "addresses": addresses}});
    assert_eq!(
        cells("gateway.networking.k8s.io/v1", "Gateway", gateway),
        [("Class", json!("meridian")), ("Address", json!("10.0.0.1")), ("Programmed", json!("False"))]
    );
    assert_eq!(
        cells("gateway.networking.k8s.io/v1", "GatewayClass", json!({"spec": {"controllerName": "a.b/c"}})),
        [("Controller", json!("a.b/c")), ("Accepted", Value::Null), ("Description", Value::Null)]
    );
    assert_eq!(
        cells("gateway.networking.k8s.io/v1", "HTTPRoute", json!({"spec": {"hostnames": ["a", "b"]}})),
        [("Hostnames", json!("[\"a\",\"b\"]"))]
    );
}
