//! The same with real redirect rules, in a network namespace of its own.

use super::{PASSTHROUGH, Sidecar, black_hole, chain, config, http, is_http, original, tcp, to, unbound};
use super::{virtual_inbound, virtual_outbound};
use crate::support::client::Client;
use crate::support::origin::{Origin, response};
use meridian_ir::{ChainMatch, Cluster, PortMatch};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

/// Set in the process that is alone in its namespace.
const ALONE: &str = "MERIDIAN_TEST_NAMESPACE";

/// Connections from here are redirected to the outbound or the inbound port.
const OUTBOUND: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const INBOUND: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const OUTBOUND6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1);
/// Where origins are.
const ORIGIN: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);
const ORIGIN6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 0x20);

const RULES: &str = "table inet meridian_test {
    chain output {
        type nat hook output priority -100;
        ip saddr 10.99.0.1 meta l4proto tcp redirect to :15001
        ip saddr 10.99.0.2 meta l4proto tcp redirect to :15006
        ip6 saddr fd99::1 meta l4proto tcp redirect to :15001
    }
}
";

fn run(program: &str, arguments: &str) {
    let output = Command::new(program).args(arguments.split(' ')).output().expect(program);
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn prepare_namespace() {
    run("ip", "link set lo up");
    for address in [IpAddr::V4(OUTBOUND), IpAddr::V4(INBOUND), IpAddr::V4(ORIGIN)] {
        run("ip", &format!("addr add {address}/32 dev lo"));
    }
    for address in [OUTBOUND6, ORIGIN6] {
        run("ip", &format!("-6 addr add {address}/128 dev lo nodad"));
    }
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().expect("nft");
    nft.stdin.take().expect("it is piped").write_all(RULES.as_bytes()).expect("nft reads");
    assert!(nft.wait().expect("nft runs").success(), "nft does not take the rules");
}

/// A client at `source` that goes to `destination`.
fn client(source: impl Into<IpAddr>, destination: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::for_address(destination), socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.bind(&SocketAddr::new(source.into(), 0).into()).expect("an address of this namespace");
    socket.connect(&destination.into()).expect("the connection is taken");
    Client::over(socket.into())
}

/// What it gets for a request.
fn ask(source: impl Into<IpAddr>, destination: SocketAddr) -> String {
    client(source, destination).get("/").text()
}

/// An outbound and an inbound side, as Istio has them.
fn sidecar(port: u16) -> Sidecar {
    Sidecar::run(|log| {
        let every = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let mut outbound = virtual_outbound(every(15001), PASSTHROUGH, log);
        outbound.additional_addresses.push(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 15001)));
        let http_chain = chain("", is_http(), http("allow_any", to(PASSTHROUGH), log));
        let other = chain("PassthroughFilterChain", ChainMatch::default(), tcp(PASSTHROUGH, log));
        let name = format!("inbound|{port}||");
        let guard = ChainMatch { destination_port: Some(15006), ..ChainMatch::default() };
        let own = ChainMatch { destination_port: Some(port), ..is_http() };
        let mut inbound = virtual_inbound(
            every(15006),
            vec![
                chain("virtualInbound-blackhole", guard, tcp("BlackHoleCluster", log)),
                chain("", own, http("default", to(&name), log)),
            ],
        );
        inbound.capture.tls_inspector_disabled = PortMatch::Range { start: 15006, end: 15007 };
        inbound.capture.http_inspector_disabled = inbound.capture.tls_inspector_disabled.clone();
        let own = Cluster { bind_source: Some([127, 0, 0, 6].into()), ..original(&name) };
        let listeners = vec![outbound, unbound(port, vec![http_chain], Some(other)), inbound];
        config(listeners, vec![original(PASSTHROUGH), black_hole(), own])
    })
}

fn in_namespace() {
    prepare_namespace();
    let origin = Origin::start_at(SocketAddr::from(([0, 0, 0, 0], 0)), |seen| {
        response("200 OK", seen.header("x-request-id").map_or("direct", |_| "proxied"))
    });
    let port = origin.address.port();
    let to4 = SocketAddr::from((ORIGIN, port));
    // Straight to it, and through the sidecar's listener for that port.
    assert_eq!(ask(ORIGIN, to4), "direct");
    let outward = sidecar(port);
    assert_eq!(ask(OUTBOUND, to4), "proxied");
    let line = outward.line();
    assert!(line.contains(&format!("\"h.test\" \"{to4}\" PassthroughCluster 198.51.100.20:")), "{line}");
    assert!(line.contains(&format!(" {to4} 10.99.0.1:")) && line.ends_with(" - allow_any"), "{line}");
    drop(outward);
    let inward = sidecar(port);
    assert_eq!(ask(INBOUND, to4), "proxied");
    let line = inward.line();
    assert!(line.contains(&format!("\"{to4}\" inbound|{port}|| 127.0.0.6:")), "{line}");
    assert!(line.contains(&format!(" {to4} 10.99.0.2:")) && line.ends_with(" - default"), "{line}");
    drop(inward);
    // IPv6: no listener of its own has that port, so that the bytes are passed through.
    let sixth = Origin::start_at(SocketAddr::from((ORIGIN6, 0)), |_| response("200 OK", "six"));
    let outward = sidecar(port);
    assert_eq!(ask(OUTBOUND6, sixth.address), "six");
    let line = outward.line();
    assert!(line.contains(&format!("\"{}\" PassthroughCluster [fd99::20]:", sixth.address)), "{line}");
    drop(outward);
    // Whoever comes to the sidecar's own ports is not sent in circles.
    for own in [15001, 15006] {
        let guarded = sidecar(port);
        assert!(client(ORIGIN, SocketAddr::from((ORIGIN, own))).is_closed());
        assert!(guarded.line().contains(" 0 UH ") && guarded.line().contains(" BlackHoleCluster "));
    }
}

#[test]
fn redirected_connections_reach_the_listeners_of_their_destination() {
    if std::env::var_os(ALONE).is_some() {
        return in_namespace();
    }
    let has_namespaces = Command::new("unshare").args(["-n", "nft", "list", "ruleset"]).output();
    if !has_namespaces.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "root, unshare and nft are needed");
        eprintln!("SKIPPED: redirect rules need root, unshare and nft");
        return;
    }
    let own = std::env::current_exe().expect("this program has a path");
    let test = "captured::redirected::redirected_connections_reach_the_listeners_of_their_destination";
    let mut command = Command::new("unshare");
    command.arg("-n").arg(own).args(["--exact", test, "--nocapture"]).env(ALONE, "1");
    let output = command.output().expect("unshare runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
