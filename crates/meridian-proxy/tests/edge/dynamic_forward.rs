//! Going where clients say: by Host and by server name, with a real name server, and not everywhere.
#![allow(clippy::unwrap_used)]

use crate::config::{self, apply, cluster, forward, listener, manager};
use meridian_ir::cluster::{Discovery, LbPolicy};
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_ir::tcp::WeightedName;
use meridian_ir::{Cluster, Endpoints, FilterChain, Filters, Listener, TcpProxy};
use rustls::pki_types::ServerName;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// A server that answers every request with the Host that it was asked for.
fn origin() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in socket.incoming().filter_map(Result::ok) {
            let mut stream = BufReader::new(stream);
            let (mut line, mut host) = (String::new(), String::new());
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.strip_prefix("host: ") {
                    host = value.trim().to_owned();
                }
                line.clear();
            }
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", host.len());
            let _ = stream.get_mut().write_all(format!("{head}{host}").as_bytes());
        }
    });
    address
}

fn get(at: SocketAddr, host: &str) -> (u16, String) {
    let mut client = TcpStream::connect(at).unwrap();
    write!(client, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

fn dynamic(hosts: &[&str], port: u16, allow_private: bool) -> Cluster {
    let forward =
        DynamicForward { hosts: hosts.iter().map(|host| (*host).into()).collect(), port: Some(port), allow_private };
    Cluster {
        discovery: Discovery::DynamicForward,
        lb_policy: LbPolicy::ClusterProvided,
        dynamic_forward: Some(Arc::new(forward)),
        ..cluster("dynamic")
    }
}

async fn gateway(cluster: Cluster) -> (meridian_proxy::ProxyHandle, SocketAddr) {
    let config = config::config(
        vec![listener("http", manager("http.8080"))],
        vec![forward("*", "dynamic")],
        vec![(cluster, Endpoints::default())],
    );
    let proxy = config::start(config::options());
    let at = apply(&proxy, &config, "http").await;
    (proxy, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_go_to_the_host_that_they_name() {
    let origin = origin();
    let (_proxy, at) = gateway(dynamic(&["localhost", "*.localhost"], origin.port(), true)).await;
    assert_eq!(get(at, "localhost"), (200, "localhost".to_owned()), "from /etc/hosts");
    assert_eq!(get(at, "localhost:8080"), (200, "localhost:8080".to_owned()), "the port is the configured one");
    let (status, body) = get(at, "no-such-host.localhost.invalid");
    assert_eq!((status, body.as_str()), (403, "forwarding to this host is not allowed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hosts_without_addresses_fail_and_say_so() {
    let (_proxy, at) = gateway(dynamic(&["*.invalid"], 80, true)).await;
    assert_eq!(get(at, "no-such-host.invalid"), (503, "DNS resolution failure".to_owned()));
}

/// Ways to make a gateway reach what it must not; every one ends at the gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_way_leads_to_addresses_that_are_not_public() {
    let origin = origin();
    let (_proxy, at) = gateway(dynamic(&[], origin.port(), false)).await;
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.240.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:2::1]",
        "[2001:db8::1]",
        "[::ffff:0:127.0.0.1]",
        "[100::1]",
        "127.0.0.1:80",
        "[::1]:443",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0",
        "localhost:0",
    ] {
        let (status, body) = get(at, host);
        assert!(matches!(status, 400 | 403 | 503), "{host}: {status} {body}");
        assert!(status != 403 || body == "forwarding to this host is not allowed", "{host}: {body}");
    }
}

/// A ClientHello for `server_name`, as a real client writes it.
fn client_hello(server_name: &'static str) -> Vec<u8> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(server_name).unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_go_to_the_server_that_their_hello_names() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    for (server_name, hosts, allow_private, arrives) in [
        ("localhost", &["localhost"][..], true, true),
        ("localhost", &["*.example.com"], true, false),
        ("localhost", &["localhost"], false, false),
        ("no-such-host.invalid", &["*.invalid"], true, false),
    ] {
        let proxy = TcpProxy {
            stat_prefix: "dynamic".into(),
            clusters: vec![WeightedName { cluster: "dynamic".into(), weight: 1 }],
            ..TcpProxy::default()
        };
        let chain = FilterChain {
            name: "".into(),
            matcher: meridian_ir::ChainMatch::default(),
            tls: None,
            filters: Filters::Tcp(Arc::new(proxy)),
            origin: None,
        };
        let tcp =
            Listener { chains: vec![Arc::new(chain)], tls_inspector: true, ..listener("tls", manager("http.8080")) };
        let config =
            config::config(vec![tcp], Vec::new(), vec![(dynamic(hosts, port, allow_private), Endpoints::default())]);
        let proxy = config::start(config::options());
        let at = apply(&proxy, &config, "tls").await;
        let hello = client_hello(server_name);
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(&hello).unwrap();
        if arrives {
            let (mut upstream, _) = socket.accept().unwrap();
            let mut received = vec![0; hello.len()];
            upstream.read_exact(&mut received).unwrap();
            assert_eq!(received, hello, "not a byte is changed");
        } else {
            // Closed without an answer; a reset says the same.
            let mut rest = Vec::new();
            assert!(!matches!(client.read_to_end(&mut rest), Ok(read) if read > 0), "{server_name} {hosts:?}");
            socket.set_nonblocking(true).unwrap();
            assert!(socket.accept().is_err(), "{server_name} {hosts:?} must not arrive");
            socket.set_nonblocking(false).unwrap();
        }
    }
}
