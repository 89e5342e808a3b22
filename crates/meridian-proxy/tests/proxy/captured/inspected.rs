//! Which chain takes what: the inspectors, and the ports for which they are left out.

use super::{PASSTHROUGH, Sidecar, black_hole, block_all, chain, config, http, is_http, original, stand_in, tcp};
use super::{unbound, virtual_outbound};
use crate::support::origin::Origin;
use meridian_ir::{ChainMatch, PortMatch};
use std::net::SocketAddr;

/// HTTP is answered with 502; everything else is passed through.
fn run(origin: SocketAddr, disabled: PortMatch) -> Sidecar {
    Sidecar::run(|log| {
        let http = chain("", is_http(), http("block_all", block_all(), log));
        let other = chain("", ChainMatch::default(), tcp(PASSTHROUGH, log));
        let mut listener = unbound(origin.port(), vec![http], Some(other));
        listener.capture.http_inspector_disabled = disabled;
        let outbound = stand_in(virtual_outbound(SocketAddr::from(([127, 0, 0, 1], 0)), PASSTHROUGH, log));
        config(vec![outbound, listener], vec![original(PASSTHROUGH), black_hole()])
    })
}

#[test]
fn versions_of_http_are_told_apart() {
    let origin = Origin::ok();
    let sidecar = run(origin.address, PortMatch::None);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 502),
        ("PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", 502),
        // Istio's chains do not take HTTP/1.0, nor methods that nobody knows.
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200),
        ("FROB / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ] {
        let mut client = sidecar.captured("virtualOutbound", origin.address);
        // In pieces: a line is waited for.
        for piece in request.split_inclusive(' ') {
            client.send(piece);
        }
        assert_eq!(client.answer().status(), status, "{request:?}");
    }
}

#[test]
fn an_inspector_that_is_left_out_for_a_port_sees_nothing() {
    let origin = Origin::ok();
    let port = u32::from(origin.address.port());
    let sidecar = run(origin.address, PortMatch::Range { start: port, end: port + 1 });
    assert_eq!(sidecar.captured("virtualOutbound", origin.address).get("/").status(), 200);
}
