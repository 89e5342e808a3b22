//! What VirtualServices and DestinationRules ask for, from `kubectl apply` to the answer.

use crate::support::{Answer, Backend, Meridian, connect, eventually, loopback};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};

const HOST: &str = "shop.test";
const RULES: &str = "/apis/networking.istio.io/v1/namespaces/default/destinationrules";

/// A Gateway, a VirtualService `shop` with these rules, and a service `shop.test` with these endpoints.
fn objects(http: &str, endpoints: &[IpAddr]) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(|ip| format!("{{address: {ip}}}")).collect();
    format!(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: shop}}
spec:
  hosts: [shop.test]
  ports: [{{number: 8000, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop}}
spec:
  hosts: [shop.test]
  gateways: [edge]
  http: {http}
",
        endpoints.join(", ")
    )
}

fn destination_rule(policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: shop}}\n\
         spec: {{host: shop.test, trafficPolicy: {{{policy}}}}}\n"
    )
}

/// A request with more header lines.
fn send(meridian: &Meridian, method: &str, path: &str, headers: &str) -> Answer {
    let mut connection = connect(meridian.gateway());
    write!(connection, "{method} {path} HTTP/1.1\r\nhost: {HOST}\r\n{headers}connection: close\r\n\r\n").unwrap();
    Answer::read(&mut connection)
}

/// How many requests for `path` a backend has had.
fn seen(backend: IpAddr, path: &str) -> usize {
    let mut connection = connect(SocketAddr::new(backend, 8000));
    write!(connection, "GET /_requests HTTP/1.1\r\nhost: backend\r\nconnection: close\r\n\r\n").unwrap();
    Answer::read(&mut connection).text().matches(path).count()
}

#[test]
fn faults_preflights_and_delegates_answer_as_they_are_written() {
    let meridian = Meridian::start(&[]);
    let (backend, mirror) = (Backend::start(), Backend::start());
    meridian.applied(&mirror.service_entry());
    let rules = "
  - {match: [{uri: {prefix: /abort}}], fault: {abort: {httpStatus: 555, percentage: {value: 100}}},
     route: [{destination: {host: shop.test}}]}
  - {match: [{uri: {prefix: /cors}}], corsPolicy: {allowOrigins: [{exact: 'https://a.test'}], allowMethods: [GET, PUT]},
     route: [{destination: {host: shop.test}}]}
  - {match: [{uri: {prefix: /mirrored}}], rewrite: {uri: /anything/copied}, mirror: {host: backend.test},
     route: [{destination: {host: shop.test}}]}
  - {match: [{uri: {prefix: /team}}], delegate: {name: leaf}}
  - {match: [{uri: {regex: '/number/\\d+'}}], directResponse: {status: 200, body: {string: number}}}";
    meridian.applied(&objects(rules, &[backend.ip()]));
    meridian.applied(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: leaf}\nspec: {http: [\
         {match: [{uri: {prefix: /team/a}}], directResponse: {status: 200, body: {string: of the team}}}, \
         {match: [{uri: {prefix: /other}}], directResponse: {status: 200}}]}\n",
    );
    assert_eq!(meridian.eventually_status(HOST, "/abort", 555).text(), "fault filter abort");
    assert_eq!(meridian.eventually_status(HOST, "/team/a", 200).text(), "of the team");
    meridian.eventually_status(HOST, "/team/b", 404);
    assert_eq!(meridian.eventually_status(HOST, "/number/7", 200).text(), "number");
    meridian.eventually_status(HOST, "/number/%D9%A3", 404);

    meridian.eventually_status(HOST, "/mirrored", 200);
    eventually("a copy", || (seen(mirror.ip(), "/anything/copied") > 0).then_some(()), || meridian.log());

    let preflight = "origin: https://a.test\r\naccess-control-request-method: PUT\r\n";
    let answer = send(&meridian, "OPTIONS", "/cors", preflight);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert!(answer.head.contains("access-control-allow-methods: GET,PUT\r\n"), "{}", answer.head);

    let leaf = "/apis/networking.istio.io/v1/namespaces/default/virtualservices/leaf";
    let message = meridian.condition(leaf, "Accepted", "False");
    assert!(message.starts_with("spec.http[1].match[0].uri: is not covered by the match of spec.http[3]"), "{message}");
}

#[test]
fn clients_with_a_cookie_stay_with_their_endpoint() {
    let meridian = Meridian::start(&[]);
    let backends = [Backend::start(), Backend::start()];
    let ips: Vec<IpAddr> = backends.iter().map(Backend::ip).collect();
    meridian.applied(&destination_rule("loadBalancer: {consistentHash: {httpCookie: {name: who, path: /, ttl: 60s}}}"));
    meridian.applied(&objects("[{route: [{destination: {host: shop.test}}]}]", &ips));
    let first = meridian.eventually_status(HOST, "/get", 200);
    let cookie = first.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.unwrap_or_else(|| panic!("no cookie: {}", first.head));
    assert!(cookie.starts_with("who=\"") && cookie.ends_with("; Max-Age=60; Path=/; HttpOnly"), "{cookie}");
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    for _ in 0..20 {
        assert_eq!(send(&meridian, "GET", "/anything/same", &cookie).status, 200);
    }
    let mut counts: Vec<usize> = ips.iter().map(|ip| seen(*ip, "/anything/same")).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 20]);
}

#[test]
fn an_endpoint_that_fails_is_left_out() {
    let meridian = Meridian::start(&[]);
    let backend = Backend::start();
    let failing = TcpListener::bind((loopback(), 8000)).unwrap();
    let ips = [backend.ip(), failing.local_addr().unwrap().ip()];
    std::thread::spawn(move || {
        for mut connection in failing.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|count| count == 1) {
                head.extend(byte);
            }
            let _ = connection.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    meridian.applied(&destination_rule(
        "loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 2, baseEjectionTime: 300s, \
         maxEjectionPercent: 100}",
    ));
    meridian.applied(&objects("[{route: [{destination: {host: shop.test}}]}]", &ips));
    meridian.eventually_status(HOST, "/get", 200);
    let ten_in_a_row = || (0..10).all(|_| meridian.get(HOST, "/get").is_some_and(|a| a.status == 200)).then_some(());
    eventually("only the endpoint that works", ten_in_a_row, || meridian.log());
    assert!(meridian.log().contains("consecutive_5xx"), "{}", meridian.log());
}

#[test]
fn a_credential_that_is_missing_is_named_and_nothing_is_sent_in_plaintext() {
    let meridian = Meridian::start(&[]);
    let backend = Backend::start();
    meridian.applied(&objects("[{route: [{destination: {host: shop.test}}]}]", &[backend.ip()]));
    meridian.eventually_status(HOST, "/get", 200);
    meridian.applied(&destination_rule("tls: {mode: SIMPLE, credentialName: missing}"));
    let message = meridian.condition(&format!("{RULES}/shop"), "ResolvedRefs", "False");
    let expected = "spec.trafficPolicy.tls.credentialName: neither Secret istio-system/missing-cacert nor Secret \
                    istio-system/missing exists";
    assert!(message.starts_with(expected), "{message}");
    meridian.eventually_status(HOST, "/get", 503);
    let output = meridian.kubectl(["delete", "destinationrule", "shop"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    meridian.eventually_status(HOST, "/get", 200);
}
