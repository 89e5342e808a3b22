//! What comes to the workload.

use super::{Sidecar, black_hole, chain, config, http, is_http, original, stand_in, tcp, to, virtual_inbound};
use crate::support::origin::{Origin, response};
use meridian_ir::{ChainMatch, Cluster};
use std::net::SocketAddr;

fn towards_workload(name: &str) -> Cluster {
    Cluster { bind_source: Some([127, 0, 0, 6].into()), ..original(name) }
}

/// Row 1.10 of the documents.
#[test]
fn the_workload_is_asked_from_127_0_0_6() {
    let origin = Origin::start(|_| response("200 OK", "there"));
    let port = origin.address.port();
    let name = format!("inbound|{port}||");
    let sidecar = Sidecar::run(|log| {
        let matcher = ChainMatch { destination_port: Some(port), ..is_http() };
        let chains = vec![chain("", matcher, http("default", to(&name), log))];
        let listener = virtual_inbound(SocketAddr::from(([127, 0, 0, 1], 0)), chains);
        config(vec![stand_in(listener)], vec![towards_workload(&name), black_hole()])
    });
    let mut client = sidecar.captured("virtualInbound", origin.address);
    client.send("GET /api HTTP/1.1\r\nHost: service-a\r\nX-Forwarded-For: 192.168.65.3\r\n\r\n");
    assert_eq!(client.answer().text(), "there");
    let seen = &origin.seen()[0];
    assert_eq!(seen.header("x-forwarded-for"), Some("192.168.65.3"), "it is not extended");
    let line = sidecar.line();
    let at = origin.address;
    assert!(line.contains(&format!("\"service-a\" \"{at}\" {name} 127.0.0.6:")), "{line}");
    assert!(line.ends_with(&format!(" {at} 192.168.65.3:0 - default")), "{line}");
}

#[test]
fn unknown_ports_are_passed_through() {
    let origin = Origin::ok();
    let sidecar = Sidecar::run(|log| {
        let chains = vec![chain("virtualInbound", ChainMatch::default(), tcp("InboundPassthroughCluster", log))];
        let listener = virtual_inbound(SocketAddr::from(([127, 0, 0, 1], 0)), chains);
        config(vec![stand_in(listener)], vec![towards_workload("InboundPassthroughCluster")])
    });
    let mut client = sidecar.captured("virtualInbound", origin.address);
    assert_eq!(client.get("/").text(), "ok");
    drop(client);
    assert!(sidecar.line().contains(" InboundPassthroughCluster 127.0.0.6:"));
}
