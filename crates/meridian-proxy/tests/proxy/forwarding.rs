//! Requests through a running gateway: what the origin gets, what the client gets, what the log says.

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step, response, send};
use crate::support::{cluster, config, endpoints, forward, plain, route, virtual_host};
use meridian_ir::Action;
use meridian_ir::format::Format;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::route::{DirectResponse, PathRewrite, Redirect};
use std::time::Duration;

/// A UUID of version 4.
fn is_request_id(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.split('-').all(is_hex) && text.as_bytes()[14] == b'4'
}

#[test]
fn heads_are_those_of_an_istio_gateway() {
    let origin = Origin::start(|_| send("HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-Up: A\r\nServer: own\r\n\r\nok"));
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send(
        "GET /x?y HTTP/1.1\r\nHost: h.test\r\nUser-Agent: t\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\n\
         X-Request-Id: mine\r\nX-Envoy-Internal: true\r\nX-Envoy-Retry-On: 5xx\r\nX-Envoy-Foo: kept\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Client-Cert: forged\r\nTE: trailers, gzip\r\nKeep-Alive: 1\r\n\r\n",
    );
    let answer = client.answer();
    let seen = origin.seen().remove(0);
    let id = seen.header("x-request-id").expect("a request id").to_owned();
    assert!(is_request_id(&id), "{id}");
    assert_eq!(
        seen.head,
        format!(
            "GET /x?y HTTP/1.1\r\nhost: h.test\r\nuser-agent: t\r\nx-envoy-foo: kept\r\nte: trailers\r\n\
             x-forwarded-for: 1.2.3.4,5.6.7.8,127.0.0.1\r\nx-forwarded-proto: http\r\n\
             x-envoy-external-address: 127.0.0.1\r\nx-request-id: {id}\r\nx-envoy-attempt-count: 1"
        )
    );
    let date = answer.header("date").expect("a date").to_owned();
    let time = answer.header("x-envoy-upstream-service-time").expect("a service time").to_owned();
    assert_eq!(
        answer.head,
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-up: A\r\nx-envoy-upstream-service-time: {time}\r\n\
             server: istio-envoy\r\ndate: {date}"
        )
    );
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    let line = gateway.stop().remove(0);
    let start = "\"GET /x?y HTTP/1.1\" 200 - via_upstream - \"-\" 0 2 ";
    assert!(line.starts_with(start), "{line}");
    let end = format!(
        " {time} \"1.2.3.4,5.6.7.8,127.0.0.1\" \"t\" \"{id}\" \"h.test\" \"{}\" origin 127.0.0.1:",
        origin.address
    );
    assert!(line.contains(&end), "{line}");
}

#[test]
fn connections_are_used_again_on_both_sides() {
    let origin = Origin::ok();
    let gateway = Gateway::run(plain(origin.address));
    let mut first = Client::connect(gateway.address);
    for _ in 0..5 {
        assert_eq!(first.get("/a").text(), "ok");
    }
    let mut second = Client::connect(gateway.address);
    second.send("GET /b HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n");
    assert_eq!(second.answer().header("connection"), Some("close"));
    assert!(second.is_closed());
    assert!(origin.seen().iter().all(|seen| seen.connection == 0), "one connection serves one after another");
    assert_eq!(gateway.stop().len(), 6);
}

#[test]
fn connections_that_endpoints_have_closed_or_spoken_on_are_not_used_again() {
    let origin = Origin::start(|seen| {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        match seen.path() {
            "/close" => vec![Step::Send(ok.into()), Step::Close],
            "/speak" => send(format!("{ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")),
            "/last" => send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
            _ => send(ok),
        }
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    for path in ["/close", "/speak", "/last", "/stay"] {
        assert_eq!(client.get(path).text(), "ok", "{path}");
        origin.await_closed(1);
        assert_eq!(client.get("/next").text(), "ok", "after {path}");
    }
    let connections: Vec<usize> = origin.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1, 1, 2, 2, 3, 3, 3]);
    drop(gateway);
    let mut limited = cluster("origin");
    limited.max_requests_per_connection = 2;
    let hosts = vec![virtual_host("*", vec![route("/", Action::Forward(forward("origin")))])];
    let gateway = Gateway::run(config(hosts, vec![(limited, endpoints(&[origin.address]))]));
    let mut client = Client::connect(gateway.address);
    for _ in 0..5 {
        client.get("/stay");
    }
    let connections: Vec<usize> = origin.seen()[8..].iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [4, 4, 5, 5, 6]);
}

