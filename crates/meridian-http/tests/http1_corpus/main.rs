//! Holds the codec alone, without any socket, against a corpus of HTTP/1.1 messages at their edges.
//!
//! Each case is run with its bytes in one piece and with every byte by itself; both must give the same, and what the
//! case's verdict says. The corpus lies outside of this repository: `MERIDIAN_SHARED`, or `../shared` beside it.

mod case;
mod client_side;
mod origin_side;

use std::path::PathBuf;

use case::Case;

fn corpus() -> Option<Vec<Case>> {
    let shared = std::env::var_os("MERIDIAN_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("oracles/http1-corpus/corpus.json");
    match std::fs::read(&path) {
        Ok(bytes) => Some(case::parse(&bytes)),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: the HTTP/1.1 corpus is not at {}: {error}", path.display());
            None
        }
        Err(error) => panic!("the HTTP/1.1 corpus is not at {}: {error}", path.display()),
    }
}

/// Runs every case of one direction and lists all that disagree.
fn run(direction: &str, judge: impl Fn(&Case, usize) -> Vec<String>) {
    let Some(corpus) = corpus() else { return };
    let cases: Vec<&Case> = corpus.iter().filter(|case| case.direction == direction).collect();
    assert!(cases.len() > 100, "only {} cases of direction {direction}", cases.len());
    let mut failures = Vec::new();
    for case in &cases {
        for piece in [usize::MAX, 1, 2, 7, 64] {
            failures.extend(judge(case, piece).into_iter().map(|what| format!("{} ({piece} bytes): {what}", case.id)));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn requests() {
    run("request", client_side::judge);
}

#[test]
fn responses() {
    run("response", origin_side::judge);
}
