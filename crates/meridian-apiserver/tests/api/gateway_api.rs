//! Gateway API's kinds with the real `kubectl`: what the CRDs fill, refuse and show.

use serde_json::{Value, json};

use crate::support::{Lab, have_kubectl};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

const OBJECTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: meridian}
spec: {controllerName: meridian.dev/gateway-controller, description: ours}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: meridian
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{name: shop, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: {name: old}
spec:
  rules:
  - backendRefs: [{name: a, port: 1}]
  - backendRefs: [{name: b, port: 1}]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defaults_and_columns() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    let applied = lab.kubectl_with("apply -f -", OBJECTS).await;
    assert_eq!(applied.stdout.lines().count(), 4, "{applied:?}");
    let warning = "Warning: The v1alpha2 version of TLSRoute has been deprecated";
    assert!(applied.stderr.contains(warning), "{applied:?}");
    let gateway = json(&lab.ok("get gtw web -o json").await);
    assert_eq!(gateway["spec"]["listeners"][0]["allowedRoutes"], json!({"namespaces": {"from": "Same"}}));
    let conditions = gateway["status"]["conditions"].as_array().expect("conditions");
    let said: Vec<(&Value, &Value)> = conditions.iter().map(|said| (&said["type"], &said["status"])).collect();
    let unknown = json!("Unknown");
    assert_eq!(said, [(&json!("Accepted"), &unknown), (&json!("Programmed"), &unknown)]);
    let route = json(&lab.ok("get httproute shop -o json").await);
    let matches = json!([{"path": {"type": "PathPrefix", "value": "/"}}]);
    assert_eq!(route["spec"]["rules"][0]["matches"], matches);
    assert_eq!(route["spec"]["rules"][0]["backendRefs"][0]["weight"], 1);
    assert!(route.get("status").is_none(), "{route}");
    for (line, heading) in [
        ("get gc", "NAME       CONTROLLER                        ACCEPTED   AGE"),
        ("get gtw", "NAME   CLASS      ADDRESS   PROGRAMMED   AGE"),
        ("get httproutes", "NAME   HOSTNAMES              AGE"),
        ("get tlsroutes", "NAME   AGE"),
    ] {
        assert_eq!(lab.ok(line).await.lines().next(), Some(heading), "{line}");
    }
    // Two groups have Gateways. Istio's is meant, as in its documents; short names say which.
    assert_eq!(lab.ok("get gateway -o name").await, "");
    assert_eq!(lab.ok("get gtw -o name").await, "gateway.gateway.networking.k8s.io/web\n");
    assert_eq!(lab.ok("get gw -o name").await, "");
    assert!(lab.ok("get gc -o wide").await.lines().next().expect("a heading").ends_with("AGE   DESCRIPTION"));
    assert_eq!(lab.ok("get gateway-api -o name").await.lines().count(), 4);
    assert!(lab.ok("explain httproute.spec.rules.filters.cors").await.contains("allowOrigins\t<[]string>"));
    let old = json(&lab.ok("get tlsroutes.v1.gateway.networking.k8s.io old -o json").await);
    assert_eq!(old["spec"]["rules"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_as_the_crds_tell_them() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    lab.apply(OBJECTS).await;
    let table = [
        (
            OBJECTS.replace("gateway-controller", "other"),
            "spec.controllerName: Invalid value: \"meridian.dev/other\": Value is immutable",
        ),
        (
            OBJECTS.replace("protocol: HTTP", "protocol: HTTP, tls: {mode: Passthrough}"),
            "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
        ),
        (OBJECTS.replace("port: 80, protocol", "port: 0, protocol"), "should be greater than or equal to 1"),
        (OBJECTS.replace("{name: shop, port: 80}", "{name: shop}"), "Must have port for Service reference"),
        (OBJECTS.replace("shop.example.com", "shop_example"), "should match '^(\\*\\.)?"),
        (OBJECTS.replace("v1alpha2", "v1alpha3"), "spec.hostnames: Required value"),
    ];
    for (objects, message) in table {
        let answer = lab.kubectl_with("apply -f -", &objects).await;
        assert!(answer.code == Some(1) && answer.stderr.contains(message), "{message}: {answer:?}");
    }
}
