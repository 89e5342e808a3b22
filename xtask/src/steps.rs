//! A run of several steps: each is tried whatever became of the others, and the end says which failed.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    error: Option<String>,
}

impl Steps {
    /// Runs a step, says so, and remembers how it ended; whether it succeeded.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> bool {
        println!("==> {name}");
        let start = Instant::now();
        let error = step().err().map(|e| format!("{e:#}"));
        if let Some(error) = &error {
            eprintln!("{name}: {error}");
        }
        let succeeded = error.is_none();
        self.0.push(Step { name: name.to_owned(), took: start.elapsed(), error });
        succeeded
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.0.iter().filter(|step| step.error.is_some()).count()
    }

    /// One line for each step.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for Step { name, took, error } in &self.0 {
            let verdict = if error.is_some() { "FAILED" } else { "ok" };
            writeln!(text, "{verdict:7}{name} ({:.0} s)", took.as_secs_f64()).expect("writing to a string cannot fail");
        }
        text
    }

    /// Success when no step failed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
