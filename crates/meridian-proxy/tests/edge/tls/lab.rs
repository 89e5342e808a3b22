//! A proxy that terminates TLS, and what its log and counters say of it.

use super::pki::{Ca, Pair};
use crate::config;
use meridian_ir::access_log::{AccessLog, LogFormat};
use meridian_ir::filter_chain::{ServerName, TransportProtocol};
use meridian_ir::format::Format;
use meridian_ir::route::DirectResponse;
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation, TlsVersion};
use meridian_ir::{
    Action, Authority, ChainMatch, FilterChain, Filters, Listener, ProxyConfig, Route, RouteConfig, Secret,
};
use meridian_proxy::ProxyHandle;
use meridian_proxy::stats::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A folder and a proxy whose listener `l` logs why handshakes fail.
pub(super) struct Lab {
    pub(super) folder: tempfile::TempDir,
    pub(super) proxy: ProxyHandle,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), proxy: config::start(config::options()) }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> AccessLog {
        let format = "%REQUESTED_SERVER_NAME% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n";
        AccessLog {
            path: self.path().join("access.log").to_str().expect("UTF-8").into(),
            format: LogFormat::Text(Arc::new(Format::parse(format).expect("a format"))),
            filter: None,
        }
    }

    /// A configuration whose listener `l` has these chains, which answer every request with `hi`.
    pub(super) fn config(&self, chains: Vec<FilterChain>) -> ProxyConfig {
        let listener = Listener {
            tls_inspector: true,
            chains: chains.into_iter().map(Arc::new).collect(),
            access_log: vec![self.log()],
            ..config::listener("l", config::manager("http.8080"))
        };
        let mut host = config::forward("*", "origin");
        let action = Action::Direct(DirectResponse { status: 200, body: b"hi".to_vec() });
        host.routes =
            host.routes.iter().map(|route| Arc::new(Route { action: action.clone(), ..(**route).clone() })).collect();
        let mut config = config::config(vec![listener], Vec::new(), Vec::new());
        config.routes.insert("http.8080".into(), Arc::new(RouteConfig::new("http.8080", vec![Arc::new(host)])));
        config
    }

    pub(super) async fn apply(&self, config: &ProxyConfig) -> SocketAddr {
        config::apply(&self.proxy, config, "l").await
    }

    /// The counter `listener.l.<name>`.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.counter(&format!("listener.l.{name}"))
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        let samples = self.proxy.shared().stats.collect();
        match samples.iter().find(|sample| sample.name == name).map(|sample| &sample.value) {
            Some(Value::Counter(value)) => *value,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Waits for a line of the log with `part`.
    pub(super) async fn line_with(&self, part: &str) {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.path().join("access.log")).unwrap_or_default();
            if text.contains(part) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no line with {part:?} in {text:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The last line of the log once there are `lines`.
    pub(super) async fn line(&self, lines: usize) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.path().join("access.log")).unwrap_or_default();
            if text.lines().count() >= lines {
                assert_eq!(text.lines().count(), lines, "{text}");
                return text.lines().last().unwrap_or_default().to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no line {lines} in {text:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// TLS with the certificate `s`.
pub(super) fn settings(client_auth: ClientAuth) -> DownstreamTls {
    DownstreamTls {
        certificates: vec!["s".into()],
        client_auth,
        alpn: vec!["http/1.1".into()],
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
    }
}

/// A chain for `name` whose connections are HTTP.
pub(super) fn chain(name: &str, settings: DownstreamTls) -> FilterChain {
    FilterChain {
        name: name.into(),
        matcher: ChainMatch {
            server_names: ServerName::new(name).into_iter().collect(),
            transport_protocol: Some(TransportProtocol::Tls),
            ..ChainMatch::default()
        },
        tls: Some(Arc::new(settings)),
        filters: Filters::Http(Arc::new(config::manager("http.8080"))),
        origin: None,
    }
}

pub(super) fn add_secret(config: &mut ProxyConfig, name: &str, pair: &Pair) {
    let secret = Secret {
        name: name.into(),
        certificate_chain: pair.chain.clone().into_bytes(),
        private_key: pair.key.clone().into_bytes(),
    };
    config.secrets.insert(name.into(), Arc::new(secret));
}

pub(super) fn add_authority(config: &mut ProxyConfig, name: &str, ca: &Ca, revocation_lists: &str) {
    let authority = Authority {
        name: name.into(),
        certificates: ca.pem.clone().into_bytes(),
        revocation_lists: revocation_lists.as_bytes().to_vec(),
    };
    config.authorities.insert(name.into(), Arc::new(authority));
}

/// Whoever the authority `ca` has signed.
pub(super) fn signed_by_ca() -> PeerValidation {
    PeerValidation { authority: Some("ca".into()), ..PeerValidation::default() }
}

pub(super) async fn run(program: &'static str, folder: &Path, arguments: String) -> Output {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().expect(program)).await.expect("no panic")
}

/// `curl` for `https://<host>/` at `address`. What it got.
pub(super) async fn curl(folder: &Path, host: &str, address: SocketAddr, arguments: &str) -> Result<String, i32> {
    let connect = format!("-k -sS --max-time 10 --connect-to {host}:443:{address} https://{host}/ {arguments}");
    let output = run("curl", folder, connect).await;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        code => Err(code.unwrap_or_default()),
    }
}
