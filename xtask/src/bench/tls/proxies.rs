//! The proxies under measurement: their configuration and how they are started.
//!
//! All have their access log on, keep connections to the origin, offer HTTP/2 and HTTP/1.1, forward with HTTP/1.1, speak TLS 1.2 and 1.3, prefer
//! AES-128 and give out tickets.

use crate::bench::h1::proxies::{ISTIO_LOG, Kind, envoy_with, meridian_with, nginx, on_core, socket};
use crate::bench::h1::{EDGE, ORIGIN};
use crate::bench::process::Program;
use crate::setup;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// TLS 1.3 suites in the order of BoringSSL on processors with AES.
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// The kind of a certificate.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Key {
    /// P-256
    Ecdsa,
    /// 2048 bits
    Rsa,
}

impl Key {
    const ALL: [Self; 2] = [Self::Ecdsa, Self::Rsa];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }

    /// Makes a certificate of each kind in `folder`.
    ///
    /// # Errors
    /// openssl fails.
    pub(in crate::bench) fn write_all(folder: &Path) -> anyhow::Result<()> {
        for key in Self::ALL {
            let kind: &[&str] = match key {
                Self::Ecdsa => &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                Self::Rsa => &["rsa:2048"],
            };
            let name = key.name();
            let mut command = Command::new("openssl");
            command.args(["req", "-x509", "-days", "30", "-nodes", "-subj", "/CN=bench.example.com", "-newkey"]);
            command.args(kind).args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]);
            crate::workspace::output(command.current_dir(folder))?;
            // HAProxy wants both in one file.
            let both = [fs::read(folder.join(format!("{name}.crt")))?, fs::read(folder.join(format!("{name}.key")))?];
            fs::write(folder.join(format!("{name}.pem")), both.concat())?;
        }
        Ok(())
    }

    fn certificate(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.crt", self.name()))
    }

    fn key(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.key", self.name()))
    }
}

/// A proxy that runs.
pub(in crate::bench) struct Proxy {
    pub(in crate::bench) kind: Kind,
    program: Program,
}

impl Proxy {
    /// Starts it on `core`, with everything that it writes in a folder of its own under `folder`, where the
    /// certificates are. `meridian` is where this project's program is, if it was built.
    ///
    /// # Errors
    /// It is not installed, does not build or cannot be started.
    pub(in crate::bench) fn start(
        kind: Kind,
        folder: &Path,
        core: u32,
        meridian: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let own = folder.join(kind.name());
        fs::create_dir(&own).with_context(|| own.display().to_string())?;
        let mut command = match kind {
            Kind::Nginx => nginx(&own, &nginx_proxy(folder), core)?,
            Kind::Haproxy => haproxy(folder, &own, core)?,
            Kind::Envoy => envoy(folder, &own, core)?,
            Kind::Meridian => {
                meridian_with(meridian.context("it was not built")?, &own, core, &meridian_config(folder))?
            }
        };
        let (out, errors) = (File::create(own.join("stdout"))?, File::create(own.join("stderr"))?);
        Ok(Self { kind, program: Program::start_with_stdout(command.stderr(errors), out)? })
    }

    pub(in crate::bench) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Where it shows a certificate of this kind.
    pub(in crate::bench) fn address(&self, key: Key) -> SocketAddr {
        address(self.kind, key)
    }

