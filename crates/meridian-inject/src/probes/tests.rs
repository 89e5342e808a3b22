use super::rewrite;
use crate::pod;
use serde_json::{Value, json};

/// The pod after rewriting, what its proxy is told, and the warnings.
fn rewritten(container: Value) -> (Value, Value, Vec<String>) {
    let mut pod = json!({"spec": {"containers": [container], "initContainers": [{"name": "istio-proxy", "env": []}]}});
    let warnings = rewrite(&mut pod, 15020);
    let proxy = pod::container(&pod, "istio-proxy").unwrap();
    let told = proxy
        .pointer("/env/0/value")
        .and_then(Value::as_str)
        .map_or(json!({}), |text| serde_json::from_str(text).unwrap());
    (pod["spec"]["containers"][0].clone(), told, warnings)
}

#[test]
fn every_kind_of_probe_goes_to_the_sidecar() {
    let (container, told, warnings) = rewritten(json!({
        "name": "app",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/r", "port": "http", "scheme": "HTTPS", "httpHeaders": [{"name": "A", "value": "b"}]},
            "periodSeconds": 3},
        "livenessProbe": {"tcpSocket": {"port": 9000}, "timeoutSeconds": 4},
        "startupProbe": {"grpc": {"port": 9001, "service": "s"}},
        "lifecycle": {"preStop": {"httpGet": {"path": "/stop", "port": "8081"}}, "postStart": {"exec": {"command": ["true"]}}},
    }));
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(
        container["readinessProbe"],
        json!({"httpGet": {"path": "/app-health/app/readyz", "port": 15020, "scheme": "HTTP",
            "httpHeaders": [{"name": "A", "value": "b"}]}, "periodSeconds": 3})
    );
    assert_eq!(
        container["livenessProbe"],
        json!({"httpGet": {"path": "/app-health/app/livez", "port": 15020}, "timeoutSeconds": 4})
    );
    assert_eq!(container["startupProbe"], json!({"httpGet": {"path": "/app-health/app/startupz", "port": 15020}}));
    assert_eq!(
        container["lifecycle"]["preStop"]["httpGet"],
        json!({"path": "/app-lifecycle/app/prestopz", "port": 15020})
    );
    assert_eq!(container["lifecycle"]["postStart"], json!({"exec": {"command": ["true"]}}));
    assert_eq!(
        told,
        json!({
            "/app-health/app/readyz": {"httpGet": {"path": "/r", "port": 8080, "scheme": "HTTPS",
                "httpHeaders": [{"name": "A", "value": "b"}]}},
            "/app-health/app/livez": {"tcpSocket": {"port": 9000}, "timeoutSeconds": 4},
            "/app-health/app/startupz": {"grpc": {"port": 9001, "service": "s"}},
            "/app-lifecycle/app/prestopz": {"httpGet": {"path": "/stop", "port": 8081}},
        })
    );
}

#[test]
fn what_cannot_or_need_not_be_led_stays() {
    for probe in
        [json!({"exec": {"command": ["true"]}}), json!({"httpGet": {"path": "/app-health/app/livez", "port": 15020}})]
    {
        let (container, told, warnings) = rewritten(json!({"name": "app", "livenessProbe": probe}));
        assert_eq!((container["livenessProbe"].clone(), told, warnings.len()), (probe, json!({}), 0));
    }
    let probe = json!({"tcpSocket": {"port": "web"}});
    let (container, _, warnings) = rewritten(json!({"name": "app", "livenessProbe": probe}));
    assert_eq!(container["livenessProbe"], probe);
    assert_eq!(
        warnings,
        ["container app: livenessProbe: port \"web\" is none of its ports by name; the probe stays as it is"]
    );
}
