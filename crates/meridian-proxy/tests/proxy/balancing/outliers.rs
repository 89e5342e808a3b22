//! Endpoints that fail are left out, and come back.

use super::{admin, numbered, stat, to_cluster};
use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step, response};
use crate::support::{cluster, endpoints, forward, options};
use meridian_ir::Cluster;
use meridian_ir::cluster::OutlierDetection;
use meridian_ir::route::Forward;
use meridian_proxy::ProxyOptions;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(10);

fn detection() -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: 3,
        consecutive_gateway_failure: 0,
        consecutive_local_origin_failure: 0,
        split_external_local_origin_errors: false,
        interval: Duration::from_millis(20),
        base_ejection_time: Duration::from_secs(300),
        max_ejection_time: Duration::from_secs(300),
        max_ejection_percent: 100,
    }
}

fn detecting(detection: OutlierDetection) -> Cluster {
    Cluster { outlier_detection: Some(detection), ..cluster("origin") }
}

fn once() -> Forward {
    Forward { retry: None, ..forward("origin") }
}

/// A gateway with an admin endpoint.
fn run(cluster: Cluster, addresses: &[SocketAddr], threads: usize) -> Gateway {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = ProxyOptions { threads, admin: any, ..options() };
    Gateway::run_options(to_cluster(once(), cluster, endpoints(addresses)), options, |_| {})
}

/// Asks until `count` answers had the status `status`.
fn ask_until(address: SocketAddr, status: u16, count: usize) {
    let begun = Instant::now();
    let mut seen = 0;
    while seen < count {
        assert!(begun.elapsed() < PATIENCE, "{seen} answers with {status} in {PATIENCE:?}");
        seen += usize::from(Client::connect(address).get("/").status() == status);
    }
}

#[test]
fn an_endpoint_that_fails_three_times_is_left_out() {
    let bad = Origin::start(|_| response("500 No", "bad"));
    let good = Origin::ok();
    let gateway = run(detecting(detection()), &[bad.address, good.address], 2);
    ask_until(gateway.address, 500, 3);
    // The other worker knows it too.
    for _ in 0..50 {
        assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    }
    assert_eq!(bad.seen().len(), 3);
    let page = admin(&gateway, "/clusters");
    for (origin, flags) in [(&bad, "/failed_outlier_check"), (&good, "healthy")] {
        let line = format!("origin::{}::health_flags::{flags}\n", origin.address);
        assert!(page.contains(&line), "{line} is not in:\n{page}");
    }
    let json = admin(&gateway, "/clusters?format=json");
    assert!(json.contains("\"failed_outlier_check\": true"), "{json}");
    for (name, value) in [
        ("outlier_detection.ejections_active", 1),
        ("outlier_detection.ejections_enforced_total", 1),
        ("outlier_detection.ejections_enforced_consecutive_5xx", 1),
        ("outlier_detection.ejections_detected_consecutive_5xx", 1),
        ("outlier_detection.ejections_overflow", 0),
        ("membership_total", 2),
        ("membership_healthy", 1),
    ] {
        assert_eq!(stat(&gateway, &format!("cluster.origin.{name}")), value, "{name}");
    }
    let metrics = admin(&gateway, "/stats/prometheus");
    let line = "envoy_cluster_outlier_detection_ejections_active{cluster_name=\"origin\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn when_all_are_left_out_there_is_no_healthy_upstream() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = is_well.clone();
    let origin = Origin::start(move |_| match well.load(Ordering::Relaxed) {
        true => response("200 OK", "ok"),
        false => response("503 No", "no"),
    });
    let short = OutlierDetection { base_ejection_time: Duration::from_millis(500), ..detection() };
    let gateway = run(detecting(short), &[origin.address], 1);
    for _ in 0..3 {
        assert_eq!(Client::connect(gateway.address).get("/").text(), "no");
    }
    let answer = Client::connect(gateway.address).get("/");
    assert_eq!((answer.status(), answer.text().as_str()), (503, "no healthy upstream"));
    is_well.store(true, Ordering::Relaxed);
    ask_until(gateway.address, 200, 2);
    assert_eq!(stat(&gateway, "cluster.origin.outlier_detection.ejections_active"), 0);
    let lines = gateway.stop();
    assert!(lines[3].starts_with("\"GET / HTTP/1.1\" 503 UH no_healthy_upstream - \"-\" 0 19 "), "{lines:?}");
}

