//! What a sidecar's workload sends: listeners, routes and clusters of the services that it sees.

use crate::lab::parse;
use meridian_ir::filter_chain::{ConnectionView, Filters, TransportProtocol, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::PlainRequest;
use meridian_ir::{Action, ProxyConfig};
use meridian_translate::{Condition, MeshConfig, OutboundTrafficPolicy, Output, ProxyNode, Translator};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A translator with one sidecar, of the workload `client` at 10.9.0.1.
pub(crate) struct Mesh {
    pub(crate) translator: Translator,
    pub(crate) config: Arc<ProxyConfig>,
    pub(crate) statuses: BTreeMap<String, Arc<[Condition]>>,
    pub(crate) mesh: MeshConfig,
    references: BTreeMap<String, meridian_resources::ObjectRef>,
}

/// The sidecar of the workload `client`.
pub(crate) fn client() -> ProxyNode {
    let labels = [("app".to_owned(), "client".to_owned())].into();
    ProxyNode::sidecar("client", "default", labels, vec![IpAddr::from([10, 9, 0, 1])])
}

impl Mesh {
    pub(crate) fn with(yaml: &str) -> Self {
        Self::of(client(), yaml)
    }

    pub(crate) fn of(node: ProxyNode, yaml: &str) -> Self {
        let mesh = MeshConfig { access_log_file: "/dev/stdout".into(), ..MeshConfig::default() };
        let mut translator = Translator::new(mesh.clone());
        translator.add_proxy(node);
        let mut made =
            Self { translator, mesh, config: Arc::default(), statuses: BTreeMap::new(), references: BTreeMap::new() };
        made.apply(yaml);
        made
    }

    pub(crate) fn apply(&mut self, yaml: &str) -> Output {
        for resource in parse(yaml) {
            let reference = resource.object_ref();
            self.references.insert(reference.to_string(), reference);
            self.translator.put(resource);
        }
        self.translate()
    }

    pub(crate) fn delete(&mut self, object: &str) -> Output {
        self.translator.delete(&self.references[object]);
        self.translate()
    }

    pub(crate) fn translate(&mut self) -> Output {
        let output = self.translator.translate();
        for (_, config) in &output.proxies {
            self.config = config.clone();
        }
        for (object, conditions) in &output.statuses {
            self.statuses.insert(object.to_string(), conditions.clone());
        }
        output
    }

    pub(crate) fn set_policy(&mut self, policy: OutboundTrafficPolicy) {
        self.mesh.outbound_traffic_policy = policy;
        self.translator.set_mesh(self.mesh.clone());
        self.translate();
    }

    /// What becomes of a connection to `destination`: `http:` and the answer to a request for `host`, or the cluster
    /// of its bytes.
    pub(crate) fn send(&self, destination: &str, kind: Kind<'_>) -> String {
        let destination: SocketAddr = destination.parse().expect("an address");
        let listener = self.config.listener_for(destination).expect("something always listens");
        let inspectors = listener.inspectors(destination.port());
        let (is_tls, protocols): (bool, &[&[u8]]) = match kind {
            Kind::Http(_) if inspectors.http => (false, &[b"http/1.1"]),
            Kind::Tls(_) if inspectors.tls => (true, &[b"h2"]),
            _ => (false, &[]),
        };
        let view = ConnectionView {
            destination,
            server_name: if let Kind::Tls(name) = kind { Some(name).filter(|_| is_tls) } else { None },
            transport_protocol: if is_tls { TransportProtocol::Tls } else { TransportProtocol::RawBuffer },
            application_protocols: protocols,
        };
        let Some(chain) = select(listener, &view).chain() else { return "no chain".to_owned() };
        match (&chain.filters, kind) {
            (Filters::Tcp(proxy), _) => {
                proxy.clusters.iter().map(|cluster| &*cluster.cluster).collect::<Vec<_>>().join(" ")
            }
            (Filters::Http(manager), Kind::Http(host)) => {
                let RouteSource::Named(name) = &manager.routes else { panic!("routes are named") };
                format!("http:{}", self.request(name, host))
            }
            (Filters::Http(_), _) => "not HTTP".to_owned(),
        }
    }

    fn request(&self, routes: &str, host: &str) -> String {
        let (host, path) = host.split_once('/').unwrap_or((host, ""));
        let request = PlainRequest::get(host, &format!("/{path}"));
        let Some(found) = self.config.routes[routes].virtual_host(host.as_bytes()) else { return "404".to_owned() };
        let Some(route) = found.route(&request) else { return "404".to_owned() };
        match &route.action {
            Action::Forward(forward) => {
                forward.clusters.iter().map(|cluster| &*cluster.cluster).collect::<Vec<_>>().join(" ")
            }
            Action::Redirect(redirect) => redirect.status.to_string(),
            Action::Direct(direct) => direct.status.to_string(),
        }
    }
}

/// What a connection carries.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'k> {
    /// A request for `host/path`.
    Http(&'k str),
    /// TLS with this server name.
    Tls(&'k str),
    /// Other bytes.
    Bytes,
}

const SERVICES: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: httpbin}
spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 8000, targetPort: 80}, {name: tcp, port: 9000}, {name: any, port: 9001}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: other}
spec: {clusterIP: 10.1.0.2, ports: [{port: 3306}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web.example.com]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild}
spec:
  hosts: ["*.wild.example.org"]
  ports: [{number: 443, name: https, protocol: HTTPS}, {number: 80, name: http, protocol: HTTP, targetPort: 8080}]
