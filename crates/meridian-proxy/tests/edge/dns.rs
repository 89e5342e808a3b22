//! Clusters whose endpoints have names.

use crate::config::{self, apply, cluster, endpoint, forward, listener, manager};
use meridian_ir::cluster::Discovery;
use meridian_ir::endpoint::Address;
use meridian_ir::{Cluster, Endpoints};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A server that answers every request with its status 204.
fn origin() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in socket.incoming().filter_map(Result::ok) {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let _ = stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

fn get(at: SocketAddr, host: &str) -> String {
    let mut client = TcpStream::connect(at).expect("it listens");
    write!(client, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("text");
    answer.lines().next().unwrap_or_default().to_owned()
}

fn named(name: &str, host: &str, port: u16) -> (Cluster, Endpoints) {
    let endpoints = vec![endpoint(Address::Dns(host.into(), port))];
    (
        Cluster { discovery: Discovery::StrictDns, ..cluster(name) },
        Endpoints { endpoints, locality_weights: Vec::new() },
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_are_resolved_and_those_without_addresses_hurt_nobody_else() {
    let origin = origin();
    let config = config::config(
        vec![listener("http", manager("http.8080"))],
        vec![forward("good", "good"), forward("bad", "bad")],
        vec![named("good", "localhost", origin.port()), named("bad", "no-such-host.invalid", 80)],
    );
    let proxy = config::start(config::options());
    let at = apply(&proxy, &config, "http").await;
    assert_eq!(get(at, "good"), "HTTP/1.1 204 No Content", "the cluster was warm before its route was there");
    assert_eq!(get(at, "bad"), "HTTP/1.1 503 Service Unavailable");
}
