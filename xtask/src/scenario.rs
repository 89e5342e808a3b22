//! `cargo xtask scenario`: builds Meridian and the scenario runner, and calls the runner.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::workspace;

/// Arguments of `cargo xtask scenario`.
#[derive(clap::Args, Debug)]
pub(crate) struct ScenarioArgs {
    /// Folders of scenarios, wherever they lie: lab.yaml, config.yaml, check.sh
    #[arg(required = true, value_name = "DIR")]
    scenarios: Vec<PathBuf>,
    /// Build the lab and apply the configuration, but do not run the check; say how to enter the lab, and wait for Ctrl-C
    #[arg(long)]
    shell: bool,
    /// Keep the lab up after the check, whatever it said, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// How many scenarios run at the same time
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: usize,
    /// Where a failed run leaves its logs [default: target/scenario-logs]
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Run a release build
    #[arg(long)]
    release: bool,
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
    runner.arg("--meridian").arg(programs.join("meridian")).args(["--jobs", &args.jobs.to_string()]);
    runner.args(args.shell.then_some("--shell")).args(args.keep.then_some("--keep"));
    let logs = args.logs.clone().unwrap_or_else(|| workspace::root().join("target/scenario-logs"));
    runner.arg("--logs").arg(logs).args(&args.scenarios);
    let failure = runner.exec();
    Err(failure).context("cannot start the scenario runner")
}