"#;

#[test]
fn services_are_reached_and_the_rest_passes_or_is_blocked() {
    use Kind::{Bytes, Http, Tls};
    let mut mesh = Mesh::with(SERVICES);
    let check = |mesh: &Mesh, unknown: &str, unknown_http: &str| {
        for (destination, kind, expected) in [
            ("10.1.0.1:8000", Http("httpbin:8000"), "http:outbound|8000||httpbin.default.svc.cluster.local"),
            (
                "10.1.0.1:8000",
                Http("httpbin.default.svc.cluster.local."),
                "http:outbound|8000||httpbin.default.svc.cluster.local",
            ),
            ("10.1.0.1:8000", Http("10.1.0.1"), "http:outbound|8000||httpbin.default.svc.cluster.local"),
            ("10.1.0.1:8000", Http("HTTPBIN.default"), "http:outbound|8000||httpbin.default.svc.cluster.local"),
            ("10.1.0.1:8000", Bytes, unknown),
            ("10.1.0.1:8000", Http("unknown"), unknown_http),
            ("10.1.0.1:9000", Bytes, "outbound|9000||httpbin.default.svc.cluster.local"),
            ("10.1.0.9:9000", Bytes, unknown),
            ("10.1.0.1:9001", Http("whatever"), "http:outbound|9001||httpbin.default.svc.cluster.local"),
            ("10.1.0.1:9001", Bytes, "outbound|9001||httpbin.default.svc.cluster.local"),
            ("10.1.0.1:9001", Tls("whatever"), "outbound|9001||httpbin.default.svc.cluster.local"),
            ("10.1.0.2:3306", Bytes, "outbound|3306||db.other.svc.cluster.local"),
            ("198.51.100.1:443", Tls("web.example.com"), "outbound|443||web.example.com"),
            ("198.51.100.1:443", Tls("a.wild.example.org"), "outbound|443||*.wild.example.org"),
            ("198.51.100.1:443", Tls("wild.example.org"), unknown),
            ("198.51.100.1:80", Http("web.example.com"), "http:outbound|80||web.example.com"),
            ("198.51.100.1:80", Http("b.wild.example.org"), "http:outbound|80||*.wild.example.org"),
            ("198.51.100.1:80", Http("wild.example.org"), unknown_http),
            ("198.51.100.1:4444", Bytes, unknown),
            ("198.51.100.1:15001", Bytes, "BlackHoleCluster"),
        ] {
            assert_eq!(mesh.send(destination, kind), expected, "{destination}");
        }
    };
    check(&mesh, "PassthroughCluster", "http:PassthroughCluster");
    mesh.set_policy(OutboundTrafficPolicy::RegistryOnly);
    check(&mesh, "BlackHoleCluster", "http:502");
    mesh.set_policy(OutboundTrafficPolicy::AllowAny);
    check(&mesh, "PassthroughCluster", "http:PassthroughCluster");
    let wild = &mesh.config.clusters["outbound|80||*.wild.example.org"];
    assert_eq!(wild.discovery, meridian_ir::cluster::Discovery::OriginalDst);
    assert_eq!(wild.port_override, Some(8080));
}

