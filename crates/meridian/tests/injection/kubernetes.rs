//! A real API server with etcd and controllers, and a control plane beside it.

use meridian_kubernetes::{Kubernetes, eventually, free_address, run};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::ops::Deref;
use std::process::{Child, Command, Stdio};

/// An API server and its control plane, which is killed first.
pub(crate) struct Mesh {
    kubernetes: Kubernetes,
    control_plane: Child,
    /// Where the webhook listens.
    pub(crate) webhook: SocketAddr,
}

impl Mesh {
    /// Starts a control plane with a webhook beside an API server.
    pub(crate) fn start(kubernetes: Kubernetes) -> Mesh {
        let webhook = free_address();
        let control_plane = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["control-plane", "--kubeconfig"])
            .arg(kubernetes.kubeconfig())
            .args(["--injection", &webhook.to_string()])
            .args(["--xds", &free_address().to_string(), "--xds-tls", &free_address().to_string()])
            .args(["--debug", &free_address().to_string()])
            .stdout(Stdio::null())
            .stderr(File::create(kubernetes.folder().join("meridian.log")).unwrap())
            .spawn()
            .unwrap();
        Mesh { kubernetes, control_plane, webhook }
    }

    /// What applying says besides what it prints: warnings, or as an error why it failed.
    pub(crate) fn try_apply(&self, object: &Value) -> Result<String, String> {
        let output = self.try_kubectl(&["apply", "-f", "-"], &object.to_string());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    pub(crate) fn apply(&self, object: &Value) {
        let log = || std::fs::read_to_string(self.folder().join("meridian.log")).unwrap_or_default();
        self.try_apply(object).unwrap_or_else(|error| panic!("{object}: {error}\n{}", log()));
    }

    pub(crate) fn meridian(&self, words: &[&str], input: &str) -> String {
        let mut meridian = Command::new(env!("CARGO_BIN_EXE_meridian"));
        meridian.args(words).env("KUBECONFIG", self.kubeconfig());
        let output = run(meridian, input);
        assert!(output.status.success(), "meridian {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The pod that the controllers make for a Deployment.
    pub(crate) fn pod_of(&self, name: &str, namespace: &str) -> Value {
        let label = format!("app={name}");
        eventually(|| {
            let pods = self.kubectl(&["get", "pods", "-n", namespace, "-l", &label, "-o", "json"], "");
            let pods: Value = serde_json::from_str(&pods).unwrap();
            pods["items"].get(0).cloned().ok_or_else(|| format!("there is no pod of {name}"))
        })
    }
}

impl Deref for Mesh {
    type Target = Kubernetes;

    fn deref(&self) -> &Kubernetes {
        &self.kubernetes
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        let _ = self.control_plane.kill();
        let _ = self.control_plane.wait();
    }
}
