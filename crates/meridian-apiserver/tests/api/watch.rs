//! Watches as clients hold them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use meridian_apiserver::Api;
use meridian_resources::by_plural;
use meridian_store::{EventType, Selection, Store};
use serde_json::{Value, json};

use crate::support::{Lab, have_kubectl};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// How long an event may take in a test. Far longer than it does, far shorter than for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lines of a watch.
struct Stream {
    reader: BufReader<TcpStream>,
}

impl Stream {
    fn open(lab: &Lab, query: &str, accept: &str) -> Stream {
        use std::io::Write;
        let mut stream = TcpStream::connect(lab.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = format!("GET {MAPS}?watch=1&{query} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).expect("a head");
        }
        Stream { reader }
    }

    /// The next event; `None` at the end of the stream.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("an event in time");
            // Between the events are the sizes of chunks and their ends.
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")));
            }
            if line == "0\r\n" || line.is_empty() {
                return None;
            }
        }
    }

    /// The next event's type, name and revision.
    fn brief(&mut self) -> (String, String, u64) {
        let event = self.next().expect("an event");
        let metadata = &event["object"]["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let revision = metadata["resourceVersion"].as_str().and_then(|v| v.parse().ok()).expect("a revision");
        (text(&event["type"]), text(&metadata["name"]), revision)
    }
}

async fn put(lab: &Lab, name: &str, labels: Value, data: &str) -> u64 {
    let kind = by_plural("", "configmaps").expect("a kind");
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"x": data}});
    lab.api.put(kind, object).await.expect("written").revision()
}

