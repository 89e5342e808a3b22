//! A gateway in front of a mesh, as Envoy Gateway's users set it up: a class with an EnvoyProxy, a route that rewrites,
//! TLS, and policies that are refused. The mesh behind it is in the lab's scenario `front-of-a-mesh`.

use crate::certificates::Certificates;
use crate::support::{Answer, Backend, Meridian, connect, eventually, loopback};
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output};

const HOST: &str = "www.example.com";
const PATH: &str = "/httpbin/get";
const GATEWAY: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/httpbin/gateways/apps";

const BEFORE: &str = "
apiVersion: v1
kind: Namespace
metadata:
  name: envoy-gateway-system
---
apiVersion: v1
kind: Namespace
metadata:
  name: httpbin
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: teg
spec:
  controllerName: meridian.dev/gateway-controller
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata:
  name: data-plane-sidecars
  namespace: envoy-gateway-system
spec:
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment:
        pod:
          annotations:
            traffic.sidecar.istio.io/includeInboundPorts: \"\"
  routingType: Service
";

const PARAMETERS: &str = "
spec:
  parametersRef:
    group: gateway.envoyproxy.io
    kind: EnvoyProxy
    namespace: envoy-gateway-system
    name: data-plane-sidecars
";

const ROUTE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: httpbin
  namespace: httpbin
spec:
  parentRefs:
  - group: gateway.networking.k8s.io
    kind: Gateway
    name: apps
  hostnames:
  - \"www.example.com\"
  rules:
  - matches:
    - path:
        type: PathPrefix
        value: /httpbin/
    filters:
    - type: URLRewrite
      urlRewrite:
        hostname: httpbin.httpbin.svc.cluster.local
        path:
          type: ReplacePrefixMatch
          replacePrefixMatch: /
    backendRefs:
    - kind: Service
      name: httpbin
      port: 8000
";

/// A policy of Envoy Gateway for the route.
fn policy(kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {}, namespace: httpbin}}\nspec:\n  \
         targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: httpbin}}]\n  {spec}\n",
        kind.to_lowercase()
    )
}

/// Its listener's port needs no right: 8080 or 8443 instead of 80 or 443.
fn gateway(listener: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: apps\n  namespace: httpbin\nspec:\n  \
         gatewayClassName: teg\n  listeners:\n{listener}"
    )
}

/// The Service without a cluster address, which nobody on this machine would balance, and its one endpoint.
fn httpbin(backend: &Backend) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: httpbin, namespace: httpbin}}
spec: {{clusterIP: None, ports: [{{name: http, port: 8000}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: httpbin-1, namespace: httpbin, labels: {{kubernetes.io/service-name: httpbin}}}}
addressType: IPv4
ports: [{{name: http, port: 8000}}]
endpoints: [{{addresses: [{}], conditions: {{ready: true}}}}]
",
        backend.ip()
    )
}

