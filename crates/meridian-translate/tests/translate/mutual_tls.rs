//! Mutual TLS of the mesh: what a sidecar demands of those who come, and what clients speak to whom.

use crate::lab::parse;
use meridian_ir::filter_chain::{ConnectionView, Filters, TransportProtocol, select};
use meridian_ir::http::{ClientCertHeader, RouteSource, ServerHeader};
use meridian_ir::tls::{UpstreamSni, UpstreamTls};
use meridian_ir::{Cluster, Endpoint, FilterChain, ProxyConfig, StringMatch};
use meridian_translate::{Condition, MeshConfig, ProxyNode, Translator};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The workload of the sidecar under test, and one without anything beside it.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
const BARE: &str = "10.1.0.2";

/// A Service over both, with a Pod for the first.
const BASICS: &str = "
apiVersion: v1
kind: Service
metadata: {name: httpbin}
spec:
  selector: {app: httpbin}
  ports: [{name: http, port: 8000, targetPort: 80}, {name: tcp, port: 9000, targetPort: db}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: httpbin-1, labels: {kubernetes.io/service-name: httpbin}}
addressType: IPv4
ports: [{name: http, port: 80}, {name: tcp, port: 3306}]
endpoints:
- {addresses: [10.1.0.1], targetRef: {kind: Pod, name: httpbin-5d8c6f9b7-x2x4z}}
- {addresses: [10.1.0.2]}
---
apiVersion: v1
kind: Pod
metadata:
  name: httpbin-5d8c6f9b7-x2x4z
  labels: {app: httpbin, version: v1, pod-template-hash: 5d8c6f9b7, security.istio.io/tlsMode: istio}
spec: {serviceAccountName: bin, containers: [{name: a, ports: [{name: db, containerPort: 3306}]}]}
status: {podIP: 10.1.0.1}
";

/// A Gateway and a VirtualService that lead to `httpbin`.
const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all}
spec:
  hosts: ['*']
  gateways: [gateway]
  http: [{route: [{destination: {host: httpbin, port: {number: 8000}}}]}]
";

fn peer_authentication(name: &str, spec: &str) -> String {
    let (namespace, name) = name.split_once('/').expect("a namespace and a name");
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn destination_rule(policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: httpbin}}\n\
         spec: {{host: httpbin, trafficPolicy: {policy}}}\n"
    )
}

/// A translator with a gateway and a sidecar, fed with YAML.
struct Mesh {
    translator: Translator,
    configs: BTreeMap<String, Arc<ProxyConfig>>,
    statuses: BTreeMap<String, Arc<[Condition]>>,
}

impl Mesh {
    /// With [`BASICS`], [`EDGE`] and these objects; no proxy but a gateway.
    fn with(yaml: &str) -> Self {
        let mut translator = Translator::new(MeshConfig::default());
        let labels = [("istio".to_owned(), "ingressgateway".to_owned())].into();
        translator.add_proxy(ProxyNode::gateway("ingressgateway", "istio-system", labels));
        let mut mesh = Self { translator, configs: BTreeMap::new(), statuses: BTreeMap::new() };
        for text in [BASICS, EDGE, yaml] {
            mesh.apply(text);
        }
        mesh
    }

    /// With the sidecar of `httpbin`, too.
    fn with_sidecar(yaml: &str) -> Self {
        let mut mesh = Self::with(yaml);
        mesh.translator.add_proxy(httpbin());
        mesh.translate();
        mesh
    }

    /// The proxies that have another configuration then.
    fn apply(&mut self, yaml: &str) -> Vec<String> {
        parse(yaml).into_iter().for_each(|resource| self.translator.put(resource));
        self.translate()
    }

    fn delete(&mut self, yaml: &str) -> Vec<String> {
        parse(yaml).iter().for_each(|resource| self.translator.delete(&resource.object_ref()));
        self.translate()
    }

    fn translate(&mut self) -> Vec<String> {
        let output = self.translator.translate();
        self.statuses.extend(output.statuses.iter().map(|(object, said)| (object.to_string(), said.clone())));
        self.configs.extend(output.proxies.iter().map(|(id, config)| (id.to_string(), config.clone())));
        output.proxies.iter().map(|(id, _)| id.to_string()).collect()
    }

    fn cluster(&self) -> &Arc<Cluster> {
        &self.configs["ingressgateway"].clusters["outbound|8000||httpbin.default.svc.cluster.local"]
    }

