use super::*;
use crate::outcome::{Details, Ending, Flag, Flags};
use crate::record::{Downstream, HeaderView, NoHeaders, Protocol, Record, Timeline, Upstream, WireBytes};
use crate::stats::{Filter, json, prometheus, text};
use meridian_ir::cluster::ServiceName;
use meridian_ir::endpoint::Workload;
use meridian_ir::listener::Direction;
use meridian_ir::{Cluster, Origin};
use std::time::{Duration, SystemTime};

fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.into(),
        origins: vec![Origin { kind: "ServiceEntry", namespace: "shop".into(), name: "ext".into() }],
        ..Cluster::default()
    }
}

struct Headers(&'static [(&'static str, &'static str)]);

impl HeaderView for Headers {
    fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }
}

fn record<'a>(cluster: Option<&'a Name>, code: u16, millis: u64) -> Record<'a> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Record {
        protocol: Protocol::Http11,
        start: SystemTime::now(),
        timeline: Timeline {
            upstream_tx_begin: cluster.map(|_| Duration::ZERO),
            total: Duration::from_millis(millis),
            ..Timeline::default()
        },
        request: &NoHeaders,
        response: &NoHeaders,
        trailers: &NoHeaders,
        response_code: code,
        flags: Flags::default(),
        details: Some(Details::Fixed("via_upstream")),
        connection_termination: None,
        bytes_received: 10,
        bytes_sent: 1_000,
        request_head_bytes: 90,
        response_head_bytes: 200,
        wire: WireBytes::default(),
        downstream: Downstream {
            connection_id: 1,
            local: address,
            remote: address,
            direct_remote: address,
            server_name: None,
            tls_version: None,
            tls_cipher: None,
            tls_failure: None,
            direct_local: SocketAddr::from(([127, 0, 0, 1], 80)),
            tls_group: None,
            handshake: None,
            peer: None,
            direction: meridian_ir::listener::Direction::Outbound,
            workload: None,
            local_certificate: None,
        },
        upstream: Upstream { cluster, attempts: u32::from(cluster.is_some()), ..Upstream::default() },
        route_name: "",
        filter_chain_name: "",
    }
}

fn stats() -> Arc<Stats> {
    let mut options = ProxyOptions::new("ingressgateway");
    options.metric_labels = vec![
        ("source_workload".to_owned(), "istio-ingressgateway".to_owned()),
        ("source_workload_namespace".to_owned(), "istio-system".to_owned()),
    ];
    Stats::new(&options)
}

fn shown(stats: &Stats) -> String {
    text(&stats.collect(), &Filter::default())
}

#[test]
fn workers_are_added_up_under_envoys_names() {
    let stats = stats();
    let httpbin = cluster("outbound|8000||httpbin.default.svc.cluster.local");
    let workers = [stats.worker(), stats.worker()];
    let kept: Vec<_> = workers
        .iter()
        .map(|worker| {
            let listener = worker.listener(&"0.0.0.0_8080".into());
            let http = worker.http(&"outbound_0.0.0.0_8080".into());
            let upstream = worker.cluster(&httpbin);
            listener.connection_opened();
            http.request_started(false);
            upstream.connection_opened();
            upstream.request_started();
            let record = record(Some(&httpbin.name), 200, 12);
            upstream.request_finished(&record);
            http.request_finished(&record);
            (listener, http, upstream)
        })
        .collect();
    let text = shown(&stats);
    for line in [
        "listener.0.0.0.0_8080.downstream_cx_total: 2",
        "listener.0.0.0.0_8080.downstream_cx_active: 2",
        "http.outbound_0.0.0.0_8080.downstream_rq_2xx: 2",
        "http.outbound_0.0.0.0_8080.downstream_rq_active: 0",
        "cluster.outbound|8000||httpbin.default.svc.cluster.local.upstream_rq_total: 2",
        "cluster.outbound|8000||httpbin.default.svc.cluster.local.upstream_rq_2xx: 2",
        "cluster.outbound|8000||httpbin.default.svc.cluster.local.upstream_rq_200: 2",
        "cluster.outbound|8000||httpbin.default.svc.cluster.local.upstream_cx_active: 2",
        "cluster.outbound|8000||httpbin.default.svc.cluster.local.upstream_rq_timeout: 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
    }
    assert!(text.contains("upstream_rq_time: P0(nan,10) P25(nan,11.25)"), "{text}");
    drop(kept);
    assert_eq!(shown(&stats), "", "what nobody holds is forgotten");
}

#[test]
fn the_same_name_goes_on_counting() {
    let stats = stats();
    let worker = stats.worker();
    let first = worker.cluster(&cluster("a"));
    first.request_started();
    let second = worker.cluster(&cluster("a"));
    drop(first);
    second.request_started();
    assert!(shown(&stats).contains("cluster.a.upstream_rq_total: 2\n"));
}

#[test]
fn a_cluster_that_nobody_called_takes_no_memory() {
    let stats = stats();
    let worker = stats.worker();
    let kept = worker.cluster(&cluster("a"));
    assert_eq!(stats.collect(), vec![]);
    kept.request_started();
    assert!(!stats.collect().is_empty());
}

