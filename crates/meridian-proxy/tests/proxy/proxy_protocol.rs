//! The PROXY protocol on both sides of a running gateway.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::Origin;
use crate::support::{cluster, config, endpoints, forward, plain, route, virtual_host};
use meridian_ir::cluster::ProxyProtocolVersion;
use meridian_ir::tcp::WeightedName;
use meridian_ir::{Action, Filters, TcpProxy};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x12\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xae\x04\x00\x03abc";
const REQUEST: &str = "GET /x HTTP/1.1\r\nHost: h.test\r\n\r\n";

fn gateway(origin: SocketAddr) -> Gateway {
    Gateway::run_listener(plain(origin), |listener| listener.proxy_protocol = true)
}

#[test]
fn the_client_is_the_one_that_the_header_tells_of() {
    let origin = Origin::ok();
    let gateway = gateway(origin.address);
    let own = "127.0.0.1";
    for (header, client) in [
        (&b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"[..], "1.2.3.4"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n", "2001:db8::1"),
        (V2, "1.2.3.4"),
        (b"PROXY UNKNOWN\r\n", own),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", own),
    ] {
        let mut connection = Client::connect(gateway.address);
        // Byte by byte, and then all that is behind it at once.
        for byte in header {
            connection.send([*byte]);
        }
        connection.send(REQUEST.repeat(2));
        assert_eq!((connection.answer().status(), connection.answer().status()), (200, 200));
        let seen = origin.seen().pop().expect("a request");
        assert_eq!(seen.header("x-forwarded-for"), Some(client), "{header:?}");
        assert_eq!(seen.header("x-envoy-external-address"), Some(client), "{header:?}");
    }
    let lines = gateway.stop();
    assert!(lines[0].contains(" 5.6.7.8:2222 1.2.3.4:1111 - "), "{}", lines[0]);
    assert!(lines[2].contains(" [2001:db8::2]:2222 [2001:db8::1]:1111 - "), "{}", lines[2]);
    assert_eq!(lines.len(), 10);
}

#[test]
fn connections_without_a_good_header_are_closed_and_logged() {
    let origin = Origin::ok();
    let gateway = gateway(origin.address);
    for bytes in [REQUEST.as_bytes(), b"PROXY TCP4 nonsense\r\n\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\x00"] {
        let mut connection = Client::connect(gateway.address);
        connection.send(bytes);
        assert!(connection.is_closed(), "{:?}", String::from_utf8_lossy(bytes));
    }
    let mut good = Client::connect(gateway.address);
    good.send(format!("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n{REQUEST}"));
    assert_eq!(good.answer().status(), 200, "the others do not suffer");
    assert_eq!(origin.seen().len(), 1);
    let lines = gateway.stop();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("\"- - -\" 0 DPE proxy_protocol_error - \"-\" 0 0 0 "), "{}", lines[0]);
}

/// An endpoint that hands out what each connection begins with, and answers it.
fn endpoint() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let (mut bytes, mut all) = ([0; 4096], Vec::new());
                while !all.ends_with(b"\r\n\r\n") || all.len() < 40 {
                    match stream.read(&mut bytes) {
                        Ok(len) if len > 0 => all.extend_from_slice(&bytes[..len]),
                        _ => return,
                    }
                }
                let text: String = all.iter().map(|byte| char::from(*byte)).collect();
                let _ = sender.send(text);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                let _ = stream.read(&mut bytes);
            });
        }
    });
    (address, receiver)
}

#[test]
fn endpoints_are_told_of_the_client() {
    for version in [ProxyProtocolVersion::V1, ProxyProtocolVersion::V2] {
        for is_tcp in [false, true] {
            let (address, begun) = endpoint();
            let mut told = cluster("origin");
            told.proxy_protocol = Some(version);
            let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward("origin")))])];
            let config = config(hosts, vec![(told, endpoints(&[address]))]);
            let gateway = Gateway::run_listener(config, |listener| {
                listener.proxy_protocol = true;
                if is_tcp {
                    let clusters = vec![WeightedName { cluster: "origin".into(), weight: 1 }];
                    let tcp = TcpProxy {
                        stat_prefix: "origin".into(),
                        clusters,
                        idle_timeout: Duration::ZERO,
                        hash_source_ip: false,
                        access_log: Vec::new(),
                        ..TcpProxy::default()
                    };
                    let mut chain = (*listener.chains[0]).clone();
                    chain.filters = Filters::Tcp(Arc::new(tcp));
                    listener.chains[0] = Arc::new(chain);
                }
            });
            let expected = match version {
                ProxyProtocolVersion::V1 => "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\nGET /x ",
                ProxyProtocolVersion::V2 => {
                    "\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x04W\x08\u{ae}GET /x "
                }
            };
            // A connection tells of one client: the next one gets its own.
            for _ in 0..2 {
                let mut client = Client::connect(gateway.address);
                client.send(V2);
                client.send(REQUEST);
                assert_eq!(client.answer().text(), "ok", "{version:?} {is_tcp}");
                let begun = begun.recv_timeout(Duration::from_secs(10)).expect("a connection");
                assert!(begun.starts_with(expected), "{version:?} {is_tcp}: {begun:?}");
            }
        }
    }
}
