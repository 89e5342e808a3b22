//! HTTP/1.1 at its edges: every message of the corpus goes through a running proxy, and client and origin must see what
//! its verdict says. The corpus and the program that judges are not part of this repository; see `docs/development.md`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The judge means to reset the connection in this case, but its origin (asyncio's `transport.abort`) sends an ordinary
/// FIN: the bytes are those of `resp-close-delimited`, whose verdict is the opposite one, and which passes. What becomes
/// of a real reset is tested in `forwarding.rs`.
const NOT_RESET_BY_THE_JUDGE: &str = "FAIL resp-close-delimited-reset:";

/// HTTP/2's preface on a connection without TLS is the beginning of an HTTP/2 connection here, which the judge of
/// HTTP/1.1 cannot read.
const IS_HTTP2: &str = "FAIL h2-preface:";

/// The corpus in the folder of shared material, which `MERIDIAN_SHARED` names, or which lies beside the workspace.
fn corpus() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("MERIDIAN_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
    let corpus = shared.join("oracles/http1-corpus");
    let python = Command::new("python3").arg("--version").output();
    let missing = if !corpus.join("corpus.json").is_file() {
        format!("{} is not there", corpus.display())
    } else if python.is_err() {
        "python3 is not installed".to_owned()
    } else {
        return Some(corpus);
    };
    assert!(std::env::var_os("CI").is_none(), "the HTTP/1.1 corpus must be checked in CI, but {missing}");
    eprintln!("SKIPPED: the HTTP/1.1 corpus was NOT checked: {missing}");
    None
}

/// Shards of about equal time; most of it is waiting, so that they run side by side. The judge takes those cases whose
/// name contains the text.
fn shards(corpus: &Path) -> Vec<Vec<String>> {
    const LANES: usize = 24;
    let text = std::fs::read_to_string(corpus.join("corpus.json")).expect("the corpus is readable");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("the corpus is JSON");
    let mut lanes = vec![Vec::new(); LANES];
    for (number, case) in cases.into_iter().enumerate() {
        lanes[number % LANES].push(case);
    }
    let folder = std::env::temp_dir();
    let write = |(number, lane): (usize, Vec<serde_json::Value>)| {
        let file = folder.join(format!("meridian-http1-corpus-{}-{number}.json", std::process::id()));
        std::fs::write(&file, serde_json::to_vec(&lane).expect("JSON")).expect("the temporary folder is writable");
        vec![file.display().to_string()]
    };
    lanes.into_iter().enumerate().map(write).collect()
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    socket.local_addr().expect("bound").port()
}

#[test]
fn every_case_is_as_its_verdict_says() {
    let Some(corpus) = corpus() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut running = Vec::new();
    for files in shards(&corpus) {
        let origin = free_port();
        let proxy = crate::support::start(1);
        let config = crate::support::plain(SocketAddr::from(([127, 0, 0, 1], origin)));
        let address = runtime.block_on(crate::support::apply(&proxy, &config, "http"));
        let judge = Command::new("python3")
            .arg(corpus.join("http1_corpus.py"))
            .args(["check", &files[0], "--proxy", &address.to_string(), "--origin", &origin.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        running.push((judge, proxy, files));
    }
    let mut failures = String::new();
    let mut cases = 0;
    for (judge, proxy, files) in running {
        let output = judge.wait_with_output().expect("the judge ends");
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = |line: &&str| {
            line.starts_with("FAIL") && !line.starts_with(NOT_RESET_BY_THE_JUDGE) && !line.starts_with(IS_HTTP2)
        };
        failures.extend(text.lines().filter(failed).map(|line| format!("{line}\n")));
        for note in text.lines().filter(|line| line.starts_with("note")) {
            eprintln!("{note}");
        }
        let summary = text.lines().last().unwrap_or_default();
        let total = summary.split_whitespace().nth(2).and_then(|total| total.parse::<usize>().ok());
        cases += total.unwrap_or_else(|| panic!("the judge gave no verdict: {text}"));
        drop(proxy);
        std::fs::remove_file(&files[0]).expect("the shard's file is ours");
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(cases >= 579, "{cases} cases were checked");
}
