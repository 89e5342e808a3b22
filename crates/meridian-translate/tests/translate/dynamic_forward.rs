//! Hosts that are known only at run time: from a sidecar, and behind an egress gateway.

use crate::lab::Lab;
use crate::sidecars::{Kind, Mesh};
use meridian_ir::cluster::Discovery;
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_ir::{Cluster, ProxyConfig};

fn entry(resolution: &str, annotations: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: wiki, namespace: default, annotations: {{{annotations}}}}}
spec:
  hosts: ['*.wikipedia.org']
  location: MESH_EXTERNAL
  ports:
  - {{number: 443, name: tls, protocol: TLS}}
  - {{number: 80, name: http, protocol: HTTP, targetPort: 8080}}
  resolution: {resolution}
"
    )
}

/// TLS by server name, and plain HTTP, through the gateway.
const EGRESS: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.wikipedia.org'], tls: {mode: PASSTHROUGH}}
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.wikipedia.org']}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wiki, namespace: default}
spec:
  hosts: ['*.wikipedia.org']
  gateways: [egress]
  tls:
  - match: [{sniHosts: ['*.wikipedia.org']}]
    route: [{destination: {host: '*.wikipedia.org', port: {number: 443}}}]
  http:
  - route: [{destination: {host: '*.wikipedia.org', port: {number: 80}}}]
---
";

fn cluster(config: &ProxyConfig, port: u16) -> &Cluster {
    &config.clusters[&*format!("outbound|{port}||*.wikipedia.org")]
}

#[test]
fn a_gateway_goes_to_the_host_that_is_named_and_to_public_addresses_only() {
    for resolution in ["DYNAMIC_DNS", "NONE"] {
        let mut lab = Lab::empty();
        lab.apply(&format!("{EGRESS}{}", entry(resolution, "")));
        let expected =
            |port| DynamicForward { hosts: vec!["*.wikipedia.org".into()], port: Some(port), allow_private: false };
        for (port, target) in [(443, 443), (80, 8080)] {
            let cluster = cluster(&lab.config, port);
            assert_eq!(cluster.discovery, Discovery::DynamicForward, "{resolution}");
            assert_eq!(cluster.dynamic_forward.as_deref(), Some(&expected(target)), "{resolution}");
        }
        lab.apply(&entry(resolution, "meridian.dev/allow-private-addresses: 'true'"));
        assert!(cluster(&lab.config, 443).dynamic_forward.as_ref().is_some_and(|forward| forward.allow_private));
    }
}

#[test]
fn a_sidecar_resolves_where_it_is_asked_to_and_else_goes_where_its_workload_went() {
    let mesh = Mesh::with(&entry("DYNAMIC_DNS", ""));
    assert_eq!(mesh.send("192.0.2.1:443", Kind::Tls("en.wikipedia.org")), "outbound|443||*.wikipedia.org");
    let forward = cluster(&mesh.config, 443).dynamic_forward.as_deref();
    assert!(forward.is_some_and(|forward| forward.allow_private), "what the workload reaches is its own affair");
    let mesh = Mesh::with(&entry("NONE", ""));
    assert_eq!(cluster(&mesh.config, 443).discovery, Discovery::OriginalDst);
}
