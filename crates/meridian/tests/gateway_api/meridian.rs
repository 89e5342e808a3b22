//! `meridian up`, and what is asked of its API.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a status or an answer is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running `meridian up`, killed when dropped.
pub(crate) struct Meridian {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    kubeconfig: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Meridian {
    pub(crate) fn start() -> Meridian {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let data = scratch.path().join("data");
        let mut child = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["up", "--threads", "1", "--data"])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("meridian starts");
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (stderr, sink) = (child.stderr.take().expect("stderr is piped"), log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().expect("no reader panics").push(line);
            }
        });
        let meridian = Meridian { child, log, kubeconfig: data.join("kubeconfig"), _scratch: scratch };
        let ready = || meridian.log.lock().expect("no reader panics").iter().any(|line| line.contains("ready"));
        eventually(|| if ready() { Ok(()) } else { Err("it is not ready".to_owned()) })
            .unwrap_or_else(|reason| panic!("{reason}: {}", meridian.end_of_log()));
        meridian
    }

    /// The last lines of its log.
    pub(crate) fn end_of_log(&self) -> String {
        let log = self.log.lock().expect("no reader panics");
        log[log.len().saturating_sub(30)..].join("\n")
    }

    /// `kubectl apply` of objects; panics unless it succeeds.
    pub(crate) fn apply(&self, objects: &[Value]) {
        // Namespaces are there before what is in them.
        let (namespaces, others): (Vec<_>, Vec<_>) =
            objects.iter().cloned().partition(|object| object["kind"] == "Namespace");
        for part in [namespaces, others].iter().filter(|part| !part.is_empty()) {
            self.kubectl(&["apply", "-f", "-"], Some(part));
        }
    }

    /// `kubectl delete` of objects.
    pub(crate) fn delete(&self, objects: &[Value]) {
        let kept: Vec<_> = objects.iter().filter(|object| object["kind"] != "Namespace").cloned().collect();
        if !kept.is_empty() {
            self.kubectl(&["delete", "--ignore-not-found", "--wait=true", "-f", "-"], Some(&kept));
        }
    }

    /// An object as it is now; `None`: there is none.
    pub(crate) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let text = self.kubectl(&["get", resource, "-n", namespace, name, "-o", "json", "--ignore-not-found"], None);
        serde_json::from_str(&text).ok()
    }

    fn kubectl(&self, arguments: &[&str], objects: Option<&[Value]>) -> String {
        let mut child = Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl is installed (cargo xtask setup)");
        let mut input = child.stdin.take().expect("stdin is piped");
        if let Some(objects) = objects {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            input.write_all(list.to_string().as_bytes()).expect("kubectl reads");
        }
        drop(input);
        let output = child.wait_with_output().expect("kubectl ends");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Meridian {
    fn drop(&mut self) {
        // Its gateways end with it, when it is asked.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer; the last reason why there is none.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(reason) if start.elapsed() > PATIENCE => return Err(reason),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
