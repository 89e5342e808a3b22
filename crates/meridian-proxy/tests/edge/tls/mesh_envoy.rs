//! Mutual TLS of the mesh with a real Envoy at the other end, set up as Istio sets up its sidecars.

use super::mesh::{CLIENT, Mesh, SERVER, SNI};
use meridian_envoy::Envoy;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

fn bootstrap(listeners: &[Value], clusters: &[Value]) -> Value {
    json!({
        "admin": {"address": socket(SocketAddr::from(([127, 0, 0, 1], 0)))},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip(), "port_value": address.port()}})
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({"name": name, "type": "STATIC", "connect_timeout": "5s", "load_assignment": {"cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(address)}}]}]}})
}

fn http(cluster: &str, more: &Value) -> Value {
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": cluster,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}]}]}});
    let (manager_fields, more) = (manager.as_object_mut().expect("an object"), more.as_object().expect("an object"));
    manager_fields.extend(more.clone());
    json!({"name": "http", "typed_config": manager})
}

fn tcp(cluster: &str) -> Value {
    json!({"name": "tcp", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": cluster, "cluster": cluster}})
}

/// Certificate, key and authority in the files that [`Mesh::write_identity`] has written.
fn common(folder: &Path, alpn: &[&str], names: &[&str]) -> Value {
    let matchers: Vec<Value> =
        names.iter().map(|name| json!({"san_type": "URI", "matcher": {"exact": name}})).collect();
    json!({
        "alpn_protocols": alpn,
        "tls_certificates": [{"certificate_chain": {"filename": folder.join("envoy.crt")},
            "private_key": {"filename": folder.join("envoy.key")}}],
        "validation_context": {"trusted_ca": {"filename": folder.join("ca.crt")},
            "match_typed_subject_alt_names": matchers}})
}

fn echo(at: SocketAddr) -> std::io::Result<[u8; 6]> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"PING\r\n")?;
    let mut echo = [0; 6];
    stream.read_exact(&mut echo).map(|()| echo)
}

#[tokio::test]
async fn envoy_calls_as_a_sidecar_of_istio() {
    let Some(program) = meridian_envoy::program() else { return };
    let mesh = Mesh::new();
    mesh.write_identity(CLIENT);
    let server = mesh.serve(true).await;
    let folder = mesh.path();
    let with_tls = |name: &str, alpn: &[&str]| {
        let mut cluster = cluster(name, server);
        cluster["transport_socket"] = json!({"name": "envoy.transport_sockets.tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": SNI, "common_tls_context": common(folder, alpn, &[SERVER])}});
        cluster
    };
    let listener = |name: &str, filter: Value| {
        json!({"name": name, "address": socket(SocketAddr::from(([127, 0, 0, 1], 0))),
            "filter_chains": [{"filters": [filter]}]})
    };
    // What Istio's filter makes of the cluster's protocols for HTTP, and those for bytes.
    let clusters = [
        with_tls("http", &["istio-http/1.1", "istio", "http/1.1"]),
        with_tls("tcp", &["istio-peer-exchange", "istio"]),
    ];
    let listeners = [listener("http", http("http", &json!({}))), listener("tcp", tcp("tcp"))];
    let envoy = Envoy::start(&program, folder, &bootstrap(&listeners, &clusters));
    let answer = mesh.curl(envoy.listener("http")).await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-forwarded-client-cert: by={SERVER};hash=")), "{answer}");
    assert!(answer.contains(&format!(";uri={CLIENT}")), "{answer}");
    let at = envoy.listener("tcp");
    let echoed = tokio::task::spawn_blocking(move || echo(at)).await.expect("no panic");
    assert_eq!(&echoed.expect("an echo"), b"PING\r\n");
}

#[tokio::test]
async fn envoy_is_called_as_a_sidecar_of_istio() {
    let Some(program) = meridian_envoy::program() else { return };
    let mesh = Mesh::new();
    mesh.write_identity(SERVER);
    let folder = mesh.path();
    let chain = |protocols: &[&str], alpn: &[&str], filter: Value| {
        json!({
            "filter_chain_match": {"transport_protocol": "tls", "application_protocols": protocols},
            "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": true, "common_tls_context": common(folder, alpn, &[])}},
            "filters": [filter]})
    };
    let certificate = json!({"forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": {"subject": true, "uri": true}});
    let chains = [
        chain(&["istio-http/1.0", "istio-http/1.1", "istio-h2"], &["h2", "http/1.1"], http("workload", &certificate)),
        chain(&["istio-peer-exchange", "istio"], &["istio-peer-exchange", "h2", "http/1.1"], tcp("workload")),
    ];
    let inbound = json!({"name": "inbound", "address": socket(SocketAddr::from(([127, 0, 0, 1], 0))),
        "filter_chains": chains,
        "listener_filters": [{"name": "envoy.filters.listener.tls_inspector", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}]});
    let envoy = Envoy::start(&program, folder, &bootstrap(&[inbound], &[cluster("workload", mesh.workload)]));
    let (http, bytes) = mesh.call(envoy.listener("inbound"), true, &[SERVER]).await;
    let answer = mesh.curl(http).await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-forwarded-client-cert: by={SERVER};hash=")), "{answer}");
    assert!(answer.contains(&format!(";uri={CLIENT}")), "{answer}");
    let echoed = tokio::task::spawn_blocking(move || echo(bytes)).await.expect("no panic");
    assert_eq!(&echoed.expect("an echo"), b"PING\r\n");
}
