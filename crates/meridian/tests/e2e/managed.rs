//! Gateways of Gateway API on the embedded API: a process for each, at an address of its own.

use crate::support::{Meridian, eventually, loopback};
use std::net::{SocketAddr, TcpStream};

const CLASS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: meridian}
spec: {controllerName: meridian.dev/gateway-controller}
---
";

fn gateway(name: &str, more: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
         gatewayClassName: meridian\n  listeners: [{{name: http, port: 8080, protocol: HTTP}}]\n{more}---\n"
    )
}

fn path(name: &str) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/{name}")
}

/// Waits until a Gateway is not programmed for a reason with this text.
fn wait_for(meridian: &Meridian, gateway: &str, text: &str) {
    let found = || meridian.condition(&path(gateway), "Programmed", "False").contains(text).then_some(());
    eventually(&format!("{text:?} on {gateway}"), found, || meridian.log());
}

#[test]
fn a_gateway_is_served_by_a_process_of_its_own() {
    let address = loopback();
    // There is one address: the second Gateway waits for it.
    let meridian = Meridian::start(&["--gateway-addresses", &address.to_string()]);
    meridian.applied(&format!("{CLASS}{}", gateway("first", "")));
    meridian.condition(&path("first"), "Programmed", "True");
    let status = || meridian.call("GET", &path("first"), None).1["status"]["addresses"].clone();
    assert_eq!(status(), serde_json::json!([{"type": "IPAddress", "value": address.to_string()}]));
    let at = SocketAddr::new(address, 8080);
    assert!(TcpStream::connect(at).is_ok(), "{at} does not listen");
    let (_, pod) = meridian.call("GET", "/api/v1/namespaces/default/pods/first-meridian", None);
    assert_eq!(pod["status"]["conditions"][0]["status"], "True", "{pod}");

    meridian.applied(&gateway("second", ""));
    wait_for(&meridian, "second", "--gateway-addresses");
    assert!(meridian.kubectl(["delete", "gtw", "first"]).status.success());
    meridian.condition(&path("second"), "Programmed", "True");
    let gone = || {
        let (status, _) = meridian.call("GET", "/api/v1/namespaces/default/pods/first-meridian", None);
        (status == 404).then_some(())
    };
    eventually("the first one's Pod is gone", gone, || meridian.log());
    assert!(TcpStream::connect(at).is_ok(), "{at} does not listen for the second one");
}

#[test]
fn a_gateway_that_cannot_be_reached_says_why() {
    let (address, other) = (loopback(), loopback());
    let taken = std::net::TcpListener::bind((other, 8080)).unwrap();
    let meridian = Meridian::start(&["--gateway-addresses", &address.to_string()]);
    let asks = |value: &str| format!("  addresses: [{{type: IPAddress, value: {value}}}]\n");
    let all = [gateway("elsewhere", &asks("192.0.2.1")), gateway("taken", &asks(&other.to_string()))].concat();
    meridian.applied(&format!("{CLASS}{all}"));
    wait_for(&meridian, "elsewhere", "192.0.2.1 is not an address of this machine");
    wait_for(&meridian, "taken", "is taken by another process");
    drop(taken);
    meridian.condition(&path("taken"), "Programmed", "True");
    let settings = "  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: none}}\n";
    meridian.applied(&gateway("settings", settings));
    let message = meridian.condition(&path("settings"), "Accepted", "False");
    assert!(message.contains("none"), "{message}");
}
