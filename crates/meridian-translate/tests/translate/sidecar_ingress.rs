//! Ports of a workload as its Sidecar lists them, and limits of connections to it.

use crate::lab::parse;
use meridian_ir::cluster::Discovery;
use meridian_ir::endpoint::Address;
use meridian_ir::{Cluster, ProxyConfig};
use meridian_translate::{Condition, MeshConfig, ProxyNode, Translator};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
";

type Statuses = BTreeMap<String, Arc<[Condition]>>;

/// The configuration of a sidecar at 10.1.0.1, and what was said of objects.
fn translate(yaml: &str) -> (Arc<ProxyConfig>, Statuses) {
    let mut translator = Translator::new(MeshConfig::default());
    let labels = [("app".to_owned(), "web".to_owned())].into();
    translator.add_proxy(ProxyNode::sidecar("web", "default", labels, vec!["10.1.0.1".parse().expect("an address")]));
    parse(SERVICE).into_iter().chain(parse(yaml)).for_each(|resource| translator.put(resource));
    let output = translator.translate();
    let statuses = output.statuses.iter().map(|(object, said)| (object.to_string(), said.clone())).collect();
    (output.proxies[0].1.clone(), statuses)
}

fn sidecar(spec: &str) -> String {
    format!("apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: web}}\nspec: {spec}\n")
}

/// Names of the inbound clusters of ports.
fn ports(config: &ProxyConfig) -> Vec<&str> {
    let names = config.clusters.keys().map(|name| &**name).filter(|name| name.starts_with("inbound|"));
    BTreeSet::from_iter(names).into_iter().collect()
}

fn limits(cluster: &Cluster) -> (u32, u32) {
    (cluster.circuit_breakers.max_connections, cluster.circuit_breakers.max_requests)
}

#[test]
fn listed_ports_are_in_the_place_of_those_of_services() {
    let (config, _) = translate("");
    assert_eq!(ports(&config), ["inbound|8080||"]);
    let listed = "{ingress: [{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}, \
                  {port: {number: 9090, protocol: TCP, name: tcp}, defaultEndpoint: '0.0.0.0:9091'}]}";
    let (config, _) = translate(&sidecar(listed));
    assert_eq!(ports(&config), ["inbound|9080||", "inbound|9090||"]);
    for (port, address, from_proxy) in [(9080, "127.0.0.1:8080", false), (9090, "10.1.0.1:9091", true)] {
        let name = format!("inbound|{port}||");
        let cluster = &config.clusters[&*name];
        let address: SocketAddr = address.parse().expect("an address");
        assert_eq!((cluster.discovery, cluster.bind_source.is_some()), (Discovery::Static, from_proxy));
        assert_eq!(config.endpoints[&*name].endpoints[0].address, Address::Socket(address));
    }
    let chains = config.listeners["virtualInbound"].chains.iter();
    assert!(chains.clone().any(|chain| &*chain.name == "10.1.0.1_9080"));
    assert!(chains.clone().all(|chain| chain.matcher.destination_port != Some(8080)));
}

#[test]
fn ports_that_are_not_captured_have_a_listener_of_their_own() {
    let listed = "{ingress: [{port: {number: 9080, protocol: HTTP, name: http}, bind: 127.0.0.1, captureMode: NONE, \
                  defaultEndpoint: '127.0.0.1:8080'}]}";
    let (config, _) = translate(&sidecar(listed));
    let listener = &config.listeners["127.0.0.1_9080"];
    assert_eq!(listener.address, SocketAddr::from(([127, 0, 0, 1], 9080)));
    assert!(listener.bind_to_port && !listener.capture.original_dst && listener.tls_inspector);
    let chains = config.listeners["virtualInbound"].chains.iter();
    assert!(chains.clone().all(|chain| chain.matcher.destination_port != Some(9080)));
}

#[test]
fn limits_are_the_listeners_the_sidecars_or_the_rules() {
    const RULE: &str = "
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}, http: {http2MaxRequests: 8}}}}
";
    let (config, _) = translate(RULE);
    assert_eq!(limits(&config.clusters["inbound|8080||"]), (7, 8));
    let of_sidecar = sidecar("{inboundConnectionPool: {tcp: {maxConnections: 5}}}");
    let (config, _) = translate(&format!("{of_sidecar}{RULE}"));
    assert_eq!(limits(&config.clusters["inbound|8080||"]), (5, u32::MAX), "in the place of the rule's");
    let of_listener = "{inboundConnectionPool: {tcp: {maxConnections: 5}}, ingress: [\
                       {port: {number: 8080, protocol: HTTP, name: a}, connectionPool: {tcp: {maxConnections: 3}}}, \
                       {port: {number: 8081, protocol: HTTP, name: b}}]}";
    let (config, _) = translate(&sidecar(of_listener));
    assert_eq!(limits(&config.clusters["inbound|8080||"]), (3, u32::MAX));
    assert_eq!(limits(&config.clusters["inbound|8081||"]), (5, u32::MAX));
}

#[test]
fn what_is_not_supported_is_said() {
    let listed = "{ingress: [{port: {number: 9080, protocol: HTTP, name: a}, defaultEndpoint: 'unix:///run/x'}, \
                  {port: {number: 9090, protocol: HTTPS, name: b}, tls: {mode: SIMPLE, serverCertificate: /c, \
                  privateKey: /k, maxProtocolVersion: TLSV1_1}}]}";
    let (config, statuses) = translate(&sidecar(listed));
    let accepted = &statuses["Sidecar default/web"][0];
    assert!(!accepted.status);
    for expected in [
        "spec.ingress[0].defaultEndpoint: \"unix:///run/x\": Unix sockets are not supported",
        "spec.ingress[1].tls.maxProtocolVersion: TLS below 1.2 is not supported",
    ] {
        assert!(accepted.message.contains(expected), "{}", accepted.message);
    }
    assert!(!config.clusters.contains_key("inbound|9080||"), "nothing is sent elsewhere instead");
}
