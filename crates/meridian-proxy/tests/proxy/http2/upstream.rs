//! Endpoints that speak HTTP/2, for clients of both versions.

use super::client::{Client, fields, request};
use super::origin::{Deed, Origin};
use crate::support::client::Client as Http1Client;
use crate::support::gateway::Gateway;
use crate::support::{cluster, config, endpoints, forward, istio_retries, route, virtual_host};
use h2::Reason;
use http::HeaderMap;
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::route::Forward;
use meridian_ir::{Action, Cluster};
use std::net::SocketAddr;

fn gateway_with(origins: &[SocketAddr], cluster: Cluster, forward: Forward) -> Gateway {
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward))])];
    Gateway::run(config(hosts, vec![(cluster, endpoints(origins))]))
}

fn http2_cluster() -> Cluster {
    Cluster { protocol: UpstreamProtocol::Http2, ..cluster("origin") }
}

fn gateway(origin: SocketAddr) -> Gateway {
    gateway_with(&[origin], http2_cluster(), forward("origin"))
}

/// A unary gRPC call as a client library makes it.
fn grpc_request(path: &str) -> http::Request<()> {
    let mut request = request("POST", path);
    *request.headers_mut() = fields(&[("content-type", "application/grpc"), ("te", "trailers")]);
    request
}

#[test]
fn trailers_pass_both_ways() {
    let origin = Origin::start(|seen| Deed::Answer {
        status: 200,
        headers: fields(&[("content-type", "application/grpc")]),
        body: seen.body.clone(),
        trailers: Some(fields(&[("grpc-status", "0"), ("grpc-message", "fine")]).into()),
    });
    let gateway = gateway(origin.address);
    let mut client = Client::connect(gateway.address);
    let answer = client.call(grpc_request("/s/M"), b"message", Some(fields(&[("x-sum", "7")]))).expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"message"[..]));
    assert_eq!((answer.trailer("grpc-status"), answer.trailer("grpc-message")), (Some("0"), Some("fine")));
    let seen = origin.seen().remove(0);
    assert_eq!(seen.trailers.expect("trailers").get("x-sum").expect("it"), "7");
    assert_eq!(seen.headers.get("te").expect("te"), "trailers");
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("POST", "http://h.test/s/M"));
    let line = gateway.stop().remove(0);
    assert!(line.starts_with("\"POST /s/M HTTP/2\" 200 - via_upstream - \"-\" 7 7 "), "{line}");
}

#[test]
fn lengths_beside_trailers_survive() {
    let origin = Origin::start(|seen| Deed::Answer {
        status: 200,
        headers: fields(&[("content-length", "3")]),
        body: seen.body.clone(),
        trailers: Some(fields(&[("x-end", "1")]).into()),
    });
    let gateway = gateway(origin.address);
    let mut client = Client::connect(gateway.address);
    let mut request = request("PUT", "/");
    *request.headers_mut() = fields(&[("content-length", "3")]);
    let answer = client.call(request, b"abc", Some(fields(&[("x-sum", "7")]))).expect("an answer");
    assert_eq!((answer.header("content-length"), answer.trailer("x-end")), (Some("3"), Some("1")));
    let seen = origin.seen().remove(0);
    assert_eq!(seen.headers.get("content-length").expect("a length"), "3");
    assert!(seen.trailers.is_some());
    // A client of HTTP/1.1 gets the length, and trailers only in chunks.
    let answer = Http1Client::connect(gateway.address).get("/");
    assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (Some("3"), None));
}

#[test]
fn clients_of_http1_get_trailers_that_they_ask_for() {
    let origin = Origin::start(|_| Deed::Answer {
        status: 200,
        headers: HeaderMap::new(),
        body: b"hello".to_vec(),
        trailers: Some(fields(&[("x-end", "1")]).into()),
    });
    let gateway = gateway(origin.address);
    let mut client = Http1Client::connect(gateway.address);
    client.send("GET / HTTP/1.1\r\nHost: h.test\r\nTE: trailers\r\nConnection: te\r\n\r\n");
    let expected = "5\r\nhello\r\n0\r\nx-end: 1\r\n\r\n";
    let mut said = String::new();
    while !said.ends_with(expected) {
        said.push_str(std::str::from_utf8(&client.bytes(1)).expect("ASCII"));
    }
    assert!(said.contains("\r\ntransfer-encoding: chunked\r\n"), "{said}");
    client.send("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n");
    assert_eq!(client.answer().text(), "hello", "without asking there are none, which this client could not read");
}

