//! `cargo xtask lint`: what can be said about the source without running it.

use std::process::ExitCode;

use anyhow::bail;

use crate::steps::Steps;
use crate::workspace;

mod dependencies;
mod house;
mod licence;
mod links;

/// Runs every check, and says at the end which failed.
///
/// # Errors
/// None; what fails is part of the verdict.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    self::steps(&mut steps);
    println!("\n{}", steps.summary());
    Ok(steps.exit_code())
}

/// Adds every check to `steps`; the quick ones come first.
pub(crate) fn steps(steps: &mut Steps) {
    steps.run("format", || workspace::run(workspace::cargo().args(["fmt", "--all", "--check"])));
    steps.run("the house's rules", || none(house::findings()?));
    steps.run("links", || none(links::findings()?));
    steps.run("dependencies", || none(dependencies::findings()?));
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    steps.run("clippy", || workspace::run(workspace::cargo().args(clippy)));
}

/// Fails with the findings, one per line.
fn none(findings: Vec<String>) -> anyhow::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} found\n  {}", findings.len(), findings.join("\n  "))
}
