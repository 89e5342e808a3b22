//! In the steady state a request allocates nothing: no memory is asked for between its first byte and its log line. That
//! holds with access control, too.

use crate::support::gateway::Gateway;
use crate::support::plain;
use meridian_ir::StringMatch;
use meridian_ir::rbac::{Effect, PathMatch, PathTemplate, Permission, Policy, Principal, Rbac, Rules};
use meridian_ir::route::HeaderMatch;
use meridian_ir::string_match::FullRegex;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Set in the process that measures, where nothing else runs.
const ALONE: &str = "MERIDIAN_TEST_ALONE";
const WARM_UP: usize = 2_000;
const REQUESTS: usize = 5_000;

const REQUEST: &[u8] = b"GET /status/200?a=b HTTP/1.1\r\nHost: h.test\r\nUser-Agent: test/1.0\r\nAccept: */*\r\nX-Forwarded-For: 10.0.0.1\r\nCookie: a=b\r\n\r\n";
const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nHost: h.test\r\nContent-Length: 16\r\n\r\n0123456789abcdef";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello world\n";

/// An origin that answers every read with one response, without allocating.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).is_ok_and(|len| len > 0) && stream.write_all(RESPONSE).is_ok() {}
            });
        }
    });
    address
}

/// One request and its response, without allocating.
fn exchange(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).expect("the connection takes bytes");
    let (mut bytes, mut len) = ([0; 4096], 0);
    while !bytes[..len].ends_with(b"hello world\n") {
        let read = stream.read(&mut bytes[len..]).expect("the connection gives bytes");
        assert!(read > 0, "the connection ended");
        len += read;
    }
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// One of each condition of access control, none of which is met.
fn access() -> Rbac {
    let regex = |pattern: &str| StringMatch::Regex(FullRegex::new(pattern).expect("an expression"));
    let template = PathTemplate::new("/a/*/b/**").expect("a template");
    let header = HeaderMatch { name: "cookie".into(), value: Some(regex("c=.*")), invert: false };
    let permissions = vec![
        Permission::Host(StringMatch::Suffix(".secret.test".into())),
        Permission::Host(regex("(?i).*\\.secret\\.test(:.*)?")),
        Permission::Path(PathMatch::Text(regex("(?:/|%2[Ff])+admin(?:;[^/]*)?"))),
        Permission::Path(PathMatch::Template(template)),
        Permission::Header(header.clone()),
    ];
    let principals = vec![Principal::RemoteIp("192.0.2.0/24".parse().expect("a range")), Principal::Header(header)];
    let policy = |name: &str, permissions, principals| Policy { name: name.into(), permissions, principals };
    let any = (vec![Permission::Any], vec![Principal::Any]);
    let policies = vec![policy("a", permissions, any.1), policy("b", any.0, principals)];
    Rbac { rules: Some(Rules::new(Effect::Deny, policies)), ..Rbac::default() }
}

fn measure() {
    let gateway = Gateway::run_with(plain(origin()), |manager| manager.rbac = vec![Arc::new(access())]);
    let mut stream = TcpStream::connect(gateway.address).expect("the listener takes connections");
    stream.set_nodelay(true).expect("a socket");
    let both = |stream: &mut TcpStream, times: usize| {
        for _ in 0..times {
            exchange(stream, REQUEST);
            exchange(stream, UPLOAD);
        }
    };
    both(&mut stream, WARM_UP);
    let region = Region::new(ALLOCATOR);
    both(&mut stream, REQUESTS);
    let change = region.change();
    let asked = change.allocations + change.reallocations;
    // The log writer takes another buffer when it falls behind; a request takes nothing.
    assert!(asked <= 8, "{asked} allocations in {} requests: {change:?}", REQUESTS * 2);
}

#[test]
fn a_request_allocates_nothing() {
    if std::env::var_os(ALONE).is_some() {
        measure();
        return;
    }
    // Other tests of this program allocate at the same time: measure in a process of its own.
    let own = std::env::current_exe().expect("this program has a path");
    let test = "allocations::a_request_allocates_nothing";
    let output = Command::new(own).args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