#[test]
fn in_panic_an_ejected_endpoint_is_better_than_none() {
    let origin = Origin::start(|_| response("500 No", "bad"));
    let cluster = Cluster { healthy_panic_percent: 50, ..detecting(detection()) };
    let gateway = run(cluster, &[origin.address], 1);
    for _ in 0..10 {
        assert_eq!(Client::connect(gateway.address).get("/").text(), "bad");
    }
    assert_eq!(stat(&gateway, "cluster.origin.outlier_detection.ejections_active"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.lb_healthy_panic"), 7);
}

#[test]
fn connections_that_fail_and_break_count() {
    let refused = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port");
    let broken = Origin::start(|_| vec![Step::Reset]);
    let good = Origin::ok();
    for bad in [refused, broken.address] {
        let gateway = run(detecting(detection()), &[bad, good.address], 1);
        ask_until(gateway.address, 503, 3);
        for _ in 0..20 {
            assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
        }
    }
}

#[test]
fn grpc_statuses_count_as_what_they_mean() {
    let answer = |status: u16| {
        let head = format!("Content-Type: application/grpc\r\nGrpc-Status: {status}\r\nContent-Length: 0");
        Origin::start(move |_| vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes())])
    };
    // Unavailable is as bad as 503; not found is an answer like others.
    for (status, ejected) in [(14, 1), (5, 0)] {
        let origin = answer(status);
        let gateway = run(detecting(detection()), &[origin.address], 1);
        let mut client = Client::connect(gateway.address);
        for _ in 0..3 {
            super::ask(&mut client, "/s/m", "Content-Type: application/grpc\r\n");
        }
        assert_eq!(stat(&gateway, "cluster.origin.outlier_detection.ejections_active"), ejected, "{status}");
    }
}

#[test]
fn split_errors_count_apart() {
    let refused = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port");
    let split = OutlierDetection {
        split_external_local_origin_errors: true,
        consecutive_local_origin_failure: 2,
        consecutive_5xx: 1,
        ..detection()
    };
    let gateway = run(detecting(split), &[refused], 1);
    let answers: Vec<usize> = (0..3).map(|_| Client::connect(gateway.address).get("/").text().len()).collect();
    assert_eq!(answers, [98, 98, "no healthy upstream".len()]);
    let name = "cluster.origin.outlier_detection.ejections_enforced_consecutive_local_origin_failure";
    assert_eq!(stat(&gateway, name), 1);
}

#[test]
fn no_more_are_left_out_than_may_be() {
    let origins: Vec<Origin> = (0..4).map(|_| Origin::start(|_| response("502 No", "bad"))).collect();
    let half = OutlierDetection { max_ejection_percent: 50, ..detection() };
    let gateway = run(detecting(half), &super::addresses(&origins), 1);
    ask_until(gateway.address, 502, 40);
    assert_eq!(stat(&gateway, "cluster.origin.outlier_detection.ejections_active"), 2);
    assert!(stat(&gateway, "cluster.origin.outlier_detection.ejections_overflow") > 0);
}

#[test]
fn the_next_level_takes_over_from_one_that_fails() {
    let bad = Origin::start(|_| response("500 No", "bad"));
    let others = numbered(2);
    let mut all = endpoints(&[bad.address, others[0].address, others[1].address]);
    all.endpoints[1].priority = 1;
    all.endpoints[2].priority = 2;
    let gateway = Gateway::run(to_cluster(once(), detecting(detection()), all));
    for _ in 0..3 {
        assert_eq!(Client::connect(gateway.address).get("/").text(), "bad");
    }
    for _ in 0..20 {
        assert_eq!(Client::connect(gateway.address).get("/").text(), "0");
    }
}

#[test]
fn ejections_outlive_a_change_of_the_endpoints() {
    let bad = Origin::start(|_| response("500 No", "bad"));
    let good = Origin::ok();
    let more = Origin::ok();
    let mut config = to_cluster(once(), detecting(detection()), endpoints(&[bad.address, good.address]));
    let gateway = Gateway::run(config.clone());
    ask_until(gateway.address, 500, 3);
    config.endpoints.insert("origin".into(), endpoints(&[more.address, bad.address, good.address]).into());
    gateway.apply_to_same_listener(&config);
    for _ in 0..30 {
        assert_eq!(Client::connect(gateway.address).get("/").status(), 200);
    }
    // Without outlier detection everybody is used again.
    let plain = Cluster { outlier_detection: None, ..detecting(detection()) };
    config.clusters.insert("origin".into(), plain.into());
    gateway.apply_to_same_listener(&config);
    ask_until(gateway.address, 500, 1);
}
