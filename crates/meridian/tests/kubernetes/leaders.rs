//! Several control planes: one writes, and what it has written is not written again.

use crate::lab::{ControlPlane, GATEWAY, route, start, wait_for_route};
use meridian_kubernetes::eventually;

/// An Ingress, and the gateway by which it is reached.
const INGRESS: &str = "
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {ports: [{port: 80}], externalIPs: [192.0.2.1]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: default, annotations: {kubernetes.io/ingress.class: istio}}
spec: {rules: [{host: web.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
";

#[test]
fn one_of_two_writes_and_the_other_follows_when_it_is_killed() {
    let Some(kubernetes) = start() else { return };
    kubernetes.gateway_api(&[]);
    kubernetes.apply(GATEWAY);
    kubernetes.apply(&route("a"));
    let first = ControlPlane::start(&kubernetes);
    first.wait_to_lead();
    wait_for_route(&kubernetes, "a");
    let second = ControlPlane::start(&kubernetes);
    kubernetes.apply(&route("b"));
    wait_for_route(&kubernetes, "b");
    assert!(first.leads() && !second.leads());
    assert_eq!((second.statuses(), second.requests("create", "events")), (0, 0));
    assert_eq!(second.requests("patch", "deployments") + second.requests("patch", "configmaps"), 0);

    // Killed, not told: the lease ends.
    drop(first);
    second.wait_to_lead();
    kubernetes.apply(&route("c"));
    wait_for_route(&kubernetes, "c");
    // Of what it took over nothing was to be said again: the new route, and the Gateway's count of routes.
    assert_eq!(second.requests("patch", "httproutes/status"), 1, "{}", second.log());
    assert_eq!(second.requests("patch", "gatewayclasses/status"), 0);

    // Told to stop, it gives the lease back.
    let third = ControlPlane::start(&kubernetes);
    second.signal("-TERM");
    second.wait();
    let lease = || kubernetes.kubectl(&["get", "lease", "meridian-leader", "-n", "istio-system", "-o", "yaml"], "");
    third.wait_to_lead();
    assert!(lease().contains("leaseTransitions: 2") || lease().contains("leaseTransitions: 3"), "{}", lease());
}

#[test]
fn a_status_is_written_once() {
    let Some(kubernetes) = start() else { return };
    kubernetes.gateway_api(&[]);
    kubernetes.apply(GATEWAY);
    let control_plane = ControlPlane::start(&kubernetes);
    control_plane.wait_to_lead();
    let names: Vec<String> = (0..20).map(|number| format!("r{number}")).collect();
    let text: Vec<String> = names.iter().map(|name| route(name)).collect();
    kubernetes.apply(&text.join("---\n"));
    names.iter().for_each(|name| drop(wait_for_route(&kubernetes, name)));
    assert_eq!(control_plane.requests("patch", "httproutes/status"), 20);

    // Kubernetes keeps no conditions of an Ingress, so none are written.
    kubernetes.apply(INGRESS);
    let is_told = |ingress: &serde_json::Value| ingress["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1";
    kubernetes.wait_for("ingress", "web", "default", is_told);
    assert_eq!(control_plane.requests("patch", "ingresses/status"), 1);

    // What changes nothing that is said of it is not written, and neither is what comes with a new process.
    kubernetes.kubectl(&["annotate", "httproute", "-n", "default", "--all", "a=b"], "");
    kubernetes.apply(&route("last"));
    wait_for_route(&kubernetes, "last");
    assert_eq!(control_plane.requests("patch", "httproutes/status"), 21);
    drop(control_plane);
    let again = ControlPlane::start(&kubernetes);
    again.wait_to_lead();
    kubernetes.apply(&route("later"));
    wait_for_route(&kubernetes, "later");
    assert_eq!(again.requests("patch", "httproutes/status"), 1, "{}", again.log());
    assert_eq!(again.requests("patch", "gatewayclasses/status"), 0);
    assert_eq!(again.requests("patch", "ingresses/status"), 0);

    // What somebody else writes over it is put right.
    let wrong = r#"{"status": {"parents": []}}"#;
    kubernetes.kubectl(
        &["patch", "httproute", "later", "-n", "default", "--subresource=status", "--type=merge", "-p", wrong],
        "",
    );
    wait_for_route(&kubernetes, "later");
    eventually(|| match again.requests("patch", "httproutes/status") {
        2 => Ok(()),
        count => Err(format!("{count} writes")),
    });
}