    /// Asks until the proxy answers as the origin does.
    ///
    /// # Errors
    /// It does not for half a minute.
    pub(in crate::bench) fn check(&self, key: Key, expected: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        let url = format!("https://{}/small", self.address(key));
        loop {
            let output = Command::new("curl").args(["-sSk", "--max-time", "5", &url]).output().context("curl")?;
            if output.stdout == expected.as_bytes() {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "{url}: {output:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn address(kind: Kind, key: Key) -> SocketAddr {
    let port = match (kind, key) {
        (Kind::Nginx, Key::Ecdsa) => 8081,
        (Kind::Nginx, Key::Rsa) => 8091,
        (Kind::Haproxy, Key::Ecdsa) => 8082,
        (Kind::Haproxy, Key::Rsa) => 8092,
        (Kind::Envoy, Key::Ecdsa) => 8083,
        (Kind::Envoy, Key::Rsa) => 8093,
        // A server on port 443 of a Gateway, and one on another.
        (Kind::Meridian, Key::Ecdsa) => 8443,
        (Kind::Meridian, Key::Rsa) => 9443,
    };
    SocketAddr::new(EDGE, port)
}

fn nginx_proxy(folder: &Path) -> String {
    let servers = Key::ALL.map(|key| {
        format!(
            "server {{ listen {} ssl http2 backlog=4096; ssl_certificate {}; ssl_certificate_key {};\n\
             ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_conf_command Ciphersuites {SUITES};\n\
             location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}\n",
            address(Kind::Nginx, key),
            key.certificate(folder).display(),
            key.key(folder).display()
        )
    });
    format!(
        "access_log {}/nginx/access.log combined; keepalive_requests 1000000000;\n\
         upstream origin {{ server {ORIGIN}; keepalive 128; keepalive_requests 1000000000; }}\n{}",
        folder.display(),
        servers.concat()
    )
}

fn haproxy(folder: &Path, own: &Path, core: u32) -> anyhow::Result<Command> {
    let file = own.join("haproxy.cfg");
    let bind = |key: Key| {
        let (at, path) = (address(Kind::Haproxy, key), folder.join(format!("{}.pem", key.name())));
        format!(" bind {at} ssl alpn h2,http/1.1 crt {}\n", path.display())
    };
    let text = format!(
        "global\n nbthread 1\n maxconn 4096\n log stdout format raw local0\n\
         \x20ssl-default-bind-ciphersuites {SUITES}\n ssl-default-bind-options ssl-min-ver TLSv1.2\n\
         defaults\n mode http\n log global\n option httplog\n option dontlognull\n option forwardfor\n\
         \x20http-reuse always\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n\
         frontend edge\n{} default_backend origin\n\
         backend origin\n server origin {ORIGIN} pool-max-conn 1024\n",
        Key::ALL.map(bind).concat()
    );
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    let mut command = on_core(core, setup::find("haproxy").context("haproxy is not installed")?);
    command.arg("-db").arg("-f").arg(&file);
    Ok(command)
}

fn envoy(folder: &Path, own: &Path, core: u32) -> anyhow::Result<Command> {
    let log = json!({"name": "envoy.access_loggers.file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": own.join("access.log"),
        "log_format": {"text_format_source": {"inline_string": ISTIO_LOG}}}});
    let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "0s"}});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge", "server_name": "istio-envoy", "use_remote_address": true, "normalize_path": true,
        "forward_client_cert_details": "SANITIZE_SET", "access_log": [log],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "bench", "domains": ["*"], "routes": [route]}]}});
    let listener = |key: Key| -> Value {
        let tls = json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
                "tls_certificates": [{
                    "certificate_chain": {"filename": key.certificate(folder)},
                    "private_key": {"filename": key.key(folder)}}]}});
        json!({"name": key.name(), "address": socket(address(Kind::Envoy, key)), "filter_chains": [{
            "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
            "filters": [{"name": "http", "typed_config": manager.clone()}]}]})
    };
    envoy_with(own, core, &json!(Key::ALL.map(listener)))
}

/// A Gateway with a server for each kind of certificate, a route to the origin, and the origin as a service.
fn meridian_config(folder: &Path) -> String {
    let server = |key: Key| {
        let port = match key {
            Key::Ecdsa => 443,
            Key::Rsa => 9443,
        };
        format!(
            "  - port: {{number: {port}, name: https-{name}, protocol: HTTPS}}\n    hosts: ['*']\n    \
             tls: {{mode: SIMPLE, serverCertificate: {}, privateKey: {}}}\n",
            key.certificate(folder).display(),
            key.key(folder).display(),
            name = key.name(),
        )
    };
    format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: bench}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
{servers}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: origin}}
spec:
  hosts: [origin.bench.internal]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports:
  - {{number: {port}, name: http, protocol: HTTP}}
  endpoints:
  - address: {address}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: bench}}
spec:
  hosts: ['*']
  gateways: [bench]
  http:
  - route:
    - destination: {{host: origin.bench.internal, port: {{number: {port}}}}}
",
        servers = Key::ALL.map(server).concat(),
        port = ORIGIN.port(),
        address = ORIGIN.ip(),
    )
}
