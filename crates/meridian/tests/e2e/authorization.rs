//! AuthorizationPolicies from `kubectl apply` to the 403, and everything that could be tried to get around them.

mod real_envoy;
mod ways;

use crate::support::{Answer, Backend, Meridian, ask, connect, eventually};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;
use ways::{ALLOWED, DENIED, Way};

const POLICIES: &str = "/apis/security.istio.io/v1/namespaces/istio-system/authorizationpolicies";

/// The gateway serves every host, with what the backend has.
const ROUTES: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ['*']
  - port: {number: 9000, name: tcp, protocol: TCP}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all}
spec:
  hosts: ['*']
  gateways: [edge]
  http: [{name: all, route: [{destination: {host: backend.test}}]}]
  tcp: [{match: [{port: 9000}], route: [{destination: {host: backend.test}}]}]
---
";

/// What must not get through, by host, path, header, method and address.
const DENY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to: [{operation: {hosts: [secret.test, '*.secret.test'], ports: ['8080']}}]
  - to: [{operation: {paths: [/anything/admin, '/anything/admin/*'], ports: ['8080']}}]
  - to: [{operation: {methods: [DELETE], ports: ['8080']}}]
    from: [{source: {notIpBlocks: [192.0.2.0/24]}}]
  - when: [{key: 'request.headers[x-role]', values: [intruder]}, {key: destination.port, values: ['8080']}]
";

/// Nothing but this may get through.
const ALLOW: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow, namespace: istio-system}
spec:
  action: ALLOW
  rules:
  - to: [{operation: {hosts: [open.test], methods: [GET], paths: [/anything/open, '/anything/pub/*']}}]
    when: [{key: 'request.headers[x-key]', notValues: [stolen]}]
";

/// A gateway in front of a backend, with these policies.
fn start(policies: &str, options: &[&str]) -> (Meridian, Backend) {
    let meridian = Meridian::start(options);
    let backend = Backend::start();
    meridian.applied(&format!("{policies}---{ROUTES}{}", backend.service_entry()));
    let name = if policies.contains("name: deny") { "deny" } else { "allow" };
    meridian.condition(&format!("{POLICIES}/{name}"), "Programmed", "True");
    (meridian, backend)
}

/// What the backend has been asked for.
fn requests(backend: &Backend) -> Vec<String> {
    let mut connection = connect(SocketAddr::new(backend.ip(), 8000));
    write!(connection, "GET /_requests HTTP/1.1\r\nhost: backend\r\nconnection: close\r\n\r\n").unwrap();
    let text = Answer::read(&mut connection).text();
    text.lines().filter(|line| line.contains("/anything") || line.contains("/a.B")).map(str::to_owned).collect()
}

