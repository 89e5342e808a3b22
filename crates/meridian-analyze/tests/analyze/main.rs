//! Each analyzer over YAML: what it reports, on which line, and that it is silent when all is well.
#![allow(clippy::unwrap_used)]

mod destination_rules;
mod gateways;
mod services;
mod virtual_services;

use meridian_analyze::{Objects, analyze};
use meridian_resources::yaml::{Reading, read};

/// The messages of one analyzer about `text`, as lines.
fn analyzed(analyzer: &str, text: &str) -> Vec<String> {
    assert!(meridian_analyze::ALL.iter().any(|known| known.name == analyzer), "there is no {analyzer}");
    let mut objects = Objects::default();
    for reading in read(text, "a.yaml") {
        match reading {
            Reading::Object(object, errors) => objects.put_written(object, errors),
            other => panic!("{other:?}"),
        }
    }
    analyze(&objects, |one| one.name == analyzer).iter().map(ToString::to_string).collect()
}

/// A Service and a Pod such as an installation of gateways has.
const INSTALLED: &str = "
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ingressgateway, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy, image: meridian}]}
---
";
