//! What clients and the log are told when something fails, as Envoy tells it, and what is tried again.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Gate, Origin, Step, response};
use crate::support::{cluster, config, endpoints, forward, istio_retries, plain, route, virtual_host};
use meridian_ir::Action;
use meridian_ir::cluster::CircuitBreakers;
use meridian_ir::route::{Forward, RetryPolicy};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// An address that refuses connections.
fn refused() -> SocketAddr {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    socket.local_addr().expect("bound")
}

/// A gateway whose only route forwards as `forward` says to a cluster `origin` with these endpoints.
fn gateway(forward: Forward, addresses: &[SocketAddr]) -> Gateway {
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward))])];
    Gateway::run(config(hosts, vec![(cluster("origin"), endpoints(addresses))]))
}

/// Status and body of one request, and its log line up to the byte counts.
fn ask(gateway: Gateway, path: &str) -> (u16, String, String) {
    let answer = Client::connect(gateway.address).get(path);
    let line = gateway.stop().remove(0);
    let line = line.split_once(" HTTP/1.1\" ").map_or(line.as_str(), |(_, rest)| rest).to_owned();
    (answer.status(), answer.text(), line)
}

#[test]
fn a_refused_connection_is_tried_three_times() {
    let (status, body, line) = ask(gateway(forward("origin"), &[refused()]), "/");
    assert_eq!(status, 503);
    assert_eq!(
        body,
        "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure"
    );
    let start = "503 URX,UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused} - \"delayed_connect_error:_Connection_refused\" 0 121 ";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn without_retries_a_refused_connection_is_told_at_once() {
    let (status, body, line) = ask(gateway(Forward { retry: None, ..forward("origin") }, &[refused()]), "/");
    assert_eq!(status, 503);
    assert!(body.ends_with("before headers. reset reason: remote connection failure"), "{body}");
    assert!(line.starts_with("503 UF upstream_reset_before_response_started{remote_connection_failure|"), "{line}");
}

#[test]
fn a_dead_endpoint_beside_a_live_one_never_shows() {
    let origin = Origin::ok();
    let gateway = gateway(forward("origin"), &[refused(), origin.address]);
    let mut client = Client::connect(gateway.address);
    for _ in 0..40 {
        assert_eq!(client.get("/").status(), 200);
    }
    let tries: Vec<_> =
        origin.seen().iter().filter_map(|seen| seen.header("x-envoy-attempt-count").map(str::to_owned)).collect();
    assert!(tries.contains(&"1".to_owned()) && tries.contains(&"2".to_owned()), "{tries:?}");
}

#[test]
fn endings_without_a_response_are_not_tried_again_by_default() {
    let origin = Origin::start(|seen| match seen.path() {
        "/reset" => vec![Step::Reset],
        "/half" => vec![Step::Send(b"HTTP/1.1 20".to_vec()), Step::Close],
        "/garbage" => vec![Step::Send(b"SSH-2.0\r\n\r\n".to_vec()), Step::AwaitClose],
        _ => vec![Step::Close],
    });
    let closed = "503 UC upstream_reset_before_response_started{connection_termination} - \"-\" 0 95 ";
    let broken = "502 UPE upstream_reset_before_response_started{protocol_error} - \"-\" 0 87 ";
    for (path, status, start) in
        [("/close", 503, closed), ("/reset", 503, closed), ("/half", 502, broken), ("/garbage", 502, broken)]
    {
        let (got, body, line) = ask(gateway(forward("origin"), &[origin.address]), path);
        assert!(got == status && line.starts_with(start), "{path}: {got} {body} {line}");
    }
    assert_eq!(origin.seen().len(), 4);
}

#[test]
fn the_routes_timeout_answers_504_and_frees_the_endpoint() {
    let origin = Origin::start(|_| vec![Step::AwaitClose]);
    let action = Forward { timeout: Some(Duration::from_millis(100)), ..forward("origin") };
    let begun = Instant::now();
    let (status, body, line) = ask(gateway(action, &[origin.address]), "/");
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!((status, body.as_str()), (504, "upstream request timeout"));
    assert!(line.starts_with("504 UT response_timeout - \"-\" 0 24 "), "{line}");
    assert_eq!(origin.seen()[0].header("x-envoy-expected-rq-timeout-ms"), Some("100"));
    origin.await_closed(1);
}

#[test]
fn a_try_that_takes_too_long_is_followed_by_another() {
    let origin = Origin::start(|seen| {
        if seen.header("x-envoy-attempt-count") == Some("3") {
            response("200 OK", "third")
        } else {
            vec![Step::AwaitClose]
        }
    });
    let policy = |attempts| RetryPolicy {
        attempts,
        on_5xx: true,
        per_try_timeout: Some(Duration::from_millis(300)),
        ..istio_retries()
    };
    let action = Forward { retry: Some(policy(2).into()), ..forward("origin") };
    let (status, body, _) = ask(gateway(action, &[origin.address]), "/");
    assert_eq!((status, body.as_str()), (200, "third"));
    let action = Forward { retry: Some(policy(1).into()), ..forward("origin") };
    let (status, body, line) = ask(gateway(action, &[origin.address]), "/");
    assert_eq!((status, body.as_str()), (504, "upstream request timeout"));
    assert!(line.starts_with("504 URX,UT upstream_per_try_timeout - \"-\" 0 24 "), "{line}");
}

#[test]
fn statuses_are_tried_again_with_the_same_body() {
    let origin = Origin::start(|seen| {
        if seen.header("x-envoy-attempt-count") == Some("2") {
            response("200 OK", "ok")
        } else {
            response("503 No", "no")
        }
    });
    let policy = RetryPolicy { statuses: vec![503], ..istio_retries() };
    let gateway = gateway(Forward { retry: Some(policy.into()), ..forward("origin") }, &[origin.address]);
    let mut client = Client::connect(gateway.address);
    client.send("POST /a HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    client.send("POST /b HTTP/1.1\r\nHost: h.test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.answer().text(), "ok");
    assert!(origin.seen().iter().all(|seen| seen.body == b"hello"));
    assert_eq!(origin.seen().len(), 4);
}

#[test]
fn a_status_that_stays_bad_is_passed_on_as_exhausted() {
    let origin = Origin::start(|_| response("500 No", "no"));
    let action = Forward { retry: Some(RetryPolicy { on_5xx: true, ..istio_retries() }.into()), ..forward("origin") };
    let (status, body, line) = ask(gateway(action, &[origin.address]), "/");
    assert_eq!((status, body.as_str()), (500, "no"));
    assert!(line.starts_with("500 URX via_upstream - \"-\" 0 2 "), "{line}");
    assert_eq!(origin.seen().len(), 3);
}

#[test]
fn a_body_of_up_to_a_mebibyte_is_sent_again() {
    let origin = Origin::start(|seen| match seen.header("x-envoy-attempt-count") {
        Some("3") => response("200 OK", "ok"),
        _ => response("500 No", "no"),
    });
    let action = Forward { retry: Some(RetryPolicy { on_5xx: true, ..istio_retries() }.into()), ..forward("origin") };
    let gateway = gateway(action, &[origin.address]);
    let mut client = Client::connect(gateway.address);
    let body: Vec<u8> = (0..1_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..2 {
        client.send(format!("POST / HTTP/1.1\r\nHost: h.test\r\nContent-Length: {}\r\n\r\n", body.len()));
        client.send(&body);
        assert_eq!(client.answer().status(), 200);
    }
    let seen = origin.seen();
    assert!(seen.len() == 6 && seen.iter().all(|seen| seen.body == body));
}

#[test]
fn an_endpoint_that_says_no_for_good_is_not_asked_again() {
    let origin = Origin::start(|_| {
        vec![Step::Send(b"HTTP/1.1 503 No\r\nX-Envoy-Overloaded: true\r\nContent-Length: 0\r\n\r\n".to_vec())]
    });
    let action = Forward { retry: Some(RetryPolicy { on_5xx: true, ..istio_retries() }.into()), ..forward("origin") };
    let (status, _, line) = ask(gateway(action, &[origin.address]), "/");
    assert_eq!((status, origin.seen().len()), (503, 1));
    assert!(line.starts_with("503 - via_upstream "), "{line}");
}

#[test]
fn a_body_that_is_not_kept_is_not_tried_again() {
    let origin = Origin::start(|_| response("500 No", "no"));
    let action = Forward { retry: Some(RetryPolicy { on_5xx: true, ..istio_retries() }.into()), ..forward("origin") };
    let gateway = gateway(action, &[origin.address]);
    let mut client = Client::connect(gateway.address);
    let body = vec![b'x'; 3_000_000];
    client.send(format!("POST / HTTP/1.1\r\nHost: h.test\r\nContent-Length: {}\r\n\r\n", body.len()));
    client.send(&body);
    assert_eq!(client.answer().status(), 500);
    let seen = origin.seen();
    assert!(seen.len() == 1 && seen[0].body == body);
}

#[test]
fn missing_clusters_and_endpoints_are_told_apart() {
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward("missing")))])];
    let (status, body, line) = ask(Gateway::run(config(hosts, Vec::new())), "/");
    assert_eq!((status, body.as_str()), (503, ""));
    assert!(line.starts_with("503 NC cluster_not_found - \"-\" 0 0 ") && line.contains("\"-\" - - 127."), "{line}");
    let (status, body, line) = ask(gateway(forward("origin"), &[]), "/");
    assert_eq!((status, body.as_str()), (503, "no healthy upstream"));
    assert!(line.starts_with("503 UH no_healthy_upstream - \"-\" 0 19 ") && line.contains("\"-\" origin - "), "{line}");
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let origin = Origin::start(|_| vec![Step::AwaitClose]);
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send("GET / HTTP/1.1\r\nHost: h.test\r\n\r\n");
    origin.await_seen(1);
    drop(client);
    origin.await_closed(1);
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"GET / HTTP/1.1\" 0 DC downstream_remote_disconnect - \"-\" 0 0 "), "{lines:?}");
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let timeout = Duration::from_millis(100);
    let gateway = Gateway::run_with(plain(refused()), |manager| manager.request_headers_timeout = timeout);
    let mut client = Client::connect(gateway.address);
    client.send("GET / HTTP/1.1\r\nHost: h.te");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.header("connection")), (408, Some("close")));
    assert!(client.is_closed());
    let lines = gateway.stop();
    assert!(lines[0].contains(" 408 - request_header_timeout - "), "{lines:?}");
}

