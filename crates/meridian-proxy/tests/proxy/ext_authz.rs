//! External authorization: services over HTTP and gRPC that let requests pass, change them, deny them, or are not there.

mod messages;

use crate::http2::origin as http2;
use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step, response, send};
use crate::support::{cluster, config, endpoints, forward, route, virtual_host};
use ::http::{HeaderMap, HeaderValue};
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::ext_authz::{AuthzService, ExtAuthz, HttpAuthz};
use meridian_ir::{Action, Cluster, Route, StringMatch};
use messages::{CheckRequest, CheckResponse, DeniedHttpResponse, Header, HeaderOption, HttpStatus, OkHttpResponse};
use prost::Message;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn http() -> ExtAuthz {
    let service = AuthzService::Http(HttpAuthz {
        cluster: "authz".into(),
        uri: "http://authz.test:8000".into(),
        path_prefix: "/check".into(),
        allowed_response_headers: None,
    });
    ExtAuthz { service, timeout: Duration::from_secs(5), ..ExtAuthz::default() }
}

fn grpc() -> ExtAuthz {
    let service = AuthzService::Grpc { cluster: "authz".into(), authority: Some("authz.test:9000".into()) };
    ExtAuthz { service, timeout: Duration::from_secs(5), ..ExtAuthz::default() }
}

/// A gateway in front of `origin` that asks the service at `authz`.
fn gateway(authz: ExtAuthz, service: &[SocketAddr], origin: SocketAddr) -> Gateway {
    let guarded = Route { ext_authz: Some(Arc::new(authz)), ..route("/", Action::Forward(forward("origin"))) };
    let open = route("/open", Action::Forward(forward("origin")));
    let clusters = vec![
        (cluster("origin"), endpoints(&[origin])),
        (Cluster { protocol: UpstreamProtocol::Http1, ..cluster("authz") }, endpoints(service)),
    ];
    Gateway::run(config(vec![virtual_host("*", vec![open, guarded])], clusters))
}

#[test]
fn a_service_over_http_lets_pass_and_changes_the_request() {
    let service =
        Origin::start(|_| send("HTTP/1.1 200 OK\r\nX-User: anna\r\nDate: today\r\nContent-Length: 2\r\n\r\nok"));
    let origin = Origin::ok();
    let authz = ExtAuthz { allowed_headers: vec![StringMatch::Exact("X-Token".into())], ..http() };
    let gateway = gateway(authz, &[service.address], origin.address);
    let mut client = Client::connect(gateway.address);
    let fields = "X-Token: t\r\nX-Secret: s\r\nX-User: mallory\r\nAuthorization: Bearer b\r\n";
    client.send(format!("DELETE /a?b=c HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n"));
    assert_eq!(client.answer().status(), 200);
    assert_eq!(client.get("/open").status(), 200);
    let asked = service.seen();
    assert_eq!(asked.len(), 1, "a route without service asks nobody");
    assert!(asked[0].head.starts_with("DELETE /check/a?b=c HTTP/1.1\r\n"), "{}", asked[0].head);
    for (name, value) in
        [("host", "shop.test"), ("x-token", "t"), ("authorization", "Bearer b"), ("content-length", "0")]
    {
        assert_eq!(asked[0].header(name), Some(value), "{}", asked[0].head);
    }
    assert!(asked[0].header("x-secret").is_none() && asked[0].header("x-user").is_none());
    let seen = origin.seen();
    assert_eq!((seen[0].header("x-user"), seen[0].header("date")), (Some("anna"), None));
    assert_eq!(seen[0].header("x-secret"), Some("s"), "the endpoint gets what the client sent");
}

