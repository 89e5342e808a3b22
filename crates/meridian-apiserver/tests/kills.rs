//! A thousand times `kill -9` at random moments, while clients create, change and delete objects beside 10,000 others.
//!
//! After each restart: every write that was acknowledged is there, one that was on its way is there as a whole or not at
//! all, and a watch from before the kill gives every change since then, once and in order.
//!
//! Runs without the test harness: the same program is the test, and the server that is killed.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use meridian_apiserver::{Options, Server};
use meridian_store::{GroupResource, Key, Store};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const KILLS: usize = 1_000;
const OTHERS: usize = 10_000;
const WRITERS: usize = 4;
const NAMES: usize = 6;
/// Before each kill there are fewer acknowledged writes than this.
const ANSWERS: usize = 20;
const PADDING: usize = 1_500;
const ROLE: &str = "MERIDIAN_APISERVER_KILLED";
const PATH: &str = "/api/v1/namespaces/default/configmaps";
/// How long anything may take that is not measured here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The counter of every object that exists.
type Objects = BTreeMap<String, u64>;

fn main() {
    if let Some(dir) = std::env::var_os(ROLE) {
        return serve(Path::new(&dir));
    }
    let kills = std::env::var("MERIDIAN_KILLS").map_or(KILLS, |text| text.parse().expect("MERIDIAN_KILLS is a number"));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let loaded = Instant::now();
    fill(dir.path());
    println!("kills: {OTHERS} objects written in {:?}", loaded.elapsed());
    let began = Instant::now();
    let mut known = Known::default();
    let mut starts = Vec::new();
    for round in 0..=kills {
        let (mut server, address, start) = start(dir.path());
        starts.push(start);
        known.check(address, round);
        if round < kills {
            known.write_until_killed(&mut server, address, round);
        } else {
            server.kill().expect("the server is killed");
        }
        server.wait().expect("the server is gone");
    }
    check_others(dir.path());
    assert!(known.acknowledged > kills, "the clients wrote too little to show anything: {} writes", known.acknowledged);
    starts.sort();
    println!(
        "kills: {kills} in {:?}, {} acknowledged writes and none lost, {} on their way of which {} were there; {} changes \
         watched; start with {OTHERS} objects: median {:?}, worst {:?}",
        began.elapsed(),
        known.acknowledged,
        known.pending,
        known.survived,
        known.changes,
        starts[starts.len() / 2],
        starts[starts.len() - 1],
    );
}

/// Objects that are there all the time.
fn fill(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(dir).expect("the store opens");
        store.create(Key::namespace("bulk"), json!({"metadata": {}})).await.expect("the namespace");
        let mut writes = tokio::task::JoinSet::new();
        for number in 0..OTHERS {
            let store = store.clone();
            writes.spawn(async move {
                let value =
                    json!({"metadata": {}, "data": {"number": number.to_string(), "padding": "x".repeat(PADDING)}});
                store.create(other(number), value).await
            });
        }
        while let Some(written) = writes.join_next().await {
            written.expect("a task").expect("a write");
        }
    });
}

fn other(number: usize) -> Key {
    Key::new(GroupResource::new("", "configmaps"), "bulk", &format!("other-{number}"))
}

/// Nothing has happened to the others.
fn check_others(dir: &Path) {
    let store = Store::open(dir).expect("the store opens");
    assert_eq!(store.list(&GroupResource::new("", "configmaps"), Some("bulk")).objects.len(), OTHERS);
    for number in 0..OTHERS {
        let object = store.get(&other(number)).unwrap_or_else(|| panic!("other-{number} is lost"));
        let value = object.to_value("v1", "ConfigMap");
        assert_eq!(value["data"]["number"], number.to_string());
        assert_eq!(value["data"]["padding"].as_str().map(str::len), Some(PADDING));
    }
}

fn start(dir: &Path) -> (Child, SocketAddr, Duration) {
    let started = Instant::now();
    let mut server = Command::new(std::env::current_exe().expect("this program's path"))
        .env(ROLE, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let address = line.trim().parse().unwrap_or_else(|_| panic!("the server did not start: {line:?}"));
    (server, address, started.elapsed())
}

/// The server, until it is killed.
fn serve(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(dir).expect("the store opens");
        let server = Server::new(store, Options::default()).await.expect("the server starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        std::io::stdout().lock().write_all(format!("{address}\n").as_bytes()).expect("the parent listens");
        server.serve(listener, std::future::pending()).await;
    });
}

/// What the clients know.
#[derive(Default)]
struct Known {
    /// What was acknowledged.
    objects: Objects,
    /// What each writer had asked for when the server died: the object and what it would be.
    on_their_way: Vec<(String, Option<u64>)>,
    /// What a watch has seen.
    watched: Objects,
    /// The revision up to which it has seen everything.
    revision: Option<u64>,
    acknowledged: usize,
    pending: usize,
    survived: usize,
    changes: usize,
}

impl Known {
    /// Compares what a restarted server has with what is known.
    fn check(&mut self, address: SocketAddr, round: usize) {
        let mut client = Client::connect(address).expect("the server listens");
        let (status, list) = client.call("GET", PATH, None).expect("a list");
        assert_eq!(status, 200, "round {round}: {list}");
        let revision = list["metadata"]["resourceVersion"].as_str().expect("a revision").parse().expect("a number");
        let found: Objects = list["items"].as_array().expect("items").iter().filter_map(counter).collect();
        let mut expected = self.objects.clone();
        for (name, outcome) in std::mem::take(&mut self.on_their_way) {
            self.pending += 1;
            if found.get(&name) == outcome.as_ref() {
                self.survived += 1;
                set(&mut expected, name, outcome);
            }
        }
        assert_eq!(found, expected, "round {round}: what is there is not what was acknowledged");
        if let Some(since) = self.revision {
            self.watch(address, (since, revision), round);
            assert_eq!(self.watched, found, "round {round}: the changes lead elsewhere");
        } else {
            self.watched = found.clone();
        }
        (self.objects, self.revision) = (found, Some(revision));
    }

