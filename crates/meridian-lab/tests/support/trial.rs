//! Named tests, a few at a time, for a target without the standard harness.

use std::env;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// How many run at the same time: labs wait most of the time, but some checks measure it.
const JOBS: usize = 3;

/// A named test.
pub(crate) struct Trial {
    pub(crate) name: String,
    pub(crate) run: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

impl Trial {
    pub(crate) fn new(name: impl Into<String>, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Self {
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
    let (passed, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let next = Mutex::new(chosen.into_iter());
    thread::scope(|scope| {
        for _ in 0..JOBS {
            // A lab's programs end with the thread that has started them, so each trial is one thread's.
            scope.spawn(|| {
                loop {
                    let trial = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(Trial { name, run }) = trial else { return };
                    match run() {
                        Ok(()) => {
                            println!("test {name} ... ok");
                            passed.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(reason) => {
                            println!("test {name} ... FAILED\n{reason}");
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    super::support::report(passed.into_inner(), failed.into_inner(), 0, filtered_out, start.elapsed())
}
