//! Running the machine's tools, in a namespace or outside.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// Settings of the machine that lead away from the lab: its proxies, and roots that do not know the lab's authority.
const FOREIGN: &[&str] = &[
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "https_proxy",
    "http_proxy",
    "no_proxy",
    "CURL_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// A command in network namespace `namespace`, or in the machine's own; without standard input.
pub(crate) fn command(namespace: Option<&str>, program: &str) -> Command {
    let mut command = match namespace {
        Some(namespace) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace, program]);
            command
        }
        None => Command::new(program),
    };
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.env("PATH", search_path()).stdin(Stdio::null());
    command
}

/// Runs `command` to its end and returns what it wrote to standard output.
///
/// # Errors
/// [`Error::Tool`] with its last words when it fails, or when it cannot be started.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let failed = |command: &Command, reason: String| Error::Tool { command: typed(command), reason };
    let output = command.output().map_err(|e| failed(command, e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = [output.stderr, output.stdout]
        .iter()
        .map(|bytes| one_line(&String::from_utf8_lossy(bytes)))
        .find(|text| !text.is_empty());
    Err(failed(command, words.unwrap_or_else(|| output.status.to_string())))
}

/// The command as it could be typed.
fn typed(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Several lines as one, the empty ones left out.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The last line of a file that says something.
pub(crate) fn last_line(file: &Path) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it wrote nothing").trim().to_owned()
}

/// The folder where `cargo xtask setup` puts programs that the distribution does not have.
pub(crate) fn own_programs() -> Option<PathBuf> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Some(env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?.join("meridian/bin"))
}

/// `PATH`, the administrator's folders and our own programs.
pub(crate) fn search_path() -> OsString {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from).into_iter().chain(own_programs());
    let all: Vec<_> = env::split_paths(&inherited).chain(more).collect();
    env::join_paths(all).unwrap_or(inherited)
}

/// Whether `program` is in the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    env::split_paths(&search_path()).any(|folder| folder.join(program).is_file())
}