#[test]
fn heads_alone_stay_alone() {
    let origin = Origin::start(|seen| {
        let headers = match seen.uri.path() {
            "/grpc" => fields(&[("content-type", "application/grpc"), ("grpc-status", "5")]),
            "/none" => HeaderMap::new(),
            _ => fields(&[("content-length", "0")]),
        };
        let status = if seen.uri.path() == "/none" { 204 } else { 200 };
        Deed::Answer { status, headers, body: Vec::new(), trailers: None }
    });
    let gateway = gateway(origin.address);
    let mut client = Client::connect(gateway.address);
    let answer = client.call(grpc_request("/grpc"), b"", None).expect("an answer");
    assert!(answer.is_head_only, "a client of gRPC would not find its status");
    assert_eq!((answer.header("grpc-status"), answer.header("content-length")), (Some("5"), None));
    for path in ["/none", "/empty"] {
        assert!(client.get(path).expect("an answer").is_head_only, "{path}");
    }
    let answer = client.call(request("HEAD", "/empty"), b"", None).expect("an answer");
    assert!(answer.is_head_only);
    let mut client = Http1Client::connect(gateway.address);
    for path in ["/grpc", "/none", "/empty"] {
        let answer = client.get(path);
        assert_eq!((answer.body.len(), answer.is_complete), (0, true), "{path}: {}", answer.head);
    }
}

#[test]
fn requests_share_one_connection_up_to_its_limit() {
    let origin = Origin::start(|_| Deed::ok("ok"));
    let mut limited = http2_cluster();
    limited.max_requests_per_connection = 2;
    let gateway = gateway_with(&[origin.address], limited, forward("origin"));
    let mut client = Http1Client::connect(gateway.address);
    for _ in 0..5 {
        assert_eq!(client.get("/").text(), "ok");
    }
    let connections: Vec<usize> = origin.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1, 1, 2]);
}

#[test]
fn an_endpoint_that_goes_away_is_left() {
    let origin = Origin::start(|seen| if seen.connection == 0 { Deed::AnswerAndGoAway } else { Deed::ok("ok") });
    let gateway = gateway(origin.address);
    let mut client = Client::connect(gateway.address);
    assert_eq!(&client.get("/").expect("an answer").body[..], b"bye");
    for _ in 0..3 {
        assert_eq!(&client.get("/").expect("an answer").body[..], b"ok");
    }
    assert!(gateway.stop().iter().all(|line| line.contains(" 200 - via_upstream ")));
}

#[test]
fn refused_streams_are_tried_again_elsewhere() {
    let refuses = Origin::start(|_| Deed::Reset(Reason::REFUSED_STREAM));
    let serves = Origin::start(|_| Deed::ok("ok"));
    let gateway = gateway_with(&[refuses.address, serves.address], http2_cluster(), forward("origin"));
    let mut client = Client::connect(gateway.address);
    for _ in 0..10 {
        assert_eq!(&client.get("/").expect("an answer").body[..], b"ok");
    }
    assert!(!refuses.seen().is_empty(), "the other endpoint was chosen ten times of ten");
}

