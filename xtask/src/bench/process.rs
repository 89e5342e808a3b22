//! Programs under measurement: started, counted, and ended with the benchmark.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running program, asked to end when dropped, and killed when it does not.
pub(crate) struct Program {
    child: Child,
}

impl Program {
    /// Starts it with its output thrown away, unless `command` says otherwise for stderr.
    ///
    /// # Errors
    /// It cannot be started; the message names it.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Program> {
        Self::start_with_stdout(command, Stdio::null())
    }

    /// Starts it with its output somewhere.
    ///
    /// # Errors
    /// As [`Program::start`].
    pub(crate) fn start_with_stdout(command: &mut Command, stdout: impl Into<Stdio>) -> anyhow::Result<Program> {
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Program { child })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// How long a program may take to end by itself.
const END: Duration = Duration::from_secs(10);

impl Drop for Program {
    fn drop(&mut self) {
        // A server that is killed leaves its workers behind. It may have ended by itself.
        let asked = Command::new("kill").arg(self.pid().to_string()).stderr(Stdio::null()).status();
        let start = Instant::now();
        while asked.is_ok() && start.elapsed() < END && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds `meridian` in release mode and says where it is.
///
/// # Errors
/// It does not build.
pub(crate) fn build_meridian() -> anyhow::Result<PathBuf> {
    let status =
        Command::new("cargo").args(["build", "--release", "--package", "meridian"]).status().context("cargo")?;
    ensure!(status.success(), "meridian does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(target.join("release/meridian"))
}

/// Resident memory of a process in bytes (`VmRSS`).
///
/// # Errors
/// The process is gone.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kibibytes.with_context(|| format!("{path} has no VmRSS"))?.trim().parse::<u64>()? * 1024)
}

/// Memory of a process in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// All of it that is in memory, with the pages of its program file that are.
    pub(crate) resident: u64,
    /// Of these, what is in no file.
    pub(crate) anonymous: u64,
}

/// What a process has in memory (`smaps_rollup`).
///
/// # Errors
/// The process is gone.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let bytes = |field: &str| -> anyhow::Result<u64> {
        let kibibytes = text.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB"));
        Ok(kibibytes.with_context(|| format!("{path} has no {field}"))?.trim().parse::<u64>()? * 1024)
    };
    Ok(Memory { resident: bytes("Rss:")?, anonymous: bytes("Anonymous:")? })
}

/// CPU time of a process and of all its threads so far, user and system, from `/proc/PID/stat`.
///
/// # Errors
/// The process is gone.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The program's name is in parentheses and may hold blanks; utime and stime are the 12th and 13th field after it.
    let after = text.rsplit_once(") ").with_context(|| format!("{path} is not as expected"))?.1;
    let ticks = |index: usize| after.split(' ').nth(index).and_then(|field| field.parse::<u64>().ok());
    let total = ticks(11).zip(ticks(12)).map(|(user, system)| user + system).with_context(|| path.clone())?;
    Ok(Duration::from_millis(total * 1000 / ticks_per_second()?))
}

/// CPU time of a process and of those that descend from it, for servers that fork workers (nginx, HAProxy).
///
/// # Errors
/// The process is gone.
pub(crate) fn cpu_time_with_children(pid: u32) -> anyhow::Result<Duration> {
    let mut total = cpu_time(pid)?;
    for child in children(pid)? {
        total += cpu_time_with_children(child)?;
    }
    Ok(total)
}

/// The processes whose parent is `pid`. (`/proc/PID/task/PID/children` needs a kernel option that not all have.)
fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let processes = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(processes.filter(|process| parent(*process) == Some(pid)).collect())
}

/// The fourth field of `/proc/PID/stat`; `None` when the process has ended meanwhile.
fn parent(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn ticks_per_second() -> anyhow::Result<u64> {
    let output = Command::new("getconf").arg("CLK_TCK").output().context("getconf")?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Whether a program is installed.
pub(crate) fn installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| is_file(&dir.join(program))))
        || ["/usr/sbin", "/sbin"].iter().any(|dir| is_file(&Path::new(dir).join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
