//! Mutual TLS of the mesh between two proxies: by endpoint, with Istio's ALPN, and what each side tells the other.

use super::lab::{Lab, add_authority, add_secret, run};
use super::pki::Ca;
use crate::config::{self, access_log, cluster, endpoints, forward, listener, manager};
use meridian_ir::endpoint::Workload;
use meridian_ir::filter_chain::TransportProtocol;
use meridian_ir::http::{ClientCertDetails, ClientCertHeader};
use meridian_ir::listener::Direction;
use meridian_ir::string_match::StringMatch;
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation, TlsVersion, UpstreamSni, UpstreamTls};
use meridian_ir::{
    ChainMatch, Cluster, Endpoints, FilterChain, Filters, HttpConnectionManager, Listener, ProxyConfig, TcpProxy,
};
use meridian_proxy::{ProxyHandle, ProxyOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

pub(super) const CLIENT: &str = "spiffe://cluster.local/ns/default/sa/sleep";
pub(super) const SERVER: &str = "spiffe://cluster.local/ns/shop/sa/httpbin";
pub(super) const SNI: &str = "outbound_.80_._.httpbin.shop.svc.cluster.local";

/// A workload that answers a request with its head, and sends everything else back as it is.
fn workload() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let (mut bytes, mut seen) = ([0; 65536], Vec::new());
    while let Ok(len @ 1..) = stream.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..len]);
        let reply = match seen.starts_with(b"GET ") {
            true if !seen.ends_with(b"\r\n\r\n") => continue,
            true => [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", seen.len()).as_bytes(), &seen].concat(),
            false => seen.clone(),
        };
        seen.clear();
        if stream.write_all(&reply).is_err() {
            return;
        }
    }
}

fn validation(names: &[&str]) -> PeerValidation {
    PeerValidation {
        authority: Some("ROOTCA".into()),
        subject_alt_names: names.iter().map(|name| StringMatch::Exact((*name).into())).collect(),
        ..PeerValidation::default()
    }
}

fn identity(config: &mut ProxyConfig, ca: &Ca, name: &str) {
    add_secret(config, "default", &ca.good(&[name]));
    add_authority(config, "ROOTCA", ca, "");
}

fn tcp(cluster: &str, log: &str) -> Filters {
    Filters::Tcp(Arc::new(TcpProxy {
        stat_prefix: cluster.into(),
        clusters: vec![WeightedName { cluster: cluster.into(), weight: 1 }],
        access_log: vec![access_log(log)],
        ..TcpProxy::default()
    }))
}

