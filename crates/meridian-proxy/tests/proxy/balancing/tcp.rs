//! The same for connections whose bytes are forwarded as they are.

use super::stat;
use crate::support::gateway::Gateway;
use crate::support::{access_log, cluster, config, endpoints, listener, manager, options};
use meridian_ir::cluster::{CircuitBreakers, LbPolicy, OutlierDetection};
use meridian_ir::tcp::WeightedName;
use meridian_ir::{Cluster, Filters, TcpProxy};
use meridian_proxy::ProxyOptions;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// An origin that says its number and sends back what comes.
fn echo(number: usize) -> SocketAddr {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in socket.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(number.to_string().as_bytes());
                let _ = std::io::copy(&mut stream.try_clone().expect("a socket"), &mut stream);
            });
        }
    });
    address
}

/// A gateway that forwards the connections of its listener `tcp` to `cluster`; also where that listens and logs.
fn run(cluster: Cluster, addresses: &[SocketAddr]) -> (Gateway, SocketAddr, tempfile::NamedTempFile) {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let proxy = TcpProxy {
        stat_prefix: "origin".into(),
        clusters: vec![WeightedName { cluster: "origin".into(), weight: 1 }],
        idle_timeout: Duration::ZERO,
        hash_source_ip: true,
        access_log: vec![access_log(log.path().to_str().expect("UTF-8"))],
        ..TcpProxy::default()
    };
    let mut tcp = listener("tcp", manager("unused"));
    Arc::make_mut(&mut tcp.chains[0]).filters = Filters::Tcp(Arc::new(proxy));
    let mut config = config(Vec::new(), vec![(cluster, endpoints(addresses))]);
    config.listeners.insert("tcp".into(), Arc::new(tcp));
    let options = ProxyOptions { admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..options() };
    let gateway = Gateway::run_options(config, options, |_| {});
    let address = gateway.proxy.shared().listener_address("tcp").expect("it listens");
    (gateway, address, log)
}

/// The first byte that a connection gets; `None`: it was closed before.
fn first_byte(stream: &mut TcpStream) -> Option<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    let mut byte = [0];
    matches!(stream.read(&mut byte), Ok(1)).then_some(byte[0])
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("the listener takes connections")
}

fn lines(gateway: Gateway, log: &tempfile::NamedTempFile) -> Vec<String> {
    gateway.stop();
    std::fs::read_to_string(log.path()).expect("the log is there").lines().map(str::to_owned).collect()
}

#[test]
fn no_more_connections_are_forwarded_than_may_be() {
    let breakers = CircuitBreakers { max_connections: 2, ..CircuitBreakers::default() };
    let (gateway, address, log) = run(Cluster { circuit_breakers: breakers, ..cluster("origin") }, &[echo(0)]);
    let mut open: Vec<TcpStream> = (0..2).map(|_| connect(address)).collect();
    assert!(open.iter_mut().all(|stream| first_byte(stream) == Some(b'0')));
    assert_eq!(first_byte(&mut connect(address)), None);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_cx_overflow"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.upstream_rq_pending_overflow"), 0);
    assert_eq!(stat(&gateway, "cluster.origin.circuit_breakers.default.cx_open"), 1);
    drop(open);
    let lines = lines(gateway, &log);
    assert_eq!(lines.iter().filter(|line| line.contains(" 0 UO ")).count(), 1, "{lines:?}");
}

#[test]
fn a_client_stays_with_its_endpoint() {
    let origins: Vec<SocketAddr> = (0..4).map(echo).collect();
    let hashing = Cluster { lb_policy: LbPolicy::RingHash { minimum_size: 1024 }, ..cluster("origin") };
    let (_gateway, address, _log) = run(hashing, &origins);
    let met: HashSet<_> = (0..20).map(|_| first_byte(&mut connect(address))).collect();
    assert!(met.len() == 1 && !met.contains(&None), "{met:?}");
}

#[test]
fn an_endpoint_that_refuses_is_left_out() {
    let refused = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port");
    let detection = OutlierDetection {
        consecutive_5xx: 2,
        consecutive_gateway_failure: 0,
        consecutive_local_origin_failure: 0,
        split_external_local_origin_errors: false,
        interval: Duration::from_millis(50),
        base_ejection_time: Duration::from_secs(300),
        max_ejection_time: Duration::from_secs(300),
        max_ejection_percent: 50,
    };
    let lb_policy = LbPolicy::RoundRobin;
    let detecting = Cluster { outlier_detection: Some(detection), lb_policy, ..cluster("origin") };
    let (gateway, address, log) = run(detecting, &[refused, echo(1)]);
    let met: Vec<_> = (0..20).map(|_| first_byte(&mut connect(address))).collect();
    assert_eq!(met.iter().filter(|byte| byte.is_none()).count(), 2, "{met:?}");
    assert_eq!(stat(&gateway, "cluster.origin.outlier_detection.ejections_active"), 1);
    assert_eq!(stat(&gateway, "cluster.origin.membership_healthy"), 1);
    let lines = lines(gateway, &log);
    assert_eq!(lines.iter().filter(|line| line.contains(" 0 UF,URX ")).count(), 2, "{lines:?}");
}

#[test]
fn a_connection_ends_when_it_is_as_old_as_it_may_be() {
    let short = Cluster { max_connection_duration: Some(Duration::from_millis(100)), ..cluster("origin") };
    let (gateway, address, log) = run(short, &[echo(0)]);
    let mut stream = connect(address);
    assert_eq!(first_byte(&mut stream), Some(b'0'));
    assert_eq!(first_byte(&mut stream), None);
    // It is counted once the client's side is closed, which the client may see first.
    let reached = || stat(&gateway, "cluster.origin.upstream_cx_max_duration_reached");
    let patience = std::time::Instant::now() + Duration::from_secs(10);
    while reached() == 0 && std::time::Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(reached(), 1);
    let lines = lines(gateway, &log);
    assert!(lines[0].contains(" 0 DT "), "{lines:?}");
}
