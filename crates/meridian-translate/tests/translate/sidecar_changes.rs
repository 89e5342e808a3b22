//! Changes on their way to a sidecar: what is not concerned stays the same object, and what comes out is what a translation
//! of everything at once gives.

use crate::lab::parse;
use crate::sidecars::{Mesh, client};
use meridian_ir::ProxyConfig;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects by name, in variants that replace each other.
const OBJECTS: [(&str, &[&str]); 12] = [
    (
        "Service default/a",
        &[
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80}, {name: tcp, port: 9000}]}}",
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: 10.1.0.1, ports: [{name: tcp, port: 80}, {name: any, port: 9000}]}}",
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None, ports: [{name: tcp, port: 80}, {name: any, port: 9000}]}}",
        ],
    ),
    (
        "EndpointSlice default/a-1",
        &[
            "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}, addressType: IPv4, ports: [{name: tcp, port: 80}, {name: any, port: 9000}], endpoints: [{addresses: [10.0.0.1]}]}",
            "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}, addressType: IPv4, ports: [{name: tcp, port: 80}, {name: any, port: 9000}], endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2]}]}",
        ],
    ),
    (
        "Service default/b",
        &[
            "{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {clusterIP: 10.1.0.2, ports: [{name: any, port: 80}]}}",
            "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: default, annotations: {networking.istio.io/exportTo: other}}, spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}]}}",
        ],
    ),
    (
        "Service default/alias",
        &[
            "{apiVersion: v1, kind: Service, metadata: {name: alias}, spec: {type: ExternalName, externalName: b.default.svc.cluster.local}}",
            "{apiVersion: v1, kind: Service, metadata: {name: alias}, spec: {type: ExternalName, externalName: a.default.svc.cluster.local, ports: [{name: http, port: 80}]}}",
        ],
    ),
    (
        "ServiceEntry default/web",
        &[
            "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: web}, spec: {hosts: [web.example.com, '*.wild.example.com'], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}}",
            "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: web}, spec: {hosts: [web.example.com], addresses: [10.2.0.0/16, 10.3.0.1], ports: [{number: 443, name: tls, protocol: TLS}, {number: 9000, name: tcp, protocol: TCP}]}}",
        ],
    ),
    (
        "ServiceEntry default/more",
        &[
            "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: more}, spec: {hosts: [web.example.com], resolution: NONE, ports: [{number: 8443, name: more, protocol: TLS}]}}",
            "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: more}, spec: {hosts: [more.example.com], resolution: NONE, ports: [{number: 9000, name: more, protocol: TCP}]}}",
        ],
    ),
    (
        "VirtualService default/http",
        &[
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: http}, spec: {hosts: [a, other.example.com], http: [{route: [{destination: {host: b}}]}]}}",
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: http}, spec: {hosts: ['*.example.com', b], http: [{route: [{destination: {host: a, subset: v1}}]}]}}",
        ],
    ),
    (
        "VirtualService default/l4",
        &[
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: l4}, spec: {hosts: [a], tcp: [{route: [{destination: {host: b, port: {number: 80}}}]}]}}",
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: l4}, spec: {hosts: ['*.example.com'], tls: [{match: [{sniHosts: [web.example.com]}], route: [{destination: {host: missing}}]}]}}",
        ],
    ),
    (
        "VirtualService default/second",
        &[
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: second}, spec: {hosts: [a, '*.wild.example.com'], http: [{directResponse: {status: 418}}]}}",
        ],
    ),
    (
        "DestinationRule default/a",
        &[
            "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: a, subsets: [{name: v1}], trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}}",
            "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: '*.default.svc.cluster.local', subsets: [{name: v2}], trafficPolicy: {connectionPool: {tcp: {idleTimeout: 5s}}}}}",
        ],
    ),
    (
        "Sidecar default/narrow",
        &[
            "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: narrow}, spec: {egress: [{hosts: ['default/a.default.svc.cluster.local', '*/web.example.com']}]}}",
            "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: narrow}, spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*/*']}, {hosts: ['*/*', '~*/b.default.svc.cluster.local']}]}}",
        ],
    ),
    (
        "Service default/missing",
        &["{apiVersion: v1, kind: Service, metadata: {name: missing}, spec: {ports: [{name: tls, port: 443}]}}"],
    ),
];

/// A sequence that looks random and is always the same.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

