//! Connections that are refused because nothing in the registry is their destination: what they wanted.

use crate::http1::Downstream;
use crate::inspect::{HttpProgress, http, inspect, peek_until};
use crate::listener::ConnectionInfo;
use crate::stats::Blocked;
use crate::worker::Worker;
use meridian_ir::listener::Inspectors;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long the first bytes of a refused connection are waited for. Most clients speak at once; whoever does not is
/// counted by address.
const PATIENCE: Duration = Duration::from_millis(250);

/// Counts the connection by the host that it wanted, and tells the name of its ClientHello, where it has one: the chain
/// that took it did not look.
pub(super) async fn refuse(worker: &Worker, io: &Downstream, info: &ConnectionInfo) -> Option<String> {
    if info.direct.as_ref().is_none_or(|direct| direct.local.port() == info.local.port()) {
        worker.stats.blocked(Blocked::OwnPort, None, info.local.ip());
        return None;
    }
    let seen = match (io, &info.server_name) {
        (Downstream::Plain(stream), None) => look(stream).await,
        _ => Wanted::default(),
    };
    let name = info.server_name.as_deref().or(seen.server_name.as_deref());
    worker.stats.blocked(Blocked::RegistryOnly, name.or(seen.host.as_deref()), info.local.ip());
    seen.server_name
}

/// What a connection's first bytes tell.
#[derive(Debug, Default)]
struct Wanted {
    server_name: Option<String>,
    host: Option<String>,
}

async fn look(stream: &TcpStream) -> Wanted {
    let inspectors = Inspectors { tls: true, http: true };
    let Ok(inspection) = inspect(stream, inspectors, Some(PATIENCE)).await else { return Wanted::default() };
    let host = match inspection.http {
        Some(_) => tokio::time::timeout(PATIENCE, peek_until(stream, |bytes| host(bytes).map(str::to_owned))).await,
        None => return Wanted { server_name: inspection.hello.server_name, host: None },
    };
    Wanted { server_name: None, host: host.ok().and_then(Result::ok) }
}

/// The Host field of a request of HTTP/1.1.
fn host(bytes: &[u8]) -> Option<&str> {
    if !matches!(http::parse(bytes), HttpProgress::Http10 | HttpProgress::Http11) {
        return None;
    }
    let mut lines = bytes[..memchr::memrchr(b'\n', bytes)?].split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.len() > 5 && line[..5].eq_ignore_ascii_case(b"host:"))?;
    std::str::from_utf8(&line[5..]).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_from_whole_lines() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\nHost: a.test:80\r\n\r\n"[..], Some("a.test:80")),
            (b"GET / HTTP/1.1\r\nx: y\r\nhOST:b.test\r\n", Some("b.test")),
            (b"GET / HTTP/1.1\r\nHost: a.te", None),
            (b"GET / HTTP/1.1\r\n\r\n", None),
            (b"\x16\x03\x01", None),
        ] {
            assert_eq!(host(bytes), expected);
        }
    }
}