#[test]
fn a_sidecar_narrows_what_is_seen() {
    use Kind::{Bytes, Http, Tls};
    let mut mesh = Mesh::with(SERVICES);
    mesh.apply(
        r#"
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {egress: [{hosts: ["./httpbin.default.svc.cluster.local", "*/web.example.com"]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: younger, creationTimestamp: "2026-01-02T00:00:00Z"}
spec: {egress: [{hosts: ["~/*"]}]}
"#,
    );
    let httpbin = "http:outbound|8000||httpbin.default.svc.cluster.local";
    assert_eq!(mesh.send("10.1.0.1:8000", Http("httpbin")), httpbin);
    assert_eq!(mesh.send("10.1.0.2:3306", Bytes), "PassthroughCluster");
    assert_eq!(mesh.send("198.51.100.1:443", Tls("web.example.com")), "outbound|443||web.example.com");
    assert_eq!(mesh.send("198.51.100.1:443", Tls("a.wild.example.org")), "PassthroughCluster");
    assert!(!mesh.config.clusters.contains_key("outbound|3306||db.other.svc.cluster.local"));
    let conflict = &mesh.statuses["Sidecar default/younger"][0];
    assert_eq!((conflict.status, conflict.reason), (false, "Conflicted"), "{conflict:?}");
    assert!(mesh.statuses["Sidecar default/default"].iter().all(|condition| condition.status));

    // One that selects the workload wins whole, its policy too.
    mesh.apply(
        r#"
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: selecting, creationTimestamp: "2026-01-03T00:00:00Z"}
spec:
  workloadSelector: {labels: {app: client}}
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: ["other/*"]}]
"#,
    );
    assert_eq!(mesh.send("10.1.0.1:8000", Http("httpbin")), "BlackHoleCluster");
    assert_eq!(mesh.send("10.1.0.2:3306", Bytes), "outbound|3306||db.other.svc.cluster.local");
    mesh.apply(
        r#"
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: selecting, creationTimestamp: "2026-01-03T00:00:00Z"}
spec:
  workloadSelector: {labels: {app: client}}
  outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: httpbin.default.svc.cluster.local, port: {number: 9000}}}
  egress:
  - {port: {number: 8000, protocol: HTTP, name: http}, hosts: ["default/*"]}
  - {hosts: ["other/*"]}
"#,
    );
    let proxy = "outbound|9000||httpbin.default.svc.cluster.local";
    assert_eq!(mesh.send("10.1.0.1:8000", Http("httpbin")), httpbin);
    assert_eq!(mesh.send("10.1.0.1:8000", Http("unknown")), format!("http:{proxy}"));
    assert_eq!(mesh.send("10.1.0.1:9001", Bytes), proxy);
    assert!(mesh.config.clusters.contains_key(proxy), "though it is not imported");

    mesh.delete("Sidecar default/selecting");
    mesh.delete("Sidecar default/default");
    assert_eq!(mesh.send("10.1.0.1:8000", Http("httpbin")), "PassthroughCluster");
    assert!(mesh.statuses["Sidecar default/younger"].iter().all(|condition| condition.status));
    mesh.delete("Sidecar default/younger");
    assert_eq!(mesh.send("10.1.0.1:8000", Http("httpbin")), httpbin);
}

