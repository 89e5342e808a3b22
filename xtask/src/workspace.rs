//! Where things are, and how commands are run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the workspace")
}

/// Cargo, as it runs this program, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    // What cargo told this program about its own package is not meant for others.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    cargo
}

/// The folder of the programs that cargo builds, in the profile `debug` or `release`.
pub(crate) fn programs(profile: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("cannot find this program")?;
    let target = this.ancestors().nth(2).context("this program does not lie in a target folder")?;
    Ok(target.join(profile))
}

/// Runs `command` to its end, with its output as ours.
///
/// # Errors
/// When it cannot be started or fails; the message has the command.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", typed(command)))?;
    if !status.success() {
        bail!("{}: {status}", typed(command));
    }
    Ok(())
}

/// Runs `command` to its end and returns its standard output.
///
/// # Errors
/// When it cannot be started or fails; the message has the command and what it wrote.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", typed(command)))?;
    if !output.status.success() {
        bail!("{}: {}: {}", typed(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no text", typed(command)))
}

/// The files of the workspace that are not ignored, relative to it, whose names end in `suffix`.
///
/// # Errors
/// When `git` fails.
pub(crate) fn files(suffix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let names = output(&mut git)?;
    let names = names.split_terminator('\0').filter(|name| name.ends_with(suffix)).map(PathBuf::from);
    // A file that is deleted but not yet committed is still listed.
    Ok(names.filter(|name| root().join(name).is_file()).collect())
}

/// The command as it could be typed.
fn typed(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