#[test]
fn failures_are_counted_by_their_flags() {
    let stats = stats();
    let worker = stats.worker();
    let (a, http) = (cluster("a"), worker.http(&"h".into()));
    let upstream = worker.cluster(&a);
    let finish = |code, flag, ending: Ending, attempts| {
        let mut record = record(Some(&a.name), code, 1);
        record.flags.add(flag);
        record.details = ending.details();
        record.upstream.attempts = attempts;
        upstream.request_finished(&record);
        http.request_finished(&record);
    };
    finish(503, Flag::NoHealthyUpstream, Ending::NoHealthyUpstream, 0);
    finish(504, Flag::UpstreamRequestTimeout, Ending::ResponseTimeout, 0);
    finish(504, Flag::UpstreamRequestTimeout, Ending::PerTryTimeout, 0);
    let mut unrouted = record(None, 404, 0);
    unrouted.flags.add(Flag::NoRouteFound);
    http.request_finished(&unrouted);
    let text = shown(&stats);
    for line in [
        "cluster.a.upstream_cx_none_healthy: 1",
        "cluster.a.upstream_rq_timeout: 1",
        "cluster.a.upstream_rq_per_try_timeout: 1",
        "cluster.a.upstream_rq_5xx: 3",
        "cluster.a.upstream_rq_504: 2",
        "http.h.no_route: 1",
        "http.h.downstream_rq_4xx: 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
    }
}

