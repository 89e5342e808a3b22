//! Circuit breakers, over several workers and endpoints.

use super::{addresses, numbered, stat, to_cluster};
use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Gate, Origin, Step, response};
use crate::support::{cluster, endpoints, forward, options};
use meridian_ir::Cluster;
use meridian_ir::cluster::{CircuitBreakers, LbPolicy};
use meridian_ir::route::Forward;
use meridian_proxy::ProxyOptions;
use std::net::{SocketAddr, TcpListener};

fn limited(circuit_breakers: CircuitBreakers) -> Cluster {
    Cluster { circuit_breakers, lb_policy: LbPolicy::RoundRobin, ..cluster("origin") }
}

fn run(cluster: Cluster, addresses: &[SocketAddr], threads: usize) -> Gateway {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = ProxyOptions { threads, admin: any, ..options() };
    Gateway::run_options(to_cluster(forward("origin"), cluster, endpoints(addresses)), options, |_| {})
}

/// An origin that answers when the gate is open.
fn held(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_| [vec![Step::Until(gate.clone())], response("200 OK", "ok")].concat())
}

#[test]
fn no_more_requests_are_served_at_once_than_may_be() {
    let gate = Gate::default();
    let origin = held(&gate);
    let gateway = run(limited(CircuitBreakers { max_requests: 2, ..CircuitBreakers::default() }), &[origin.address], 2);
    let mut served: Vec<Client> = (0..2).map(|_| Client::connect(gateway.address)).collect();
    served.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n"));
    origin.await_seen(2);
    assert_eq!(stat(&gateway, "cluster.origin.circuit_breakers.default.rq_open"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.circuit_breakers.default.remaining_rq"), 0);
    for _ in 0..3 {
        let answer = Client::connect(gateway.address).get("/");
        assert_eq!((answer.status(), answer.header("x-envoy-overloaded")), (503, Some("true")));
        assert_eq!(answer.text(), "upstream connect error or disconnect/reset before headers. reset reason: overflow");
    }
    assert_eq!(stat(&gateway, "cluster.origin.upstream_rq_pending_overflow"), 3);
    gate.open();
    for client in &mut served {
        assert_eq!(client.answer().status(), 200);
    }
    assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    let lines = gateway.stop();
    let overflow = lines.iter().filter(|line| line.contains(" 503 UO ") && line.contains("\" \"-\" origin - "));
    assert_eq!(overflow.count(), 3, "{lines:?}");
}

#[test]
fn idle_connections_hold_nobody_up() {
    let origins = numbered(3);
    let one = CircuitBreakers { max_connections: 1, ..CircuitBreakers::default() };
    let gateway = run(limited(one), &addresses(&origins), 3);
    // Each request may be on another worker and goes to another endpoint, while the last connection is idle elsewhere.
    for _ in 0..40 {
        assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    }
    assert!(stat(&gateway, "cluster.origin.upstream_cx_overflow") > 0);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_cx_active"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.circuit_breakers.default.cx_open"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_rq_pending_active"), 0);
}

#[test]
fn waiting_requests_of_all_workers_are_served_in_the_end() {
    let origins = numbered(2);
    let two = CircuitBreakers { max_connections: 2, ..CircuitBreakers::default() };
    let gateway = run(limited(two), &addresses(&origins), 3);
    let address = gateway.address;
    let clients: Vec<_> = (0..12)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                (0..20).all(|_| client.get("/").status() == 200)
            })
        })
        .collect();
    for client in clients {
        assert!(client.join().expect("a client"), "a request failed");
    }
}

#[test]
fn retries_are_limited_too() {
    let refused = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port");
    let none = CircuitBreakers { max_retries: 0, ..CircuitBreakers::default() };
    let gateway = run(limited(none), &[refused], 1);
    let answer = Client::connect(gateway.address).get("/");
    assert_eq!((answer.status(), answer.header("x-envoy-overloaded")), (503, None));
    assert!(answer.text().ends_with("reset reason: remote connection failure"), "{}", answer.text());
    assert_eq!(stat(&gateway, "cluster.origin.upstream_rq_retry_overflow"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_rq_retry"), 0);
    let lines = gateway.stop();
    assert!(
        lines[0].contains(" 503 UO,UF upstream_reset_before_response_started{remote_connection_failure|"),
        "{lines:?}"
    );
}

#[test]
fn limits_hold_for_one_try_of_many() {
    let action = Forward { retry: None, ..forward("origin") };
    let gate = Gate::default();
    let origin = held(&gate);
    let none = limited(CircuitBreakers { max_pending_requests: 0, ..CircuitBreakers::default() });
    let gateway = Gateway::run(to_cluster(action, none, endpoints(&[origin.address])));
    // Nobody may wait for a connection, and there is none yet.
    assert_eq!(Client::connect(gateway.address).get("/").status(), 503);
    assert!(origin.seen().is_empty());
}
