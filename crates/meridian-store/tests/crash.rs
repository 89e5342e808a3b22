//! A process that dies at any moment loses no acknowledged write and leaves no half object.
//!
//! Runs without the test harness: the same program is the parent, which kills and checks, and the child, which writes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use meridian_store::{GroupResource, Key, Store};
use serde_json::json;

const ROUNDS: u64 = 40;
const WRITERS: usize = 8;
/// Before each kill there are fewer acknowledged writes than this, or little more.
const ANSWERS: usize = 60;
const ROLE: &str = "MERIDIAN_STORE_CRASH_CHILD";

fn main() {
    if let Some(dir) = std::env::var_os(ROLE) {
        return child(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = dir.path().join("data");
    // The last acknowledged counter of every object, over all rounds.
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        run_child(&store, round, &mut acknowledged);
        let started = Instant::now();
        check(&store, &mut acknowledged);
        slowest = slowest.max(started.elapsed());
    }
    let total: u64 = acknowledged.values().sum();
    assert!(total > ROUNDS, "the children wrote too little to show anything: {total} writes");
    println!(
        "crash: {ROUNDS} kills, {} objects, {total} acknowledged writes, none lost; slowest start {slowest:?}",
        acknowledged.len()
    );
}

/// Lets a child write until a random moment, kills it with SIGKILL, and notes what it had acknowledged.
fn run_child(store: &Path, round: u64, acknowledged: &mut BTreeMap<String, u64>) {
    let mut child = Command::new(std::env::current_exe().expect("this program's path"))
        .env(ROLE, store)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut output = BufReader::new(child.stdout.take().expect("the child's output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the child's first line");
    assert_eq!(line, "ready\n", "round {round}: the child could not open the store");
    // After a number of answers that differs from round to round, and a moment later: most of the time in the middle of
    // a transaction.
    let (enough, moment) = (fastrand::usize(..ANSWERS), Duration::from_micros(fastrand::u64(..5_000)));
    let (kill, killed) = std::sync::mpsc::channel();
    let killer = std::thread::spawn(move || {
        // An error means that the child has ended by itself.
        let _ = killed.recv();
        std::thread::sleep(moment);
        child.kill().expect("the child is killed");
        child.wait().expect("the child is gone")
    });
    for (answers, line) in output.lines().enumerate() {
        let line = line.expect("the child's output");
        if answers == enough {
            kill.send(()).expect("the killer waits");
        }
        // The last line may be cut.
        if let Some((name, counter)) = line.strip_suffix(" ok").and_then(|line| line.split_once(' ')) {
            acknowledged.insert(name.to_owned(), counter.parse().expect("a counter"));
        }
    }
    drop(kill);
    let status = killer.join().expect("the killer ends");
    assert!(!status.success(), "round {round}: the child ended by itself");
}

/// Every acknowledged write is there, at its counter or at the next, which was on its way; and every object is whole.
/// What is read after a restart counts as acknowledged from then on.
fn check(store: &Path, acknowledged: &mut BTreeMap<String, u64>) {
    let store = Store::open(store).expect("the store opens after a kill");
    let snapshot = store.list(&secrets(), None);
    for (name, counter) in acknowledged.iter_mut() {
        let object = store.get(&Key::new(secrets(), "default", name)).unwrap_or_else(|| panic!("{name} is lost"));
        let found = object.to_value("v1", "Secret")["data"]["counter"].as_u64().expect("a whole object");
        assert!(found == *counter || found == *counter + 1, "{name}: {counter} was acknowledged, {found} is there");
        *counter = found;
    }
    for object in &snapshot.objects {
        let value = object.to_value("v1", "Secret");
        let name = value["metadata"]["name"].as_str().expect("a name").to_owned();
        acknowledged.entry(name).or_insert_with(|| value["data"]["counter"].as_u64().expect("a counter"));
        assert_eq!(value["data"]["padding"].as_str().map(str::len), Some(2_000), "{} is half", object.key());
        assert!(object.revision() <= snapshot.revision);
    }
}

fn secrets() -> GroupResource {
    GroupResource::new("", "secrets")
}

/// Writes until it is killed: each writer creates its object, or counts it up.
fn child(dir: &Path) {
    let store = Store::open(dir).expect("the store opens");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let namespace = json!({"metadata": {"name": "default"}});
        if store.get(&Key::namespace("default")).is_none() {
            store.create(Key::namespace("default"), namespace).await.expect("the namespace is written");
        }
        say("ready");
        let writers = (0..WRITERS).map(|writer| tokio::spawn(write_on(store.clone(), writer)));
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a writer works until it is killed");
        }
    });
}

async fn write_on(store: Store, writer: usize) {
    for turn in 0_u64.. {
        let name = format!("object-{writer}-{}", turn % 5);
        let key = Key::new(secrets(), "default", &name);
        let counter = match store.get(&key) {
            Some(object) => object.to_value("v1", "Secret")["data"]["counter"].as_u64().expect("a counter") + 1,
            None => 0,
        };
        let value = json!({"metadata": {}, "data": {"counter": counter, "padding": "x".repeat(2_000)}});
        let written = match counter {
            0 => store.create(key, value).await,
            _ => store.update(&key, value, None).await,
        };
        written.expect("the write is acknowledged");
        say(&format!("{name} {counter} ok"));
    }
}

/// One line, in one write.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).expect("the parent listens");
}
