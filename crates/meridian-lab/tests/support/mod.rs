//! What the tests against the real thing have in common: finding it, and reporting as the standard harness does.

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use meridian_lab::prerequisites;
use meridian_lab::scenario::{Mode, Settings};

/// The last line of a run, in the form of the standard harness, which is what runners add up.
pub(crate) fn report(passed: usize, failed: usize, ignored: usize, filtered_out: usize, took: Duration) -> ExitCode {
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; {filtered_out} filtered out; \
         finished in {:.2}s\n",
        took.as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says loudly that `what` is not tested; where CI is set that is a failure.
pub(crate) fn skip(what: &str, reason: impl Display) -> ExitCode {
    eprintln!("\n#### SKIPPED: {what}: {reason}\n");
    let in_ci = env::var_os("CI").is_some();
    if in_ci {
        eprintln!("CI is set, so what cannot be tested has failed");
    }
    report(0, usize::from(in_ci), usize::from(!in_ci), 0, Duration::ZERO)
}

/// How labs are run here.
///
/// # Errors
/// What is missing and how to get it.
pub(crate) fn settings() -> Result<Settings, String> {
    prerequisites::check().map_err(|e| e.to_string())?;
    let logs = workspace().join("target/scenario-logs");
    Ok(Settings { meridian: meridian()?, envoy: None, logs, mode: Mode::default() })
}

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    crates.expect("this crate lies two folders below the workspace").to_owned()
}

/// A folder of the shared references: `$MERIDIAN_SHARED`, or `shared` beside the workspace.
///
/// # Errors
/// Where it was looked for.
pub(crate) fn shared(part: &str) -> Result<PathBuf, String> {
    let root = env::var_os("MERIDIAN_SHARED").map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let folder = root.join(part);
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(format!("there is no {}; set MERIDIAN_SHARED to the folder of the shared references", folder.display()))
}

/// The binary under test: `$MERIDIAN`, or a fresh build of it in the profile of this test.
fn meridian() -> Result<PathBuf, String> {
    if let Some(file) = env::var_os("MERIDIAN") {
        return Ok(file.into());
    }
    let this = env::current_exe().map_err(|e| e.to_string())?;
    let built = this.ancestors().nth(2).ok_or("this test does not lie in a target folder")?.join("meridian");
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--package", "meridian", "--bin", "meridian"]).current_dir(workspace());
    if built.parent().is_some_and(|folder| folder.ends_with("release")) {
        build.arg("--release");
    }
    match build.status() {
        Ok(status) if status.success() => Ok(built),
        Ok(status) => Err(format!("cargo build --package meridian: {status}")),
        Err(e) => Err(format!("cargo build --package meridian: {e}")),
    }
}
