//! A real API server with etcd and controllers, and a control plane beside it.

use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything that is only waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stopped when dropped.
pub(crate) struct Kubernetes {
    scripts: PathBuf,
    programs: PathBuf,
    folder: tempfile::TempDir,
    control_plane: Option<Child>,
}

/// Asks until there is something.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Kubernetes {
    /// `None`, said loudly, where its programs are not built: `cargo xtask setup` builds them.
    pub(crate) fn start() -> Option<Kubernetes> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shared = std::env::var_os("MERIDIAN_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let programs = std::env::var_os("KUBE_BIN").map(PathBuf::from);
        let programs = programs.or_else(|| Some(cache?.join("meridian/kube-bin")))?;
        let scripts = shared.join("kubernetes");
        if !scripts.join("run-kube.sh").is_file() || !programs.join("kube-apiserver").is_file() {
            assert!(std::env::var_os("CI").is_none(), "there is no kube-apiserver; run `cargo xtask setup`");
            eprintln!("SKIPPED: there is no kube-apiserver; run `cargo xtask setup`");
            return None;
        }
        let this = Kubernetes { scripts, programs, folder: tempfile::tempdir().unwrap(), control_plane: None };
        let mut start = this.script("start");
        for port in ["APISERVER_PORT", "ETCD_PORT", "ETCD_PEER", "KCM_PORT"] {
            start.env(port, free().port().to_string());
        }
        assert!(start.stdout(Stdio::null()).status().unwrap().success());
        Some(this)
    }

    fn script(&self, word: &str) -> Command {
        let mut command = Command::new(self.scripts.join("run-kube.sh"));
        command.arg(word).arg(self.folder.path()).env("KUBE_BIN", &self.programs);
        command
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Starts a control plane with a webhook, and returns where that listens.
    pub(crate) fn control_plane(&mut self) -> SocketAddr {
        let webhook = free();
        let child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["control-plane", "--kubeconfig"])
            .arg(self.kubeconfig())
            .args(["--injection", &webhook.to_string()])
            .args(["--xds", &free().to_string(), "--xds-tls", &free().to_string(), "--debug", &free().to_string()])
            .stdout(Stdio::null())
            .stderr(File::create(self.folder.path().join("meridian.log")).unwrap())
            .spawn()
            .unwrap();
        self.control_plane = Some(child);
        webhook
    }

    /// Runs a program with an input; its output and what it said, or what it said when it failed.
    fn run(&self, mut command: Command, input: &str) -> Result<(String, String), String> {
        command.env("KUBECONFIG", self.kubeconfig());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok((String::from_utf8(output.stdout).unwrap(), said)) } else { Err(said) }
    }

    pub(crate) fn try_kubectl(&self, words: &[&str], input: &str) -> Result<(String, String), String> {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(words);
        self.run(kubectl, input)
    }

    pub(crate) fn kubectl(&self, words: &[&str], input: &str) -> String {
        let log = || std::fs::read_to_string(self.folder.path().join("meridian.log")).unwrap_or_default();
        self.try_kubectl(words, input).unwrap_or_else(|error| panic!("kubectl {words:?}: {error}\n{}", log())).0
    }

    pub(crate) fn meridian(&self, words: &[&str], input: &str) -> String {
        let mut meridian = Command::new(env!("CARGO_BIN_EXE_meridian"));
        meridian.args(words);
        self.run(meridian, input).unwrap_or_else(|error| panic!("meridian {words:?}: {error}")).0
    }

    pub(crate) fn apply(&self, object: &Value) {
        self.kubectl(&["apply", "-f", "-"], &object.to_string());
    }

    pub(crate) fn get(&self, kind: &str, name: &str, namespace: &str) -> Value {
        let mut words = vec!["get", kind, name, "-o", "json"];
        if !namespace.is_empty() {
            words.extend(["-n", namespace]);
        }
        serde_json::from_str(&self.kubectl(&words, "")).unwrap()
    }

    /// The pod that the controllers make for a Deployment.
    pub(crate) fn pod_of(&self, name: &str, namespace: &str) -> Value {
        let label = format!("app={name}");
        eventually(&format!("a pod of {name}"), || {
            let pods = self.kubectl(&["get", "pods", "-n", namespace, "-l", &label, "-o", "json"], "");
            let pods: Value = serde_json::from_str(&pods).unwrap();
            pods["items"].get(0).cloned()
        })
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        if let Some(child) = &mut self.control_plane {
            let _ = child.kill();
            let _ = child.wait();
        }
        let stopped = self.script("stop").status();
        assert!(stopped.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}
