//! `cargo xtask scenario`: builds Meridian and the scenario runner, and calls the runner.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::workspace;

/// Arguments of `cargo xtask scenario`.
#[derive(clap::Args, Debug)]
pub(crate) struct ScenarioArgs {
    /// Run a release build
    #[arg(long)]
    release: bool,
    /// Folders of scenarios, and options of the runner: --shell, --keep, --jobs N, --logs DIR; `-- --help` explains them
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "DIR")]
    runner: Vec<OsString>,
}

/// Builds, and becomes the runner, so that signals and the exit status are its own.
///
/// # Errors
/// When the build fails.
pub(crate) fn run(args: &ScenarioArgs) -> anyhow::Result<ExitCode> {
    // Built with the workspace's features, as everything else, so that nothing is built twice.
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--workspace", "--bin", "meridian", "--bin", "meridian-lab"]);
    let profile = if args.release { "release" } else { "debug" };
    workspace::run(build.args(args.release.then_some("--release")))?;
    let programs = workspace::programs(profile)?;
    let mut runner = Command::new(programs.join("meridian-lab"));
    runner.arg("--meridian").arg(programs.join("meridian")).args(&args.runner);
    let failure = runner.exec();
    Err(failure).context("cannot start the scenario runner")
}
