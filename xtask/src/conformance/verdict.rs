//! What became of a run: the exit status and the log are the verdict, for the report is written before tests that run in
//! parallel have ended.

use std::fmt;
use std::path::Path;

use anyhow::Context;

/// The verdict on one run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// How many tests passed.
    pub(super) passes: usize,
    /// Those that failed.
    failed: Vec<String>,
    /// Those that were skipped.
    pub(super) skipped: Vec<String>,
    /// What is wrong beside failed tests.
    complaints: Vec<String>,
}

impl Verdict {
    /// Reads the log of a run whose exit status was 0, or not.
    ///
    /// # Errors
    /// There is no log.
    pub(super) fn read(log: &Path, ended_well: bool) -> anyhow::Result<Verdict> {
        let text = match std::fs::read(log) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            // The lab did not come up; what it said is on the terminal.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| log.display().to_string()),
        };
        Ok(Verdict::of(&text, ended_well))
    }

    fn of(text: &str, ended_well: bool) -> Verdict {
        let mut verdict = Verdict::default();
        for line in text.lines() {
            // A test of the suite is one level below the Go test that runs it.
            let Some((result, name)) = line.strip_prefix("    --- ").and_then(|rest| rest.split_once(": ")) else {
                continue;
            };
            let name = name.split(' ').next().unwrap_or(name).rsplit('/').next().unwrap_or(name).to_owned();
            match result {
                "PASS" => verdict.passes += 1,
                "FAIL" => verdict.failed.push(name),
                "SKIP" => verdict.skipped.push(name),
                _ => {}
            }
        }
        if !ended_well && verdict.failed.is_empty() {
            verdict.complaints.push("the suite did not end well, though no test failed".into());
        }
        if ended_well && verdict.passes == 0 {
            verdict.complaints.push("no test ran".into());
        }
        verdict
    }

    /// Adds what is wrong beside failed tests.
    pub(super) fn complain(&mut self, complaints: Vec<String>) {
        self.complaints.extend(complaints);
    }

    /// Whether everything is as it must be.
    pub(super) fn passed(&self) -> bool {
        self.failures() == 0
    }

    /// Failed tests, and each other complaint as one.
    pub(super) fn failures(&self) -> usize {
        self.failed.len() + self.complaints.len()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passes, self.failed.len(), self.skipped.len())?;
        self.failed.iter().try_for_each(|test| write!(f, "\n  failed: {test}"))?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    const LOG: &str = "=== RUN   TestConformance
        --- FAIL: TestConformance/HTTPRouteCORS/0_preflight (0.1s)
--- FAIL: TestConformance (3.02s)
    --- PASS: TestConformance/HTTPRouteSimpleSameNamespace (1.10s)
    --- FAIL: TestConformance/HTTPRouteCORS (1.10s)
    --- SKIP: TestConformance/MeshBasic (0.00s)
";

    #[test]
    fn tests_are_counted_and_parts_of_them_are_not() {
        let verdict = Verdict::of(LOG, false);
        assert_eq!((verdict.passes, verdict.failures()), (1, 1));
        assert_eq!(verdict.failed, ["HTTPRouteCORS"]);
        assert_eq!(verdict.skipped, ["MeshBasic"]);
        assert!(!verdict.passed());
    }

    #[test]
    fn a_run_without_tests_and_one_that_broke_off_have_not_passed() {
        assert!(!Verdict::of("", true).passed());
        assert!(!Verdict::of("    --- PASS: TestConformance/A (1.10s)\n", false).passed());
        assert!(Verdict::of("    --- PASS: TestConformance/A (1.10s)\n", true).passed());
    }
}
