//! The names that a sidecar answers for, and addresses that were allocated to services without their own.

use crate::sidecars::{Kind, Mesh, client};
use meridian_translate::ProxyNode;

const OBJECTS: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: pods, namespace: default}
spec: {clusterIP: None, ports: [{name: tcp, port: 9000}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pods-1, namespace: default, labels: {kubernetes.io/service-name: pods}}
addressType: IPv4
ports: [{name: tcp, port: 9000}]
endpoints: [{addresses: [10.9.0.8]}, {addresses: [10.9.0.7]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: orders, namespace: default}
spec:
  hosts: [orders.db.example]
  ports: [{number: 3306, name: mysql, protocol: TCP}]
  resolution: DNS
status: {addresses: [{host: orders.db.example, value: 240.240.0.1}, {host: orders.db.example, value: '2001:2::1'}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: users, namespace: default}
spec:
  hosts: [users.db.example]
  ports: [{number: 3306, name: mysql, protocol: TCP}]
  resolution: DNS
status: {addresses: [{host: users.db.example, value: 240.240.0.2}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wiki, namespace: default}
spec:
  hosts: ['*.wikipedia.org']
  ports: [{number: 443, name: https, protocol: HTTPS}]
";

fn names(mesh: &Mesh) -> Vec<String> {
    let one = |(host, info): (&meridian_ir::Name, &std::sync::Arc<meridian_ir::name_table::NameInfo>)| {
        let addresses: Vec<String> = info.addresses.iter().map(ToString::to_string).collect();
        format!("{host} {} {}", addresses.join(","), info.is_service)
    };
    mesh.config.names.iter().map(one).collect()
}

#[test]
fn services_with_addresses_have_names() {
    let mut mesh = Mesh::of(ProxyNode { dns_capture: true, ..client() }, OBJECTS);
    let expected = [
        "orders.db.example 240.240.0.1 false",
        "pods.default.svc.cluster.local 10.9.0.7,10.9.0.8 true",
        "users.db.example 240.240.0.2 false",
        "web.default.svc.cluster.local 10.96.0.1 true",
    ];
    assert_eq!(names(&mesh), expected);
    mesh.delete("ServiceEntry default/users");
    assert!(!names(&mesh).contains(&expected[2].to_owned()));
    assert_eq!(mesh.send("240.240.0.1:3306", Kind::Bytes), "outbound|3306||orders.db.example");
}

#[test]
fn two_services_on_one_port_are_told_apart_by_their_addresses() {
    let mesh = Mesh::of(ProxyNode { dns_capture: true, ..client() }, OBJECTS);
    assert_eq!(mesh.send("240.240.0.1:3306", Kind::Bytes), "outbound|3306||orders.db.example");
    assert_eq!(mesh.send("240.240.0.2:3306", Kind::Bytes), "outbound|3306||users.db.example");
    assert!(mesh.config.listeners.contains_key("240.240.0.2_3306"), "{:?}", mesh.config.listeners.keys());
}

#[test]
fn who_is_not_asked_for_names_does_not_use_such_addresses() {
    let mesh = Mesh::with(OBJECTS);
    assert!(mesh.config.names.is_empty());
    assert!(!mesh.config.listeners.contains_key("240.240.0.1_3306"), "{:?}", mesh.config.listeners.keys());
}