#[test]
fn silence_ends_a_request_where_that_is_configured() {
    let origin = Origin::start(|seen| match seen.path() {
        "/mid" => {
            vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()), Step::AwaitClose]
        }
        _ => vec![Step::AwaitClose],
    });
    let gateway =
        Gateway::run_with(plain(origin.address), |manager| manager.stream_idle_timeout = Duration::from_millis(100));
    let mut client = Client::connect(gateway.address);
    let answer = client.get("/up");
    assert_eq!((answer.status(), answer.text().as_str(), answer.header("connection")), (504, "stream timeout", None));
    let answer = client.get("/mid");
    assert!(!answer.is_complete && answer.text() == "abc", "{answer:?}");
    let mut client = Client::connect(gateway.address);
    client.send("POST /down HTTP/1.1\r\nHost: h.test\r\nContent-Length: 10\r\n\r\nabc");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.header("connection")), (408, Some("close")));
    let lines = gateway.stop();
    assert!(lines[0].contains(" 504 SI stream_idle_timeout - \"-\" 0 14 "), "{lines:?}");
    assert!(lines[1].contains(" 200 SI stream_idle_timeout - \"-\" 0 3 "), "{lines:?}");
    assert!(lines[2].contains(" 408 SI stream_idle_timeout - \"-\" 3 14 "), "{lines:?}");
}

