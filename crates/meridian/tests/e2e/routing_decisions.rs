//! 7,200 routing decisions of the real Istio, through a running gateway.

use crate::support::{Meridian, PATIENCE, connect, eventually};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

#[derive(Deserialize)]
struct Oracle {
    gateway: Value,
    first: Vec<Value>,
    later: Vec<Value>,
    requests: Vec<Request>,
}

#[derive(Debug, Deserialize)]
struct Request {
    method: String,
    path: String,
    host: String,
    headers: Vec<(String, String)>,
    answer: (u16, String),
}

impl Request {
    /// As it is sent. The oracle's own requests closed their connections; these leave it open.
    fn head(&self) -> String {
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n", self.method, self.path, self.host);
        let has_agent = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        let agent = (!has_agent).then(|| ("user-agent".to_owned(), "check".to_owned()));
        for (name, value) in self.headers.iter().chain(&agent) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }
}

/// A client that keeps its connection for as long as the gateway does.
struct Client {
    gateway: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    /// Connections that were made.
    connections: usize,
}

impl Client {
    fn new(gateway: SocketAddr) -> Self {
        Self { gateway, connection: None, connections: 0 }
    }

    /// Sends a request; status and body.
    fn ask(&mut self, request: &Request) -> io::Result<(u16, String)> {
        let connection = self.connection.get_or_insert_with(|| {
            self.connections += 1;
            BufReader::new(connect(self.gateway))
        });
        connection.get_mut().write_all(request.head().as_bytes())?;
        let (mut status, mut length, mut closes) = (0, 0, false);
        for index in 0.. {
            let mut line = String::new();
            connection.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                _ if index == 0 => {
                    status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
                }
                Some(("content-length", value)) => length = value.parse().map_err(io::Error::other)?,
                Some(("connection", value)) => closes = value == "close",
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; if request.method == "HEAD" { 0 } else { length }];
        connection.read_exact(&mut body)?;
        if closes {
            self.connection = None;
        }
        Ok((status, String::from_utf8(body).map_err(io::Error::other)?))
    }
}

/// The oracle, or `None`, loudly, when it is not there; in continuous integration that is a failure.
fn oracle() -> Option<Oracle> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let folder = std::env::var_os("MERIDIAN_SHARED").map_or_else(beside, PathBuf::from);
    let path = folder.join("oracles/routing-decisions/routing.json");
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is not there", path.display());
        eprintln!("SKIPPED: {} is not there; set MERIDIAN_SHARED to the folder of shared data", path.display());
        return None;
    }
    let text = std::fs::read_to_string(path).expect("the oracle can be read");
    Some(serde_json::from_str(&text).expect("the oracle has its form"))
}

/// Creates an object; where it lives, and when it was created.
fn create(meridian: &Meridian, object: &Value) -> (String, String) {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let plural = format!("{}s", text("/kind").expect("a kind").to_ascii_lowercase());
    let namespace = text("/metadata/namespace").unwrap_or("default");
    let version = text("/apiVersion").expect("a version");
    let root = if version.contains('/') { "apis" } else { "api" };
    let collection = format!("/{root}/{version}/namespaces/{namespace}/{plural}");
    meridian.create(&collection, object);
    let path = format!("{collection}/{}", text("/metadata/name").expect("a name"));
    let (_, created) = meridian.call("GET", &path, None);
    let since = created["metadata"]["creationTimestamp"].as_str().expect("a time").to_owned();
    (path, since)
}

/// Waits until objects that are created are younger than `time`, which has whole seconds.
fn wait_for_younger(meridian: &Meridian, time: &str) {
    let mut count = 0;
    let younger = || {
        count += 1;
        let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("probe-{count}")}});
        let (_, since) = create(meridian, &probe);
        (*since > *time).then_some(())
    };
    eventually("another second", younger, String::new);
}

#[test]
fn every_decision_of_istio_is_that_of_the_gateway() {
    let Some(oracle) = oracle() else { return };
    let meridian = Meridian::start(&[]);
    create(&meridian, &oracle.gateway);
    let mut since = String::new();
    for object in &oracle.first {
        since = create(&meridian, object).1;
    }
    wait_for_younger(&meridian, &since);
    let mut last = String::new();
    for object in &oracle.later {
        last = create(&meridian, object).0;
    }
    meridian.condition(&last, "Programmed", "True");

    let mut client = Client::new(meridian.gateway());
    // The last object is live when a request of its own is answered by it: configurations arrive in order.
    let name = last.rsplit('/').next().expect("a name");
    let of_last = oracle.requests.iter().find(|request| request.answer.1.starts_with(&format!("{name}/")));
    let of_last = of_last.expect("the last object answers something");
    let is_live = || (client.ask(of_last).ok()? == of_last.answer).then_some(());
    eventually("the last object's route", is_live, || meridian.log());

    let mut client = Client::new(meridian.gateway());
    let mut wrong = Vec::new();
    for request in &oracle.requests {
        match client.ask(request) {
            Ok(answer) if answer == request.answer => {}
            Ok(answer) => wrong.push(format!("{request:?}\n  but here {answer:?}")),
            Err(error) => {
                wrong.push(format!("{request:?}\n  but here within {PATIENCE:?}: {error}"));
                client.connection = None;
            }
        }
    }
    let (requests, connections) = (oracle.requests.len(), client.connections);
    eprintln!("{} of {requests} requests agree, on {connections} connections", requests - wrong.len());
    assert!(wrong.is_empty(), "{} of {requests}:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    assert!(requests >= 7200);
}