#[test]
fn bodies_arrive_whole_both_ways() {
    let body: Vec<u8> = (0..3_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let copy = body.clone();
    let origin = Origin::start(move |seen| {
        if seen.path() == "/chunks" {
            let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in copy.chunks(70_001) {
                bytes.extend(format!("{:x};ext=1\r\n", chunk.len()).bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nTrailer: dropped\r\n\r\n");
            return send(bytes);
        }
        let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", copy.len()).into_bytes();
        bytes.extend_from_slice(&copy);
        send(bytes)
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    let mut head = format!("POST /length HTTP/1.1\r\nHost: h.test\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(&head);
    client.send(&body);
    assert!(client.answer().body == body);
    head = "POST /chunks HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n".into();
    client.send(&head);
    for chunk in body.chunks(12_345) {
        client.send(format!("{:X}\r\n", chunk.len()));
        client.send(chunk);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    let answer = client.answer();
    assert!(answer.is_complete && answer.body == body);
    assert!(origin.seen().iter().all(|seen| seen.body == body && seen.connection == 0));
    let lines = gateway.stop();
    assert!(lines.iter().all(|line| line.contains(" 200 - via_upstream - \"-\" 3000000 3000000 ")), "{lines:?}");
}

#[test]
fn a_body_that_ends_with_its_connection_becomes_chunks_unless_it_was_reset() {
    let origin = Origin::start(|seen| {
        let end = if seen.path() == "/reset" { Step::Reset } else { Step::Close };
        let head = "HTTP/1.1 200 OK\r\n\r\nhello".as_bytes().to_vec();
        vec![Step::Send(head), Step::Sleep(Duration::from_millis(50)), end]
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    let answer = client.get("/close");
    assert_eq!((answer.text().as_str(), answer.is_complete), ("hello", true));
    let answer = client.get("/reset");
    assert!(!answer.is_complete, "{answer:?}");
    let lines = gateway.stop();
    assert!(
        lines[1].starts_with(
            "\"GET /reset HTTP/1.1\" 200 UC upstream_reset_after_response_started{connection_termination} "
        ),
        "{lines:?}"
    );
}

#[test]
fn heads_without_bodies_keep_the_connection() {
    let origin = Origin::start(|seen| match seen.path() {
        "/204" => send("HTTP/1.1 204 No Content\r\n\r\n"),
        "/304" => send("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"a\"\r\n\r\n"),
        _ => send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send("HEAD /head HTTP/1.1\r\nHost: h.test\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").header("content-length"), Some("7"));
    assert_eq!(client.get("/204").status(), 204);
    assert_eq!(client.get("/304").header("content-length"), Some("7"));
    assert_eq!(client.get("/204").header("content-length"), None);
    assert!(origin.seen().iter().all(|seen| seen.connection == 0));
}

#[test]
fn interim_responses_and_expect_pass_through() {
    let origin = Origin::start(|_| {
        send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send("POST /x HTTP/1.1\r\nHost: h.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 100);
    client.send("hello");
    let hints = client.answer();
    assert_eq!((hints.status(), hints.header("link")), (103, Some("</a>")));
    assert_eq!(client.answer().text(), "ok");
    assert_eq!(origin.seen()[0].body, b"hello");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start(|seen| response("200 OK", seen.path()));
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    let requests = (0..50).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: h.test\r\n\r\n"));
    client.send(requests.collect::<String>());
    for number in 0..50 {
        assert_eq!(client.answer().text(), format!("/{number}"));
    }
}

#[test]
fn a_websocket_is_a_tunnel_after_101_only() {
    const OFFER: &str = "GET /ws HTTP/1.1\r\nHost: h.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let origin = Origin::start(|seen| {
        assert_eq!(seen.header("upgrade"), Some("websocket"));
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi";
        vec![Step::Send(switch.into()), Step::Echo]
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send(OFFER);
    let answer = client.answer();
    assert_eq!((answer.status(), answer.header("upgrade")), (101, Some("websocket")));
    assert_eq!(client.bytes(2), b"hi");
    client.send("over and out");
    assert_eq!(client.bytes(12), b"over and out");
    client.stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert!(client.is_closed());
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"GET /ws HTTP/1.1\" 101 - via_upstream - \"-\" 12 14 "), "{lines:?}");
}

#[test]
fn an_answer_before_the_end_of_the_request_is_delivered_and_ends_the_connection() {
    let origin = Origin::start(|_| response("413 Content Too Large", "no"));
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send("POST /early HTTP/1.1\r\nHost: h.test\r\nContent-Length: 1000000\r\n\r\nbeginning");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text().as_str()), (413, "no"));
    assert!(client.is_closed());
    let mut client = Client::connect(gateway.address);
    client.get("/early/next");
    let connections: Vec<usize> = origin.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1], "the endpoint's connection has a body that was not read");
}

#[test]
fn routes_answer_themselves() {
    let direct = Action::Direct(DirectResponse { status: 200, body: b"hello".to_vec() });
    let empty = Action::Direct(DirectResponse { status: 404, body: Vec::new() });
    let redirect = Redirect { status: 301, scheme: Some("https".into()), host: None, port: None, path: None };
    let mut tls = virtual_host("tls.test", Vec::new());
    tls.require_tls = true;
    let routes = vec![route("/direct", direct), route("/empty", empty), route("/to", Action::Redirect(redirect))];
    let gateway = Gateway::run(config(vec![virtual_host("h.test", routes), tls], Vec::new()));
    let mut client = Client::connect(gateway.address);
    let date = client.get("/direct").header("date").expect("a date").to_owned();
    let heads = [
        ("/direct", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\nDATE\r\nserver: istio-envoy"),
        ("/empty", "HTTP/1.1 404 Not Found\r\nDATE\r\nserver: istio-envoy\r\ncontent-length: 0"),
        ("/none", "HTTP/1.1 404 Not Found\r\nDATE\r\nserver: istio-envoy\r\ncontent-length: 0"),
        (
            "/to?q",
            "HTTP/1.1 301 Moved Permanently\r\nlocation: https://h.test/to?q\r\nDATE\r\nserver: istio-envoy\r\n\
             content-length: 0",
        ),
    ];
    for (path, head) in heads {
        let answer = client.get(path);
        let got = answer.head.replace(answer.header("date").expect("a date"), "DATE").replace("date: DATE", "DATE");
        assert_eq!(got, head, "{path} (about {date})");
    }
    client.send("GET /a HTTP/1.1\r\nHost: tls.test:80\r\n\r\n");
    assert_eq!(client.answer().header("location"), Some("https://tls.test:80/a"));
    client.send("POST /none HTTP/1.1\r\nHost: other.test\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.answer().header("connection"), None, "a body that is there does not cost the connection");
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"GET /direct HTTP/1.1\" 200 - direct_response - \"-\" 0 5 "), "{lines:?}");
    assert!(lines[3].starts_with("\"GET /none HTTP/1.1\" 404 NR route_not_found - \"-\" 0 0 "), "{lines:?}");
}

#[test]
fn edits_and_rewrites_happen_in_envoys_order() {
    fn write(name: &str, value: &str, action: AppendAction) -> HeaderValue {
        HeaderValue { name: name.into(), value: Format::parse(value).expect("a format"), action }
    }
    let mut action = forward("origin");
    action.path_rewrite = Some(Box::new(PathRewrite::Prefix("/new".into())));
    action.host_rewrite = Some("other.test".into());
    action.clusters[0].request_headers.write = vec![write("x-who", "destination", AppendAction::Append)];
    action.clusters[0].response_headers.write = vec![write("x-up", "destination", AppendAction::Append)];
    let mut edited = route("/old", Action::Forward(action));
    edited.request_headers.remove = vec!["x-gone".into()];
    edited.request_headers.write = vec![
        write("x-who", "route", AppendAction::Append),
        write("x-set", "%REQ(:PATH)% %REQ(missing)%", AppendAction::Overwrite),
    ];
    edited.response_headers.write =
        vec![write("x-up", "route", AppendAction::Append), write("server", "mine", AppendAction::Overwrite)];
    let origin = Origin::start(|_| send("HTTP/1.1 200 OK\r\nX-Up: origin\r\nContent-Length: 0\r\n\r\n"));
    let clusters = vec![(cluster("origin"), endpoints(&[origin.address]))];
    let gateway = Gateway::run(config(vec![virtual_host("h.test", vec![edited])], clusters));
    let mut client = Client::connect(gateway.address);
    client.send("GET /old/a?q HTTP/1.1\r\nHost: h.test\r\nX-Who: client\r\nX-Set: 1\r\nX-Gone: 1\r\n\r\n");
    let answer = client.answer();
    let seen = origin.seen().remove(0);
    let all = |head: &str, name: &str| {
        let prefix = format!("{name}: ");
        head.lines().filter_map(|line| line.strip_prefix(&prefix)).collect::<Vec<_>>().join(", ")
    };
    assert!(seen.head.starts_with("GET /new/a?q HTTP/1.1\r\nhost: other.test\r\n"), "{}", seen.head);
    assert_eq!(all(&seen.head, "x-who"), "client, route, destination");
    assert_eq!(all(&seen.head, "x-set"), "/old/a?q ");
    assert_eq!(all(&seen.head, "x-gone"), "");
    assert_eq!(all(&seen.head, "x-envoy-original-path"), "/old/a?q");
    assert_eq!(all(&seen.head, "x-envoy-original-host"), "h.test");
    assert_eq!(all(&answer.head, "x-up"), "origin, destination, route");
    assert_eq!(all(&answer.head, "server"), "istio-envoy");
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"GET /old/a?q HTTP/1.1\" 200 ") && lines[0].contains("\"other.test\""), "{lines:?}");
}

#[test]
fn old_clients_are_told_to_upgrade_unless_they_are_welcome() {
    let origin = Origin::start(|seen| match seen.path() {
        "/chunks" => send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        _ => response("200 OK", "ok"),
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut client = Client::connect(gateway.address);
    client.send("GET / HTTP/1.0\r\nHost: h.test\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        (answer.status(), answer.text().as_str(), answer.header("connection")),
        (426, "Upgrade Required", Some("close"))
    );
    assert!(client.is_closed());
    let gateway = Gateway::run_with(plain(origin.address), |manager| manager.accept_http_10 = true);
    let mut client = Client::connect(gateway.address);
    client.send("GET / HTTP/1.0\r\nHost: h.test\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert!(answer.head.starts_with("HTTP/1.0 200 OK\r\n"), "{}", answer.head);
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("ok", Some("keep-alive")));
    client.send("GET /chunks HTTP/1.0\r\nHost: h.test\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("ok", Some("close")));
    assert_eq!(answer.header("transfer-encoding"), None, "HTTP/1.0 has no chunks");
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"GET / HTTP/1.0\" 200 - via_upstream "), "{lines:?}");
}

#[test]
fn a_slow_reader_holds_the_endpoint_back_and_gets_everything() {
    let body = vec![b'x'; 20_000_000];
    let copy = body.clone();
    let origin = Origin::start(move |_| {
        let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", copy.len()).into_bytes();
        bytes.extend_from_slice(&copy);
        send(bytes)
    });
    let gateway = Gateway::run(plain(origin.address));
    let mut slow = Client::connect(gateway.address);
    slow.send("GET /slow HTTP/1.1\r\nHost: h.test\r\n\r\n");
    // Nobody reads; the same worker serves others meanwhile.
    origin.await_seen(1);
    assert!(Client::connect(gateway.address).get("/fast").body == body);
    assert!(slow.answer().body == body);
}