#[test]
fn an_endpoint_that_does_not_accept_is_given_up() {
    // Two connections fill the queue of a socket that nobody accepts from; the next one's SYN is dropped.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    full.listen(0).expect("it listens");
    let address = full.local_addr().expect("bound").as_socket().expect("an IP address");
    let fill = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        let _ = socket.connect(&address.into());
        socket
    };
    let _queue: Vec<_> = (0..4).map(|_| fill()).collect();
    let mut slow = cluster("origin");
    slow.connect_timeout = Duration::from_millis(100);
    let hosts =
        vec![virtual_host("*", vec![route("/", Action::Forward(Forward { retry: None, ..forward("origin") }))])];
    let gateway = Gateway::run(config(hosts, vec![(slow, endpoints(&[address]))]));
    let (status, body, line) = ask(gateway, "/");
    assert_eq!((status, body.len()), (503, 91), "{body}");
    let start = "503 UF upstream_reset_before_response_started{connection_timeout} - \"-\" 0 91 ";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn refused_heads_are_logged_as_envoy_logs_them() {
    let gateway = Gateway::run(plain(refused()));
    let requests = [
        ("GET /x HTTP/1.1\r\nHost : h.test\r\n\r\n", "\"- - HTTP/1.1\" 400 DPE http1.invalid_characters - \"-\" 0 11 "),
        ("GET /x HTTP/1.1\r\n\r\n", "\"GET /x HTTP/1.1\" 400 - missing_host_header - \"-\" 0 0 "),
        ("GET /x HTTP/1.0\r\nHost: h.test\r\n\r\n", "\"- - HTTP/1.1\" 426 DPE low_version - \"-\" 0 16 "),
        (
            "OPTIONS * HTTP/1.1\r\nHost: h.test\r\n\r\n",
            "\"OPTIONS * HTTP/1.1\" 404 - absolute_path_rejected - \"-\" 0 0 ",
        ),
        (
            "CONNECT h.test:1 HTTP/1.1\r\nHost: h.test:1\r\n\r\n",
            "\"CONNECT - HTTP/1.1\" 404 NR route_not_found - \"-\" 0 0 ",
        ),
        (
            "GET /x HTTP/1.1\r\nHost: h.test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
            "\"GET /x HTTP/1.1\" 403 - upgrade_failed - \"-\" 0 0 ",
        ),
    ];
    for (request, _) in requests {
        let mut client = Client::connect(gateway.address);
        client.send(request);
        client.answer();
    }
    let mut client = Client::connect(gateway.address);
    client.send("GET /x HTT");
    client.stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert!(client.is_closed(), "nothing can be said to half a request");
    let lines = gateway.stop();
    for ((_, start), line) in requests.iter().zip(&lines) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(lines[6].starts_with("\"- - HTTP/1.1\" 0 DC downstream_remote_disconnect - \"-\" 0 0 "), "{lines:?}");
}

