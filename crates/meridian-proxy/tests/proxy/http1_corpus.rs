//! HTTP/1.1 at its edges: every message of the corpus goes through a running proxy, and client and origin must see what
//! its verdict says. The corpus and the program that judges are not part of this repository; see `docs/development.md`.

use meridian_proxy::ProxyHandle;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::runtime::Runtime;

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

/// How many judges run side by side. Most of their time is waiting.
const LANES: usize = 24;

/// How often what has failed is judged again, by fewer judges: they wait for answers for a fixed time, which on a busy
/// machine is over before a good answer is there. What is wrong is wrong every time.
const ROUNDS: usize = 3;

/// A port that nobody listens on now, and that no connection of this machine is given by chance.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 400) as u16 * 25;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A judge with a proxy of its own, and its cases.
struct Lane {
    judge: Child,
    _proxy: ProxyHandle,
    file: PathBuf,
}

impl Lane {
    fn start(corpus: &Path, number: usize, cases: &[Value], runtime: &Runtime) -> Self {
        let name = format!("meridian-http1-corpus-{}-{number}.json", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, serde_json::to_vec(cases).expect("JSON")).expect("the temporary folder is writable");
        let origin = free_port();
        let proxy = crate::support::start(1);
        let config = crate::support::plain(SocketAddr::from(([127, 0, 0, 1], origin)));
        let address = runtime.block_on(crate::support::apply(&proxy, &config, "http"));
        let judge = Command::new("python3")
            .arg(corpus.join("http1_corpus.py"))
            .arg("check")
            .arg(&file)
            .args(["--proxy", &address.to_string(), "--origin", &origin.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        Self { judge, _proxy: proxy, file }
    }

    /// What the judge says, and of how many cases.
    fn verdicts(self) -> (String, usize) {
        let output = self.judge.wait_with_output().expect("the judge ends");
        std::fs::remove_file(&self.file).expect("the file is ours");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let summary = text.lines().last().unwrap_or_default();
        let total = summary.split_whitespace().nth(2).and_then(|total| total.parse().ok());
        let total = total.unwrap_or_else(|| panic!("the judge gave no verdict: {text}"));
        (text, total)
    }
}

/// What fails of `cases`, as the judges tell it, and how many were judged.
fn failures(corpus: &Path, cases: &[Value], lanes: usize, runtime: &Runtime) -> (Vec<String>, usize) {
    let share = |lane: usize| -> Vec<Value> { cases.iter().skip(lane).step_by(lanes).cloned().collect() };
    let running: Vec<Lane> =
        (0..lanes.min(cases.len())).map(|lane| Lane::start(corpus, lane, &share(lane), runtime)).collect();
    let (mut failed, mut judged) = (Vec::new(), 0);
    for lane in running {
        let (text, total) = lane.verdicts();
        judged += total;
        let is_failure = |line: &&str| {
            line.starts_with("FAIL") && !line.starts_with(NOT_RESET_BY_THE_JUDGE) && !line.starts_with(IS_HTTP2)
        };
        failed.extend(text.lines().filter(is_failure).map(str::to_owned));
        text.lines().filter(|line| line.starts_with("note")).for_each(|note| eprintln!("{note}"));
    }
    (failed, judged)
}

#[test]
fn every_case_is_as_its_verdict_says() {
    let Some(corpus) = corpus() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let text = std::fs::read_to_string(corpus.join("corpus.json")).expect("the corpus is readable");
    let mut cases: Vec<Value> = serde_json::from_str(&text).expect("the corpus is JSON");
    let (mut failed, judged) = failures(&corpus, &cases, LANES, &runtime);
    assert!(judged >= 579, "{judged} cases were checked");
    for _ in 1..ROUNDS {
        let is_named = |case: &Value, line: &String| {
            line.strip_prefix("FAIL ").and_then(|rest| rest.split_once(':')).is_some_and(|(name, _)| case["id"] == name)
        };
        cases.retain(|case| failed.iter().any(|line| is_named(case, line)));
        assert!(!cases.is_empty() || failed.is_empty(), "these are no cases: {failed:#?}");
        if cases.is_empty() {
            return;
        }
        eprintln!("judged again: {failed:#?}");
        (failed, _) = failures(&corpus, &cases, 4, &runtime);
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