fn differences(a: &ProxyConfig, b: &ProxyConfig) -> Vec<String> {
    let mut found = Vec::new();
    if a.listeners != b.listeners {
        let differs = |name: &&std::sync::Arc<str>| a.listeners.get(*name) != b.listeners.get(*name);
        found.extend(
            a.listeners.keys().chain(b.listeners.keys()).filter(differs).map(|name| format!("listener {name}")),
        );
    }
    let differs = |name: &&std::sync::Arc<str>| a.routes.get(*name) != b.routes.get(*name);
    found.extend(a.routes.keys().chain(b.routes.keys()).filter(differs).map(|name| format!("routes {name}")));
    let differs = |name: &&std::sync::Arc<str>| {
        a.clusters.get(*name) != b.clusters.get(*name) || a.endpoints.get(*name) != b.endpoints.get(*name)
    };
    found.extend(a.clusters.keys().chain(b.clusters.keys()).filter(differs).map(|name| format!("cluster {name}")));
    found
}

#[test]
fn changes_lead_where_a_translation_of_everything_does() {
    let mut sequence = Sequence(7);
    let mut mesh = Mesh::with("");
    let mut objects: BTreeMap<&str, &str> = BTreeMap::new();
    let mut history: Vec<String> = Vec::new();
    for _ in 0..300 {
        let (name, variants) = OBJECTS[sequence.below(OBJECTS.len())];
        let variant = sequence.below(variants.len() + 1);
        match variants.get(variant) {
            Some(yaml) => {
                history.push(format!("put {name} {variant}"));
                objects.insert(name, yaml);
                mesh.apply(yaml);
            }
            None if objects.remove(name).is_some() => {
                history.push(format!("delete {name}"));
                mesh.delete(name);
            }
            None => continue,
        }
        let mut fresh = Mesh::with("");
        for yaml in objects.values() {
            parse(yaml).into_iter().for_each(|object| fresh.translator.put(object));
        }
        fresh.translator.remove_proxy("client");
        fresh.translator.add_proxy(client());
        fresh.translate();
        let found = differences(&mesh.config, &fresh.config);
        let last = history.len().saturating_sub(12);
        assert!(found.is_empty(), "{found:#?}\nafter {:#?}\nwith {objects:#?}", &history[last..]);
        for object in objects.keys() {
            let (own, wanted) = (mesh.statuses.get(*object), fresh.statuses.get(*object));
            assert_eq!(own, wanted, "{object} after {:#?}", &history[last..]);
        }
    }
}

#[test]
fn a_change_leaves_alone_what_it_is_not_about() {
    let mut yaml = String::new();
    for index in 0..20 {
        yaml.push_str(&format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{index}}}\n\
             spec: {{clusterIP: 10.1.0.{index}, ports: [{{name: http, port: 80}}, {{name: tcp, port: 9000}}, {{name: any, port: 9001}}]}}\n"
        ));
    }
    let mut mesh = Mesh::with(&yaml);
    let before = mesh.config.clone();
    mesh.apply(
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: one}, spec: {hosts: [s7], http: [{timeout: 3s, \
         route: [{destination: {host: s7}}]}]}}",
    );
    let after = mesh.config.clone();
    for (name, listener) in &after.listeners {
        assert!(Arc::ptr_eq(listener, &before.listeners[name]), "listener {name}");
    }
    for (name, cluster) in &after.clusters {
        assert!(Arc::ptr_eq(cluster, &before.clusters[name]), "cluster {name}");
    }
    let mut changed: Vec<String> = Vec::new();
    for (name, routes) in &after.routes {
        let old = &before.routes[name];
        if Arc::ptr_eq(routes, old) {
            continue;
        }
        for host in &routes.virtual_hosts {
            if !old.virtual_hosts.iter().any(|other| Arc::ptr_eq(host, other)) {
                changed.push(host.name.to_string());
            }
        }
    }
    assert_eq!(changed, ["s7.default.svc.cluster.local:80", "s7.default.svc.cluster.local:9001"]);
    // One more service: its own listeners, and the routes of the port that all HTTP shares.
    mesh.apply("{apiVersion: v1, kind: Service, metadata: {name: new}, spec: {clusterIP: 10.1.1.1, ports: [{name: http, port: 80}, {name: tcp, port: 9000}]}}");
    for (name, listener) in &after.listeners {
        assert!(Arc::ptr_eq(listener, &mesh.config.listeners[name]), "listener {name}");
    }
    assert!(mesh.config.listeners.contains_key("10.1.1.1_9000"));
    // And a change that says nothing new says nothing at all.
    let same = mesh.apply("{apiVersion: v1, kind: Service, metadata: {name: new}, spec: {clusterIP: 10.1.1.1, ports: [{name: http, port: 80}, {name: tcp, port: 9000}]}}");
    assert!(same.proxies.is_empty() && same.statuses.is_empty());
}
