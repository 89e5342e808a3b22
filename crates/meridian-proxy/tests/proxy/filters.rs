//! Faults, cross-origin requests and answers to gRPC clients, as Envoy has them between manager and router.

use crate::support::client::{Answer, Client};
use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, response, send};
use crate::support::{cluster, config, endpoints, forward, route, virtual_host};
use meridian_ir::cors::Cors;
use meridian_ir::fault::{AbortStatus, Fault, FaultAbort, FaultDelay};
use meridian_ir::format::Format;
use meridian_ir::fraction::Fraction;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::route::{DirectResponse, Forward};
use meridian_ir::{Action, Route, StringMatch};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(150);

fn gateway(routes: Vec<Route>, origin: SocketAddr) -> Gateway {
    Gateway::run(config(vec![virtual_host("*", routes)], vec![(cluster("origin"), endpoints(&[origin]))]))
}

fn delay() -> Option<FaultDelay> {
    Some(FaultDelay { duration: DELAY, fraction: Fraction::ALL })
}

fn abort(status: AbortStatus) -> Option<FaultAbort> {
    Some(FaultAbort { status, fraction: Fraction::ALL })
}

fn set(name: &str, value: &str) -> HeaderValue {
    HeaderValue { name: name.into(), value: Format::literal(value), action: AppendAction::Overwrite }
}

fn faulty(prefix: &str, fault: Fault) -> Route {
    let forward = Forward { timeout: Some(Duration::from_millis(100)), ..forward("origin") };
    let mut route = route(prefix, Action::Forward(forward));
    route.fault = Some(Arc::new(fault));
    route.response_headers.write = vec![set("x-route", "yes")];
    route
}

#[test]
fn faults_delay_and_abort_as_envoys_do() {
    let origin = Origin::ok();
    let routes = vec![
        faulty("/abort", Fault { abort: abort(AbortStatus::Http(418)), delay: None }),
        faulty("/delay", Fault { abort: None, delay: delay() }),
        faulty("/both", Fault { abort: abort(AbortStatus::Http(555)), delay: delay() }),
        faulty("/grpc", Fault { abort: abort(AbortStatus::Grpc(14)), delay: None }),
        faulty(
            "/never",
            Fault {
                abort: Some(FaultAbort { status: AbortStatus::Http(500), fraction: Fraction::from_percent(0.0) }),
                delay: None,
            },
        ),
    ];
    let gateway = gateway(routes, origin.address);
    let mut client = Client::connect(gateway.address);
    let aborted = client.get("/abort");
    assert_eq!((aborted.status(), aborted.text().as_str()), (418, "fault filter abort"));
    assert_eq!((aborted.header("content-type"), aborted.header("x-route")), (Some("text/plain"), Some("yes")));
    assert_eq!(aborted.header("server"), Some("istio-envoy"));
    let began = Instant::now();
    let delayed = client.get("/delay");
    assert_eq!(delayed.status(), 200, "the route's timeout does not count the delay");
    assert!(began.elapsed() >= DELAY);
    let time: u64 = delayed.header("x-envoy-upstream-service-time").expect("a time").parse().expect("a number");
    assert!(u128::from(time) < DELAY.as_millis(), "the endpoint did not take {time} ms");
    let began = Instant::now();
    assert_eq!(client.get("/both").status(), 555);
    assert!(began.elapsed() >= DELAY);
    let plain = client.get("/grpc");
    assert_eq!((plain.status(), plain.text().as_str()), (200, "fault filter abort"));
    assert_eq!(plain.header("grpc-status"), None);
    client.send("POST /grpc HTTP/1.1\r\nHost: h.test\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");
    let grpc = client.answer();
    assert_eq!((grpc.status(), grpc.text().as_str()), (200, ""));
    assert_eq!(grpc.header("content-type"), Some("application/grpc"));
    assert_eq!((grpc.header("grpc-status"), grpc.header("grpc-message")), (Some("14"), Some("fault filter abort")));
    assert_eq!(client.get("/never").status(), 200);
    drop(client);
    assert_eq!(origin.seen().len(), 2, "aborted requests reach nobody");
    let starts: Vec<String> =
        gateway.stop().iter().map(|line| line.split('"').nth(2).unwrap_or_default().trim().to_owned()).collect();
    assert_eq!(
        starts,
        [
            "418 FI fault_filter_abort -",
            "200 DI via_upstream -",
            "555 DI,FI fault_filter_abort -",
            "200 FI fault_filter_abort -",
            "200 FI fault_filter_abort -",
            "200 - via_upstream -",
        ]
    );
}

#[test]
fn a_client_that_leaves_during_a_delay_is_logged_with_both() {
    let origin = Origin::ok();
    let long = FaultDelay { duration: Duration::from_secs(60), fraction: Fraction::ALL };
    let gateway = gateway(vec![faulty("/", Fault { delay: Some(long), abort: None })], origin.address);
    let mut client = Client::connect(gateway.address);
    client.send("GET /left HTTP/1.1\r\nHost: h.test\r\n\r\n");
    client.stream.shutdown(std::net::Shutdown::Write).expect("a connection");
    assert!(client.is_closed());
    let line = gateway.stop().remove(0);
    assert!(line.starts_with("\"GET /left HTTP/1.1\" 0 DI,DC downstream_remote_disconnect"), "{line}");
    assert!(origin.seen().is_empty());
}

fn shared_with(origin: &str) -> Cors {
    Cors {
        allow_origins: vec![StringMatch::Exact(origin.into())],
        allow_methods: Some("GET,PUT".into()),
        allow_headers: Some("*".into()),
        expose_headers: Some("x-a,x-b".into()),
        max_age: Some("600".into()),
        allow_credentials: true,
        forward_unmatched_preflights: true,
    }
}

