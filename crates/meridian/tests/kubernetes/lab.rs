//! A real API server with etcd, and control planes beside it.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long something that is to happen is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

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

/// A real API server with etcd, stopped when dropped.
pub(crate) struct Kubernetes {
    scripts: PathBuf,
    programs: PathBuf,
    folder: tempfile::TempDir,
    etcd: String,
    apiserver: Option<Child>,
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
        let folder = tempfile::tempdir().unwrap();
        let etcd = free_port();
        let kubernetes = Kubernetes { scripts, programs, folder, etcd: etcd.clone(), apiserver: None };
        let mut start = kubernetes.script("start");
        start.env("ETCD_PORT", etcd);
        for port in ["APISERVER_PORT", "ETCD_PEER", "KCM_PORT"] {
            start.env(port, free_port());
        }
        assert!(start.stdout(Stdio::null()).status().unwrap().success());
        kubernetes.kubectl(&["create", "namespace", "istio-system"], "");
        Some(kubernetes)
    }

    fn script(&self, word: &str) -> Command {
        let mut command = Command::new(self.scripts.join("run-kube.sh"));
        command.arg(word).arg(self.folder.path()).env("KUBE_BIN", &self.programs);
        command
    }

    /// Runs kubectl; panics when it fails.
    pub(crate) fn kubectl(&self, words: &[&str], input: &str) -> String {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(words).env("KUBECONFIG", self.kubeconfig());
        let mut child = kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn apply(&self, text: &str) {
        self.kubectl(&["apply", "-f", "-"], text);
    }

    /// The definitions of Gateway API, those of these plurals; all when there are none.
    pub(crate) fn gateway_api(&self, plurals: &[&str]) {
        let crds = self.scripts.join("../oracles/gateway-api-v1.6.1/crds");
        let files = fs::read_dir(crds).unwrap().map(|entry| entry.unwrap().path());
        let is_meant = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            name != "kustomization.yaml" && (plurals.is_empty() || plurals.iter().any(|one| name.contains(one)))
        };
        let files: Vec<PathBuf> = files.filter(is_meant).collect();
        assert!(!files.is_empty());
        let mut words = vec!["apply", "--server-side"];
        words.extend(files.iter().flat_map(|file| ["-f", file.to_str().unwrap()]));
        self.kubectl(&words, "");
        self.kubectl(&["wait", "--for", "condition=established", "--timeout=60s", "crd", "--all"], "");
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A list of objects as it is now.
    pub(crate) fn list(&self, resource: &str) -> Vec<Value> {
        let text = self.kubectl(&["get", resource, "-A", "-o", "json"], "");
        let list: Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// An object as it is now; `Null`: there is none.
    pub(crate) fn get(&self, resource: &str, name: &str) -> Value {
        let text = self.kubectl(&["get", resource, name, "-n", "default", "-o", "json", "--ignore-not-found"], "");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Waits until the object is as wanted.
    pub(crate) fn wait_for(&self, resource: &str, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(|| {
            let object = self.get(resource, name);
            if is_so(&object) { Ok(object) } else { Err(format!("{resource} {name}: {object:#}")) }
        })
    }

    /// Waits until something is said of the parents of a route.
    pub(crate) fn wait_for_route(&self, name: &str) -> Value {
        self.wait_for("httproute", name, |route| route["status"]["parents"][0]["conditions"].is_array())
    }

    /// Kills the API server.
    pub(crate) fn kill_api(&mut self) -> StoppedApi {
        let pid = fs::read_to_string(self.folder.path().join("apiserver.pid")).unwrap();
        let pid = pid.trim().to_owned();
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        let words = line.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap());
        let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
        match self.apiserver.take() {
            Some(mut child) => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            None => assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success()),
        }
        StoppedApi(words)
    }

    /// Starts the API server again, as it was.
    pub(crate) fn start_api(&mut self, StoppedApi(words): StoppedApi) {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        fs::write(self.folder.path().join("apiserver.pid"), child.id().to_string()).unwrap();
        self.apiserver = Some(child);
        eventually(|| {
            let ready = Command::new("kubectl")
                .args(["get", "--raw", "/readyz"])
                .env("KUBECONFIG", self.kubeconfig())
                .output()
                .unwrap();
            if ready.status.success() { Ok(()) } else { Err("the API server is not ready".to_owned()) }
        });
    }

    /// Throws the history of etcd away, so that no watch can be taken up where it was.
    pub(crate) fn compact(&self) {
        let ask = |path: &str, body: String| -> Value {
            let url = format!("http://127.0.0.1:{}{path}", self.etcd);
            let output = Command::new("curl").args(["-sf", "-d", &body, &url]).output().unwrap();
            assert!(output.status.success(), "{path}");
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let range = ask("/v3/kv/range", r#"{"key": "Lw=="}"#.to_owned());
        let revision = range["header"]["revision"].as_str().unwrap().to_owned();
        ask("/v3/kv/compaction", format!(r#"{{"revision": "{revision}", "physical": true}}"#));
    }
}

/// The command line of an API server that was killed.
pub(crate) struct StoppedApi(Vec<String>);

impl Drop for Kubernetes {
    fn drop(&mut self) {
        if let Some(mut child) = self.apiserver.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let stopped = self.script("stop").status();
        assert!(stopped.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
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
        let debug: SocketAddr = format!("127.0.0.1:{}", free_port()).parse().unwrap();
        let log = kubernetes.folder.path().join(format!("control-plane-{}.log", debug.port()));
        let child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["control-plane", "--log-level", "debug", "--kubeconfig"])
            .arg(kubernetes.kubeconfig())
            .args(["--lease-duration", "3", "--lease-renew-deadline", "2", "--lease-retry-period", "0.5"])
            .args(["--debug", &debug.to_string()])
            .env_remove("POD_NAME")
            .env_remove("POD_NAMESPACE")
            .args(["--xds", &format!("127.0.0.1:{}", free_port())])
            .args(["--xds-tls", &format!("127.0.0.1:{}", free_port())])
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

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Asks until there is an answer, for as long as [`PATIENCE`].
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) => assert!(start.elapsed() < PATIENCE, "{reason}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
