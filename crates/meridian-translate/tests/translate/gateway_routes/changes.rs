//! What a change costs: the rest is shared with the configuration before.

use crate::gateway_statuses::cluster::Cluster;
use meridian_ir::request::PlainRequest;
use meridian_ir::{Action, ProxyConfig};
use meridian_translate::{GATEWAY_NAME_LABEL, ProxyNode};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
     metadata: {name: edge, namespace: default}\n\
     spec: {gatewayClassName: meridian, listeners: [{name: http, port: 80, protocol: HTTP}]}\n\
     ---\napiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: default}\n\
     spec: {selector: {app: shop}, clusterIP: 10.1.0.1, ports: [{name: http, port: 8080}]}\n";

fn route(index: usize, path: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r{index}, namespace: default}}\n\
         spec: {{parentRefs: [{{name: edge}}], hostnames: [h{index}.example.com], rules: [{{matches: [{{path: \
         {{type: PathPrefix, value: {path}}}}}], backendRefs: [{{name: shop, port: 8080}}]}}]}}\n"
    )
}

pub(super) fn translated(cluster: &mut Cluster) -> Option<Arc<ProxyConfig>> {
    let output = cluster.translator.translate();
    output.proxies.into_iter().find(|(id, _)| **id == *"edge-1").map(|(_, config)| config)
}

pub(super) fn edge(routes: usize) -> (Cluster, Arc<ProxyConfig>) {
    let mut cluster = Cluster::new();
    cluster.apply(GATEWAY);
    (0..routes).for_each(|index| cluster.apply(&route(index, "/a")));
    cluster.settle();
    let labels = BTreeMap::from([(GATEWAY_NAME_LABEL.to_owned(), "edge".to_owned())]);
    cluster.translator.add_proxy(ProxyNode::gateway("edge-1", "default", labels));
    let config = translated(&mut cluster).expect("a new proxy has a configuration");
    (cluster, config)
}

#[test]
fn one_changed_route_leaves_all_others_as_they_were() {
    let (mut cluster, before) = edge(50);
    assert_eq!(before.routes["http.80"].virtual_hosts.len(), 51);
    cluster.apply(&route(7, "/b"));
    let after = translated(&mut cluster).expect("a changed route is a new configuration");
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_80"], &after.listeners["0.0.0.0_80"]));
    let cluster_name = "outbound|8080||shop.default.svc.cluster.local";
    assert!(Arc::ptr_eq(&before.clusters[cluster_name], &after.clusters[cluster_name]));
    let pairs = std::iter::zip(&before.routes["http.80"].virtual_hosts, &after.routes["http.80"].virtual_hosts);
    let changed: Vec<&str> = pairs.filter(|(a, b)| !Arc::ptr_eq(a, b)).map(|(a, _)| &*a.name).collect();
    assert_eq!(changed, ["h7.example.com:80"]);
    assert!(translated(&mut cluster).is_none(), "nothing is different");
    cluster.apply(&route(7, "/b"));
    assert!(translated(&mut cluster).is_none(), "nothing is different");
}

#[test]
fn services_that_come_and_go_make_and_end_clusters() {
    let (mut cluster, _) = edge(1);
    let name = "outbound|8080||shop.default.svc.cluster.local";
    cluster.delete("Service", "default", "shop");
    let without = translated(&mut cluster).expect("the Service is gone");
    assert!(!without.clusters.contains_key(name));
    cluster.apply(GATEWAY);
    let with = translated(&mut cluster).expect("the Service is back");
    assert!(with.clusters.contains_key(name));
    cluster.delete("HTTPRoute", "default", "r0");
    let empty = translated(&mut cluster).expect("the route is gone");
    assert!(
        empty.clusters.is_empty() && empty.routes["http.80"].virtual_host(b"h0.example.com").unwrap().routes.is_empty()
    );
    cluster.delete("Gateway", "default", "edge");
    let nothing = translated(&mut cluster).expect("the Gateway is gone");
    assert!(nothing.listeners.is_empty() && nothing.routes.is_empty());
}

#[test]
fn routes_move_with_their_hosts_and_grants() {
    let (mut cluster, _) = edge(2);
    cluster.apply(&route(0, "/a").replace("h0.example.com", "other.example.com"));
    let moved = translated(&mut cluster).expect("another host is another configuration");
    let hosts: Vec<&str> = moved.routes["http.80"].virtual_hosts.iter().map(|host| &*host.name).collect();
    assert_eq!(hosts, ["*:80", "h1.example.com:80", "other.example.com:80"]);

    let granted = "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\n\
         metadata: {name: all, namespace: elsewhere}\n\
         spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], to: [{group: '', kind: \
         Service}]}\n";
    cluster.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: elsewhere}\n\
         spec: {selector: {app: shop}, clusterIP: 10.1.0.9, ports: [{name: http, port: 8080}]}\n",
    );
    cluster.apply(&route(1, "/a").replace("name: shop,", "name: shop, namespace: elsewhere,"));
    let status = |config: &ProxyConfig| {
        let request = PlainRequest::get("h1.example.com", "/a");
        match &config.routes["http.80"].virtual_host(b"h1.example.com").unwrap().route(&request).unwrap().action {
            Action::Direct(direct) => direct.status,
            _ => 200,
        }
    };
    assert_eq!(status(&translated(&mut cluster).expect("a changed route is a new configuration")), 500);
    cluster.apply(granted);
    assert_eq!(status(&translated(&mut cluster).expect("a grant lets it through")), 200);
    cluster.delete("ReferenceGrant", "elsewhere", "all");
    assert_eq!(status(&translated(&mut cluster).expect("without the grant it is refused")), 500);
}

#[test]
fn ports_open_and_close_with_listeners_and_routes() {
    let (mut cluster, _) = edge(1);
    let listeners = "[{name: http, port: 80, protocol: HTTP}, {name: db, port: 3306, protocol: TCP}]";
    let listens = |config: &ProxyConfig| config.listeners.contains_key("0.0.0.0_3306");
    cluster.apply(&GATEWAY.replace("[{name: http, port: 80, protocol: HTTP}]", listeners));
    assert!(translated(&mut cluster).is_none(), "without a route a TCP port stays closed");
    cluster.apply(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {name: db, namespace: default}\n\
         spec: {parentRefs: [{name: edge, sectionName: db}], rules: [{backendRefs: [{name: shop, port: 8080}]}]}\n",
    );
    let open = translated(&mut cluster).expect("a route opens the port");
    assert!(listens(&open) && open.clusters.len() == 1);
    cluster.delete("HTTPRoute", "default", "r0");
    let less = translated(&mut cluster).expect("a route is gone");
    assert!(listens(&less) && less.clusters.len() == 1, "the cluster is still in use");
    cluster.delete("TCPRoute", "default", "db");
    let closed = translated(&mut cluster).expect("the other one is gone, too");
    assert!(!listens(&closed) && closed.clusters.is_empty());
}
