//! Envoy, and what stays beside it: the renewal of its certificate, and the secrets that only this machine knows.

use super::{Files, secrets};
use anyhow::{Context, bail};
use meridian_grpc::Server;
use meridian_identity::WorkloadCertificate;
use meridian_identity::client::{Discovery, renew};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What stays beside Envoy.
pub(super) struct Beside<'b> {
    /// Where its files are.
    pub(super) folder: &'b Path,
    /// Where it asks for secrets.
    pub(super) socket: &'b Socket,
    /// Where its certificates come from; `None`: it has none.
    pub(super) identity: Option<Discovery>,
    /// The first one.
    pub(super) certificate: Option<WorkloadCertificate>,
}

/// The longest path that a socket can have: 108 bytes with the zero at its end, by `unix(7)`.
const LONGEST_PATH: usize = 107;

/// The socket of the secret discovery service.
pub(super) struct Socket {
    pub(super) path: PathBuf,
    /// A folder that was made for it.
    own_folder: Option<PathBuf>,
}

impl Socket {
    /// In `folder`; where its path would be too long, in a new folder that, like that one, is its owner's only.
    pub(super) fn place(folder: &Path) -> anyhow::Result<Self> {
        const NAME: &str = "sds.sock";
        let path = folder.join(NAME);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path, own_folder: None });
        }
        let own = std::env::temp_dir().join(format!("meridian-envoy-{}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&own)
            .with_context(|| format!("{} cannot be created; choose a shorter --out", own.display()))?;
        Ok(Self { path: own.join(NAME), own_folder: Some(own) })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What cannot be removed is in nobody's way.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.own_folder.as_ref().map(std::fs::remove_dir);
    }
}

/// Runs Envoy until it ends, or until this process is asked to end.
pub(super) async fn run(
    envoy: &Path,
    bootstrap: &Path,
    arguments: &[String],
    beside: Beside<'_>,
) -> anyhow::Result<()> {
    let (sender, certificates) = watch::channel(beside.certificate.map(Arc::new));
    let (_stop, stopped) = watch::channel(false);
    let listener = listen(&beside.socket.path)?;
    let service = Server::new().with(secrets::SERVICE, secrets::handler(certificates.clone()));
    tokio::spawn(service.serve_unix(listener, stopped));
    if let Some(identity) = beside.identity {
        tokio::spawn(renew(identity, sender));
        tokio::spawn(keep(beside.folder.to_owned(), certificates));
        return follow(envoy, bootstrap, arguments).await;
    }
    let ended = follow(envoy, bootstrap, arguments).await;
    drop(sender);
    ended
}

/// Only the owner of the folder can connect. A socket that an earlier run has left is in the way.
fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => UnixListener::bind(path).with_context(|| format!("{} cannot be listened on", path.display())),
    }
}

/// Writes every certificate to the files that the connection to the control plane uses.
async fn keep(folder: PathBuf, mut certificates: watch::Receiver<Option<Arc<WorkloadCertificate>>>) {
    while certificates.changed().await.is_ok() {
        let certificate = certificates.borrow_and_update().clone();
        if let Some(Err(error)) = certificate.map(|certificate| Files::write(&folder, &certificate)) {
            tracing::error!("{error:#}");
        }
    }
}

/// What Istio's agent starts Envoy with, where the user does not say: nothing is shared with other Envoys of the
/// machine, connections of listeners that go away have so many seconds, and access logs are not kept back for long.
const OPTIONS: [(&str, Option<&str>); 4] = [
    ("--disable-hot-restart", None),
    ("--drain-strategy", Some("immediate")),
    ("--drain-time-s", Some("45")),
    ("--file-flush-interval-msec", Some("1000")),
];

/// Those of them that `arguments` do not name.
fn options(arguments: &[String]) -> impl Iterator<Item = &'static str> {
    let is_named = |option: &str| {
        arguments.iter().any(|argument| argument.split_once('=').map_or(&**argument, |(name, _)| name) == option)
    };
    let missing: Vec<_> = OPTIONS.into_iter().filter(|(option, _)| !is_named(option)).collect();
    missing.into_iter().flat_map(|(option, value)| std::iter::once(option).chain(value))
}

/// Starts Envoy and waits for its end. A request to end is passed on to it.
async fn follow(envoy: &Path, bootstrap: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let mut command = Command::new(envoy);
    command.arg("-c").arg(bootstrap).args(options(arguments)).args(arguments).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{} cannot be run", envoy.display()))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = terminate.recv() => end(&mut child).await?,
        _ = interrupt.recv() => end(&mut child).await?,
    };
    match status.success() {
        true => Ok(()),
        false => bail!("Envoy has ended: {status}"),
    }
}

/// Asks Envoy to end, and waits for it.
async fn end(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
    }
    Ok(child.wait().await?)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PATH, Socket, options};
    use std::path::Path;

    #[test]
    fn a_socket_has_a_place_however_long_the_folder_is() {
        assert_eq!(Socket::place(Path::new("/d")).unwrap().path, Path::new("/d/sds.sock"));
        let folder = format!("/{}", "d".repeat(LONGEST_PATH));
        let socket = Socket::place(Path::new(&folder)).unwrap();
        let own = socket.own_folder.clone().unwrap();
        assert!(own.is_dir() && socket.path.as_os_str().len() <= LONGEST_PATH);
        drop(socket);
        assert!(!own.exists());
    }

    #[test]
    fn options_of_the_user_come_instead_of_the_agents() {
        let given = ["--drain-time-s", "1", "--file-flush-interval-msec=50", "-l", "info"].map(str::to_owned);
        let added: Vec<&str> = options(&given).collect();
        assert_eq!(added, ["--disable-hot-restart", "--drain-strategy", "immediate"]);
        assert_eq!(options(&[]).count(), 7);
    }
}