const EGRESS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: istio-egressgateway, namespace: istio-system}
spec: {clusterIP: 10.1.0.9, ports: [{name: http2, port: 80}, {name: https, port: 443}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: sni}
spec:
  hosts: ["*.wild.example.org"]
  tls:
  - match: [{sniHosts: ["*.wild.example.org"], port: 443, gateways: [mesh]}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 443}}}]
  - match: [{sniHosts: ["*.wild.example.org"], port: 443, gateways: [istio-system/egress]}]
    route: [{destination: {host: "*.wild.example.org"}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: http, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  hosts: [web.example.com, unknown.example.com]
  gateways: [mesh, istio-system/egress]
  http:
  - match: [{gateways: [mesh], uri: {prefix: /via}}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 80}}}]
  - match: [{port: 80, sourceLabels: {app: client}, uri: {prefix: /own}}]
    route: [{destination: {host: web.example.com}}]
  - match: [{port: 80, sourceLabels: {app: other}}]
    directResponse: {status: 503}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: younger, creationTimestamp: "2026-01-02T00:00:00Z"}
spec: {hosts: [web.example.com], http: [{directResponse: {status: 418}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tcp}
spec:
  hosts: [db.other.svc.cluster.local]
  tcp: [{route: [{destination: {host: httpbin, port: {number: 9000}}, weight: 90}, {destination: {host: httpbin, port: {number: 9001}}, weight: 10}]}]
"#;

#[test]
fn virtual_services_of_the_mesh_route_by_sni_host_and_address() {
    use Kind::{Bytes, Http, Tls};
    let mut mesh = Mesh::with(SERVICES);
    mesh.apply(EGRESS);
    let egress = |port: u16| format!("outbound|{port}||istio-egressgateway.istio-system.svc.cluster.local");
    assert_eq!(mesh.send("198.51.100.1:443", Tls("a.wild.example.org")), egress(443));
    assert_eq!(mesh.send("198.51.100.1:443", Tls("web.example.com")), "outbound|443||web.example.com");
    assert_eq!(mesh.send("198.51.100.1:80", Http("web.example.com/via/x")), format!("http:{}", egress(80)));
    assert_eq!(mesh.send("198.51.100.1:80", Http("web.example.com/own")), "http:outbound|80||web.example.com");
    assert_eq!(mesh.send("198.51.100.1:80", Http("web.example.com/other")), "http:404");
    // A host that no service has counts on port 80.
    assert_eq!(mesh.send("198.51.100.1:80", Http("unknown.example.com/via")), format!("http:{}", egress(80)));
    let both = "outbound|9000||httpbin.default.svc.cluster.local outbound|9001||httpbin.default.svc.cluster.local";
    assert_eq!(mesh.send("10.1.0.2:3306", Bytes), both);
    for name in ["sni", "http", "tcp"] {
        let conditions = &mesh.statuses[&format!("VirtualService default/{name}")];
        let programmed = conditions.iter().find(|condition| condition.type_ == "Programmed").expect("always told");
        assert!(programmed.status, "{name}: {conditions:?}");
    }
    let conflict = &mesh.statuses["VirtualService default/younger"][0];
    assert!(conflict.message.contains("served by an older VirtualService"), "{conflict:?}");
    mesh.delete("VirtualService default/http");
    assert_eq!(mesh.send("198.51.100.1:80", Http("web.example.com/via")), "http:418");
    mesh.delete("VirtualService default/younger");
    assert_eq!(mesh.send("198.51.100.1:80", Http("web.example.com/via")), "http:outbound|80||web.example.com");
    mesh.delete("VirtualService default/sni");
    assert_eq!(mesh.send("198.51.100.1:443", Tls("a.wild.example.org")), "outbound|443||*.wild.example.org");
    mesh.delete("VirtualService default/tcp");
    assert_eq!(mesh.send("10.1.0.2:3306", Bytes), "outbound|3306||db.other.svc.cluster.local");
}

#[test]
fn several_entries_for_one_host_are_one_service() {
    use Kind::{Http, Tls};
    let entry = |name: &str, port: u16, protocol: &str, address: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: {name}}}, spec: {{hosts: \
             [many.test], resolution: STATIC, ports: [{{number: {port}, name: {name}, protocol: {protocol}}}], endpoints: \
             [{{address: {address}}}]}}}}"
        )
    };
    let mut mesh = Mesh::with(&entry("http", 80, "HTTP", "10.0.0.1"));
    mesh.apply(&entry("https", 443, "HTTPS", "10.0.0.2"));
    mesh.apply(&entry("more", 80, "HTTP", "10.0.0.3"));
    assert_eq!(mesh.send("198.51.100.1:80", Http("many.test")), "http:outbound|80||many.test");
    assert_eq!(mesh.send("198.51.100.1:443", Tls("many.test")), "outbound|443||many.test");
    let endpoints = |mesh: &Mesh, port: u16| {
        let name = format!("outbound|{port}||many.test");
        mesh.config.endpoints[&*name].endpoints.iter().map(|e| format!("{:?}", e.address)).collect::<Vec<_>>()
    };
    assert_eq!(endpoints(&mesh, 80), ["Socket(10.0.0.1:80)", "Socket(10.0.0.3:80)"]);
    assert_eq!(endpoints(&mesh, 443), ["Socket(10.0.0.2:443)"]);
    mesh.delete("ServiceEntry default/http");
    assert_eq!(endpoints(&mesh, 80), ["Socket(10.0.0.3:80)"]);
}