#[test]
fn resets_have_envoys_words() {
    let origin = Origin::start(|seen| match seen.uri.path() {
        "/late" => Deed::AnswerAndReset(Reason::INTERNAL_ERROR),
        "/refused" => Deed::Reset(Reason::REFUSED_STREAM),
        _ => Deed::Reset(Reason::INTERNAL_ERROR),
    });
    let gateway = gateway_with(&[origin.address], http2_cluster(), Forward { retry: None, ..forward("origin") });
    let mut client = Client::connect(gateway.address);
    let answer = client.get("/early").expect("an answer");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 503);
    assert_eq!(body, "upstream connect error or disconnect/reset before headers. reset reason: remote reset");
    let answer = client.get("/refused").expect("an answer");
    assert!(answer.body.ends_with(b"reset reason: remote refused stream reset"), "{answer:?}");
    let error = client.get("/late").expect_err("a response that is not whole");
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    // A call of gRPC is told in its own terms.
    let answer = client.call(grpc_request("/early"), b"x", None).expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status"), answer.is_head_only), (200, Some("14"), true));
    let lines = gateway.stop();
    assert!(lines[0].contains(" 503 UR upstream_reset_before_response_started{remote_reset} "), "{}", lines[0]);
    assert!(lines[1].contains("{remote_refused_stream_reset}"), "{}", lines[1]);
    assert!(lines[2].contains(" 200 UR upstream_reset_after_response_started{remote_reset} "), "{}", lines[2]);
}

#[test]
fn grpc_statuses_are_retried() {
    let origin = Origin::start(|seen| {
        let first = seen.headers.get("x-envoy-attempt-count").is_some_and(|count| count == "1");
        let status = if first { "14" } else { "0" };
        Deed::Answer {
            status: 200,
            headers: fields(&[("content-type", "application/grpc"), ("grpc-status", status)]),
            body: Vec::new(),
            trailers: None,
        }
    });
    let retry = istio_retries();
    let gateway =
        gateway_with(&[origin.address], http2_cluster(), Forward { retry: Some(retry.into()), ..forward("origin") });
    let answer = Client::connect(gateway.address).call(grpc_request("/s/M"), b"m", None).expect("an answer");
    assert_eq!((answer.header("grpc-status"), origin.seen().len()), (Some("0"), 2));
    assert_eq!(origin.seen()[1].body, b"m", "the body is sent again");
}

#[test]
fn a_reset_of_the_client_reaches_the_endpoint() {
    let origin = Origin::start(|seen| if seen.uri.path() == "/wait" { Deed::Wait } else { Deed::ok("ok") });
    let gateway = gateway(origin.address);
    let mut client = Client::connect(gateway.address);
    assert_eq!(client.get("/").expect("an answer").status, 200);
    while !origin.seen().iter().any(|seen| seen.uri.path() == "/wait") {
        client.send_and_reset("/wait").expect("it is sent");
        assert_eq!(client.get("/").expect("an answer").status, 200);
    }
    assert_eq!(origin.await_reset(), Reason::CANCEL);
    let lines = gateway.stop();
    assert!(lines.iter().any(|line| line.contains("\"GET /wait HTTP/2\" 0 DC downstream_remote_disconnect")));
}

#[test]
fn large_bodies_pass_both_ways() {
    let origin = Origin::start(|seen| Deed::Answer {
        status: 200,
        headers: HeaderMap::new(),
        body: seen.body.clone(),
        trailers: None,
    });
    let gateway = gateway(origin.address);
    let body: Vec<u8> = (0..3_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let answer = Client::connect(gateway.address).call(request("POST", "/"), &body, None).expect("an answer");
    assert!(answer.body == body, "{} bytes came back", answer.body.len());
}

#[test]
fn the_protocol_of_the_client_is_that_of_the_endpoint() {
    let origin = Origin::start(|_| Deed::ok("ok"));
    let same = Cluster { protocol: UpstreamProtocol::Downstream, ..cluster("origin") };
    let gateway = gateway_with(&[origin.address], same, Forward { retry: None, ..forward("origin") });
    assert_eq!(Client::connect(gateway.address).get("/").expect("an answer").status, 200);
    // The origin does not speak HTTP/1.1.
    assert_ne!(Http1Client::connect(gateway.address).get("/").status(), 200);
}

#[test]
fn an_endpoint_that_speaks_http1_is_told_apart() {
    let origin = crate::support::origin::Origin::ok();
    let gateway = gateway_with(&[origin.address], http2_cluster(), Forward { retry: None, ..forward("origin") });
    let answer = Http1Client::connect(gateway.address).get("/");
    assert_eq!(answer.status(), 502, "{}", answer.head);
    let line = gateway.stop().remove(0);
    assert!(line.contains(" 502 UPE upstream_reset_before_response_started{protocol_error} "), "{line}");
}
