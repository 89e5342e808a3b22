//! What is said does not depend on the order in which objects come.

use super::cluster::{Cluster, documents};
use proptest::prelude::*;
use serde_json::Value;

const OBJECTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: blue, labels: {team: blue}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway, namespace: default}
spec:
  gatewayClassName: meridian
  allowedListeners: {namespaces: {from: All}}
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: '*.example.com', allowedRoutes: {namespaces: {from: All}}}
  - name: blue
    port: 80
    protocol: HTTP
    hostname: blue.example.com
    allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: blue}}}}
  - {name: tcp, port: 9000, protocol: TCP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: first, namespace: default}
spec:
  parentRef: {name: gateway}
  listeners:
  - {name: a, port: 80, protocol: HTTP, hostname: a.org}
  - {name: taken, port: 80, protocol: HTTP, hostname: blue.example.com}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: second, namespace: blue}
spec:
  parentRef: {name: gateway, namespace: default}
  listeners: [{name: a, port: 80, protocol: HTTP, hostname: a.org}, {name: b, port: 80, protocol: HTTP, hostname: b.org}]
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: grant, namespace: default}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: blue}]
  to: [{group: '', kind: Service}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: default}
spec:
  parentRefs: [{name: gateway}, {name: first, kind: ListenerSet}]
  rules: [{backendRefs: [{name: httpbin, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: blue, namespace: blue}
spec:
  parentRefs: [{name: gateway, namespace: default, sectionName: blue}, {name: second, kind: ListenerSet, sectionName: b}]
  rules: [{backendRefs: [{name: httpbin, namespace: default, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: elsewhere, namespace: default}
spec:
  parentRefs: [{name: gateway, sectionName: http}]
  hostnames: [example.org]
  rules: [{backendRefs: [{name: nothing, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp, namespace: default}
spec:
  parentRefs: [{name: gateway, port: 9000}]
  rules: [{backendRefs: [{name: httpbin, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: a, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: httpbin}]
  validation: {hostname: a.example.com, wellKnownCACertificates: System}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: b, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: httpbin}]
  validation: {hostname: b.example.com, wellKnownCACertificates: System}
";

fn said(cluster: &Cluster) -> Vec<(String, Value)> {
    cluster.all().map(|(object, status, _)| (object.to_string(), status.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn statuses_do_not_depend_on_the_order_of_objects(
        objects in Just(documents(OBJECTS)).prop_shuffle(),
        settles in proptest::collection::vec(any::<bool>(), 12),
        back_and_forth in 0..12_usize,
    ) {
        let mut expected = Cluster::new();
        documents(OBJECTS).into_iter().for_each(|object| expected.apply_object(object));
        expected.settle();
        prop_assert_eq!(said(&expected).len(), 10);

        let mut cluster = Cluster::new();
        for (object, settle) in objects.iter().zip(settles) {
            cluster.apply_object(object.clone());
            if settle {
                cluster.settle();
            }
        }
        cluster.settle();
        prop_assert_eq!(said(&cluster), said(&expected));

        // One of them goes away and comes back.
        let object = &objects[back_and_forth];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
        cluster.delete(&kind, &text(&meta["namespace"]), &text(&meta["name"]));
        cluster.settle();
        cluster.apply_object(object.clone());
        cluster.settle();
        prop_assert_eq!(said(&cluster), said(&expected));
        // Nothing is said twice.
        let told = cluster.told;
        objects.into_iter().for_each(|object| cluster.apply_object(object));
        cluster.settle();
        prop_assert_eq!(cluster.told, told);
    }
}