    /// The endpoint of `httpbin` at an address, as the gateway knows it.
    fn endpoint(&self, address: &str) -> &Endpoint {
        let endpoints = &self.configs["ingressgateway"].endpoints["outbound|8000||httpbin.default.svc.cluster.local"];
        let wanted = meridian_ir::endpoint::Address::Socket(SocketAddr::new(address.parse().expect("an address"), 80));
        endpoints.endpoints.iter().find(|endpoint| endpoint.address == wanted).expect("the endpoint is there")
    }

    /// The inbound chain of the sidecar for a connection to a port.
    fn chain(&self, port: u16, alpn: Option<&str>) -> Option<Arc<FilterChain>> {
        let listener = &self.configs["httpbin"].listeners["virtualInbound"];
        let protocols: Vec<&[u8]> = alpn.iter().map(|alpn| alpn.as_bytes()).collect();
        let is_tls = alpn.is_some();
        let connection = ConnectionView {
            destination: SocketAddr::new(SERVER, port),
            server_name: None,
            transport_protocol: if is_tls { TransportProtocol::Tls } else { TransportProtocol::RawBuffer },
            application_protocols: &protocols,
        };
        select(listener, &connection).chain().cloned()
    }
}

fn httpbin() -> ProxyNode {
    let labels = [("app".to_owned(), "httpbin".to_owned())].into();
    let mut node = ProxyNode::sidecar("httpbin", "default", labels, vec![SERVER]);
    node.service_account = "bin".into();
    node
}

fn expected_names(tls: &UpstreamTls) -> Vec<String> {
    let name = |name: &StringMatch| match name {
        StringMatch::Exact(name) => name.to_string(),
        other => format!("{other:?}"),
    };
    tls.validation.subject_alt_names.iter().map(name).collect()
}

#[test]
fn a_port_has_istio_s_chains_routes_and_cluster() {
    let mesh = Mesh::with_sidecar("");
    let config = &mesh.configs["httpbin"];
    let listener = &config.listeners["virtualInbound"];
    assert_eq!(listener.address, SocketAddr::from(([0, 0, 0, 0], 15006)));
    assert!(listener.capture.original_dst && !listener.capture.hand_over && listener.tls_inspector);
    let chain = mesh.chain(80, Some("istio-http/1.1")).expect("mutual TLS of the mesh is taken");
    assert_eq!(&*chain.name, "0.0.0.0_80");
    let tls = chain.tls.as_ref().expect("it is terminated");
    let validation = tls.client_auth.validation().expect("a certificate is demanded");
    assert!(tls.client_auth.is_required() && validation.authority.as_deref() == Some("ROOTCA"));
    assert_eq!(validation.subject_alt_names, [StringMatch::Prefix("spiffe://cluster.local/".into())]);
    let Filters::Http(manager) = &chain.filters else { panic!("HTTP") };
    assert_eq!(&*manager.stat_prefix, "inbound_0.0.0.0_80");
    assert_eq!(manager.server_header, ServerHeader::Overwrite("istio-envoy".into()));
    assert_eq!(manager.client_cert_header, ClientCertHeader::AppendForward);
    assert!(!manager.use_remote_address);
    let RouteSource::Inline(routes) = &manager.routes else { panic!("routes in the chain") };
    let host = &routes.virtual_hosts[0];
    assert_eq!((&*routes.name, &*host.name, &*host.routes[0].name), ("inbound|80||", "inbound|http|8000", "default"));
    let cluster = &config.clusters["inbound|80||"];
    assert_eq!(cluster.bind_source, Some(Ipv4Addr::new(127, 0, 0, 6).into()));
    assert_eq!(cluster.service.as_ref().map(|service| &*service.name), Some("httpbin"));
    assert!(config.clusters.contains_key("InboundPassthroughCluster"));
    // The name of a port is that of the Pod's container.
    assert!(matches!(&mesh.chain(3306, None).expect("plain TCP is taken").filters, Filters::Tcp(_)));
    assert!(config.clusters.contains_key("inbound|3306||"));
    assert_eq!(&*mesh.chain(7, None).expect("unknown ports pass").name, "virtualInbound");
    let guard = mesh.chain(15006, None).expect("the guard");
    assert_eq!(&*guard.name, "virtualInbound-blackhole");
}