/// Sends the bytes of a way as they are, and returns the status of the last answer; 0: the connection was closed
/// without one.
fn send(to: SocketAddr, way: &Way) -> u16 {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(way.bytes.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Until the other side has closed, which every way asks for; a reset is an end, too.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let heads = text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text.get(at + 9..at + 12));
    heads.last().and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn nothing_that_is_denied_gets_through() {
    let (meridian, backend) = start(DENY, &[]);
    meridian.eventually_status("secret.test", "/anything/way", 403);
    // Others get through, as soon as the backend is known.
    meridian.eventually_status("open.test", "/anything/open", 200);
    let before = requests(&backend).len();
    let mut wrong = Vec::new();
    for way in DENIED {
        let status = send(meridian.gateway(), way);
        if status != way.status {
            wrong.push(format!("{}: {status}, not {}", way.name, way.status));
        }
    }
    let through: Vec<String> =
        requests(&backend).into_iter().skip(before).filter(|line| !line.contains("/anything/ok ")).collect();
    println!("{} ways, {} got through", DENIED.len(), through.len());
    assert!(through.is_empty() && wrong.is_empty(), "{through:?}\n{}", wrong.join("\n"));
}

#[test]
fn nothing_but_what_is_allowed_gets_through() {
    let (meridian, backend) = start(ALLOW, &[]);
    meridian.eventually_status("other.test", "/anything/open", 403);
    for path in ["/anything/open", "/anything/open?q", "/anything/x/../open", "/anything/pub/x/y"] {
        meridian.eventually_status("open.test", path, 200);
    }
    let before = requests(&backend).len();
    let mut wrong = Vec::new();
    for way in ALLOWED {
        let status = send(meridian.gateway(), way);
        if status != way.status {
            wrong.push(format!("{}: {status}, not {}", way.name, way.status));
        }
    }
    let through = requests(&backend).split_off(before);
    println!("{} ways, {} got through", ALLOWED.len(), through.len());
    assert!(through.is_empty() && wrong.is_empty(), "{through:?}\n{}", wrong.join("\n"));
    // The rule is about requests: it does not exist for connections, and nothing allows them.
    let other = SocketAddr::new(meridian.address, 9000);
    let mut tcp = connect(other);
    let mut nothing = Vec::new();
    let _ = tcp.write_all(b"GET /anything/open HTTP/1.1\r\nhost: open.test\r\n\r\n");
    let _ = tcp.read_to_end(&mut nothing);
    assert!(nothing.is_empty(), "{}", String::from_utf8_lossy(&nothing));
}

/// curl with these arguments, to the gateway whatever the URL says; the status, and the body.
fn curl(meridian: &Meridian, arguments: &[&str]) -> (u16, String) {
    let to = format!("::{}:8080", meridian.address);
    let output = Command::new("curl")
        .args(["-s", "--max-time", "10", "-w", "\n%{http_code}", "--connect-to", &to])
        .args(arguments)
        .output()
        .expect("curl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or_default();
    (status.parse().unwrap_or(0), body.to_owned())
}

#[test]
fn other_protocols_do_not_get_around_a_denial() {
    let (meridian, backend) = start(DENY, &[]);
    meridian.eventually_status("secret.test", "/anything/way", 403);
    let before = requests(&backend).len();
    const H2: &str = "--http2-prior-knowledge";
    for arguments in [
        &[H2, "http://secret.test/anything/way"][..],
        &[H2, "http://SECRET.test./anything/way"],
        &[H2, "http://a.secret.test:99/anything/way"],
        &[H2, "-H", "Host: secret.test", "http://open.test/anything/way"],
        &[H2, "--path-as-is", "http://open.test/anything/x/../admin"],
        &[H2, "--path-as-is", "http://open.test//anything//admin"],
        &[H2, "--path-as-is", "http://open.test/anything/%61dmin"],
        &[H2, "-H", "X-Role: intruder", "http://open.test/anything/way"],
        &[H2, "-H", "x-role: guest", "-H", "x-role: intruder", "http://open.test/anything/way"],
        &[H2, "-X", "DELETE", "http://open.test/anything/way"],
        &["--http2", "http://secret.test/anything/way"],
        &["-d", "body", "http://secret.test/anything/way"],
        &["-T", "/dev/null", "http://secret.test/anything/way"],
        &["-I", "http://secret.test/anything/way"],
        &["-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "http://secret.test/anything/way"],
        &["-H", "X-Forwarded-For: 192.0.2.1", "-X", "DELETE", "http://open.test/anything/way"],
    ] {
        let (status, _) = curl(&meridian, arguments);
        assert_eq!(status, 403, "{arguments:?}");
    }
    let (status, body) = curl(&meridian, &[H2, "-H", "content-type: application/grpc", "http://secret.test/a.B/c"]);
    assert_eq!((status, body.as_str()), (200, ""), "gRPC is told in its own way");
    let (_, head) = curl(&meridian, &["-D", "-", "-H", "content-type: application/grpc", "http://secret.test/a.B/c"]);
    assert!(head.contains("grpc-status: 7") && head.contains("grpc-message: RBAC: access denied"), "{head}");
    let through = requests(&backend).split_off(before);
    assert!(through.is_empty(), "{through:?}");
}

#[test]
fn a_denial_looks_as_in_istio_and_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("ingressgateway.log");
    let (meridian, _backend) = start(DENY, &["--access-logs", folder.path().to_str().unwrap()]);
    let denied = meridian.eventually_status("secret.test", "/anything/way", 403);
    assert_eq!(denied.text(), "RBAC: access denied");
    assert!(denied.head.contains("content-type: text/plain") && denied.head.contains("server: istio-envoy"));
    let line = eventually(
        "a line of the log",
        || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.lines().find(|line| line.contains(" 403 ")).map(str::to_owned)
        },
        String::new,
    );
    let details = "403 - rbac_access_denied_matched_policy[ns[istio-system]-policy[deny]-rule[0]] - \"-\" 0 19 ";
    assert!(line.contains(details), "{line}");
    assert!(line.contains(" outbound|8000||backend.test - ") && line.ends_with(" - all"), "{line}");

    // An open connection obeys from its next request on.
    meridian.eventually_status("open.test", "/anything/open", 200);
    let mut open = connect(meridian.gateway());
    assert_eq!(ask(&mut open, "open.test", "/anything/open").status, 200);
    meridian.applied(&DENY.replace("hosts: [secret.test", "hosts: [open.test, secret.test"));
    meridian.eventually_status("open.test", "/anything/open", 403);
    assert_eq!(ask(&mut open, "open.test", "/anything/open").status, 403);
    let output = meridian.kubectl(["delete", "-n", "istio-system", "ap", "deny"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    meridian.eventually_status("secret.test", "/anything/way", 200);
    assert_eq!(ask(&mut open, "open.test", "/anything/open").status, 200);
}

#[test]
fn what_is_not_supported_is_denied_and_said() {
    let custom = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: istio-system}
spec:
  action: CUSTOM
  provider: {name: ext}
  rules: [{to: [{operation: {paths: ['/anything/asked*']}}]}]
";
    let (meridian, _backend) = start(custom, &[]);
    let said = meridian.condition(&format!("{POLICIES}/deny"), "Accepted", "False");
    assert!(said.starts_with("spec.action: external authorization is not supported"), "{said}");
    meridian.eventually_status("open.test", "/anything/asked", 403);
    meridian.eventually_status("open.test", "/anything/other", 200);
    let refused = meridian.apply(&custom.replace("CUSTOM", "DENY"));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("`provider` must not be with non CUSTOM action, found DENY"), "{text}");
}
