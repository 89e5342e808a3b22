//! The services that the sidecar knows, as objects of the API.

use super::super::client::Client;
use super::{ADDRESS, AFTER, BEFORE, Case, ENDPOINTS, HTTP_PORT};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::path::Path;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const SIDECARS: &str = "/apis/networking.istio.io/v1/namespaces/default/sidecars";
const VIRTUAL_SERVICES: &str = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const ROOT: &str = "/api/v1/namespaces/default/configmaps/istio-ca-root-cert";

/// What there is.
pub(super) struct Mesh {
    pub(super) case: Case,
}

/// The host of service `index`.
pub(super) fn host(index: u16) -> String {
    format!("service-{index}.default.svc.cluster.local:{HTTP_PORT}")
}

impl Mesh {
    /// Creates all objects.
    ///
    /// # Errors
    /// The API does not take one.
    pub(super) fn create(&self, client: &mut Client, services: u16) -> anyhow::Result<()> {
        for index in 0..services {
            send(client, "POST", SERVICES, &self.service(index))?;
            send(client, "POST", SLICES, &self.slice(index, BEFORE))?;
        }
        send(client, "POST", SIDECARS, &sidecar())
    }

    /// The endpoints of a service go elsewhere.
    ///
    /// # Errors
    /// The API does not take it.
    pub(super) fn move_endpoints(&self, client: &mut Client, index: u16) -> anyhow::Result<()> {
        let slice = self.slice(index, AFTER);
        send(client, "PUT", &format!("{SLICES}/service-{index}-a"), &slice)
    }

    /// A service gets a route of its own, which answers with `status`.
    ///
    /// # Errors
    /// The API does not take it.
    pub(super) fn add_route(&self, client: &mut Client, index: u16, status: u16) -> anyhow::Result<()> {
        let route = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": format!("service-{index}")},
            "spec": {
                "hosts": [format!("service-{index}")],
                "http": [
                    {"match": [{"uri": {"prefix": "/api/"}}],
                     "route": [{"destination": {"host": format!("service-{index}")}}]},
                    {"directResponse": {"status": status}},
                ],
            },
        });
        send(client, "POST", VIRTUAL_SERVICES, &route)
    }

    fn port(&self, index: u16) -> (&'static str, u16) {
        if self.case.is_tcp(index) { ("tcp", HTTP_PORT + 1) } else { ("http", HTTP_PORT) }
    }

    fn service(&self, index: u16) -> Value {
        let (name, port) = self.port(index);
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("service-{index}")},
            "spec": {"ports": [{"name": name, "port": port, "targetPort": 8000}],
                     "selector": {"app": format!("service-{index}")}},
        })
    }

    /// Two endpoints; those of services that are never asked for are nowhere.
    fn slice(&self, index: u16, port: u16) -> Value {
        let (name, _) = self.port(index);
        let [high, low] = index.to_be_bytes();
        let addresses = match index % 2 {
            0 => ENDPOINTS.map(|address| address.to_string()),
            _ => [format!("10.4.{high}.{low}"), format!("10.5.{high}.{low}")],
        };
        let endpoint = |address: &String| json!({"addresses": [address], "conditions": {"ready": true}});
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": format!("service-{index}-a"),
                         "labels": {"kubernetes.io/service-name": format!("service-{index}")}},
            "ports": [{"name": name, "port": port, "protocol": "TCP"}],
            "endpoints": addresses.iter().map(endpoint).collect::<Vec<_>>(),
        })
    }
}

/// The sidecar really listens for HTTP services: nothing is captured here. All else is as it would be without it.
fn sidecar() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "default"},
        "spec": {"egress": [
            {"port": {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"}, "bind": ADDRESS.to_string(),
             "captureMode": "NONE", "hosts": ["*/*"]},
            {"hosts": ["*/*"]},
        ]},
    })
}

/// What the sidecar needs for mutual TLS, as its options.
///
/// # Errors
/// The API gives no token, or the mesh has no root.
pub(super) fn credentials(client: &mut Client, folder: &Path) -> anyhow::Result<Vec<String>> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let answer = client.call("POST", ACCOUNTS, Some(&account))?;
    ensure!([201, 409].contains(&answer.status), "POST {ACCOUNTS}: {} {}", answer.status, answer.text());
    let wanted = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["istio-ca"]},
    });
    let answer = client.call("POST", &format!("{ACCOUNTS}/default/token"), Some(&wanted))?;
    let token: Value = serde_json::from_str(&answer.text())?;
    let answer = client.call("GET", ROOT, None)?;
    let root: Value = serde_json::from_str(&answer.text())?;
    let text = |value: &Value, of: &str| value.as_str().map(str::to_owned).with_context(|| format!("no {of}: {value}"));
    let (token_file, root_file) = (folder.join("token"), folder.join("root-cert.pem"));
    std::fs::write(&token_file, text(&token["status"]["token"], "token")?)?;
    std::fs::write(&root_file, text(&root["data"]["root-cert.pem"], "root certificate")?)?;
    let file = |path: &Path| path.display().to_string();
    Ok(vec!["--token-file".to_owned(), file(&token_file), "--root-cert".to_owned(), file(&root_file)])
}

fn send(client: &mut Client, method: &str, path: &str, object: &Value) -> anyhow::Result<()> {
    let answer = client.call(method, path, Some(object))?;
    ensure!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    Ok(())
}
