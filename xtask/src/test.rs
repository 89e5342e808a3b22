//! `cargo xtask test`: everything, with one verdict at the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};

use crate::steps::Steps;
use crate::{conformance, lint, setup, workspace};

/// Sets up, lints, builds and tests. The last line is `N passed, N failed`, where a step that fails counts as one.
///
/// # Errors
/// None; what fails is part of the verdict.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    steps.run("set-up", setup::run);
    lint::steps(&mut steps);
    let build = || workspace::run(workspace::cargo().args(["build", "--workspace", "--all-targets", "--locked"]));
    let mut counts = Counts::default();
    if steps.run("build", build) {
        steps.run("tests", || tests(&mut counts));
        // After the tests, not beside them: the suite has time limits.
        steps.run("Gateway API conformance", || suite(&mut counts));
    }
    let failed = counts.failed + steps.failed();
    println!("\n{}", steps.summary());
    if counts.ignored > 0 {
        println!("{} skipped: look for SKIPPED above", counts.ignored);
    }
    println!("{} passed, {failed} failed", counts.passed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs all tests of the workspace, scenarios and oracles among them, and counts them.
fn tests(counts: &mut Counts) -> anyhow::Result<()> {
    let meridian = workspace::programs("debug")?.join("meridian");
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--workspace", "--locked", "--no-fail-fast"]).env("MERIDIAN", meridian);
    cargo.env("ENVOY", setup::envoy::program()?);
    let succeeded = count(&mut cargo, counts)?;
    if counts.failed > 0 {
        // Each failed test is counted already.
        return Ok(());
    }
    if !succeeded {
        bail!("cargo test failed, but no test did: a test program ended before its verdict");
    }
    if counts.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Runs the Gateway API conformance suite twice, with the program that is built already, and counts its tests.
fn suite(counts: &mut Counts) -> anyhow::Result<()> {
    let found = conformance::twice(&workspace::programs("debug")?.join("meridian"))?;
    counts.passed += found.passed;
    counts.failed += found.failed;
    Ok(())
}

/// Runs `command`, shows what it writes, and adds up the results; whether it succeeded.
fn count(command: &mut Command, counts: &mut Counts) -> anyhow::Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("the output of cargo was asked for")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read the output of cargo")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    Ok(child.wait().context("cannot wait for cargo")?.success())
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Counts {
    /// Adds the numbers of a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; ...`; other lines have none.
    fn add(&mut self, line: &str) {
        let Some((_, numbers)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in numbers.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn results_are_added_up_and_other_lines_are_not() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test the result: ok. 9 passed; 9 failed ... ok",
            "test result: FAILED. 40 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 43, failed: 2, ignored: 1 });
    }
}
