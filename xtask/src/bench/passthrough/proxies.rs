//! The proxies under measurement: their configuration and how they are started. All have their access log on.

use super::load::passes;
use crate::bench::h1::proxies::{ISTIO_LOG, Kind, envoy_with, meridian_with, on_core, socket};
use crate::bench::h1::{EDGE, ORIGIN};
use crate::bench::process::Program;
use crate::setup;
use anyhow::{Context, ensure};
use serde_json::json;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The name that connections ask for.
pub(super) const NAME: &str = "origin.bench.example.com";

/// nginx's module for TCP, which distributions package apart.
pub(super) const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy that runs.
pub(super) struct Proxy {
    pub(super) kind: Kind,
    program: Program,
}

impl Proxy {
    /// Starts it on `core`, with everything that it writes in a folder of its own under `folder`. `meridian` is where
    /// this project's program is.
    ///
    /// # Errors
    /// It is not installed or cannot be started.
    pub(super) fn start(kind: Kind, folder: &Path, core: u32, meridian: Option<&Path>) -> anyhow::Result<Self> {
        let folder = folder.join(kind.name());
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut command = match kind {
            Kind::Nginx => nginx(&folder, core)?,
            Kind::Haproxy => haproxy(&folder, core)?,
            Kind::Envoy => envoy(&folder, core)?,
            Kind::Meridian => meridian_with(meridian.context("it was not built")?, &folder, core, &meridian_config())?,
        };
        let (out, errors) = (File::create(folder.join("stdout"))?, File::create(folder.join("stderr"))?);
        Ok(Self { kind, program: Program::start_with_stdout(command.stderr(errors), out)? })
    }

    pub(super) fn pid(&self) -> u32 {
        self.program.pid()
    }

    pub(super) fn address(&self) -> SocketAddr {
        address(self.kind)
    }

    /// Tries until the proxy passes a connection on.
    ///
    /// # Errors
    /// It does not for half a minute.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        while !passes(self.address()) {
            ensure!(start.elapsed() < PATIENCE, "it passes nothing on at {}", self.address());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

const fn address(kind: Kind) -> SocketAddr {
    let port = match kind {
        Kind::Nginx => 8081,
        Kind::Haproxy => 8082,
        Kind::Envoy => 8083,
        // A server on port 443 of a Gateway.
        Kind::Meridian => 8443,
    };
    SocketAddr::new(EDGE, port)
}

fn nginx(folder: &Path, core: u32) -> anyhow::Result<Command> {
    let file = folder.join("nginx.conf");
    let text = format!(
        "load_module {STREAM_MODULE};\n\
         worker_processes 1; daemon off; pid {0}/pid; error_log {0}/error.log warn; worker_rlimit_nofile 16384;\n\
         events {{ worker_connections 4096; }}\n\
         stream {{\n\
         log_format basic '$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time';\n\
         access_log {0}/access.log basic; ssl_preread on;\n\
         map $ssl_preread_server_name $backend {{ {NAME} {ORIGIN}; }}\n\
         server {{ listen {1} backlog=4096; proxy_pass $backend; proxy_buffer_size 64k; tcp_nodelay on; }}\n\
         }}\n",
        folder.display(),
        address(Kind::Nginx)
    );
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    let mut command = on_core(core, setup::find("nginx").context("nginx is not installed")?);
    command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-g", "user root;"]);
    Ok(command)
}

fn haproxy(folder: &Path, core: u32) -> anyhow::Result<Command> {
    let file = folder.join("haproxy.cfg");
    let text = format!(
        "global\n nbthread 1\n maxconn 4096\n log stdout format raw local0\n\
         defaults\n mode tcp\n log global\n option tcplog\n option splice-auto\n\
         \x20timeout connect 2s\n timeout client 60s\n timeout server 60s\n\
         frontend edge\n bind {}\n tcp-request inspect-delay 5s\n\
         \x20tcp-request content accept if {{ req.ssl_hello_type 1 }}\n\
         \x20use_backend origin if {{ req.ssl_sni -i {NAME} }}\n\
         backend origin\n server origin {ORIGIN}\n",
        address(Kind::Haproxy)
    );
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    let mut command = on_core(core, setup::find("haproxy").context("haproxy is not installed")?);
    command.arg("-db").arg("-f").arg(&file);
    Ok(command)
}

fn envoy(folder: &Path, core: u32) -> anyhow::Result<Command> {
    let log = json!({"name": "envoy.access_loggers.file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": folder.join("access.log"),
        "log_format": {"text_format_source": {"inline_string": ISTIO_LOG}}}});
    let proxy = json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "edge", "cluster": "origin", "access_log": [log]}});
    let inspector = json!({"name": "envoy.filters.listener.tls_inspector", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}});
    let listener = json!({"name": "edge", "address": socket(address(Kind::Envoy)), "listener_filters": [inspector],
        "filter_chains": [{"filter_chain_match": {"server_names": [NAME]}, "filters": [proxy]}]});
    envoy_with(folder, core, &json!([listener]))
}

/// A Gateway that passes TLS on, a route by SNI, and the origin as a service.
fn meridian_config() -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: bench}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: tls, protocol: TLS}}
    hosts: [{NAME}]
    tls: {{mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: origin}}
spec:
  hosts: [{NAME}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports:
  - {{number: {port}, name: tls, protocol: TLS}}
  endpoints:
  - address: {address}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: bench}}
spec:
  hosts: [{NAME}]
  gateways: [bench]
  tls:
  - match:
    - {{port: 443, sniHosts: [{NAME}]}}
    route:
    - destination: {{host: {NAME}, port: {{number: {port}}}}}
",
        port = ORIGIN.port(),
        address = ORIGIN.ip(),
    )
}
