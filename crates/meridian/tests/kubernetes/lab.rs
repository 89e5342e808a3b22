//! A real API server with etcd, and control planes beside it.

use meridian_kubernetes::{Kubernetes, eventually, free_address};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};

/// A Gateway with its class.
pub(crate) const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: meridian}
spec: {controllerName: meridian.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  gatewayClassName: meridian
  listeners: [{name: http, port: 80, protocol: HTTP}]
";

/// A route of the Gateway to a Service that does not exist.
pub(crate) fn route(name: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: default}}\n\
         spec: {{parentRefs: [{{name: edge}}], hostnames: [{name}.example.com], \
         rules: [{{backendRefs: [{{name: nowhere, port: 80}}]}}]}}\n"
    )
}

/// A real API server with the namespace of control planes.
pub(crate) fn start() -> Option<Kubernetes> {
    let kubernetes = Kubernetes::start()?;
    kubernetes.kubectl(&["create", "namespace", "istio-system"], "");
    Some(kubernetes)
}

/// Waits until something is said of the parents of a route.
pub(crate) fn wait_for_route(kubernetes: &Kubernetes, name: &str) -> Value {
    kubernetes.wait_for("httproute", name, "default", |route| route["status"]["parents"][0]["conditions"].is_array())
}

/// A control plane, killed when dropped.
pub(crate) struct ControlPlane {
    child: Child,
    debug: SocketAddr,
    log: PathBuf,
}

impl ControlPlane {
    /// Starts it, with a lease of a few seconds, and waits until it is ready.
    pub(crate) fn start(kubernetes: &Kubernetes) -> ControlPlane {
        let control_plane = Self::spawn(kubernetes);
        eventually(|| match control_plane.ask("/ready") {
            Some(_) => Ok(()),
            None => Err(format!("not ready: {}", control_plane.log())),
        });
        control_plane
    }

    fn spawn(kubernetes: &Kubernetes) -> ControlPlane {
        let debug = free_address();
        let log = kubernetes.folder().join(format!("control-plane-{}.log", debug.port()));
        let child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["control-plane", "--log-level", "debug", "--kubeconfig"])
            .arg(kubernetes.kubeconfig())
            .args(["--lease-duration", "3", "--lease-renew-deadline", "2", "--lease-retry-period", "0.5"])
            .args(["--debug", &debug.to_string()])
            .env_remove("POD_NAME")
            .env_remove("POD_NAMESPACE")
            .args(["--xds", &free_address().to_string()])
            .args(["--xds-tls", &free_address().to_string()])
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        ControlPlane { child, debug, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The body of an answer with status 200.
    fn ask(&self, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.debug);
        let output = Command::new("curl").args(["-sf", &url]).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ask("/ready").is_some()
    }

    pub(crate) fn leads(&self) -> bool {
        self.ask("/metrics").is_some_and(|text| text.lines().any(|line| line == "meridian_leader 1"))
    }

    pub(crate) fn wait_to_lead(&self) {
        eventually(|| if self.leads() { Ok(()) } else { Err(format!("does not lead: {}", self.log())) });
    }

    /// How often it has asked the API server for that, with success.
    pub(crate) fn requests(&self, verb: &str, kind: &str) -> u64 {
        let text = self.ask("/metrics").unwrap();
        let start = format!("meridian_api_requests_total{{verb=\"{verb}\",kind=\"{kind}\",code=\"2");
        let counts = text.lines().filter(|line| line.starts_with(&start));
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// How many statuses it has written.
    pub(crate) fn statuses(&self) -> u64 {
        ["gatewayclasses", "gateways", "httproutes"]
            .iter()
            .map(|kind| self.requests("patch", &format!("{kind}/status")))
            .sum()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
