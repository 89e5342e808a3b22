//! TLS where it is not expected: inside of TLS, towards plain text, and in answer to plain text.

use super::lab::{Lab, add_secret, chain, curl, settings};
use super::pki::Ca;
use crate::config::{self, access_log, cluster, endpoints, forward, listener, manager};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{ClientAuth, PeerValidation, TlsVersion, UpstreamSni, UpstreamTls};
use meridian_ir::{Cluster, FilterChain, Filters, HttpConnectionManager, ProxyConfig, TcpProxy};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOST: &str = "a.example.com";

/// TLS towards an endpoint that is not judged.
fn originated() -> Option<Arc<UpstreamTls>> {
    Some(Arc::new(UpstreamTls {
        certificate: None,
        validation: PeerValidation::default(),
        validate_sni: false,
        sni: UpstreamSni::Fixed(HOST.into()),
        alpn: Vec::new(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    }))
}

/// Two proxies, of which the second has the endpoint's part.
struct Two {
    client: Lab,
    server: Lab,
}

impl Two {
    fn new() -> Self {
        Self { client: Lab::new(), server: Lab::new() }
    }

    /// An endpoint that answers `hi` over TLS.
    async fn endpoint(&self) -> SocketAddr {
        let mut config = self.server.config(vec![chain("*", settings(ClientAuth::None))]);
        add_secret(&mut config, "s", &Ca::new("ca").good(&[HOST]));
        self.server.apply(&config).await
    }

    fn log(&self) -> String {
        self.client.path().join("own.log").to_str().expect("UTF-8").to_owned()
    }

    /// Bytes to `endpoint`.
    fn bytes(&self, endpoint: SocketAddr) -> ProxyConfig {
        let filters = Filters::Tcp(Arc::new(TcpProxy {
            stat_prefix: "origin".into(),
            clusters: vec![WeightedName { cluster: "origin".into(), weight: 1 }],
            access_log: vec![access_log(&self.log())],
            ..TcpProxy::default()
        }));
        let mut bytes = listener("l", manager("http.8080"));
        bytes.tls_inspector = true;
        bytes.chains = vec![Arc::new(FilterChain { filters, ..(*bytes.chains[0]).clone() })];
        let origin = Cluster { tls: originated(), ..cluster("origin") };
        config::config(vec![bytes], Vec::new(), vec![(origin, endpoints(&[endpoint]))])
    }

    /// Requests to `endpoint`.
    fn requests(&self, endpoint: SocketAddr, tls: Option<Arc<UpstreamTls>>) -> ProxyConfig {
        let http = HttpConnectionManager { access_log: vec![access_log(&self.log())], ..manager("http.8080") };
        let origin = Cluster { tls, ..cluster("origin") };
        let clusters = vec![(origin, endpoints(&[endpoint]))];
        config::config(vec![listener("l", http)], vec![forward("*", "origin")], clusters)
    }

    /// The first line of the log.
    async fn line(&self) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.log()).unwrap_or_default();
            if let Some(line) = text.lines().next() {
                return line.to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "there is no line");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn status(at: SocketAddr) -> String {
    let arguments = format!("-s -o /dev/null -w %{{http_code}} --max-time 10 http://{at}/");
    let output = super::lab::run("curl", std::path::Path::new("/"), arguments).await;
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn tls_inside_of_tls_is_named() {
    let two = Two::new();
    let endpoint = two.endpoint().await;
    let at = two.client.apply(&two.bytes(endpoint)).await;
    assert!(curl(two.client.path(), HOST, at, "").await.is_err());
    let line = two.line().await;
    assert!(
        line.contains("\"TLS_error:_the_client_speaks_TLS_itself_inside_of_the_TLS_that_is_originated_here\""),
        "{line}"
    );
}

#[tokio::test]
async fn tls_towards_plain_text_is_named() {
    let two = Two::new();
    let plain = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = plain.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let at = two.client.apply(&two.requests(endpoint, originated())).await;
    assert_eq!(status(at).await, "503");
    let line = two.line().await;
    assert!(line.contains("WRONG_VERSION_NUMBER:the_peer_does_not_speak_TLS:TLS_error_end"), "{line}");
}

#[tokio::test]
async fn plain_text_that_is_answered_by_tls_is_named() {
    let alert = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = alert.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in alert.incoming().flatten() {
            let mut bytes = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut bytes);
            let _ = std::io::Write::write_all(&mut stream, b"\x15\x03\x01\x00\x02\x02\x46");
        }
    });
    let two = Two::new();
    let at = two.client.apply(&two.requests(endpoint, None)).await;
    assert_eq!(self::status(at).await, "502");
    let line = two.line().await;
    assert!(
        line.contains(" 502 UPE ") && line.contains("\"TLS_error:_the_endpoint_answers_plain_HTTP_with_TLS\""),
        "{line}"
    );
}