#[test]
fn istios_metrics_have_istios_labels() {
    let stats = stats();
    let worker = stats.worker();
    let (httpbin, http) = (cluster("outbound|8000||httpbin.default.svc.cluster.local"), worker.http(&"h".into()));
    let upstream = worker.cluster(&httpbin);
    upstream.request_finished(&record(Some(&httpbin.name), 200, 3));
    upstream.request_finished(&record(Some(&httpbin.name), 200, 700));
    let mut grpc = record(Some(&httpbin.name), 200, 3);
    grpc.request = &Headers(&[("content-type", "application/grpc+proto")]);
    grpc.response = &Headers(&[("grpc-status", "14")]);
    upstream.request_finished(&grpc);
    http.request_finished(&record(None, 404, 0));
    let text = prometheus(&stats.collect(), &Filter::default());
    let source = "reporter=\"source\",source_workload=\"istio-ingressgateway\",source_canonical_service=\"unknown\",\
                  source_canonical_revision=\"latest\",source_workload_namespace=\"istio-system\"";
    let labels = "destination_service=\"httpbin.default.svc.cluster.local\",destination_canonical_service=\"unknown\",\
                  destination_canonical_revision=\"latest\",destination_service_name=\"httpbin\",\
                  destination_service_namespace=\"default\",destination_cluster=\"unknown\",request_protocol=\"http\",\
                  response_code=\"200\",grpc_response_status=\"\",response_flags=\"-\",\
                  connection_security_policy=\"unknown\"";
    let line = |start: &str, has: &[&str]| {
        let found = text.lines().find(|line| line.starts_with(start) && has.iter().all(|part| line.contains(part)));
        found.unwrap_or_else(|| panic!("no {start} with {has:?} in {text}")).rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(line("istio_requests_total{", &[source, labels]), "2");
    assert_eq!(line("istio_requests_total{", &["request_protocol=\"grpc\"", "grpc_response_status=\"14\""]), "1");
    assert_eq!(line("istio_requests_total{", &["response_code=\"404\"", "destination_service=\"unknown\""]), "1");
    assert_eq!(line("istio_request_duration_milliseconds_bucket{", &[labels, "le=\"5\""]), "1");
    assert_eq!(line("istio_request_duration_milliseconds_bucket{", &[labels, "le=\"1000\""]), "2");
    assert_eq!(line("istio_request_duration_milliseconds_sum{", &[labels]), "703");
    assert_eq!(line("istio_request_bytes_sum{", &[labels]), "200");
    assert_eq!(line("istio_response_bytes_sum{", &[labels]), "2400");
    assert_eq!(text.matches("# TYPE istio_requests_total counter\n").count(), 1);
    assert_eq!(line("envoy_cluster_upstream_rq{", &["cluster_name=", "response_code_class=\"2xx\""]), "3");
}

#[test]
fn external_services_are_named_by_host_and_their_entrys_namespace() {
    let destination = Destination::of(&cluster("outbound|443||www.google.com"));
    assert_eq!((&*destination.service_name, &*destination.service_namespace), ("www.google.com", "shop"));
    let destination = Destination::of(&cluster("PassthroughCluster"));
    assert_eq!((&*destination.service_name, &*destination.service), ("PassthroughCluster", "unknown"));
}

#[test]
fn connections_are_counted_when_they_open_and_close() {
    let stats = stats();
    let worker = stats.worker();
    let google = cluster("outbound|443||www.google.com");
    let upstream = worker.cluster(&google);
    let mut record = record(Some(&google.name), 0, 562);
    upstream.tcp_opened(&record.downstream, &record.upstream);
    upstream.tcp_opened(&record.downstream, &record.upstream);
    (record.protocol, record.bytes_received, record.bytes_sent) = (Protocol::Tcp, 892, 5_630);
    upstream.tcp_closed(&record);
    let proxy = worker.tcp(&google.name);
    proxy.opened();
    proxy.closed(&record, true);
    let shown = shown(&stats);
    assert!(shown.contains("tcp.outbound|443||www.google.com.downstream_cx_rx_bytes_total: 892\n"), "{shown}");
    assert!(shown.contains("tcp.outbound|443||www.google.com.idle_timeout: 1\n"), "{shown}");
    let text = prometheus(&stats.collect(), &Filter::default());
    for (name, value) in [
        ("istio_tcp_connections_opened_total", "2"),
        ("istio_tcp_connections_closed_total", "1"),
        ("istio_tcp_sent_bytes_total", "5630"),
        ("istio_tcp_received_bytes_total", "892"),
    ] {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap();
        assert!(line.ends_with(&format!(" {value}")), "{line}");
        assert!(line.contains("request_protocol=\"tcp\",response_flags=\"-\",connection_security_policy="), "{line}");
    }
}

#[test]
fn filters_and_json() {
    let stats = stats();
    let worker = stats.worker();
    let listener = worker.listener(&"0.0.0.0_80".into());
    listener.connection_opened();
    let samples = stats.collect();
    let filter = Filter { name: Some(regex::Regex::new("cx_(active|destroy)").unwrap()), used_only: false };
    assert_eq!(
        text(&samples, &filter),
        "listener.0.0.0.0_80.downstream_cx_active: 1\nlistener.0.0.0.0_80.downstream_cx_destroy: 0\n"
    );
    let filter = Filter { used_only: true, ..filter };
    assert_eq!(
        json(&samples, &filter),
        serde_json::json!({"stats": [{"name": "listener.0.0.0.0_80.downstream_cx_active", "value": 1}]})
    );
}

#[test]
fn endpoints_have_their_own() {
    let stats = stats();
    let address = SocketAddr::from(([10, 0, 0, 1], 80));
    let hosts =
        [stats.worker().cluster(&cluster("a")).host(address), stats.worker().cluster(&cluster("a")).host(address)];
    for host in &hosts {
        host.connection_opened();
        host.request_started();
        host.request_finished(Some(200));
    }
    let numbers = stats.host(&"a".into(), address);
    let get = |name| numbers.iter().find(|(known, ..)| *known == name).unwrap().2;
    assert_eq!((get("cx_total"), get("rq_success"), get("rq_active"), get("rq_error")), (2, 2, 0, 0));
}

/// Both ends of a request in the mesh, with the labels that Istio's dashboards join them by.
#[test]
fn each_side_tells_of_the_other() {
    let workload = Workload {
        name: "sleep".into(),
        namespace: "default".into(),
        canonical_name: "sleep".into(),
        canonical_revision: "v2".into(),
        cluster: "c1".into(),
    };
    let mut httpbin = cluster("inbound|80||");
    httpbin.service = Some(Arc::new(ServiceName {
        host: "httpbin.shop.svc.cluster.local".into(),
        name: "httpbin".into(),
        namespace: "shop".into(),
    }));
    let stats = stats();
    let worker = stats.worker();
    let clusters = worker.cluster(&httpbin);
    let mut inbound = record(Some(&httpbin.name), 200, 3);
    inbound.downstream.direction = Direction::Inbound;
    inbound.downstream.workload = Some(&workload);
    clusters.request_finished(&inbound);
    let mut outbound = record(Some(&httpbin.name), 200, 3);
    outbound.upstream.workload = Some(&workload);
    clusters.request_finished(&outbound);
    let http = worker.http(&"h".into());
    let mut blocked = record(None, 502, 0);
    blocked.route_name = "block_all";
    blocked.request = &Headers(&[(":authority", "edition.cnn.com:80")]);
    http.request_finished(&blocked);
    let text = prometheus(&stats.collect(), &Filter::default());
    let has = |parts: &[&str]| {
        let is_it = |line: &&str| parts.iter().all(|part| line.contains(part));
        assert!(text.lines().any(|line| is_it(&line)), "no line with {parts:?} in {text}");
    };
    has(&[
        "istio_requests_total{reporter=\"destination\",source_workload=\"sleep\",source_canonical_service=\"sleep\"",
        "source_canonical_revision=\"v2\",source_workload_namespace=\"default\"",
        "source_cluster=\"c1\",destination_workload=\"istio-ingressgateway\"",
        "destination_service=\"httpbin.shop.svc.cluster.local\"",
        "connection_security_policy=\"none\"",
    ]);
    has(&[
        "istio_requests_total{reporter=\"source\",source_workload=\"istio-ingressgateway\"",
        "destination_workload=\"sleep\",destination_workload_namespace=\"default\"",
        "destination_version=\"v2\"",
        "destination_cluster=\"c1\"",
        "connection_security_policy=\"unknown\"",
    ]);
    has(&["istio_requests_total{", "destination_service_name=\"BlackHoleCluster\"", "response_code=\"502\""]);
    has(&["meridian_blocked_total{reason=\"registry_only\",host=\"edition.cnn.com\"} 1"]);
}