#[test]
fn peer_authentications_are_live_and_narrow() {
    let mut mesh = Mesh::with_sidecar("");
    let takes = |mesh: &Mesh, port: u16| {
        let mesh_tls = mesh.chain(port, Some("istio")).is_some_and(|chain| chain.tls.is_some());
        (mesh_tls, mesh.chain(port, None).is_some_and(|chain| chain.tls.is_none()))
    };
    assert_eq!(takes(&mesh, 80), (true, true), "permissive by default");
    let strict = peer_authentication("istio-system/default", "{mtls: {mode: STRICT}}");
    assert_eq!(mesh.apply(&strict), ["httpbin"], "the gateway is not concerned");
    assert_eq!((takes(&mesh, 80), takes(&mesh, 7)), ((true, false), (true, false)));
    let by_port = peer_authentication(
        "default/httpbin",
        "{selector: {matchLabels: {app: httpbin}}, portLevelMtls: {80: {mode: DISABLE}, 7: {mode: PERMISSIVE}}}",
    );
    mesh.apply(&by_port);
    assert_eq!(takes(&mesh, 80), (false, true));
    assert_eq!((takes(&mesh, 3306), takes(&mesh, 7), takes(&mesh, 8)), ((true, false), (true, true), (true, false)));
    let elsewhere = peer_authentication("other/default", "{mtls: {mode: DISABLE}}");
    assert_eq!(mesh.apply(&elsewhere), [""; 0], "another namespace");
    mesh.delete(&by_port);
    mesh.delete(&strict);
    assert_eq!(takes(&mesh, 80), (true, true));
}

#[test]
fn of_two_for_the_same_the_younger_says_that_it_has_no_effect() {
    let mut mesh = Mesh::with_sidecar("");
    mesh.apply(&peer_authentication("default/a", "{mtls: {mode: STRICT}}"));
    mesh.apply(&peer_authentication("default/b", "{mtls: {mode: DISABLE}}"));
    let accepted = |mesh: &Mesh, name: &str| {
        let said = &mesh.statuses[&format!("PeerAuthentication default/{name}")];
        said.iter().find(|one| one.type_ == "Accepted").map(|one| (one.status, one.reason, one.message.clone()))
    };
    assert_eq!(accepted(&mesh, "a").map(|(status, ..)| status), Some(true));
    let (status, reason, message) = accepted(&mesh, "b").expect("it is said");
    assert!(
        !status && reason == "Conflicted" && message.contains("PeerAuthentication default/a is older"),
        "{message}"
    );
    mesh.delete(&peer_authentication("default/a", "{}"));
    assert_eq!(accepted(&mesh, "b").map(|(status, ..)| status), Some(true), "it counts now");
    assert!(mesh.chain(80, Some("istio")).is_none_or(|chain| chain.tls.is_none()));
}

#[test]
fn clients_speak_mutual_tls_to_those_that_have_a_sidecar() {
    let mesh = Mesh::with("");
    let cluster = mesh.cluster();
    assert_eq!(cluster.tls, None);
    let tls = cluster.auto_tls.as_ref().expect("automatic");
    assert_eq!(tls.sni, UpstreamSni::Fixed("outbound_.8000_._.httpbin.default.svc.cluster.local".into()));
    assert_eq!(tls.alpn.iter().map(|one| &**one).collect::<Vec<_>>(), ["istio-peer-exchange", "istio"]);
    assert_eq!((tls.certificate.as_deref(), tls.validation.authority.as_deref()), (Some("default"), Some("ROOTCA")));
    assert_eq!(expected_names(tls), ["spiffe://cluster.local/ns/default/sa/bin"]);
    assert_eq!(cluster.service.as_ref().map(|service| &*service.host), Some("httpbin.default.svc.cluster.local"));
    let (injected, bare) = (mesh.endpoint("10.1.0.1"), mesh.endpoint(BARE));
    assert!(injected.mesh_tls && !bare.mesh_tls);
    let workload = injected.workload.as_ref().expect("a Pod is known");
    let (name, canonical) =
        ((&*workload.name, &*workload.namespace), (&*workload.canonical_name, &*workload.canonical_revision));
    assert_eq!((name, canonical), (("httpbin", "default"), ("httpbin", "v1")));
    assert_eq!(bare.workload, None);
}

#[test]
fn a_sidecar_that_comes_and_goes_is_noticed() {
    let mut mesh = Mesh::with("");
    let mut node = httpbin();
    node.ip_addresses = vec![BARE.parse().expect("an address")];
    node.service_account = "other".into();
    mesh.translator.add_proxy(node);
    mesh.translate();
    assert!(mesh.endpoint(BARE).mesh_tls);
    let names = expected_names(mesh.cluster().auto_tls.as_ref().expect("automatic"));
    assert_eq!(names, ["spiffe://cluster.local/ns/default/sa/bin", "spiffe://cluster.local/ns/default/sa/other"]);
    mesh.translator.remove_proxy("httpbin");
    mesh.translate();
    assert!(!mesh.endpoint(BARE).mesh_tls && mesh.endpoint("10.1.0.1").mesh_tls);
}

