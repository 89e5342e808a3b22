//! A program that runs as long as the lab does.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Doing, Error};
use crate::plan::network;
use crate::plan::site::{Program, Site, User};
use crate::tool;

/// A running program, the leader of a process group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    log: PathBuf,
    listens: Vec<u16>,
    child: Child,
}

impl Running {
    /// Starts `program` in its namespace; what it writes goes to `NAME.log`, unless its output has a place of its own.
    pub(crate) fn start(program: &Program, site: &Site) -> Result<Self, Error> {
        let log = site.folder.join(format!("{}.log", program.name));
        let mut command = bound(&network::namespace(&site.prefix, &program.space), program.user, &program.command);
        let child = spawn(&mut command, program.output.as_ref().unwrap_or(&log), &log)?;
        Ok(Self { name: program.name.clone(), log, listens: program.listens.clone(), child })
    }

    /// The last line that it wrote.
    pub(crate) fn last_words(&self) -> String {
        tool::last_line(&self.log)
    }

    /// Whether it listens on all its ports.
    ///
    /// # Errors
    /// [`Error::Ended`] when it has ended, which it never should.
    pub(crate) fn is_listening(&mut self) -> Result<bool, Error> {
        if let Some(status) = self.ended() {
            let (name, status) = (self.name.clone(), status.to_string());
            return Err(Error::Ended { name, status, last_words: self.last_words() });
        }
        let ports = listening_ports(self.child.id());
        Ok(self.listens.iter().all(|port| ports.contains(port)))
    }

    /// Its exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Asks it and its children to end.
    pub(crate) fn terminate(&self) {
        signal_group(&self.child, Signal::TERM);
    }

    /// Ends it and its children, whatever they do.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            signal_group(&self.child, Signal::KILL);
            // It cannot refuse; waiting removes it from the process table.
            let _ = self.child.wait();
        }
    }
}

/// What a user of the lab may do although it is not root: reach its files wherever the lab lies, and listen on any port.
const RIGHTS: &str = "+dac_override,+net_bind_service";

/// `words` in `namespace`; the kernel ends it when the runner's thread ends without a clean-up.
pub(crate) fn bound(namespace: &str, user: Option<User>, words: &[String]) -> Command {
    let mut command = tool::command(Some(namespace), "setpriv");
    if let Some(User(number)) = user {
        let number = number.to_string();
        command.args(["--reuid", &number, "--regid", &number, "--clear-groups"]);
        command.args(["--inh-caps", RIGHTS, "--ambient-caps", RIGHTS]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).args(words);
    command
}

/// Starts `command` as the leader of a new process group, so that a signal from the terminal reaches only the runner.
pub(crate) fn spawn(command: &mut Command, out: &Path, err: &Path) -> Result<Child, Error> {
    let open = |path: &Path| File::options().create(true).append(true).open(path).doing("write", path);
    command.stdout(open(out)?).stderr(open(err)?).process_group(0);
    command.spawn().doing("start", Path::new(command.get_program()))
}

/// Sends `signal` to the process group of `child`; one that is gone needs none.
pub(crate) fn signal_group(child: &Child, signal: Signal) {
    let _ = kill_process_group(Pid::from_child(child), signal);
}

/// The TCP ports on which anything listens in the network namespace of process `id`.
fn listening_ports(id: u32) -> Vec<u16> {
    let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines().filter_map(listening_port)).collect()
}

/// The port of a line of `/proc/net/tcp` in state LISTEN (0A): `0: 0100007F:1F90 00000000:0000 0A ...`.
fn listening_port(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, state) = (fields.next()?, fields.nth(1)?);
    let port = local.rsplit(':').next()?;
    u16::from_str_radix(port, 16).ok().filter(|_| state == "0A")
}

#[cfg(test)]
mod tests {
    use super::listening_port;

    #[test]
    fn ports_are_those_of_listening_sockets() {
        for (line, port) in [
            ("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", None),
            ("   0: 0B020A0A:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0", Some(8080)),
            ("   1: 0B020A0A:1F90 0A010A0A:C350 01 00000000:00000000 00:00000000 00000000     0", None),
            (
                "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000",
                Some(80),
            ),
            ("", None),
        ] {
            assert_eq!(listening_port(line), port, "{line}");
        }
    }
}