fn ask(client: &mut Client, method: &str, path: &str, fields: &str) -> Answer {
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: h.test\r\n{fields}\r\n"));
    client.answer()
}

#[test]
fn cross_origin_requests_are_answered_as_by_envoy() {
    const PREFLIGHT: &str = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-q\r\n";
    let origin = Origin::start(|seen| match seen.path() {
        "/own" => send("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok"),
        _ => response("200 OK", "ok"),
    });
    let with = |prefix: &str, cors: Cors| {
        let mut route = route(prefix, Action::Forward(forward("origin")));
        route.cors = Some(Arc::new(cors));
        route.response_headers.write = vec![set("x-route", "yes")];
        route
    };
    let strict = Cors { forward_unmatched_preflights: false, ..shared_with("https://a.test") };
    let mut direct = route("/direct", Action::Direct(DirectResponse { status: 200, body: b"own".to_vec() }));
    direct.cors = Some(Arc::new(shared_with("https://a.test")));
    let routes = vec![direct, with("/strict", strict), with("/", shared_with("https://a.test"))];
    let gateway = gateway(routes, origin.address);
    let mut client = Client::connect(gateway.address);
    let of = |origin: &str, more: &str| format!("Origin: {origin}\r\n{more}");
    let (good, bad) = ("https://a.test", "https://A.test");

    let preflight = ask(&mut client, "OPTIONS", "/x", &of(good, PREFLIGHT));
    let date = preflight.header("date").expect("a date");
    assert_eq!(
        preflight.head,
        format!(
            "HTTP/1.1 200 OK\r\naccess-control-allow-origin: https://a.test\r\naccess-control-allow-credentials: true\r\n\
             access-control-allow-methods: GET,PUT\r\naccess-control-allow-headers: x-q\r\naccess-control-max-age: 600\r\n\
             access-control-expose-headers: x-a,x-b\r\ndate: {date}\r\nserver: istio-envoy\r\ncontent-length: 0"
        )
    );
    assert!(origin.seen().is_empty(), "a preflight goes no further");

    for (method, path, fields, allowed, text) in [
        ("OPTIONS", "/x", of(bad, PREFLIGHT), None, "ok"),
        ("OPTIONS", "/x", of(good, ""), Some(good), "ok"),
        ("OPTIONS", "/strict", of(bad, PREFLIGHT), None, ""),
        ("GET", "/own", of(good, ""), Some(good), "ok"),
        ("GET", "/own", of(bad, ""), Some("*"), "ok"),
        ("GET", "/x", String::new(), None, "ok"),
        ("GET", "/direct", of(good, ""), None, "own"),
    ] {
        let answer = ask(&mut client, method, path, &fields);
        let what = format!("{method} {path} {fields}: {}", answer.head);
        assert_eq!(answer.status(), 200, "{what}");
        assert_eq!((answer.header("access-control-allow-origin"), answer.text().as_str()), (allowed, text), "{what}");
        let is_allowed = allowed == Some(good);
        assert_eq!(answer.header("access-control-expose-headers"), is_allowed.then_some("x-a,x-b"), "{what}");
        assert_eq!(answer.header("access-control-allow-methods"), None, "{what}");
        assert_eq!(
            answer.head.matches("access-control-allow-origin").count(),
            usize::from(allowed.is_some()),
            "{what}"
        );
    }
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"OPTIONS /x HTTP/1.1\" 200 - cors_response - \"-\" 0 0 "), "{}", lines[0]);
    assert!(lines[3].starts_with("\"OPTIONS /strict HTTP/1.1\" 200 - cors_response "), "{}", lines[3]);
}

#[test]
fn answers_of_our_own_are_edited_and_grpc_clients_understand_them() {
    let mut gone = forward("origin");
    gone.clusters[0].cluster = "gone".into();
    gone.clusters[0].response_headers.write = vec![set("x-destination", "yes"), set("x-route", "destination")];
    let mut empty = forward("empty");
    empty.clusters[0].response_headers.write = vec![set("x-destination", "yes"), set("x-route", "destination")];
    let routes = [("/gone", gone), ("/empty", empty)].map(|(prefix, forward)| {
        let mut route = route(prefix, Action::Forward(forward));
        route.response_headers.write = vec![set("x-route", "yes")];
        route.cors = Some(Arc::new(shared_with("https://a.test")));
        route
    });
    let clusters = vec![(cluster("empty"), endpoints(&[]))];
    let gateway = Gateway::run(config(vec![virtual_host("*", routes.into())], clusters));
    let mut client = Client::connect(gateway.address);
    let answer = ask(&mut client, "GET", "/empty", "Origin: https://a.test\r\n");
    assert_eq!((answer.status(), answer.text().as_str()), (503, "no healthy upstream"));
    assert_eq!((answer.header("x-destination"), answer.header("x-route")), (Some("yes"), Some("yes")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.test"));
    let answer = ask(&mut client, "GET", "/gone", "");
    assert_eq!((answer.status(), answer.header("x-route")), (503, Some("yes")));
    assert_eq!(answer.header("x-destination"), Some("yes"));
    for (path, status, message) in
        [("/empty", "14", Some("no healthy upstream")), ("/gone", "14", None), ("/none", "12", None)]
    {
        let answer = ask(&mut client, "POST", path, "Content-Type: application/grpc+proto\r\nContent-Length: 0\r\n");
        assert_eq!((answer.status(), answer.header("grpc-status")), (200, Some(status)), "{path}");
        assert_eq!(answer.header("grpc-message"), message, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/grpc"), "{path}");
    }
}