#[test]
fn what_is_switched_off_is_spoken_in_plain_text() {
    let mut mesh = Mesh::with("");
    let of_port = peer_authentication(
        "default/httpbin",
        "{selector: {matchLabels: {app: httpbin}}, portLevelMtls: {80: {mode: DISABLE}}}",
    );
    assert_eq!(mesh.apply(&of_port), ["ingressgateway"]);
    assert!(!mesh.endpoint("10.1.0.1").mesh_tls && mesh.cluster().auto_tls.is_some());
    mesh.delete(&of_port);
    assert!(mesh.endpoint("10.1.0.1").mesh_tls);
    let of_namespace = peer_authentication("default/default", "{mtls: {mode: DISABLE}}");
    mesh.apply(&of_namespace);
    assert!(!mesh.endpoint("10.1.0.1").mesh_tls && mesh.cluster().auto_tls.is_none());
    mesh.delete(&of_namespace);
    let mut mesh_config = MeshConfig { auto_mtls: false, ..MeshConfig::default() };
    mesh.translator.set_mesh(mesh_config.clone());
    mesh.translate();
    assert_eq!(mesh.cluster().auto_tls, None);
    mesh_config.auto_mtls = true;
    mesh_config.trust_domain_aliases = vec!["old.example".into()];
    mesh.translator.set_mesh(mesh_config);
    mesh.translate();
    let names = expected_names(mesh.cluster().auto_tls.as_ref().expect("automatic"));
    assert_eq!(names, ["spiffe://cluster.local/ns/default/sa/bin", "spiffe://old.example/ns/default/sa/bin"]);
}

#[test]
fn destination_rules_decide_before_anything_automatic() {
    for (policy, tls, names) in [
        ("{tls: {mode: DISABLE}}", false, &[][..]),
        ("{tls: {mode: SIMPLE, sni: a.example}}", true, &[]),
        ("{tls: {mode: ISTIO_MUTUAL}}", true, &["spiffe://cluster.local/ns/default/sa/bin"]),
        ("{tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://x/y]}}", true, &["spiffe://x/y"]),
    ] {
        let mesh = Mesh::with(&destination_rule(policy));
        let cluster = mesh.cluster();
        assert_eq!((cluster.tls.is_some(), cluster.auto_tls.is_some()), (tls, false), "{policy}");
        assert_eq!(cluster.tls.as_deref().map(expected_names).unwrap_or_default(), names, "{policy}");
    }
    let mesh = Mesh::with(&destination_rule("{connectionPool: {tcp: {maxConnections: 1}}}"));
    assert!(mesh.cluster().auto_tls.is_some(), "a rule that says nothing of TLS");
}

#[test]
fn entries_of_workloads_say_whether_they_have_a_sidecar() {
    let entry = |location: &str, endpoint: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: vm}}\nspec:\n  \
             hosts: [vm.example]\n  location: {location}\n  resolution: STATIC\n  \
             ports: [{{number: 80, name: http, protocol: HTTP}}]\n  endpoints: [{endpoint}]\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: all}}\n\
             spec: {{hosts: ['*'], gateways: [gateway], http: [{{route: [{{destination: {{host: vm.example}}}}]}}]}}\n"
        )
    };
    for (location, endpoint, expected) in [
        ("MESH_INTERNAL", "{address: 10.2.0.1}", (true, false, None)),
        ("MESH_INTERNAL", "{address: 10.2.0.1, serviceAccount: vm}", (true, true, Some("vm"))),
        (
            "MESH_INTERNAL",
            "{address: 10.2.0.1, serviceAccount: vm, labels: {security.istio.io/tlsMode: disabled}}",
            (true, false, Some("vm")),
        ),
        ("MESH_INTERNAL", "{address: 10.2.0.1, labels: {security.istio.io/tlsMode: istio}}", (true, true, None)),
        ("MESH_EXTERNAL", "{address: 10.2.0.1, serviceAccount: vm}", (false, false, None)),
    ] {
        let mesh = Mesh::with(&entry(location, endpoint));
        let config = &mesh.configs["ingressgateway"];
        let cluster = &config.clusters["outbound|80||vm.example"];
        let names = cluster.auto_tls.as_deref().map(expected_names).unwrap_or_default();
        let identity = expected.2.map(|account| format!("spiffe://cluster.local/ns/default/sa/{account}"));
        let mesh_tls = config.endpoints["outbound|80||vm.example"].endpoints[0].mesh_tls;
        assert_eq!((cluster.auto_tls.is_some(), mesh_tls), (expected.0, expected.1), "{location} {endpoint}");
        assert_eq!(names, Vec::from_iter(identity), "{location} {endpoint}");
    }
}