#[test]
fn a_workload_whose_health_is_probed_takes_traffic_while_it_is_good() {
    let workload = |annotations: &str, status: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {{name: vm, annotations: \
             {{{annotations}}}}}, spec: {{address: 10.0.0.1, labels: {{app: vm}}}}, status: {{conditions: [{status}]}}}}"
        )
    };
    let mut mesh = Mesh::with(
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: vm}, spec: {hosts: [vm.test], \
         resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP}], \
         workloadSelector: {labels: {app: vm}}}}",
    );
    let probed = "proxy.istio.io/health-checks-enabled: 'true'";
    for (annotations, status, count) in [
        ("", "", 1),
        (probed, "", 0),
        (probed, "{type: Healthy, status: 'True'}", 1),
        (probed, "{type: Healthy, status: 'False'}", 0),
        ("", "{type: Healthy, status: 'False'}", 1),
    ] {
        mesh.apply(&workload(annotations, status));
        let endpoints = &mesh.config.endpoints["outbound|80||vm.test"].endpoints;
        assert_eq!(endpoints.len(), count, "{annotations:?} {status:?}");
    }
}

#[test]
fn ranges_addresses_and_both_families_are_told_apart() {
    use Kind::Bytes;
    let node = ProxyNode::sidecar(
        "client",
        "default",
        BTreeMap::new(),
        vec![IpAddr::from([10, 9, 0, 1]), "2001:db8::9".parse().expect("an address")],
    );
    let entry = |name: &str, addresses: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: {name}}}, spec: {{hosts: \
             [{name}.test], addresses: {addresses}, resolution: NONE, ports: [{{number: 5000, name: tcp, protocol: TCP}}]}}}}"
        )
    };
    let mut mesh = Mesh::of(node, &entry("wide", "[10.0.0.0/8, '2001:db8::/32']"));
    mesh.apply(&entry("narrow", "[10.1.0.0/16]"));
    mesh.apply(&entry("single", "[10.1.0.7, '2001:db8::7']"));
    mesh.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: both}, spec: {clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, \
         'fd00::1'], ports: [{name: tcp, port: 5000}]}}",
    );
    for (destination, host) in [
        ("10.2.0.1:5000", "wide.test"),
        ("[2001:db8::1]:5000", "wide.test"),
        ("10.1.0.1:5000", "narrow.test"),
        ("10.1.0.7:5000", "single.test"),
        ("[2001:db8::7]:5000", "single.test"),
        ("10.96.0.1:5000", "both.default.svc.cluster.local"),
        ("[fd00::1]:5000", "both.default.svc.cluster.local"),
    ] {
        assert_eq!(mesh.send(destination, Bytes), format!("outbound|5000||{host}"), "{destination}");
    }
    for unknown in ["192.0.2.1:5000", "[2001:db9::1]:5000", "[2001:db9::1]:5001"] {
        assert_eq!(mesh.send(unknown, Bytes), "PassthroughCluster", "{unknown}");
    }
}

