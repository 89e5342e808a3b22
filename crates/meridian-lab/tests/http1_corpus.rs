//! The HTTP/1.1 corpus of the shared references through a running gateway, with the corpus' own client and origin.
//!
//! Needs root. The cases wait most of the time, so several labs share them.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use meridian_lab::interrupt::Interrupt;
use meridian_lab::scenario::{Scenario, Settings};
use serde_json::Value;

/// How many labs run at the same time.
const LABS: usize = 6;

/// The case that this client cannot judge: it means to reset the connection, but asyncio's `transport.abort` sends an
/// ordinary FIN, so that the bytes are those of `resp-close-delimited`, whose verdict is the opposite one. The proxy's
/// own tests have a real reset.
const NOT_JUDGED: &str = "resp-close-delimited-reset";

fn main() -> ExitCode {
    let what = "the HTTP/1.1 corpus through a running gateway";
    let found = support::settings().and_then(|settings| Ok((settings, support::shared("oracles/http1-corpus")?)));
    let (settings, corpus) = match found {
        Ok(found) => found,
        Err(reason) => return support::skip(what, reason),
    };
    let start = Instant::now();
    match run(&settings, &corpus) {
        Ok(reports) => {
            let (passed, failed) = reports
                .iter()
                .fold((0, 0), |(passed, failed), report| (passed + report.passed, failed + report.failures.len()));
            reports.iter().flat_map(|report| &report.failures).for_each(|failure| println!("{failure}"));
            support::report(passed, failed, 0, 0, start.elapsed())
        }
        Err(reason) => {
            println!("{what}: {reason}");
            support::report(0, 1, 0, 0, start.elapsed())
        }
    }
}

/// What the corpus' client said about one part of the cases.
#[derive(Debug, Default, PartialEq)]
struct Report {
    passed: usize,
    /// One line for each case that is not as wanted.
    failures: Vec<String>,
}

/// Runs the cases of `corpus` in several labs.
fn run(settings: &Settings, corpus: &Path) -> Result<Vec<Report>, String> {
    let text = fs::read_to_string(corpus.join("corpus.json")).map_err(|e| e.to_string())?;
    let mut cases: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    cases.retain(|case| case["id"] != NOT_JUDGED);
    let mut parts = vec![Vec::new(); LABS];
    for (i, case) in cases.into_iter().enumerate() {
        parts[i % LABS].push(case);
    }
    let client = corpus.join("http1_corpus.py");
    let labs = parts.into_iter().map(|part| {
        let (settings, client) = (settings.clone(), client.clone());
        thread::spawn(move || run_part(&settings, &client, &part))
    });
    labs.collect::<Vec<_>>()
        .into_iter()
        .map(|lab| lab.join().unwrap_or_else(|_| Err("the run panicked".to_owned())))
        .collect()
}

/// Runs some cases in a lab of their own.
fn run_part(settings: &Settings, client: &Path, cases: &[Value]) -> Result<Report, String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let folder = copy_scenario(scratch.path()).map_err(|e| e.to_string())?;
    let part = serde_json::to_string(cases).map_err(|e| e.to_string())?;
    fs::write(folder.join("corpus.json"), part).map_err(|e| e.to_string())?;
    fs::write(folder.join("client"), format!("{}\n", client.display())).map_err(|e| e.to_string())?;
    let scenario = Scenario::find(&folder, &[]).map_err(|e| e.to_string())?;
    let outcome = scenario.run(settings, &Interrupt::default());
    if !outcome.passed() {
        return Err(outcome.to_string());
    }
    read_report(&fs::read_to_string(folder.join("report")).map_err(|e| e.to_string())?, cases.len())
}

/// Puts the scenario that lies beside this file into `scratch`, where a part of the corpus joins it.
fn copy_scenario(scratch: &Path) -> std::io::Result<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folder = scratch.join("http1-corpus");
    fs::create_dir(&folder)?;
    fs::copy(tests.join("scenarios/lib.sh"), scratch.join("lib.sh"))?;
    for file in ["lab.yaml", "config.yaml", "check.sh"] {
        fs::copy(tests.join("http1_corpus").join(file), folder.join(file))?;
    }
    Ok(folder)
}

/// Reads the lines `FAIL id: reason` and the last one, `N of M cases as wanted`.
fn read_report(text: &str, cases: usize) -> Result<Report, String> {
    let mut report = Report::default();
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some((id, _)) = line.strip_prefix("FAIL ").and_then(|rest| rest.split_once(": "))
            && !seen.contains(&id)
        {
            seen.push(id);
            report.failures.push(line.to_owned());
        }
    }
    let last = text.lines().last().unwrap_or_default();
    report.passed =
        last.split(' ').next().and_then(|count| count.parse().ok()).ok_or_else(|| format!("no count in {last:?}"))?;
    if report.passed + report.failures.len() == cases {
        return Ok(report);
    }
    Err(format!("{last}, but {} of {cases} failed", report.failures.len()))
}
