//! The proxies under measurement and the origin behind them: their configuration and how they are started.
//!
//! All have their access log on, keep connections to the origin, and forward with HTTP/1.1.

use super::load::{LARGE, SMALL};
use super::{EDGE, HOST, ORIGIN};
use crate::bench::process::Program;
use crate::setup;
use anyhow::Context;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// A proxy to measure.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Kind {
    /// nginx of the distribution, one worker
    Nginx,
    /// HAProxy of the distribution, one thread
    Haproxy,
    /// Envoy 1.40, one worker, as Istio sets its gateways
    Envoy,
    /// This project, release build, one data-plane thread
    Meridian,
}

impl Kind {
    pub(in crate::bench) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Meridian => "meridian",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Nginx => 8081,
            Self::Haproxy => 8082,
            Self::Envoy => 8083,
            // A server on port 80 of a Gateway.
            Self::Meridian => 8080,
        }
    }
}

/// A proxy that runs.
pub(super) struct Proxy {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    program: Program,
}

impl Proxy {
    /// Starts it on `core`, with everything that it writes in a folder of its own under `folder`. `meridian` is where
    /// this project's program is, if it was built.
    ///
    /// # Errors
    /// It is not installed, does not build or cannot be started.
    pub(super) fn start(kind: Kind, folder: &Path, core: u32, meridian: Option<&Path>) -> anyhow::Result<Self> {
        let folder = folder.join(kind.name());
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let address = SocketAddr::new(EDGE, kind.port());
        let mut command = match kind {
            Kind::Nginx => nginx(&folder, &nginx_proxy(address, &folder), core)?,
            Kind::Haproxy => haproxy(&folder, address, core)?,
            Kind::Envoy => envoy(&folder, address, core)?,
            Kind::Meridian => meridian_with(meridian.context("it was not built")?, &folder, core, &meridian_config())?,
        };
        let out = File::create(folder.join("stdout"))?;
        let errors = File::create(folder.join("stderr"))?;
        Ok(Self { kind, address, program: Program::start_with_stdout(command.stderr(errors), out)? })
    }

    pub(super) fn pid(&self) -> u32 {
        self.program.pid()
    }
}

/// Starts the origin on `core`: an nginx that answers from memory, or nearly so.
///
/// # Errors
/// nginx cannot be started.
pub(in crate::bench) fn start_origin(folder: &Path, core: u32) -> anyhow::Result<Program> {
    let folder = folder.join("origin");
    fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    fs::write(folder.join("large"), vec![b'x'; LARGE])?;
    let http = format!(
        "access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/json;\n\
         server {{ listen {ORIGIN} reuseport backlog=4096; root {};\n\
         location = /small {{ return 200 '{SMALL}'; }}\n\
         location = /large {{ open_file_cache max=10; }} }}\n",
        folder.display()
    );
    Program::start(nginx(&folder, &http, core)?.stderr(File::create(folder.join("stderr"))?))
}

/// `program` on one core. It ends with the benchmark, even when that is killed.
pub(in crate::bench) fn on_core(core: u32, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "-c", &core.to_string()]).arg(program);
    command
}

/// nginx with the given `http` section.
pub(in crate::bench) fn nginx(folder: &Path, http: &str, core: u32) -> anyhow::Result<Command> {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};\n", folder.display()))
        .concat();
    let file = folder.join("nginx.conf");
    let text = format!(
        "worker_processes 1; daemon off; pid {0}/pid; error_log {0}/error.log warn; worker_rlimit_nofile 16384;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n{temporary}{http}}}\n",
        folder.display()
    );
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    let mut command = on_core(core, crate::setup::find("nginx").context("nginx is not installed")?);
    command.arg("-p").arg(folder).arg("-c").arg(&file);
    // Started by root, the worker would be nobody, who cannot write here.
    command.args(["-g", "user root;"]);
    Ok(command)
}

/// The `http` section of nginx as a proxy; bodies pass as they come, as they do in the others.
fn nginx_proxy(address: SocketAddr, folder: &Path) -> String {
    format!(
        "access_log {}/access.log combined; keepalive_requests 1000000000;\n\
         upstream origin {{ server {ORIGIN}; keepalive 128; keepalive_requests 1000000000; }}\n\
         server {{ listen {address} backlog=4096; server_name {HOST};\n\
         location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_request_buffering off;\n\
         client_body_buffer_size 64k; proxy_buffers 16 16k; proxy_set_header Connection \"\";\n\
         proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }} }}\n",
        folder.display()
    )
}

