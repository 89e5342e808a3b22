//! The command itself: its user, its start in the control group, its end, and the signals on the way.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitCode, ExitStatus};
use std::str::FromStr;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use super::cgroup::Group;
use super::sidecar::Sidecar;

/// A user by number, with its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    id: u32,
    group: u32,
}

impl FromStr for User {
    type Err = String;

    /// A name or a number that `/etc/passwd` has; another number is a user with a group of the same number.
    fn from_str(text: &str) -> Result<Self, String> {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        find(&users, text).ok_or_else(|| format!("{text:?} is neither a number nor a user of /etc/passwd"))
    }
}

fn find(users: &str, wanted: &str) -> Option<User> {
    let listed = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id, group) = (fields.next()?, fields.nth(1)?, fields.next()?);
        (name == wanted || id == wanted).then(|| Some(User { id: id.parse().ok()?, group: group.parse().ok()? }))?
    });
    listed.or_else(|| wanted.parse().ok().map(|id| User { id, group: id }))
}

/// Starts the command in `group`, with this process's standard input and outputs.
pub(super) fn start(words: &[OsString], user: Option<User>, group: &Group) -> anyhow::Result<Child> {
    let (program, arguments) = words.split_first().context("there is no command")?;
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    if let Some(User { id, group }) = user {
        command.uid(id).gid(group);
    }
    let mut command = Command::from(command);
    group.inside(|| command.spawn()).with_context(|| format!("cannot run {}", program.display()))
}

/// The signals that end or concern the command.
pub(super) struct Signals {
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// From here on these signals no longer end this process by themselves.
    pub(super) fn follow() -> anyhow::Result<Self> {
        let follow = |kind| unix::signal(kind).context("cannot follow signals");
        Ok(Self {
            interrupt: follow(SignalKind::interrupt())?,
            quit: follow(SignalKind::quit())?,
            terminate: follow(SignalKind::terminate())?,
            hang_up: follow(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.quit.recv() => Signal::QUIT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
        }
    }
}

/// Waits for the end of the command; signals go on to it.
///
/// A sidecar that ends before the command is reported. The command's connections are then refused, not let past.
pub(super) async fn wait(child: &mut Child, signals: &mut Signals, sidecar: &mut Sidecar) -> anyhow::Result<ExitCode> {
    // A terminal gives its own signals to the whole group of processes, the command among them.
    let has_terminal = std::io::stdin().is_terminal();
    let mut is_watched = true;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status.context("cannot wait for the command")?)),
            signal = signals.next() => {
                if !(has_terminal && matches!(signal, Signal::INT | Signal::QUIT)) {
                    forward(child, signal);
                }
            }
            reason = sidecar.ended(), if is_watched => {
                is_watched = false;
                eprintln!("meridian: {reason}; the command's connections are refused from now on");
            }
        }
    }
}

fn forward(child: &Child, signal: Signal) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        // A command that has just ended needs no signal.
        let _ = kill_process(id, signal);
    }
}

/// The status that a shell gives for a command that a signal has ended.
pub(super) fn ended_by(signal: Signal) -> ExitCode {
    ExitCode::from(u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::{User, find};

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1001::/home/me:/bin/sh\n";
        let user = |id, group| Some(User { id, group });
        for (wanted, found) in [
            ("me", user(1000, 1001)),
            ("1000", user(1000, 1001)),
            ("0", user(0, 0)),
            ("4711", user(4711, 4711)),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(find(users, wanted), found, "{wanted}");
        }
    }
}
