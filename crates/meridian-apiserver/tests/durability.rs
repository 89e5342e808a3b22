//! What `kubectl apply` has said is done, is there after the server was killed.
//!
//! Runs without the test harness: the same program is the test, and the server that is killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use meridian_apiserver::{Credentials, Options, Server, kubeconfig};
use meridian_store::{GroupResource, Key, Store};
use tokio::net::TcpListener;

const ROUNDS: u64 = 8;
const OBJECTS: usize = 60;
const ROLE: &str = "MERIDIAN_APISERVER_CHILD";

fn main() {
    if let Some(dir) = std::env::var_os(ROLE) {
        return serve(Path::new(&dir));
    }
    if !Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|out| out.status.success()) {
        let message = "SKIPPED: no kubectl in PATH; install kubectl 1.32 to run this test";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    // The round in which every object was last acknowledged.
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let mut cut_short = 0;
    for round in 1..=ROUNDS {
        let finished = apply_and_kill(dir.path(), round, &mut acknowledged);
        cut_short += u64::from(!finished);
        check(dir.path(), round, &mut acknowledged);
    }
    assert!(!acknowledged.is_empty() && cut_short > 0, "the server was never killed while kubectl was applying");
    println!("durability: {ROUNDS} kills, {cut_short} while kubectl was applying; nothing acknowledged is lost");
}

/// Applies many objects with `kubectl`, and kills the server at some moment. Says whether `kubectl` had finished.
fn apply_and_kill(dir: &Path, round: u64, acknowledged: &mut BTreeMap<String, u64>) -> bool {
    let mut server = start(dir);
    let manifest: String = (0..OBJECTS)
        .map(|i| {
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{i}}}\ndata: {{round: \"{round}\"}}\n---\n")
        })
        .collect();
    std::fs::write(dir.join("manifest.yaml"), manifest).expect("the manifest is written");
    let mut kubectl = Command::new("kubectl")
        .args(["apply", "--validate=ignore", "-f", "manifest.yaml"])
        .current_dir(dir)
        .env("HOME", dir)
        .env("KUBECONFIG", dir.join("kubeconfig"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("kubectl runs");
    let lines = BufReader::new(kubectl.stdout.take().expect("its output")).lines();
    // The kill comes after a number of answers that differs from round to round, and a moment later.
    let answers = fastrand::usize(1..OBJECTS);
    let mut killed = false;
    for (i, line) in lines.enumerate() {
        let line = line.expect("text");
        let name = line.strip_prefix("configmap/").and_then(|line| line.split(' ').next());
        acknowledged.insert(name.expect("an answer of apply").to_owned(), round);
        if i == answers {
            std::thread::sleep(Duration::from_micros(fastrand::u64(..5_000)));
            server.kill().expect("the server is killed");
            killed = true;
        }
    }
    if !killed {
        server.kill().expect("the server is killed");
    }
    server.wait().expect("the server is gone");
    kubectl.wait().expect("kubectl ends").success()
}

fn start(dir: &Path) -> Child {
    let started = Instant::now();
    let mut server = Command::new(std::env::current_exe().expect("this program's path"))
        .env(ROLE, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    assert!(started.elapsed() < Duration::from_secs(5), "the server took {:?} to start", started.elapsed());
    server
}

/// Every object is whole, and as new as it was acknowledged, or as the write that was on its way.
fn check(dir: &Path, round: u64, acknowledged: &mut BTreeMap<String, u64>) {
    let store = Store::open(dir.join("data")).expect("the store opens");
    let maps = GroupResource::new("", "configmaps");
    for (name, last) in acknowledged.iter() {
        let key = Key::new(maps.clone(), "default", name);
        let object = store.get(&key).unwrap_or_else(|| panic!("{name} was acknowledged in round {last} and is lost"));
        let found: u64 =
            object.to_value("v1", "ConfigMap")["data"]["round"].as_str().expect("data").parse().expect("a number");
        assert!(found == *last || found == round, "{name}: round {last} was acknowledged, round {found} is there");
    }
    // What is there now is what the next round begins with.
    for object in store.list(&maps, None).objects {
        let value = object.to_value("v1", "ConfigMap");
        let found = value["data"]["round"].as_str().expect("data").parse().expect("a number");
        acknowledged.insert(object.key().name.to_string(), found);
    }
}

/// The server, until it is killed.
fn serve(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(dir.join("data")).expect("the store opens");
        let server = Server::new(store, Options::default()).await.expect("the server starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        std::fs::write(dir.join("kubeconfig"), kubeconfig(&format!("http://{address}"), None, Credentials::None))
            .expect("written");
        std::io::stdout().lock().write_all(b"ready\n").expect("the parent listens");
        server.serve(listener, std::future::pending()).await;
    });
}
