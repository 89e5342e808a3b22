//! Copies of requests: what the mirror gets, and that nobody else notices.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Gate, Origin, Step, response};
use crate::support::{cluster, config, endpoints, forward, route, virtual_host};
use meridian_ir::format::Format;
use meridian_ir::fraction::Fraction;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::route::{Forward, Mirror, PathRewrite, RetryPolicy};
use meridian_ir::{Action, ProxyConfig};
use std::time::{Duration, Instant};

fn to(cluster: &str, fraction: Fraction) -> Mirror {
    Mirror { cluster: cluster.into(), fraction }
}

fn mirrored(forward: Forward, origin: &Origin, mirror: &Origin) -> ProxyConfig {
    let mut route = route("/", Action::Forward(forward));
    let value = Format::literal("added");
    route.request_headers.write = vec![HeaderValue { name: "x-route".into(), value, action: AppendAction::Overwrite }];
    config(
        vec![virtual_host("*", vec![route])],
        vec![
            (cluster("origin"), endpoints(&[origin.address])),
            (cluster("mirror"), endpoints(&[mirror.address])),
            (cluster("empty"), endpoints(&[])),
        ],
    )
}

fn post(client: &mut Client, framing: &str, body: &str) {
    client.send(format!("POST /in?q HTTP/1.1\r\nHost: h.test\r\nX-Forwarded-For: 1.1.1.1\r\n{framing}\r\n\r\n{body}"));
}

/// Waits until a gauge is zero.
fn await_idle(gateway: &Gateway, gauge: &str) {
    let begun = Instant::now();
    let is_zero = || {
        let samples = gateway.proxy.shared().stats.collect();
        let sample = samples.iter().find(|sample| sample.name == gauge).expect("the gauge is there");
        matches!(sample.value, meridian_proxy::stats::Value::Gauge(0))
    };
    while !is_zero() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{gauge} is not zero");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_mirror_gets_the_rewritten_request_with_its_body() {
    let (origin, mirror) = (Origin::ok(), Origin::start(|_| response("500 No", "nobody reads this")));
    let mirrors = vec![
        to("gone", Fraction::ALL),
        to("mirror", Fraction::ALL),
        to("empty", Fraction::ALL),
        to("mirror", Fraction::from_percent(0.0)),
    ];
    let forward = Forward {
        mirrors,
        path_rewrite: Some(Box::new(PathRewrite::Prefix("/out/".into()))),
        host_rewrite: Some("other.test".into()),
        ..forward("origin")
    };
    let gateway = Gateway::run(mirrored(forward, &origin, &mirror));
    let mut client = Client::connect(gateway.address);
    for (number, (framing, body, decoded)) in [
        ("Content-Length: 5", "hello", "hello"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
        ("Content-Length: 0", "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        post(&mut client, framing, body);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
        mirror.await_seen(number + 1);
        let (seen, copy) = (origin.seen().remove(number), mirror.seen().remove(number));
        assert_eq!((seen.body.as_slice(), copy.body.as_slice()), (decoded.as_bytes(), decoded.as_bytes()));
        let id = seen.header("x-request-id").expect("an id");
        assert_eq!(copy.header("x-request-id"), Some(id));
        assert_eq!((copy.path(), copy.header("host")), ("/out/in?q", Some("other.test")));
        assert_eq!(copy.header("x-route"), Some("added"));
        assert_eq!((seen.header("x-envoy-internal"), copy.header("x-envoy-internal")), (None, Some("true")));
        assert_eq!(seen.header("x-forwarded-for"), Some("1.1.1.1,127.0.0.1"));
        assert_eq!(copy.header("x-forwarded-for"), Some("1.1.1.1,127.0.0.1,127.0.0.1"));
        assert_eq!(copy.header("x-envoy-attempt-count"), Some("1"));
        // Its connection is free for the next copy when its answer has been read.
        await_idle(&gateway, "cluster.mirror.upstream_rq_active");
    }
    assert!(mirror.seen().iter().all(|seen| seen.connection == 0), "connections to mirrors are used again");
    assert_eq!(gateway.stop().len(), 3, "copies are not logged");
}

#[test]
fn a_request_that_is_tried_again_is_mirrored_once() {
    let origin = Origin::start(|seen| match seen.header("x-envoy-attempt-count") {
        Some("1") => response("503 No", ""),
        _ => response("200 OK", "ok"),
    });
    let mirror = Origin::ok();
    let base = forward("origin");
    let retry = base.retry.clone().map(|policy| RetryPolicy { on_5xx: true, ..(*policy).clone() }.into());
    let gateway =
        Gateway::run(mirrored(Forward { mirrors: vec![to("mirror", Fraction::ALL)], retry, ..base }, &origin, &mirror));
    let mut client = Client::connect(gateway.address);
    post(&mut client, "Content-Length: 5", "hello");
    assert_eq!(client.answer().status(), 200);
    mirror.await_seen(1);
    assert_eq!((origin.seen().len(), mirror.seen().len()), (2, 1));
    assert_eq!(mirror.seen()[0].body, b"hello");
}

#[test]
fn a_mirror_that_hangs_holds_nobody_up() {
    let gate = Gate::default();
    let held = gate.clone();
    let (origin, mirror) = (Origin::ok(), Origin::start(move |_| vec![Step::Until(held.clone())]));
    let forward = Forward { mirrors: vec![to("mirror", Fraction::ALL)], ..forward("origin") };
    let gateway = Gateway::run(mirrored(forward, &origin, &mirror));
    let mut client = Client::connect(gateway.address);
    let began = Instant::now();
    for _ in 0..3 {
        post(&mut client, "Content-Length: 5", "hello");
        assert_eq!(client.answer().text(), "ok");
    }
    // More than is kept for a copy: the request goes on without it.
    let body = "x".repeat(8 << 20);
    post(&mut client, &format!("Content-Length: {}", body.len()), &body);
    assert_eq!(client.answer().text(), "ok");
    assert_eq!(origin.seen()[3].body.len(), body.len());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    mirror.await_seen(3);
    gate.open();
}
