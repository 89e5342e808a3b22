//! What leaves the workload: the service's listener, pass-through, black holes.

use super::{PASSTHROUGH, Sidecar, black_hole, block_all, chain, config, http, is_http, original, stand_in, tcp, to};
use super::{unbound, virtual_outbound};
use crate::support::origin::{Origin, response};
use meridian_ir::{ChainMatch, ProxyConfig};
use std::net::{SocketAddr, TcpListener};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// HTTP to the port of `origin` is routed, everything else is passed through.
fn allow_any(origin: SocketAddr, log: &str) -> ProxyConfig {
    let http = chain("", is_http(), http("allow_any", to(PASSTHROUGH), log));
    let other = chain("PassthroughFilterChain", ChainMatch::default(), tcp(PASSTHROUGH, log));
    config(
        vec![stand_in(virtual_outbound(ANY, PASSTHROUGH, log)), unbound(origin.port(), vec![http], Some(other))],
        vec![original(PASSTHROUGH), black_hole()],
    )
}

#[test]
fn a_captured_request_is_served_by_the_listener_of_its_destination() {
    let origin = Origin::start(|_| response("200 OK", "there"));
    let sidecar = Sidecar::run(|log| allow_any(origin.address, log));
    let mut client = sidecar.captured("virtualOutbound", origin.address);
    for _ in 0..2 {
        let answer = client.get("/headers");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "there"));
    }
    assert_eq!(origin.seen()[1].connection, 0, "the connection to the destination is kept");
    let name = format!("listener.0.0.0.0_{}", origin.address.port());
    assert_eq!(sidecar.count(&format!("{name}.downstream_cx_total")), 1);
}

/// Row 1.15 of the documents: bytes to an unknown destination.
#[test]
fn bytes_are_passed_through_and_logged_as_in_istio() {
    let origin = Origin::ok();
    let sidecar = Sidecar::run(|log| {
        config(vec![stand_in(virtual_outbound(ANY, PASSTHROUGH, log))], vec![original(PASSTHROUGH), black_hole()])
    });
    let mut client = sidecar.captured("virtualOutbound", origin.address);
    client.send("GET / HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    drop(client);
    let line = sidecar.line();
    let fields: Vec<&str> = line.split(' ').collect();
    let at = origin.address.to_string();
    assert!(line.starts_with("\"- - -\" 0 - - - \"-\" 51 40 "), "{line}");
    let end = format!(" - \"-\" \"-\" \"-\" \"-\" \"{at}\" PassthroughCluster 127.0.0.1:");
    assert!(line.contains(&end), "{line}");
    assert!(line.ends_with(&format!(" {at} 192.0.2.1:4711 - -")), "{line}");
    assert_eq!(fields.len(), 23, "{line}");
}

#[test]
fn bytes_that_are_no_http_take_the_default_chain_and_a_silent_client_waits() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            std::io::Write::write_all(&mut stream, b"220 hello").expect("the connection takes bytes");
        }
    });
    let sidecar = Sidecar::run(|log| allow_any(address, log));
    let mut client = sidecar.captured("virtualOutbound", address);
    client.send("EHLO a\r\n");
    assert_eq!(client.bytes(9), b"220 hello");
    drop(client);
    assert!(sidecar.line().contains(" PassthroughCluster "));
    // A server that speaks first is heard once the time for looking is over.
    let sidecar = Sidecar::run(|log| {
        let mut config = allow_any(address, log);
        let name = format!("0.0.0.0_{}", address.port());
        let mut listener = (*config.listeners[&*name]).clone();
        listener.inspect_timeout = Some(std::time::Duration::from_millis(50));
        config.listeners.insert(listener.name.clone(), listener.into());
        config
    });
    assert_eq!(sidecar.captured("virtualOutbound", address).bytes(9), b"220 hello");
    assert_eq!(sidecar.count(&format!("listener.0.0.0.0_{}.downstream_pre_cx_timeout", address.port())), 1);
}

#[test]
fn what_comes_to_the_sidecar_itself_does_not_go_in_circles() {
    let sidecar = Sidecar::run(|log| {
        config(vec![stand_in(virtual_outbound(ANY, PASSTHROUGH, log))], vec![original(PASSTHROUGH), black_hole()])
    });
    for destination in [SocketAddr::from(([10, 0, 0, 1], 15001)), listening(&sidecar)] {
        let mut client = sidecar.captured("virtualOutbound", destination);
        assert!(client.is_closed(), "{destination}");
    }
}

fn listening(sidecar: &Sidecar) -> SocketAddr {
    sidecar.proxy.shared().listener_address("virtualOutbound").expect("it listens")
}

/// Rows 1.19: REGISTRY_ONLY closes connections and answers 502.
#[test]
fn under_registry_only_strangers_are_refused() {
    let origin = Origin::ok();
    let sidecar = Sidecar::run(|log| {
        let http = chain("", is_http(), http("block_all", block_all(), log));
        let other = chain("PassthroughFilterChain", ChainMatch::default(), tcp("BlackHoleCluster", log));
        config(
            vec![
                stand_in(virtual_outbound(ANY, "BlackHoleCluster", log)),
                unbound(origin.address.port(), vec![http], Some(other)),
            ],
            vec![original(PASSTHROUGH), black_hole()],
        )
    });
    let answer = sidecar.captured("virtualOutbound", origin.address).get("/");
    assert_eq!((answer.status(), answer.text().as_str()), (502, ""));
    let line = sidecar.line();
    assert!(line.starts_with("\"GET / HTTP/1.1\" 502 - direct_response - \"-\" 0 0 "), "{line}");
    assert!(line.contains(" \"h.test\" \"-\" - - "), "{line}");
    assert!(line.ends_with(" - block_all"), "{line}");
    assert!(origin.seen().is_empty());
}

/// The chain that refuses does not look at the first bytes; the log and the metric tell what was wanted all the same.
#[test]
fn what_was_refused_is_told() {
    let origin = Origin::ok();
    let sidecar = Sidecar::run(|log| {
        let outbound = stand_in(virtual_outbound(ANY, "BlackHoleCluster", log));
        config(vec![outbound], vec![black_hole()])
    });
    let name = "www.google.com".try_into().expect("a name");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let tls = builder.with_safe_default_protocol_versions().expect("versions");
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let mut hello = Vec::new();
    let mut session = rustls::ClientConnection::new(std::sync::Arc::new(tls), name).expect("a session");
    session.write_tls(&mut hello).expect("memory");
    let mut client = sidecar.captured("virtualOutbound", origin.address);
    client.send(hello);
    assert!(client.is_closed());
    let line = sidecar.line();
    let start = "\"- - -\" 0 UH - - \"-\" 0 0 ";
    assert!(line.starts_with(start) && line.contains(" \"-\" BlackHoleCluster - "), "{line}");
    assert!(line.ends_with(&format!(" {} 192.0.2.1:4711 www.google.com -", origin.address)), "{line}");
    sidecar.captured("virtualOutbound", origin.address).send("GET / HTTP/1.1\r\nHost: plain.test:80\r\n\r\n");
    for host in ["www.google.com", "plain.test"] {
        sidecar.await_count(&format!("meridian.blocked.registry_only.{host}"), 1);
    }
}