#[test]
fn circuit_breakers_let_as_many_through_as_they_say() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::start(move |_| {
        let mut steps = vec![Step::Until(held.clone())];
        steps.extend(response("200 OK", "ok"));
        steps
    });
    let mut limited = cluster("origin");
    limited.circuit_breakers =
        CircuitBreakers { max_connections: 1, max_pending_requests: 1, ..CircuitBreakers::default() };
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward("origin")))])];
    let gateway = Gateway::run(config(hosts, vec![(limited, endpoints(&[origin.address]))]));
    let (answers, answered) = std::sync::mpsc::channel();
    let ask = || {
        let (mut client, answers) = (Client::connect(gateway.address), answers.clone());
        std::thread::spawn(move || answers.send(client.get("/")))
    };
    ask();
    origin.await_seen(1);
    (0..5).for_each(|_| drop(ask()));
    for _ in 0..4 {
        let answer = answered.recv().expect("an answer");
        assert_eq!((answer.status(), answer.header("x-envoy-overloaded")), (503, Some("true")));
        assert_eq!(answer.text().len(), 81);
    }
    gate.open();
    for _ in 0..2 {
        assert_eq!(answered.recv().expect("an answer").status(), 200);
    }
    assert!(origin.seen().iter().all(|seen| seen.connection == 0));
    let lines = gateway.stop();
    let is_overflow = |line: &&String| line.contains(" 503 UO upstream_reset_before_response_started{overflow} ");
    assert_eq!(lines.iter().filter(is_overflow).count(), 4);
}
