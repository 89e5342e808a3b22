//! An API server that goes away, comes back, and forgets its history.

use crate::{Kubernetes, eventually};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// The command line of an API server that was killed.
#[derive(Debug)]
pub struct StoppedApi(Vec<String>);

impl Kubernetes {
    /// Kills the API server; etcd stays.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill_api(&mut self) -> StoppedApi {
        let pid = fs::read_to_string(self.folder().join("apiserver.pid")).expect("the API server has an id");
        let pid = pid.trim().to_owned();
        let line = fs::read(format!("/proc/{pid}/cmdline")).expect("the API server runs");
        let words = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
        match self.apiserver.take() {
            Some(mut child) => {
                child.kill().expect("a child is killed");
                child.wait().expect("a child ends");
            }
            None => assert!(Command::new("kill").args(["-9", &pid]).status().is_ok_and(|status| status.success())),
        }
        StoppedApi(words)
    }

    /// Starts the API server again, as it was, and waits until it is ready.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start_api(&mut self, StoppedApi(words): StoppedApi) {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.folder()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", words[0]));
        fs::write(self.folder().join("apiserver.pid"), child.id().to_string()).expect("a file is written");
        self.apiserver = Some(child);
        eventually(|| {
            let ready = self.try_kubectl(&["get", "--raw", "/readyz"], "");
            if ready.status.success() { Ok(()) } else { Err("the API server is not ready".to_owned()) }
        });
    }

    /// Throws the history of etcd away, so that no watch can be taken up where it was.
    ///
    /// # Panics
    /// etcd refuses.
    pub fn compact(&self) {
        let ask = |path: &str, body: String| -> Value {
            let url = format!("http://{}{path}", self.etcd);
            let output = Command::new("curl").args(["-sf", "-d", &body, &url]).output().expect("curl runs");
            assert!(output.status.success(), "etcd refuses {path}");
            serde_json::from_slice(&output.stdout).expect("etcd answers with JSON")
        };
        let range = ask("/v3/kv/range", r#"{"key": "Lw=="}"#.to_owned());
        let revision = range["header"]["revision"].as_str().expect("etcd has a revision").to_owned();
        ask("/v3/kv/compaction", format!(r#"{{"revision": "{revision}", "physical": true}}"#));
    }
}
