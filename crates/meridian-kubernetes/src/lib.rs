//! A real Kubernetes API server for tests: etcd, kube-apiserver and kube-controller-manager as plain processes on
//! loopback, and `kubectl` against them.
//!
//! Whatever goes wrong ends the test that asked, with what the program said.
#![forbid(unsafe_code)]

mod api;

pub use api::StoppedApi;

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long something that is to happen is waited for, on a machine that does other things too.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the scripts and the programs are.
#[derive(Debug, Clone)]
struct Programs {
    scripts: PathBuf,
    binaries: PathBuf,
}

/// `None`, said loudly, where they are not there; in CI that is a failure.
fn programs() -> Option<Programs> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let scripts = variable("MERIDIAN_SHARED").unwrap_or(beside).join("kubernetes");
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let binaries = variable("KUBE_BIN").or_else(|| Some(cache()?.join("meridian/kube-bin")));
    let found = binaries.map(|binaries| Programs { scripts, binaries });
    let wanted = ["etcd", "kube-apiserver", "kube-controller-manager"];
    let found = found.filter(|programs| {
        programs.scripts.join("run-kube.sh").is_file()
            && wanted.iter().all(|program| programs.binaries.join(program).is_file())
    });
    if found.is_none() {
        let message = "there is no kube-apiserver: `cargo xtask setup` builds one; KUBE_BIN is the folder with it";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("\n*** SKIPPED: {message} ***\n");
    }
    found
}

/// A real API server with etcd and controllers, stopped when dropped.
#[derive(Debug)]
pub struct Kubernetes {
    programs: Programs,
    folder: tempfile::TempDir,
    etcd: SocketAddr,
    apiserver: Option<Child>,
}

impl Kubernetes {
    /// Starts one on free ports of loopback, and waits until it is ready. `None`, said loudly, where its programs are not
    /// built; in CI that is a failure.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn start() -> Option<Kubernetes> {
        Kubernetes::start_with(&[])
    }

    /// As [`Kubernetes::start`], with variables of the script that starts it, such as `CONTROLLERS`: the controllers that
    /// run, instead of all that make and clean up objects.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn start_with(variables: &[(&str, &str)]) -> Option<Kubernetes> {
        let folder = tempfile::tempdir().expect("a folder is made");
        let kubernetes = Kubernetes { programs: programs()?, folder, etcd: free_address(), apiserver: None };
        let mut start = kubernetes.script("start");
        start.env("ETCD_PORT", kubernetes.etcd.port().to_string());
        for port in ["APISERVER_PORT", "ETCD_PEER", "KCM_PORT"] {
            start.env(port, free_address().port().to_string());
        }
        start.envs(variables.iter().copied());
        let status = start.stdout(Stdio::null()).status().expect("a shell runs");
        assert!(status.success(), "kube-apiserver did not start");
        Some(kubernetes)
    }

    fn script(&self, word: &str) -> Command {
        let mut command = Command::new(self.programs.scripts.join("run-kube.sh"));
        command.arg(word).arg(self.folder.path()).env("KUBE_BIN", &self.programs.binaries);
        command
    }

    /// The kubeconfig of a user who may do everything.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The folder of its files and logs, which goes with it. Tests may put their own files there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of what projects outside of this one publish, such as CustomResourceDefinitions.
    #[must_use]
    pub fn oracles(&self) -> PathBuf {
        self.programs.scripts.join("../oracles")
    }

    /// Runs kubectl with an input to its end, whatever that is.
    ///
    /// # Panics
    /// There is no kubectl.
    pub fn try_kubectl(&self, words: &[impl AsRef<OsStr>], input: &str) -> Output {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(words).env("KUBECONFIG", self.kubeconfig());
        run(kubectl, input)
    }

    /// Runs kubectl with an input, and returns what it prints.
    ///
    /// # Panics
    /// It fails.
    pub fn kubectl(&self, words: &[&str], input: &str) -> String {
        let output = self.try_kubectl(words, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {words:?}: {error}");
        String::from_utf8(output.stdout).expect("kubectl prints UTF-8")
    }

    /// Applies objects.
    ///
    /// # Panics
    /// The API server refuses one.
    pub fn apply(&self, text: &str) {
        self.kubectl(&["apply", "-f", "-"], text);
    }

    /// An object as it is now; `Null`: there is none. Without a namespace its kind has none.
    ///
    /// # Panics
    /// The kind is not there.
    #[must_use]
    pub fn get(&self, resource: &str, name: &str, namespace: &str) -> Value {
        let mut words = vec!["get", resource, name, "-o", "json", "--ignore-not-found"];
        if !namespace.is_empty() {
            words.extend(["-n", namespace]);
        }
        serde_json::from_str(&self.kubectl(&words, "")).unwrap_or_default()
    }

    /// The objects of a kind as they are now, in all namespaces.
    ///
    /// # Panics
    /// The kind is not there.
    #[must_use]
    pub fn list(&self, resource: &str) -> Vec<Value> {
        let text = self.kubectl(&["get", resource, "-A", "-o", "json"], "");
        let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the object is as wanted.
    ///
    /// # Panics
    /// It is not in time.
    pub fn wait_for(&self, resource: &str, name: &str, namespace: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(|| {
            let object = self.get(resource, name, namespace);
            if is_so(&object) { Ok(object) } else { Err(format!("{resource} {name}: {object:#}")) }
        })
    }

    /// Installs the definitions of Gateway API whose file names contain one of these words; all when there are none.
    ///
    /// # Panics
    /// There is none, or the API server does not take it.
    pub fn gateway_api(&self, words: &[&str]) {
        let folder = self.oracles().join("gateway-api-v1.6.1/crds");
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let files = files.map(|entry| entry.expect("a folder is read").path());
        let is_meant = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name != "kustomization.yaml" && (words.is_empty() || words.iter().any(|word| name.contains(word)))
        };
        let files: Vec<PathBuf> = files.filter(is_meant).collect();
        assert!(!files.is_empty(), "no file of {} is called {words:?}", folder.display());
        let mut arguments = vec!["apply".into(), "--server-side".into()];
        arguments.extend(files.into_iter().flat_map(|file| ["-f".into(), file]));
        let output = self.try_kubectl(&arguments, "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.established();
    }

    /// Waits until all CustomResourceDefinitions are served.
    ///
    /// # Panics
    /// They are not in time.
    pub fn established(&self) {
        self.kubectl(&["wait", "--for", "condition=established", "--timeout=60s", "crd", "--all"], "");
    }
}

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

/// Runs a program with an input to its end.
///
/// # Panics
/// It cannot be started.
pub fn run(mut command: Command, input: &str) -> Output {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // A program that ends early does not read all of its input, which is its right.
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().expect("a child ends")
    })
}

/// An address of loopback that is free at the moment.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address")
}

/// Asks until there is an answer, for as long as [`PATIENCE`].
///
/// # Panics
/// There is none in time; with the last reason.
pub fn eventually<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) => assert!(start.elapsed() < PATIENCE, "{reason}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
