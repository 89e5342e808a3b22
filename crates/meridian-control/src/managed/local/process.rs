//! One process: started, asked whether it is ready, started again when it ends, and stopped.

use meridian_translate::Transport;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How often a process that is not ready yet is asked, and one that is.
const PROBE: Duration = Duration::from_millis(50);
const PROBE_READY: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The pauses before a process that has ended is started again: the first, doubled up to the last. One that ran for
/// longer than the last begins anew.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];

/// How far a process is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// It does not answer yet.
    #[default]
    Starting,
    /// It serves.
    Ready,
    /// It has ended, or cannot be started; for people.
    Failed(String),
}

/// What is started.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Where `/healthz/ready` is.
    pub(super) readiness: SocketAddr,
    /// How long it may take to end after it was told to.
    pub(super) patience: Duration,
}

/// A process that is kept running.
pub(super) struct Process {
    arguments: Vec<String>,
    ports: BTreeSet<(u16, Transport)>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Process {
    /// Keeps it running until [`Process::stop`]; `report` is told of every other phase. It begins when `before` has
    /// ended.
    pub(super) fn start(
        command: Command,
        ports: BTreeSet<(u16, Transport)>,
        before: Option<impl Future<Output = ()> + Send + 'static>,
        report: impl Fn(Phase) + Send + Sync + 'static,
    ) -> Process {
        let (stop, stopped) = watch::channel(false);
        let arguments = command.arguments.clone();
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                before.await;
            }
            keep_running(&command, stopped, report).await;
        });
        Process { arguments, ports, stop, task }
    }

    /// What it was started with.
    pub(super) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The ports that it serves.
    pub(super) fn ports(&self) -> &BTreeSet<(u16, Transport)> {
        &self.ports
    }

    /// It serves other ports from now on.
    pub(super) fn set_ports(&mut self, ports: BTreeSet<(u16, Transport)>) {
        self.ports = ports;
    }

    /// Tells it to stop; the future waits for its end.
    pub(super) fn stop(self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.send_replace(true);
        let task = self.task;
        async move {
            if let Err(error) = task.await {
                tracing::error!(%error, "a gateway's task ended early");
            }
        }
    }
}

async fn keep_running(command: &Command, mut stopped: watch::Receiver<bool>, report: impl Fn(Phase)) {
    let mut pause = PAUSES[0];
    while !*stopped.borrow() {
        let started = Instant::now();
        let failure = match start(command) {
            Ok(mut child) => match follow(command, &mut child, &mut stopped, &report).await {
                Some(status) => format!("the gateway's process has ended ({status}); its log says why"),
                None => return,
            },
            Err(error) => format!("{} cannot be started: {error}", command.program.display()),
        };
        tracing::error!(readiness = %command.readiness, "{failure}; it is started again");
        report(Phase::Failed(failure));
        if started.elapsed() > PAUSES[1] {
            pause = PAUSES[0];
        }
        if timeout(pause, told_to_stop(&mut stopped)).await.is_ok() {
            return;
        }
        pause = (pause * 2).min(PAUSES[1]);
    }
}

fn start(command: &Command) -> std::io::Result<Child> {
    tokio::process::Command::new(&command.program)
        .args(&command.arguments)
        .arg("--with-parent")
        .arg(std::process::id().to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

/// Asks for readiness until the process ends. `None`: it was told to stop and has ended.
async fn follow(
    command: &Command,
    child: &mut Child,
    stopped: &mut watch::Receiver<bool>,
    report: &impl Fn(Phase),
) -> Option<ExitStatus> {
    let mut was_ready = false;
    loop {
        let is_ready = tokio::select! {
            status = child.wait() => return Some(status.unwrap_or_default()),
            () = told_to_stop(stopped) => {
                end(command, child).await;
                return None;
            }
            is_ready = probe(command.readiness) => is_ready,
        };
        if is_ready != was_ready {
            was_ready = is_ready;
            report(if is_ready { Phase::Ready } else { Phase::Starting });
        }
        tokio::select! {
            status = child.wait() => return Some(status.unwrap_or_default()),
            () = told_to_stop(stopped) => {}
            () = sleep(if is_ready { PROBE_READY } else { PROBE }) => {}
        }
    }
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could tell to stop, which is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// SIGTERM, and SIGKILL when patience is at its end.
async fn end(command: &Command, child: &mut Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid {
        // An error means that it has ended already.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(command.patience, child.wait()).await.is_err()
        && let Err(error) = child.kill().await
    {
        tracing::warn!(%error, "a gateway's process cannot be ended");
    }
}

/// Whether `/healthz/ready` answers 200.
async fn probe(at: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(at).await?;
        let request = format!("GET /healthz/ready HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200 "))
    };
    matches!(timeout(PROBE_TIMEOUT, ask).await, Ok(Ok(true)))
}