async fn remove(lab: &Lab, name: &str) -> u64 {
    lab.api.remove(by_plural("", "configmaps").expect("a kind"), "default", name).await.expect("removed");
    lab.api.store().revision()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selectors_turn_changes_into_arrivals_and_departures() {
    let lab = Lab::new().await;
    let start = lab.api.store().revision();
    let mut all = Stream::open(&lab, &format!("resourceVersion={start}"), "application/json");
    let mut some = Stream::open(&lab, &format!("resourceVersion={start}&labelSelector=a%3D1"), "application/json");
    let r1 = put(&lab, "m", json!({"a": "1"}), "1").await;
    let r2 = put(&lab, "m", json!({"a": "1"}), "2").await;
    let r3 = put(&lab, "m", json!({"a": "2"}), "2").await;
    let r4 = put(&lab, "m", json!({"a": "1"}), "2").await;
    let r5 = remove(&lab, "m").await;
    let seen = |stream: &mut Stream| -> Vec<(String, u64)> {
        (0..5).map(|_| stream.brief()).map(|(type_, _, revision)| (type_, revision)).collect()
    };
    let expected = |types: [&str; 5]| -> Vec<(String, u64)> {
        types.iter().map(|t| (*t).to_owned()).zip([r1, r2, r3, r4, r5]).collect()
    };
    assert_eq!(seen(&mut all), expected(["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]));
    assert_eq!(seen(&mut some), expected(["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_can_begin_with_what_is_there() {
    let lab = Lab::new().await;
    put(&lab, "a", json!({}), "1").await;
    let now = put(&lab, "b", json!({}), "1").await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut stream = Stream::open(&lab, query, "application/json");
    assert_eq!(stream.brief().1, "a");
    assert_eq!(stream.brief().1, "b");
    let end = stream.next().expect("a bookmark");
    assert_eq!((end["type"].as_str(), &end["object"]["kind"]), (Some("BOOKMARK"), &json!("ConfigMap")));
    assert_eq!(end["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(end["object"]["metadata"]["resourceVersion"], now.to_string());
    // Others' changes are not sent, but move the bookmark.
    let namespaces = by_plural("", "namespaces").expect("a kind");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    let later = lab.api.put(namespaces, namespace).await.expect("written").revision();
    loop {
        let (type_, _, revision) = stream.brief();
        assert_eq!(type_, "BOOKMARK");
        // The namespace brings its service account along.
        if revision >= later {
            break;
        }
    }
    let rows = Stream::open(&lab, "", "application/json;as=Table;v=v1;g=meta.k8s.io").next().expect("an event");
    assert_eq!(rows["object"]["kind"], "Table");
    assert_eq!(rows["object"]["rows"][0]["cells"][0], "a");
    assert_eq!(rows["object"]["columnDefinitions"][0]["name"], "Name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_end_when_they_must() {
    let lab = Lab::over(Store::memory_with_history(5).expect("a store")).await;
    for i in 0..20 {
        put(&lab, "m", json!({}), &i.to_string()).await;
    }
    let current = lab.api.store().revision();
    let mut late = Stream::open(&lab, "resourceVersion=1", "application/json");
    let error = late.next().expect("an error");
    assert_eq!(
        (error["type"].as_str(), &error["object"]["reason"], &error["object"]["code"]),
        (Some("ERROR"), &json!("Expired"), &json!(410))
    );
    let message = format!("too old resource version: 1 ({})", current - 5);
    assert_eq!(error["object"]["message"], message);
    assert!(late.next().is_none(), "the stream ends after the error");
    let mut timed = Stream::open(&lab, &format!("resourceVersion={current}&timeoutSeconds=1"), "application/json");
    assert!(timed.next().is_none(), "the stream ends in time");
    let mut stopped = Stream::open(&lab, &format!("resourceVersion={current}"), "application/json");
    lab.stop().await;
    assert!(stopped.next().is_none(), "the stream ends with the server");
}

/// A `kubectl` that is killed when the test is over.
struct Kubectl(Child);

impl Drop for Kubectl {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_sees_a_thousand_changes_once_each() {
    if !have_kubectl() {
        return;
    }
    let lab = Lab::new().await;
    put(&lab, "first", json!({}), "0").await;
    let start = lab.api.store().revision();
    let format = "-o=jsonpath={.type} {.object.metadata.name} {.object.metadata.resourceVersion}{\"\\n\"}";
    let mut command = lab.command(["get", "configmaps", "-w", "--output-watch-events", format]);
    let mut kubectl = Kubectl(command.stdout(Stdio::piped()).spawn().expect("kubectl runs"));
    let mut lines = BufReader::new(kubectl.0.stdout.take().expect("its output")).lines();
    let first = lines.next().expect("a line").expect("text");
    assert_eq!(first, format!("ADDED first {start}"));
    let mut events = lab.api.store().watch(Selection::default(), start).expect("a watch");
    let writers: Vec<_> = (0..4).map(|writer| tokio::spawn(two_hundred_and_fifty(lab.api.clone(), writer))).collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let end = put(&lab, "end", json!({}), "0").await;
    let mut expected = Vec::new();
    while let Some(event) = events.try_next().expect("no gap") {
        let name = match event.event_type {
            EventType::Added => "ADDED",
            EventType::Modified => "MODIFIED",
            EventType::Deleted => "DELETED",
        };
        expected.push(format!("{name} {} {}", event.object.key().name, event.object.revision()));
    }
    assert_eq!(expected.len(), 1_001);
    let last = format!("ADDED end {end}");
    let read = tokio::task::spawn_blocking(move || {
        let mut seen = Vec::new();
        for line in lines {
            let line = line.expect("text");
            let done = line == last;
            seen.push(line);
            if done {
                break;
            }
        }
        seen
    });
    let seen = tokio::time::timeout(PATIENCE, read).await.expect("kubectl saw the end").expect("a thread");
    assert_eq!(seen, expected);
    drop(kubectl);
}

/// Creates, changes and removes objects of its own, 250 times.
async fn two_hundred_and_fifty(api: Api, writer: u32) {
    let kind = by_plural("", "configmaps").expect("a kind");
    for i in 0..250 {
        let name = format!("m{writer}-{}", i / 5 % 7);
        if i % 5 == 4 {
            api.remove(kind, "default", &name).await.expect("removed");
        } else {
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"x": i.to_string()},
            });
            api.put(kind, object).await.expect("written");
        }
    }
}

/// A client that reads slowly loses nothing as long as the history reaches back, and holds nobody up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_catches_up() {
    let lab = Lab::new().await;
    let start = lab.api.store().revision();
    let mut slow = Stream::open(&lab, &format!("resourceVersion={start}"), "application/json");
    let large = "x".repeat(20_000);
    let mut last = BTreeMap::new();
    for i in 0..500 {
        let name = format!("m{}", i % 10);
        last.insert(name.clone(), put(&lab, &name, json!({}), &format!("{i}{large}")).await);
    }
    let mut seen = BTreeMap::new();
    let mut before = start;
    for _ in 0..500 {
        let (_, name, revision) = slow.brief();
        assert_eq!(revision, before + 1, "none lost, none doubled");
        before = revision;
        seen.insert(name, revision);
    }
    assert_eq!(seen, last);
}
