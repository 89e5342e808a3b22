//! Kinds that come, objects that cannot be read, an API server that goes and comes back.

use crate::lab::{ControlPlane, GATEWAY, route, start, wait_for_route};
use meridian_kubernetes::eventually;
use serde_json::Value;

/// A definition that accepts what nobody can read.
const VIRTUAL_SERVICES: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: virtualservices.networking.istio.io}
spec:
  group: networking.istio.io
  scope: Namespaced
  names: {kind: VirtualService, listKind: VirtualServiceList, plural: virtualservices, singular: virtualservice}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    subresources: {status: {}}
";

fn virtual_service(name: &str, hosts: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: default}}\n\
         spec: {{hosts: {hosts}, http: [{{directResponse: {{status: 200}}}}]}}\n"
    )
}

#[test]
fn kinds_come_and_go_and_bad_objects_hurt_no_other() {
    let Some(kubernetes) = start() else { return };
    // Without a single definition it is ready.
    let control_plane = ControlPlane::start(&kubernetes);
    kubernetes.gateway_api(&["gatewayclasses", "_gateways", "httproutes"]);
    kubernetes.apply(GATEWAY);
    kubernetes.apply(&route("a"));
    wait_for_route(&kubernetes, "a");

    // What cannot be read is told of, and what was last read of it counts on.
    kubernetes.apply(VIRTUAL_SERVICES);
    kubernetes.established();
    let said = |object: &Value| object["status"]["conditions"].is_array();
    kubernetes.apply(&virtual_service("good", "[good.example.com]"));
    let before = kubernetes.wait_for("virtualservice", "good", "default", said);
    kubernetes.apply(&virtual_service("good", "7"));
    kubernetes.apply(&virtual_service("bad", "7"));
    kubernetes.apply(&virtual_service("other", "[other.example.com]"));
    kubernetes.wait_for("virtualservice", "other", "default", said);
    for name in ["good", "bad"] {
        eventually(|| {
            let events = kubernetes.list("events");
            let is_meant = |event: &&Value| {
                event["involvedObject"]["name"] == name
                    && event["involvedObject"]["kind"] == "VirtualService"
                    && event["reason"] == "Invalid"
            };
            events.iter().find(is_meant).map(drop).ok_or_else(|| format!("{name}: {events:#?}"))
        });
    }
    assert_eq!(
        kubernetes.get("virtualservice", "good", "default")["status"]["conditions"],
        before["status"]["conditions"]
    );

    // A kind that goes takes its objects along.
    let attached = |count: u64| move |gateway: &Value| gateway["status"]["listeners"][0]["attachedRoutes"] == count;
    kubernetes.wait_for("gateway", "edge", "default", attached(1));
    kubernetes.kubectl(&["delete", "crd", "httproutes.gateway.networking.k8s.io"], "");
    kubernetes.wait_for("gateway", "edge", "default", attached(0));
    kubernetes.gateway_api(&["httproutes"]);
    kubernetes.apply(&route("b"));
    wait_for_route(&kubernetes, "b");
    assert!(control_plane.is_ready());
}

#[test]
fn an_api_server_goes_and_comes_back_without_its_history() {
    let Some(mut kubernetes) = start() else { return };
    kubernetes.gateway_api(&[]);
    kubernetes.apply(GATEWAY);
    let control_plane = ControlPlane::start(&kubernetes);
    control_plane.wait_to_lead();
    for name in ["stays", "goes"] {
        kubernetes.apply(&route(name));
        wait_for_route(&kubernetes, name);
    }
    let attached = |count: u64| move |gateway: &Value| gateway["status"]["listeners"][0]["attachedRoutes"] == count;
    kubernetes.wait_for("gateway", "edge", "default", attached(2));

    // While it is away, the control plane keeps what it knows; meanwhile it sees nothing of what happens.
    let stopped = kubernetes.kill_api();
    eventually(|| {
        let log = control_plane.log();
        if log.contains("what is known counts on") { Ok(()) } else { Err(log) }
    });
    assert!(control_plane.is_ready());
    control_plane.signal("-STOP");
    kubernetes.start_api(stopped);
    kubernetes.kubectl(&["delete", "httproute", "goes", "-n", "default"], "");
    kubernetes.apply(&route("comes"));
    kubernetes.compact();
    let stopped = kubernetes.kill_api();
    kubernetes.start_api(stopped);
    control_plane.signal("-CONT");

    wait_for_route(&kubernetes, "comes");
    control_plane.wait_to_lead();
    kubernetes.apply(&route("later"));
    wait_for_route(&kubernetes, "later");
    // `goes` is not known any more, and the others still are.
    kubernetes.wait_for("gateway", "edge", "default", attached(3));
    assert!(control_plane.is_ready());
}