/// The inbound side under STRICT or PERMISSIVE, with Istio's chains.
fn inbound(workload: SocketAddr, is_strict: bool, log: &str) -> Listener {
    let settings = |alpn: &[&str]| DownstreamTls {
        certificates: vec!["default".into()],
        client_auth: ClientAuth::Required(validation(&[])),
        alpn: alpn.iter().map(|name| (*name).into()).collect(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
    };
    let http = || {
        Filters::Http(Arc::new(HttpConnectionManager {
            use_remote_address: false,
            client_cert_header: ClientCertHeader::AppendForward,
            client_cert_details: ClientCertDetails { subject: true, uri: true, ..ClientCertDetails::default() },
            access_log: vec![access_log(log)],
            ..manager("http.8080")
        }))
    };
    let chain = |transport, protocols: &[&str], tls: Option<DownstreamTls>, filters| {
        Arc::new(FilterChain {
            name: "".into(),
            matcher: ChainMatch {
                destination_port: Some(workload.port()),
                transport_protocol: Some(transport),
                application_protocols: protocols.iter().map(|name| (*name).into()).collect(),
                ..ChainMatch::default()
            },
            tls: tls.map(Arc::new),
            filters,
            origin: None,
        })
    };
    const HTTP: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
    const TCP: [&str; 2] = ["istio-peer-exchange", "istio"];
    let with_tls = TransportProtocol::Tls;
    let mut chains = vec![
        chain(with_tls, &HTTP, Some(settings(&["h2", "http/1.1"])), http()),
        chain(with_tls, &TCP, Some(settings(&["istio-peer-exchange", "h2", "http/1.1"])), tcp("workload", log)),
    ];
    if !is_strict {
        chains.push(chain(TransportProtocol::RawBuffer, &["http/1.1", "h2c"], None, http()));
    }
    // The destination of connections that nothing captures is the listener's own port.
    let chains = chains.into_iter().map(|chain| {
        let mut chain = (*chain).clone();
        chain.matcher.destination_port = None;
        Arc::new(chain)
    });
    Listener {
        direction: Direction::Inbound,
        tls_inspector: true,
        http_inspector: true,
        chains: chains.collect(),
        access_log: vec![access_log(log)],
        ..listener("in", manager("http.8080"))
    }
}

/// The outbound side: HTTP at `http`, bytes at `tcp`, to a server whose sidecar is at `server`.
fn outbound(server: SocketAddr, has_sidecar: bool, names: &[&str], log: &str) -> ProxyConfig {
    let tls = UpstreamTls {
        certificate: Some("default".into()),
        validation: validation(names),
        validate_sni: false,
        sni: UpstreamSni::Fixed(SNI.into()),
        alpn: vec!["istio-peer-exchange".into(), "istio".into()],
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    };
    let mut all: Endpoints = endpoints(&[server]);
    all.endpoints[0].mesh_tls = has_sidecar;
    all.endpoints[0].workload =
        has_sidecar.then(|| Arc::new(Workload { name: "httpbin".into(), ..Workload::default() }));
    let to_server = Cluster { auto_tls: Some(Arc::new(tls)), ..cluster("server") };
    let http =
        HttpConnectionManager { use_remote_address: false, access_log: vec![access_log(log)], ..manager("http.8080") };
    let mut bytes = listener("tcp", manager("http.8080"));
    let mut chain = (*bytes.chains[0]).clone();
    chain.filters = tcp("server", log);
    bytes.chains = vec![Arc::new(chain)];
    config::config(vec![listener("http", http), bytes], vec![forward("*", "server")], vec![(to_server, all)])
}

/// Two sidecars and a workload behind the second.
pub(super) struct Mesh {
    lab: Lab,
    ca: Ca,
    pub(super) workload: SocketAddr,
    client: ProxyHandle,
    server: ProxyHandle,
}

impl Mesh {
    pub(super) fn new() -> Self {
        let start = |name: &str, id: &str| {
            let labels = vec![("source_workload".to_owned(), name.to_owned())];
            config::start(ProxyOptions { node_id: Some(id.to_owned()), metric_labels: labels, ..config::options() })
        };
        Self {
            client: start("sleep", "sidecar~10.0.0.1~sleep.default~default.svc.cluster.local"),
            server: start("httpbin", "sidecar~10.0.0.2~httpbin.shop~shop.svc.cluster.local"),
            workload: workload(),
            ca: Ca::new("mesh"),
            lab: Lab::new(),
        }
    }

    fn log(&self, name: &str) -> String {
        self.lab.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// A folder for files.
    pub(super) fn path(&self) -> &Path {
        self.lab.path()
    }

    /// Writes `envoy.crt`, `envoy.key` and `ca.crt` for a program that has this identity.
    pub(super) fn write_identity(&self, name: &str) {
        self.ca.good(&[name]).write(self.path(), "envoy");
        std::fs::write(self.path().join("ca.crt"), &self.ca.pem).expect("a file");
    }

    /// Where the server's sidecar is.
    pub(super) async fn serve(&self, is_strict: bool) -> SocketAddr {
        let listeners = vec![inbound(self.workload, is_strict, &self.log("server.log"))];
        let inward = Cluster { bind_source: Some([127, 0, 0, 6].into()), ..cluster("workload") };
        let hosts = vec![forward("*", "workload")];
        let mut config = config::config(listeners, hosts, vec![(inward, endpoints(&[self.workload]))]);
        identity(&mut config, &self.ca, SERVER);
        config::apply(&self.server, &config, "in").await
    }

    /// Where the client's sidecar takes HTTP and bytes.
    pub(super) async fn call(&self, server: SocketAddr, has_sidecar: bool, names: &[&str]) -> (SocketAddr, SocketAddr) {
        let mut config = outbound(server, has_sidecar, names, &self.log("client.log"));
        identity(&mut config, &self.ca, CLIENT);
        let http = config::apply(&self.client, &config, "http").await;
        (http, self.client.shared().listener_address("tcp").expect("it listens"))
    }

    pub(super) async fn curl(&self, at: SocketAddr) -> String {
        let arguments =
            format!("-sS --max-time 10 -i -H x-envoy-decorator-operation:x -H x-envoy-retry-on:5xx http://{at}/");
        let output = run("curl", self.lab.path(), arguments).await;
        String::from_utf8(output.stdout).expect("text").to_lowercase()
    }
}

#[tokio::test]
async fn proxies_of_the_mesh_know_each_other() {
    let mesh = Mesh::new();
    let server = mesh.serve(true).await;
    let (http, bytes) = mesh.call(server, true, &[SERVER]).await;
    let answer = mesh.curl(http).await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
    let (head, seen) = answer.split_once("\r\n\r\n").expect("a body");
    let told = format!("x-forwarded-client-cert: by={SERVER};hash=");
    assert!(seen.contains(&told) && seen.contains(&format!(";uri={CLIENT}")), "{seen}");
    assert!(seen.contains("x-envoy-attempt-count: 1\r\n") && seen.contains("x-forwarded-proto: http\r\n"), "{seen}");
    for gone in ["x-envoy-peer-metadata", "x-envoy-decorator-operation", "x-envoy-retry-on", "x-forwarded-for"] {
        assert!(!seen.contains(gone) && !head.contains(gone), "{gone} in {answer}");
    }
    // Bytes find the chain for bytes.
    let echoed = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(bytes).expect("it listens");
        stream.write_all(b"PING\r\n").expect("it takes bytes");
        let mut echo = [0; 6];
        stream.read_exact(&mut echo).map(|()| echo)
    });
    assert_eq!(&echoed.await.expect("no panic").expect("an echo"), b"PING\r\n");
    let of = |proxy: &ProxyHandle| {
        let samples = proxy.shared().stats.collect();
        let labels = samples.iter().filter(|sample| sample.name == "istio_requests_total").map(|sample| &sample.labels);
        labels.flatten().map(|(name, value)| format!("{name}={value} ")).collect::<String>()
    };
    let server = of(&mesh.server);
    for label in [
        "reporter=destination",
        "source_workload=sleep",
        "destination_workload=httpbin",
        &format!("source_principal={CLIENT}"),
        &format!("destination_principal={SERVER}"),
        "connection_security_policy=mutual_tls",
    ] {
        assert!(server.contains(label), "no {label} in {server}");
    }
    let client = of(&mesh.client);
    for label in ["reporter=source", "source_workload=sleep", "destination_workload=httpbin"] {
        assert!(client.contains(label), "no {label} in {client}");
    }
    assert!(client.contains(&format!("destination_principal={SERVER}")), "{client}");
}

#[tokio::test]
async fn endpoints_without_a_sidecar_are_spoken_to_in_plain_text() {
    let mesh = Mesh::new();
    let server = mesh.serve(false).await;
    let (http, _) = mesh.call(server, false, &[SERVER]).await;
    let answer = mesh.curl(http).await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "PERMISSIVE: {answer}");
    assert!(!answer.contains("x-forwarded-client-cert") && !answer.contains("x-envoy-peer-metadata"), "{answer}");
    // The same endpoint gets a sidecar: what was spoken in plain text is not used again.
    let (http, _) = mesh.call(server, true, &[SERVER]).await;
    assert!(mesh.curl(http).await.contains(&format!(";uri={CLIENT}")));
    // STRICT takes no plain text.
    let server = mesh.serve(true).await;
    let (http, _) = mesh.call(server, false, &[SERVER]).await;
    assert!(mesh.curl(http).await.starts_with("http/1.1 503 "));
}

#[tokio::test]
async fn who_is_somebody_else_is_not_spoken_to() {
    let mesh = Mesh::new();
    let server = mesh.serve(true).await;
    let (http, _) = mesh.call(server, true, &["spiffe://cluster.local/ns/shop/sa/other"]).await;
    let answer = mesh.curl(http).await;
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
}