#[test]
fn what_a_service_over_http_says_else_is_for_the_client() {
    let service = Origin::start(|seen| match seen.path() {
        "/check/login" => send("HTTP/1.1 302 Found\r\nLocation: /in\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"),
        _ => send(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nno!",
        ),
    });
    let origin = Origin::ok();
    let gateway = gateway(http(), &[service.address], origin.address);
    let mut client = Client::connect(gateway.address);
    let answer = client.get("/login");
    assert_eq!((answer.status(), answer.header("location")), (302, Some("/in")));
    assert_eq!(answer.header("set-cookie"), Some("a=b"));
    let answer = client.get("/");
    assert_eq!((answer.status(), answer.text().as_str()), (401, "no!"));
    assert_eq!(answer.header("www-authenticate"), Some("Basic"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert!(origin.seen().is_empty(), "nothing came through");
    let lines = gateway.stop();
    assert!(lines[1].contains("401 UAEX ext_authz_denied"), "{}", lines[1]);
}

#[test]
fn a_service_that_cannot_be_asked_refuses_unless_the_route_says_otherwise() {
    let origin = Origin::ok();
    let broken = Origin::start(|_| response("500 Broken", "x"));
    let silent = Origin::start(|_| vec![Step::AwaitClose]);
    let closing = Origin::start(|_| vec![Step::Close]);
    let nonsense = Origin::start(|_| send("SSH-2.0-x\r\n\r\n"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let quick = ExtAuthz { timeout: Duration::from_millis(100), ..http() };
    for service in [&[broken.address][..], &[silent.address], &[closing.address], &[nonsense.address], &[nobody], &[]] {
        let strict = gateway(quick.clone(), service, origin.address);
        let answer = Client::connect(strict.address).get("/");
        assert_eq!((answer.status(), answer.text().as_str()), (403, ""), "{service:?}");
        assert_eq!(Client::connect(strict.address).get("/open").status(), 200);
        let lines = strict.stop();
        assert!(lines[0].contains("403 UAEX ext_authz_error"), "{}", lines[0]);
        let lenient = ExtAuthz { failure_mode_allow: true, ..quick.clone() };
        assert_eq!(Client::connect(gateway(lenient, service, origin.address).address).get("/").status(), 200);
    }
    let other = ExtAuthz { status_on_error: 503, ..quick };
    assert_eq!(Client::connect(gateway(other, &[], origin.address).address).get("/").status(), 503);
}

#[test]
fn the_service_gets_the_beginning_of_the_body_and_the_endpoint_all_of_it() {
    let service = Origin::ok();
    let origin = Origin::ok();
    let gateway = gateway(ExtAuthz { max_body_bytes: 1000, ..http() }, &[service.address], origin.address);
    let body: Vec<u8> = (0..400_000u32).map(|number| b'a' + (number % 26) as u8).collect();
    for (length, is_chunked) in [(10, false), (10, true), (1000, false), (400_000, false), (400_000, true)] {
        let mut client = Client::connect(gateway.address);
        let body = &body[..length];
        if is_chunked {
            client.send("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(777) {
                client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
            }
            client.send("0\r\n\r\n");
        } else {
            client.send(format!("POST /l HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n"));
            client.send(body);
        }
        assert_eq!(client.answer().status(), 200);
        let (asked, seen) = (service.seen().pop().expect("asked"), origin.seen().pop().expect("forwarded"));
        assert_eq!(asked.body, &body[..length.min(1000)]);
        assert_eq!(asked.header("content-length"), Some(length.min(1000).to_string().as_str()));
        let is_partial = (length > 1000).to_string();
        assert_eq!(asked.header("x-envoy-auth-partial-body"), Some(is_partial.as_str()), "{length} {is_chunked}");
        assert!(seen.body == body, "{length} bytes, {} came", seen.body.len());
    }
    // A client that waits to be told that its body is wanted.
    let mut client = Client::connect(gateway.address);
    client.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    assert_eq!(client.answer().status(), 200);
    assert_eq!(service.seen().pop().expect("asked").body, b"body");
    assert_eq!(origin.seen().pop().expect("forwarded").body, b"body");
}

fn answering(answer: impl Fn(&CheckRequest) -> CheckResponse + Send + Sync + 'static) -> http2::Origin {
    http2::Origin::start(move |seen| {
        assert_eq!(seen.uri.path(), "/envoy.service.auth.v3.Authorization/Check");
        assert_eq!(seen.uri.authority().map(ToString::to_string).as_deref(), Some("authz.test:9000"));
        assert_eq!(seen.headers["content-type"], "application/grpc");
        let request = CheckRequest::decode(&seen.body[5..]).expect("a CheckRequest");
        let message = answer(&request).encode_to_vec();
        let length = u32::try_from(message.len()).expect("short").to_be_bytes();
        let ok = HeaderMap::from_iter([("grpc-status".parse().expect("a name"), HeaderValue::from_static("0"))]);
        http2::Deed::Answer {
            status: 200,
            headers: HeaderMap::new(),
            body: [&[0], &length[..], &message].concat(),
            trailers: Some(Box::new(ok)),
        }
    })
}

fn option(key: &str, value: &str, append: Option<bool>) -> HeaderOption {
    HeaderOption { header: Some(Header { key: key.into(), value: value.into() }), append }
}

#[test]
fn a_service_over_grpc_is_told_of_the_request_and_changes_it() {
    let service = answering(|request| {
        let attributes = request.attributes.as_ref().expect("attributes");
        let http = attributes.request.as_ref().and_then(|request| request.http.as_ref()).expect("a request");
        assert_eq!((http.method.as_str(), http.path.as_str(), http.host.as_str()), ("PUT", "/a?b=c", "shop.test"));
        assert_eq!((http.size, &http.raw_body[..], http.protocol.as_str()), (6, &b"bod"[..], "HTTP/1.1"));
        assert_eq!((&http.headers[":path"][..], &http.headers["x-token"][..]), ("/a?b=c", "t"));
        let source = attributes.source.as_ref().and_then(|peer| peer.address.as_ref()).expect("a source");
        assert_eq!(source.socket_address.as_ref().expect("an address").address, "127.0.0.1");
        let ok = OkHttpResponse {
            headers: vec![
                option("X-User", "anna", None),
                option("x-group", "b", Some(true)),
                option("host", "evil", None),
                option("x-bad", "a\r\nx-worse: b", None),
            ],
            headers_to_remove: vec!["x-token".into()],
            response_headers_to_add: vec![option("x-checked", "yes", None)],
        };
        CheckResponse { status: None, denied_response: None, ok_response: Some(ok) }
    });
    let origin = Origin::ok();
    let gateway = gateway(ExtAuthz { max_body_bytes: 3, ..grpc() }, &[service.address], origin.address);
    for _ in 0..3 {
        let mut client = Client::connect(gateway.address);
        let fields = "X-Token: t\r\nX-User: mallory\r\nX-Group: a\r\nContent-Length: 6\r\n";
        client.send(format!("PUT /a?b=c HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\nbodies"));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.header("x-checked")), (200, Some("yes")));
        let seen = origin.seen().pop().expect("forwarded");
        let head = seen.head.to_lowercase();
        assert!(head.contains("x-user: anna") && !head.contains("mallory"), "{head}");
        assert!(head.contains("x-group: a") && head.contains("x-group: b"), "{head}");
        assert!(!head.contains("x-token") && !head.contains("evil") && !head.contains("x-worse"), "{head}");
        assert_eq!(seen.body, b"bodies");
    }
    assert_eq!(service.seen().last().expect("asked").connection, 0, "one connection for all");
}

#[test]
fn a_service_over_grpc_denies_as_it_likes() {
    let service = answering(|request| {
        let http = request.attributes.as_ref().and_then(|all| all.request.as_ref()).and_then(|one| one.http.as_ref());
        let denied = DeniedHttpResponse {
            status: Some(HttpStatus { code: 429 }),
            headers: vec![option("retry-after", "7", None)],
            body: "slow down".into(),
        };
        let says = http.is_some_and(|http| http.path == "/says");
        CheckResponse {
            status: Some(messages::Status { code: 7 }),
            denied_response: says.then_some(denied),
            ok_response: None,
        }
    });
    let origin = Origin::ok();
    let gateway = gateway(grpc(), &[service.address], origin.address);
    let mut client = Client::connect(gateway.address);
    let answer = client.get("/says");
    assert_eq!((answer.status(), answer.header("retry-after")), (429, Some("7")));
    assert_eq!(answer.text(), "slow down");
    assert_eq!(client.get("/").status(), 403);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.header("grpc-status")), (200, Some("7")), "PERMISSION_DENIED");
    assert!(origin.seen().is_empty());
}

#[test]
fn a_grpc_service_that_fails_lets_nothing_pass() {
    let origin = Origin::ok();
    let status =
        |code| HeaderMap::from_iter([("grpc-status".parse().expect("a name"), HeaderValue::from_static(code))]);
    let ended = |code, body: &[u8]| {
        let (body, trailers) = (body.to_vec(), Some(Box::new(status(code))));
        http2::Deed::Answer { status: 200, headers: HeaderMap::new(), body, trailers }
    };
    for deed in [
        ended("14", b""),
        ended("0", b""),
        ended("0", &[1, 0, 0, 0, 0]),
        ended("0", &[0, 0, 0, 0, 9, 1]),
        ended("0", &[0, 0, 0, 0, 2, 0xff, 0xff]),
        http2::Deed::ok("x"),
        http2::Deed::Reset(h2::Reason::INTERNAL_ERROR),
    ] {
        let told = format!("{deed:?}");
        let service = http2::Origin::start(move |_| deed.clone());
        let gateway = gateway(grpc(), &[service.address], origin.address);
        assert_eq!(Client::connect(gateway.address).get("/").status(), 403, "{told}");
    }
    assert!(origin.seen().is_empty());
}
