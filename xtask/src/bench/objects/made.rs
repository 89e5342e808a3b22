//! The objects that are written.

use super::super::client::Client;
use anyhow::ensure;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Where VirtualServices are created.
pub(super) const VIRTUAL_SERVICES: &str = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";
const SERVICE: &str = "service.test";

/// The Gateway, and the service that all routes lead to.
///
/// # Errors
/// The API refuses one.
pub(super) fn surroundings(client: &mut Client, backend: SocketAddr) -> anyhow::Result<()> {
    let gateway = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "edge"},
        "spec": {"selector": {"istio": "ingressgateway"},
                 "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]},
    });
    let service = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "service"},
        "spec": {"hosts": [SERVICE], "resolution": "STATIC", "endpoints": [{"address": backend.ip()}],
                 "ports": [{"number": backend.port(), "name": "http", "protocol": "HTTP"}]},
    });
    create(client, "/apis/networking.istio.io/v1/namespaces/default/gateways", &gateway)?;
    create(client, "/apis/networking.istio.io/v1/namespaces/default/serviceentries", &service)
}

/// Creates an object.
///
/// # Errors
/// The API refuses it.
pub(super) fn create(client: &mut Client, collection: &str, object: &Value) -> anyhow::Result<()> {
    let answer = client.call("POST", collection, Some(object))?;
    ensure!(answer.status == 201, "POST {collection}: {} {}", answer.status, answer.text());
    Ok(())
}

/// The host of a route.
pub(super) fn host(index: usize) -> String {
    format!("route-{index}.example.com")
}

/// A route with two rules.
pub(super) fn virtual_service(index: usize) -> Value {
    let route = json!([{"destination": {"host": SERVICE, "port": {"number": 8000}}}]);
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": format!("route-{index}"), "namespace": "default"},
        "spec": {
            "hosts": [host(index)],
            "gateways": ["edge"],
            "http": [
                {"match": [{"uri": {"prefix": "/api/"}, "headers": {"x-version": {"exact": "v2"}}}], "route": route},
                {"route": route},
            ],
        },
    })
}