/// Output of a kubectl that must succeed.
fn kubectl(meridian: &Meridian, arguments: &[&str]) -> String {
    let output = meridian.kubectl(arguments);
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All that stands before the listener is HTTPS; the backend, and the Gateway's address as its users find it.
fn in_front(meridian: &Meridian, folder: &Certificates) -> (Backend, SocketAddr) {
    meridian.applied(BEFORE);
    std::fs::write(folder.path("parameters.yaml"), PARAMETERS).unwrap();
    let file = folder.path("parameters.yaml").display().to_string();
    kubectl(meridian, &["patch", "gatewayclass", "teg", "--patch-file", &file, "--type", "merge"]);
    let backend = Backend::start();
    meridian.applied(&httpbin(&backend));
    meridian.applied(&gateway("  - name: http\n    protocol: HTTP\n    port: 8080\n"));
    meridian.applied(ROUTE);
    meridian.condition(GATEWAY, "Programmed", "True");
    let owner = ["get", "svc", "-A", "-l", "gateway.envoyproxy.io/owning-gateway-name=apps", "-o"];
    let address = "jsonpath={.items[0].status.loadBalancer.ingress[0].ip}";
    let address = kubectl(meridian, &[&owner[..], &[address]].concat());
    (backend, SocketAddr::new(address.parse().unwrap(), 8080))
}

fn get(address: SocketAddr, path: &str) -> Answer {
    let mut connection = connect(address);
    write!(connection, "GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n").unwrap();
    Answer::read(&mut connection)
}

fn until(meridian: &Meridian, address: SocketAddr, status: u16) -> Answer {
    let matching = || Some(get(address, PATH)).filter(|answer| answer.status == status);
    eventually(&format!("{status} from {address}"), matching, || {
        format!("{:?}\n{}", get(address, PATH), meridian.log())
    })
}

/// What the backend says of the request that it got.
fn check_seen(body: &[u8], scheme: &str) {
    let seen: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(seen["url"], format!("{scheme}://httpbin.httpbin.svc.cluster.local/get"), "{seen}");
    let headers = &seen["headers"];
    assert_eq!(headers["Host"], "httpbin.httpbin.svc.cluster.local", "{seen}");
    assert_eq!(headers["X-Envoy-Attempt-Count"], "1", "{seen}");
    assert_eq!(headers["X-Envoy-External-Address"], seen["origin"], "{seen}");
    assert_eq!(
        (&headers["X-Envoy-Original-Path"], &headers["X-Envoy-Original-Host"]),
        (&"/httpbin/get".into(), &HOST.into())
    );
}

/// The message of a policy's status, once it is refused.
fn refused(meridian: &Meridian, plural: &str, name: &str) -> String {
    let path = format!("/apis/gateway.envoyproxy.io/v1alpha1/namespaces/httpbin/{plural}/{name}");
    let find = || {
        let (_, policy) = meridian.call("GET", &path, None);
        let condition = &policy["status"]["ancestors"][0]["conditions"][0];
        let is_refused = condition["type"] == "Accepted" && condition["status"] == "False";
        is_refused.then(|| condition["message"].as_str().unwrap_or_default().to_owned())
    };
    eventually(&format!("{path} is refused"), find, || meridian.call("GET", &path, None).1.to_string())
}

#[test]
fn a_class_with_an_envoy_proxy_a_rewriting_route_and_tls() {
    let certificates = Certificates::new();
    certificates.sign(HOST);
    let meridian = Meridian::start(&["--gateway-addresses", &loopback().to_string()]);
    let (_backend, address) = in_front(&meridian, &certificates);
    let answer = until(&meridian, address, 200);
    assert!(answer.head.contains("server: envoy\r\n"), "{}", answer.head);
    assert!(answer.head.contains("x-envoy-upstream-service-time: "), "{}", answer.head);
    check_seen(&answer.body, "http");
    // The final slash of a prefix counts for nothing, and elements count as a whole.
    let is_served = |path| get(address, path).head.contains("x-envoy-upstream-service-time: ");
    assert!(is_served("/httpbin") && !is_served("/httpbinary/get"));

    let paths = ["key", "crt"].map(|ending| certificates.path(&format!("{HOST}.{ending}")).display().to_string());
    let [key, certificate] = [format!("--key={}", paths[0]), format!("--cert={}", paths[1])];
    kubectl(&meridian, &["create", "-n", "httpbin", "secret", "tls", "httpbin-credential", &key, &certificate]);
    let tls = "    tls:\n      mode: Terminate\n      certificateRefs:\n      - name: httpbin-credential\n";
    meridian.applied(&gateway(&format!("  - name: https\n    protocol: HTTPS\n    port: 8443\n{tls}")));
    let served = || Some(curl(&certificates, address)).filter(|output| output.status.success());
    let answer = eventually("HTTPS", served, || {
        format!("{}\n{}", String::from_utf8_lossy(&curl(&certificates, address).stderr), meridian.log())
    });
    check_seen(&answer.stdout, "https");
    // The listener of before is gone.
    eventually("HTTP is over", || std::net::TcpStream::connect(address).err(), || meridian.log());
}

/// curl's HTTPS to the Gateway, which has to show a certificate of the authority.
fn curl(certificates: &Certificates, address: SocketAddr) -> Output {
    Command::new("curl")
        .args([
            "-sSf",
            "--max-time",
            "10",
            "-H",
            &format!("Host:{HOST}"),
            "--resolve",
            &format!("{HOST}:8443:{}", address.ip()),
            "--cacert",
        ])
        .arg(certificates.path("ca.crt"))
        .arg(format!("https://{HOST}:8443/httpbin/get"))
        .output()
        .expect("curl is installed (cargo xtask setup)")
}

#[test]
fn single_sign_on_and_rate_limits_are_refused_and_nothing_is_left_open() {
    let meridian = Meridian::start(&["--gateway-addresses", &loopback().to_string()]);
    let (_backend, address) = in_front(&meridian, &Certificates::new());
    until(&meridian, address, 200);
    let oidc = policy(
        "SecurityPolicy",
        "oidc: {provider: {issuer: 'https://id.example.com'}, clientID: apps, clientSecret: {name: apps-client}}",
    );
    meridian.applied(&oidc);
    let message = refused(&meridian, "securitypolicies", "securitypolicy");
    assert!(message.starts_with("spec.oidc: not supported"), "{message}");
    until(&meridian, address, 500);
    kubectl(&meridian, &["delete", "securitypolicy", "-n", "httpbin", "securitypolicy"]);
    until(&meridian, address, 200);

    let limit = "limit: {requests: 1, unit: Hour}";
    meridian.applied(&policy(
        "BackendTrafficPolicy",
        &format!("rateLimit: {{type: Global, global: {{rules: [{{{limit}}}]}}}}"),
    ));
    let message = refused(&meridian, "backendtrafficpolicies", "backendtrafficpolicy");
    assert!(message.starts_with("spec.rateLimit: not supported"), "{message}");
    // It protects nothing that would be open otherwise, so requests are served.
    for _ in 0..3 {
        assert_eq!(get(address, PATH).status, 200);
    }
}
