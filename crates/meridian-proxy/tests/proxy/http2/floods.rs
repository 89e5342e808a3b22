//! Clients that mean harm: each costs bounded memory, and others are served meanwhile.

use super::client::Client;
use crate::support::gateway::Gateway;
use crate::support::plain;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set in the process that measures, where nothing else runs.
const ALONE: &str = "MERIDIAN_TEST_FLOOD";

/// What an attack may cost beyond what was there before, of gateway, origin and attackers together.
const BOUND: u64 = 96 * 1024 * 1024;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// `GET http://h.test/` in HPACK, from the static table as far as it goes.
const HEADERS: &[u8] = b"\x82\x86\x84\x41\x06h.test";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the listener takes connections");
    stream.write_all(PREFACE).expect("a new connection takes bytes");
    stream
}

/// Writes until `bytes` says no more, or the gateway has enough. Whether it had.
fn write_all(stream: &mut TcpStream, mut bytes: impl FnMut(u32) -> Option<Vec<u8>>) -> bool {
    for number in 0.. {
        let Some(bytes) = bytes(number) else { return false };
        if stream.write_all(&bytes).is_err() {
            return true;
        }
    }
    false
}

/// Requests that are reset at once (CVE-2023-44487).
fn rapid_reset(address: SocketAddr) {
    let mut stream = connect(address);
    let ended = write_all(&mut stream, |number| {
        let id = number * 2 + 1;
        let reset = frame(3, 0, id, &8u32.to_be_bytes());
        (number < 100_000).then(|| [frame(1, 5, id, HEADERS), reset].concat())
    });
    assert!(ended, "a hundred thousand resets were taken");
}

/// A head that never ends (CVE-2024-27316).
fn continuations(address: SocketAddr) {
    let mut stream = connect(address);
    // Literal fields, not indexed, with a name of one byte and a value of 200.
    let field = [&b"\x00\x01x\x7f\x49"[..], &[b'v'; 200]].concat();
    let block = field.repeat(70);
    let ended = write_all(&mut stream, |number| match number {
        0 => Some(frame(1, 1, 1, HEADERS)),
        1..100_000 => Some(frame(9, 0, 1, &block)),
        _ => None,
    });
    assert!(ended, "a head of a gigabyte was taken");
}

/// Empty frames without end (CVE-2019-9518).
fn empty_data(address: SocketAddr) {
    let mut stream = connect(address);
    let empty = frame(0, 0, 1, b"").repeat(100);
    write_all(&mut stream, |number| match number {
        0 => Some(frame(1, 4, 1, HEADERS)),
        1..10_000 => Some(empty.clone()),
        _ => None,
    });
}

/// Pings, settings and window updates without end; the answers are not read (CVE-2019-9512, CVE-2019-9515).
fn control_frames(address: SocketAddr) {
    let mut stream = connect(address);
    stream.set_write_timeout(Some(std::time::Duration::from_secs(1))).expect("a socket");
    let frames = [frame(6, 0, 0, &[0; 8]), frame(4, 0, 0, b"")].concat().repeat(100);
    // It stalls where the gateway does not read before its answers are read.
    write_all(&mut stream, |number| (number < 10_000).then(|| frames.clone()));
}

/// Heads of which one byte is missing.
fn slow_heads(address: SocketAddr) -> Vec<TcpStream> {
    let head = frame(1, 5, 1, HEADERS);
    (0..500)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(&head[..head.len() - 1]).expect("it takes bytes");
            stream
        })
        .collect()
}

/// Answers of 4 MiB each that are asked for and never read.
fn unread_answers(address: SocketAddr) -> Vec<TcpStream> {
    (0..2)
        .map(|_| {
            let mut stream = connect(address);
            for number in 0..100 {
                stream.write_all(&frame(1, 5, number * 2 + 1, HEADERS)).expect("it takes bytes");
            }
            let mut some = [0; 64];
            let _ = stream.read(&mut some);
            stream
        })
        .collect()
}

/// An origin that holds no answer in memory: 4 MiB, or a little to those that ask for it.
fn origin() -> SocketAddr {
    static BLOCK: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    const BLOCKS: usize = 64;
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let serve = |mut stream: TcpStream| {
        let (mut bytes, mut len) = ([0; 4096], 0);
        while let Ok(read @ 1..) = stream.read(&mut bytes[len..]) {
            len += read;
            if !bytes[..len].ends_with(b"\r\n\r\n") {
                continue;
            }
            let is_small = bytes[..len].windows(9).any(|window| window == b"x-small: ");
            len = 0;
            let sent = if is_small {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            } else {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BLOCK.len() * BLOCKS);
                let head = stream.write_all(head.as_bytes());
                head.and_then(|()| (0..BLOCKS).try_for_each(|_| stream.write_all(&BLOCK)))
            };
            if sent.is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Runs `attack` while another client is served.
fn survive(attack: impl FnOnce(SocketAddr) + Send + 'static) {
    let gateway = Gateway::run(plain(origin()));
    let get = |client: &mut Client| {
        let mut request = super::client::request("GET", "/");
        *request.headers_mut() = super::client::fields(&[("x-small", "1")]);
        assert_eq!(&client.call(request, b"", None).expect("an answer").body[..], b"ok");
    };
    let mut client = Client::connect(gateway.address);
    get(&mut client);
    let before = resident_bytes();
    let (over, address) = (Arc::new(AtomicBool::new(false)), gateway.address);
    let told = over.clone();
    let attacker = std::thread::spawn(move || {
        attack(address);
        told.store(true, Ordering::Release);
    });
    let mut most = before;
    let mut served = 0;
    while !over.load(Ordering::Acquire) || served < 20 {
        get(&mut client);
        served += 1;
        most = most.max(resident_bytes());
    }
    attacker.join().expect("the attacker does not panic");
    assert!(most < before + BOUND, "memory went from {before} to {most} bytes");
}

/// Runs one attack in a process of its own, whose memory is nobody else's.
fn alone(name: &str, attack: impl FnOnce(SocketAddr) + Send + 'static) {
    if std::env::var_os(ALONE).is_some() {
        survive(attack);
        return;
    }
    let own = std::env::current_exe().expect("this program has a path");
    let test = format!("http2::floods::{name}");
    let output = Command::new(own).args(["--exact", &test, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn rapid_resets_end_the_connection() {
    alone("rapid_resets_end_the_connection", |address| (0..20).for_each(|_| rapid_reset(address)));
}

#[test]
fn heads_without_end_end_the_connection() {
    alone("heads_without_end_end_the_connection", |address| (0..5).for_each(|_| continuations(address)));
}

#[test]
fn frames_without_content_cost_nothing() {
    alone("frames_without_content_cost_nothing", |address| {
        empty_data(address);
        control_frames(address);
    });
}

#[test]
fn slow_heads_cost_little() {
    alone("slow_heads_cost_little", |address| drop(slow_heads(address)));
}

#[test]
fn answers_that_are_not_read_are_not_gathered() {
    alone("answers_that_are_not_read_are_not_gathered", |address| drop(unread_answers(address)));
}
