//! Named tests that are run one after the other, for a target without the standard harness.

use std::env;
use std::process::ExitCode;
use std::time::Instant;

/// A named test.
pub(crate) struct Trial {
    pub(crate) name: String,
    pub(crate) run: Box<dyn FnOnce() -> Result<(), String>>,
}

impl Trial {
    pub(crate) fn new(name: impl Into<String>, run: impl FnOnce() -> Result<(), String> + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// The words of the command line that choose trials by a part of their name.
fn filters() -> Vec<String> {
    env::args().skip(1).filter(|word| !word.starts_with('-')).collect()
}

/// Runs the trials that the command line chooses.
pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    let start = Instant::now();
    let filters = filters();
    let all = trials.len();
    let chosen: Vec<_> = trials
        .into_iter()
        .filter(|trial| filters.is_empty() || filters.iter().any(|filter| trial.name.contains(filter)))
        .collect();
    let filtered_out = all - chosen.len();
    println!("\nrunning {} tests", chosen.len());
    let (mut passed, mut failed) = (0, 0);
    for Trial { name, run } in chosen {
        match run() {
            Ok(()) => {
                println!("test {name} ... ok");
                passed += 1;
            }
            Err(reason) => {
                println!("test {name} ... FAILED\n{reason}");
                failed += 1;
            }
        }
    }
    super::support::report(passed, failed, 0, filtered_out, start.elapsed())
}
