//! How long connections to endpoints are kept.

use super::{stat, to_cluster};
use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step, response};
use crate::support::{cluster, endpoints, forward, options};
use meridian_ir::Cluster;
use meridian_proxy::ProxyOptions;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Answers once, and tells when the gateway closes the connection.
fn origin() -> Origin {
    Origin::start(|_| [response("200 OK", "ok"), vec![Step::AwaitClose]].concat())
}

fn run(cluster: Cluster, address: SocketAddr) -> Gateway {
    let options = ProxyOptions { admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..options() };
    Gateway::run_options(to_cluster(forward("origin"), cluster, endpoints(&[address])), options, |_| {})
}

#[test]
fn idle_connections_are_closed_in_time() {
    let origin = origin();
    let gateway = run(Cluster { idle_timeout: Duration::from_millis(100), ..cluster("origin") }, origin.address);
    assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    origin.await_closed(1);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_cx_idle_timeout"), 1);
}

#[test]
fn old_connections_are_not_used_again() {
    let origin = origin();
    let young = Cluster { max_connection_duration: Some(Duration::from_nanos(1)), ..cluster("origin") };
    let gateway = run(young, origin.address);
    for _ in 0..3 {
        assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    }
    origin.await_closed(3);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_cx_max_duration_reached"), 3);
}

#[test]
fn connections_serve_as_many_requests_as_they_may() {
    let origin = Origin::ok();
    let gateway = run(Cluster { max_requests_per_connection: 2, ..cluster("origin") }, origin.address);
    let mut client = Client::connect(gateway.address);
    for _ in 0..6 {
        assert_eq!(client.get("/").status(), 200);
    }
    let connections: Vec<usize> = origin.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1, 1, 2, 2]);
    // The last one is counted as it is closed, which may be after its answer.
    let (counter, begun) = ("cluster.origin.upstream_cx_max_requests", Instant::now());
    while stat(&gateway, counter) < 3 && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(stat(&gateway, counter), 3);
}
