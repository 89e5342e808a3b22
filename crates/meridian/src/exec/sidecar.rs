//! The sidecar of a command: a `meridian sidecar` of its own.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use hyper::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::cgroup::Group;
use crate::client::http;

/// Where the sidecar's own endpoints are: not where those of other proxies on this machine are.
const ADMIN: &str = "127.0.15.1:15000";
const READINESS: &str = "127.0.15.1:15021";
const METRICS: &str = "127.0.15.1:15090";
/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(50);
/// How long its last connections may take when it is told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Who the command is in the mesh, and who drives its sidecar.
#[derive(Args, Debug)]
pub(super) struct SidecarOptions {
    /// The control plane: HOST:PORT
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:15010")]
    discovery: String,
    /// The command's name as a workload
    #[arg(long, default_value = "exec", value_name = "NAME")]
    name: String,
    /// Its namespace
    #[arg(long, default_value = "default", value_name = "NAMESPACE")]
    namespace: String,
    /// Its service account
    #[arg(long, default_value = "default", value_name = "NAME")]
    service_account: String,
    /// Its address, as the mesh knows it [default: this machine's]
    #[arg(long, value_name = "IP")]
    ip: Option<IpAddr>,
    /// Its labels: NAME=VALUE,...
    #[arg(long, value_name = "LABELS")]
    labels: Option<String>,
    /// A token of the service account, for a control plane that wants mutual TLS
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The root certificate of the mesh, likewise
    #[arg(long, value_name = "FILE")]
    root_cert: Option<PathBuf>,
    /// How long the sidecar may take until it is ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) ready_limit: u64,
    /// Write the sidecar's access log here [default: nowhere]
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
}

impl SidecarOptions {
    /// The arguments of the process.
    fn arguments(&self, state: &std::path::Path, dns: bool) -> Vec<std::ffi::OsString> {
        let mut words: Vec<std::ffi::OsString> = vec!["sidecar".into()];
        let mut add = |name: &str, value: std::ffi::OsString| words.extend([name.into(), value]);
        add("--discovery", self.discovery.clone().into());
        add("--name", self.name.clone().into());
        add("--namespace", self.namespace.clone().into());
        add("--service-account", self.service_account.clone().into());
        add("--state", state.into());
        add("--ip", self.ip.or_else(own_address).unwrap_or(Ipv4Addr::LOCALHOST.into()).to_string().into());
        // Inbound connections are led to the address of the interface that they came in by.
        add("--address", Ipv4Addr::UNSPECIFIED.to_string().into());
        add("--admin", ADMIN.into());
        add("--readiness", READINESS.into());
        add("--metrics", METRICS.into());
        if let Some(labels) = &self.labels {
            add("--labels", labels.clone().into());
        }
        for (name, file) in
            [("--token-file", &self.token_file), ("--root-cert", &self.root_cert), ("--access-log", &self.access_log)]
        {
            if let Some(file) = file {
                add(name, file.into());
            }
        }
        if dns {
            words.push("--dns-capture".into());
        }
        words
    }
}

/// The address that this machine's connections to elsewhere come from. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// What the names of the folders of the `meridian exec` called `name` begin with.
fn folder_prefix(name: &str) -> String {
    format!("{name}-")
}

/// Removes the folders of a `meridian exec` called `name` that is no more: the log and state of its sidecar.
///
/// # Errors
/// One cannot be removed.
pub(super) fn forget(name: &str) -> anyhow::Result<()> {
    let all = std::env::temp_dir();
    let entries = std::fs::read_dir(&all).with_context(|| format!("cannot list {}", all.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&folder_prefix(name)) {
            let folder = entry.path();
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    Ok(())
}

/// A running sidecar. Dropping it kills it.
pub(super) struct Sidecar {
    child: Child,
    folder: tempfile::TempDir,
    /// Whatever is in it ends with it.
    _group: Group,
}

impl Sidecar {
    /// Starts it in a control group of its own, outside of the command's, and out of reach of the terminal's signals.
    ///
    /// # Errors
    /// The program or its folder cannot be had, or another proxy has the ports.
    pub(super) fn start(options: &SidecarOptions, name: &str, dns: bool, group: Group) -> anyhow::Result<Self> {
        if let Ok(_other) = std::net::TcpStream::connect(READINESS) {
            bail!("another proxy is ready on {READINESS}; one command at a time can have a sidecar on this machine");
        }
        let folder = tempfile::Builder::new().prefix(&folder_prefix(name)).tempdir().context("cannot make a folder")?;
        let log = std::fs::File::create(folder.path().join("log")).context("cannot write the sidecar's log")?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command
            .args(options.arguments(&folder.path().join("state"), dns))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        let child = group.inside(|| command.spawn()).context("cannot start the sidecar")?;
        Ok(Self { child, folder, _group: group })
    }

    /// Waits until it runs its first configuration.
    ///
    /// # Errors
    /// It ends, or takes too long: with the last of its log.
    pub(super) async fn ready(&mut self, limit: u64) -> anyhow::Result<()> {
        let asked = async {
            loop {
                if let Ok(answer) = http::get(READINESS, "/healthz/ready").await
                    && answer.status == StatusCode::OK
                {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = asked => Ok(()),
            reason = self.ended() => bail!("{reason}"),
            () = tokio::time::sleep(Duration::from_secs(limit)) => bail!(
                "the sidecar is not ready after {limit} s: does the control plane answer at --discovery? Its log ends:\n{}",
                self.last_words()
            ),
        }
    }

    /// Waits for its end, which is not expected, and tells how it came.
    pub(super) async fn ended(&mut self) -> String {
        let status = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        format!("the sidecar has ended ({status}). Its log ends:\n{}", self.last_words())
    }

    /// Stops it; its last connections may end.
    pub(super) async fn stop(mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            // One that has ended needs no signal.
            let _ = kill_process(id, Signal::TERM);
        }
        // Dropping it afterwards kills one that did not listen.
        let _ = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
    }

    /// The last lines of its log.
    fn last_words(&self) -> String {
        let text = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}