fn haproxy(folder: &Path, address: SocketAddr, core: u32) -> anyhow::Result<Command> {
    let file = folder.join("haproxy.cfg");
    let text = format!(
        "global\n nbthread 1\n maxconn 4096\n log stdout format raw local0\n\
         defaults\n mode http\n log global\n option httplog\n option forwardfor\n http-reuse always\n\
         \x20timeout connect 2s\n timeout client 60s\n timeout server 60s\n\
         frontend edge\n bind {address}\n default_backend origin\n\
         backend origin\n server origin {ORIGIN} pool-max-conn 1024\n"
    );
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    let mut command = on_core(core, crate::setup::find("haproxy").context("haproxy is not installed")?);
    command.arg("-db").arg("-f").arg(&file);
    Ok(command)
}

/// Istio's default access-log format.
pub(in crate::bench) const ISTIO_LOG: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \
    \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \
    \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% \
    %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

fn envoy(folder: &Path, address: SocketAddr, core: u32) -> anyhow::Result<Command> {
    let log = json!({"name": "envoy.access_loggers.file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": folder.join("access.log"),
        "log_format": {"text_format_source": {"inline_string": ISTIO_LOG}}}});
    let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "0s", "retry_policy": {
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", "num_retries": 2}}});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge", "server_name": "istio-envoy", "use_remote_address": true, "normalize_path": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED", "forward_client_cert_details": "SANITIZE_SET",
        "access_log": [log], "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "bench", "domains": [HOST], "routes": [route]}]}});
    let listener = json!({"name": "edge", "address": socket(address),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]});
    envoy_with(folder, core, &json!([listener]))
}

/// An Envoy with these listeners and the cluster `origin`.
///
/// # Errors
/// There is no Envoy, or its file cannot be written.
pub(in crate::bench) fn envoy_with(folder: &Path, core: u32, listeners: &Value) -> anyhow::Result<Command> {
    let cluster = json!({"name": "origin", "type": "STATIC", "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "origin",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(ORIGIN)}}]}]}});
    let file = folder.join("envoy.json");
    let text = json!({"static_resources": {"listeners": listeners, "clusters": [cluster]}}).to_string();
    fs::write(&file, text).with_context(|| file.display().to_string())?;
    let mut command = on_core(core, setup::envoy::program()?);
    command.arg("-c").arg(&file).args(["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning"]);
    Ok(command)
}

/// An address in Envoy's words.
pub(in crate::bench) fn socket(at: SocketAddr) -> Value {
    json!({"socket_address": {"address": at.ip(), "port_value": at.port()}})
}

/// `meridian up` with one gateway and the objects of `objects`.
///
/// # Errors
/// Its folders cannot be made.
pub(in crate::bench) fn meridian_with(
    program: &Path,
    folder: &Path,
    core: u32,
    objects: &str,
) -> anyhow::Result<Command> {
    let (config, logs) = (folder.join("config"), folder.join("logs"));
    fs::create_dir(&config).with_context(|| config.display().to_string())?;
    fs::create_dir(&logs).with_context(|| logs.display().to_string())?;
    fs::write(config.join("bench.yaml"), objects)?;
    let mut command = on_core(core, program);
    command.args(["up", "--threads", "1", "--log-level", "warn"]);
    command.args(["--api", &SocketAddr::new(EDGE, 16443).to_string(), "--gateway", &format!("ingressgateway={EDGE}")]);
    command.arg("--data").arg(folder.join("data")).arg("--config").arg(&config).arg("--access-logs").arg(&logs);
    Ok(command)
}

/// A Gateway, a route to the origin, and the origin as a service.
fn meridian_config() -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: bench}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: [{HOST}]
---
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
  hosts: [{HOST}]
  gateways: [bench]
  http:
  - route:
    - destination: {{host: origin.bench.internal, port: {{number: {port}}}}}
",
        port = ORIGIN.port(),
        address = ORIGIN.ip(),
    )
}