    /// Goes on with a watch of before the restart: nothing else is written, so that every revision is one change.
    fn watch(&mut self, address: SocketAddr, (since, until): (u64, u64), round: usize) {
        if since == until {
            return;
        }
        let mut client = Client::connect(address).expect("the server listens");
        client.send("GET", &format!("{PATH}?watch=1&resourceVersion={since}"), None).expect("a watch");
        let mut expected = since;
        for line in client.reader.lines() {
            let line = line.expect("an event");
            if !line.starts_with('{') {
                continue;
            }
            let event: Value = serde_json::from_str(&line).expect("an event");
            let object = &event["object"];
            expected += 1;
            assert_eq!(object["metadata"]["resourceVersion"], expected.to_string(), "round {round}: {event}");
            let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
            let known = self.watched.contains_key(&name);
            match event["type"].as_str().expect("a type") {
                "ADDED" => assert!(!known, "round {round}: {name} is added twice"),
                "MODIFIED" | "DELETED" => assert!(known, "round {round}: {name} was not there"),
                other => panic!("round {round}: {other}: {event}"),
            }
            let outcome = (event["type"] != "DELETED").then(|| counter(object).expect("a test's object").1);
            set(&mut self.watched, name, outcome);
            self.changes += 1;
            if expected == until {
                return;
            }
        }
        panic!("round {round}: the watch from {since} ended at {expected}, before {until}");
    }

    /// Lets clients write until the server is killed at a random moment.
    fn write_until_killed(&mut self, server: &mut Child, address: SocketAddr, round: usize) {
        let objects = &self.objects;
        let (answers, patience) = (AtomicUsize::new(0), Instant::now());
        let outcomes: Vec<Written> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let names = (0..NAMES).map(|i| format!("o{writer}-{i}"));
                    let mine = names.map(|name| (name.clone(), objects.get(&name).copied())).collect();
                    let answers = &answers;
                    scope.spawn(move || write(address, mine, round as u64, answers))
                })
                .collect();
            // After a number of answers that differs from round to round, and a moment later: most of the time in the
            // middle of a transaction.
            let enough = fastrand::usize(..ANSWERS);
            while answers.load(Ordering::Relaxed) < enough && patience.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_micros(fastrand::u64(..3_000)));
            server.kill().expect("the server is killed");
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect()
        });
        for written in outcomes {
            self.acknowledged += written.acknowledged;
            for (name, outcome) in written.objects {
                set(&mut self.objects, name, outcome);
            }
            self.on_their_way.extend(written.on_its_way);
        }
    }
}

fn set(objects: &mut Objects, name: String, outcome: Option<u64>) {
    match outcome {
        Some(counter) => objects.insert(name, counter),
        None => objects.remove(&name),
    };
}

/// Name and counter of an object of the test, which must be whole.
fn counter(object: &Value) -> Option<(String, u64)> {
    let name = object["metadata"]["name"].as_str().expect("a name");
    if name == "kube-root-ca.crt" {
        return None;
    }
    assert_eq!(object["data"]["padding"].as_str().map(str::len), Some(PADDING), "{name} is half");
    Some((name.to_owned(), object["data"]["counter"].as_str().expect("a counter").parse().expect("a number")))
}

struct Written {
    objects: BTreeMap<String, Option<u64>>,
    acknowledged: usize,
    on_its_way: Option<(String, Option<u64>)>,
}

/// Creates, changes and deletes objects that nobody else writes, until the server is gone.
fn write(address: SocketAddr, objects: BTreeMap<String, Option<u64>>, round: u64, answers: &AtomicUsize) -> Written {
    let mut written = Written { objects, acknowledged: 0, on_its_way: None };
    let Ok(mut client) = Client::connect(address) else { return written };
    let names: Vec<String> = written.objects.keys().cloned().collect();
    for turn in 1.. {
        let name = names[fastrand::usize(..names.len())].clone();
        let exists = written.objects[&name].is_some();
        let path = format!("{PATH}/{name}");
        let counter = round * 1_000_000 + turn;
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"counter": counter.to_string(), "padding": "y".repeat(PADDING)},
        });
        let (method, path, body, outcome) = match (exists, fastrand::u8(..4)) {
            (false, _) => ("POST", PATH, Some(body), Some(counter)),
            (true, 0) => ("DELETE", &*path, None, None),
            (true, _) => ("PUT", &*path, Some(body), Some(counter)),
        };
        match client.call(method, path, body) {
            Ok((200 | 201, _)) => {
                written.acknowledged += 1;
                answers.fetch_add(1, Ordering::Relaxed);
                written.objects.insert(name, outcome);
            }
            Ok((status, answer)) => panic!("{method} {path}: {status} {answer}"),
            Err(_) => {
                written.on_its_way = Some((name, outcome));
                return written;
            }
        }
    }
    unreachable!("the loop has no end of its own");
}

/// A connection that is used for one request after the other.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { reader: BufReader::new(stream) })
    }

    fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> io::Result<()> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        self.reader.get_mut().write_all(request.as_bytes())
    }

    /// The status and the whole answer.
    fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> io::Result<(u16, Value)> {
        self.send(method, path, body)?;
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(cut());
            }
            let line = line.trim_end().to_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().map_err(|_| cut())?;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, serde_json::from_slice(&body).map_err(io::Error::other)?))
    }
}
