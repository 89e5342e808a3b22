//! `h2spec`'s cases, strict ones included.

use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step};
use crate::support::plain;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// Where `cargo xtask setup` puts it. `None`: it is not installed, which fails in CI.
pub(super) fn program() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home);
    let program = cache.map(|cache| cache.join("meridian/kube-bin/h2spec")).filter(|program| program.is_file());
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "h2spec is not installed: run `cargo xtask setup`");
        eprintln!("SKIPPED: h2spec is not installed; run `cargo xtask setup`");
    }
    program
}

/// All cases against `address`.
pub(super) fn passes(program: &PathBuf, address: SocketAddr, tls: bool) {
    let mut command = Command::new(program);
    command.args(["-S", "-h", &address.ip().to_string(), "-p", &address.port().to_string(), "-P", "/", "-o", "5"]);
    if tls {
        command.args(["-t", "-k"]);
    }
    let output = command.output().expect("h2spec runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("146 tests, 146 passed, 0 skipped, 0 failed"), "{said}");
}

#[test]
fn all_cases_pass_without_tls() {
    let Some(program) = program() else { return };
    // Some cases need a body of some bytes.
    let origin =
        Origin::start(|_| vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world".into())]);
    let gateway = Gateway::run(plain(origin.address));
    passes(&program, gateway.address, false);
}