#[test]
fn another_policy_is_about_little() {
    let mut mesh = Mesh::with(SERVICES);
    let before = mesh.config.clone();
    mesh.set_policy(OutboundTrafficPolicy::RegistryOnly);
    for (name, cluster) in &mesh.config.clusters {
        assert!(Arc::ptr_eq(cluster, &before.clusters[name]), "cluster {name}");
    }
    for (name, listener) in &mesh.config.listeners {
        let others = listener.chains.iter().filter(|chain| &*chain.name != "virtualOutbound-catchall-tcp");
        if name.starts_with("virtualInbound") {
            assert!(Arc::ptr_eq(listener, &before.listeners[name]), "{name}");
        }
        for chain in others {
            assert!(before.listeners[name].chains.iter().any(|old| Arc::ptr_eq(old, chain)), "a chain of {name}");
        }
    }
    let hosts = |config: &ProxyConfig| {
        config.routes.values().flat_map(|routes| &routes.virtual_hosts).cloned().collect::<Vec<_>>()
    };
    let old = hosts(&before);
    let made: Vec<_> =
        hosts(&mesh.config).into_iter().filter(|host| !old.iter().any(|o| Arc::ptr_eq(o, host))).collect();
    assert!(made.iter().all(|host| &*host.name == "block_all"), "{made:?}");
}

#[test]
fn the_mesh_says_who_sees_objects_that_do_not_say() {
    use Kind::Tls;
    let mut mesh = Mesh::with(SERVICES);
    mesh.apply(
        "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: elsewhere, namespace: other}, spec: \
         {hosts: [elsewhere.test], resolution: DNS, ports: [{number: 443, name: https, protocol: HTTPS}]}}",
    );
    let send = |mesh: &Mesh| {
        [mesh.send("198.51.100.1:443", Tls("web.example.com")), mesh.send("198.51.100.1:443", Tls("elsewhere.test"))]
    };
    let own = "outbound|443||web.example.com";
    assert_eq!(send(&mesh), [own, "outbound|443||elsewhere.test"]);
    mesh.mesh.default_export_to.services = vec![".".into()];
    mesh.translator.set_mesh(mesh.mesh.clone());
    mesh.translate();
    assert_eq!(send(&mesh), [own, "PassthroughCluster"]);
    mesh.mesh.default_export_to.services.clear();
    mesh.translator.set_mesh(mesh.mesh.clone());
    mesh.translate();
    assert_eq!(send(&mesh), [own, "outbound|443||elsewhere.test"]);
}

#[test]
fn a_secret_that_is_missing_is_told_on_the_rule() {
    let mut mesh = Mesh::with(SERVICES);
    let rule = |selector: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: web}}, spec: {{host: \
             web.example.com, {selector}trafficPolicy: {{tls: {{mode: SIMPLE, credentialName: missing}}}}}}}}"
        )
    };
    // It may be meant for a gateway.
    mesh.apply(&rule(""));
    assert!(mesh.statuses["DestinationRule default/web"].iter().all(|condition| condition.status));
    mesh.apply(&rule("workloadSelector: {matchLabels: {app: client}}, "));
    let said = mesh.statuses["DestinationRule default/web"].iter().find(|condition| condition.type_ == "ResolvedRefs");
    let said = said.expect("every condition is always told");
    assert_eq!((said.status, said.reason), (false, "SecretNotFound"), "{said:?}");
    assert!(said.message.starts_with("spec.trafficPolicy.tls"), "{said:?}");
    mesh.delete("DestinationRule default/web");
    assert!(mesh.config.clusters["outbound|443||web.example.com"].tls.is_none());
}
