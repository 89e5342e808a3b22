//! How long one changed HTTPRoute among many takes to become a configuration:
//! `cargo run --release -p meridian-translate --example gateway_routes -- 1000`.

use meridian_translate::{GATEWAY_NAME_LABEL, MeshConfig, ProxyNode, Translator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many changes are timed.
const CHANGES: usize = 200;

fn put(translator: &mut Translator, object: &Value) {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = meridian_resources::by_api_version_kind(text("apiVersion"), text("kind")).expect("a known kind");
    translator.put(meridian_resources::decode(kind, object).expect("a valid object"));
}

fn route(index: usize, generation: usize) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": format!("route-{index}"), "namespace": "default", "generation": generation},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "hostnames": [format!("host-{}.example.com", index % 100)],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": format!("/{index}/{generation}")}}],
                "backendRefs": [{"name": "shop", "port": 8080}],
            }],
        },
    })
}

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let mut translator = Translator::new(MeshConfig::default());
    let objects = json!([
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "meridian"},
         "spec": {"controllerName": meridian_translate::CONTROLLER_NAME}},
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
         "metadata": {"name": "edge", "namespace": "default"},
         "spec": {"gatewayClassName": "meridian", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "namespace": "default"},
         "spec": {"selector": {"app": "shop"}, "clusterIP": "10.0.0.1", "ports": [{"port": 8080}]}},
    ]);
    objects.as_array().into_iter().flatten().for_each(|object| put(&mut translator, object));
    (0..count).for_each(|index| put(&mut translator, &route(index, 1)));
    let labels = BTreeMap::from([(GATEWAY_NAME_LABEL.to_owned(), "edge".to_owned())]);
    translator.add_proxy(ProxyNode::gateway("edge-1", "default", labels));
    let begin = Instant::now();
    assert_eq!(translator.translate().proxies.len(), 1, "the proxy is configured");
    println!("{count} routes at first: {:?}", begin.elapsed());
    let mut times: Vec<Duration> = Vec::new();
    for change in 0..CHANGES {
        put(&mut translator, &route(change * 7 % count, change + 2));
        let begin = Instant::now();
        assert_eq!(translator.translate().proxies.len(), 1, "a changed route is a new configuration");
        times.push(begin.elapsed());
    }
    times.sort();
    println!("one of them changed: median {:?}, worst {:?}", times[CHANGES / 2], times[CHANGES - 1]);
}
