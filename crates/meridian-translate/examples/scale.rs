//! How long translation takes, and how much memory it holds, with many VirtualServices on one gateway.
//!
//! ```text
//! cargo run --release -p meridian-translate --example scale [VIRTUAL_SERVICES] [SERVICES]
//! ```

use meridian_ir::ProxyConfig;
use meridian_resources::{Resource, decode, kind};
use meridian_translate::{MeshConfig, ProxyNode, Translator};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn resource(object: &Value) -> Resource {
    let text = |field: &str| object[field].as_str().expect("every object has one");
    let kind = kind::by_api_version_kind(text("apiVersion"), text("kind")).expect("the kind is known");
    decode(kind, object).expect("the object is valid")
}

fn gateway() -> Resource {
    resource(&json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": "gateway", "namespace": "default"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [
            {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]},
        ]},
    }))
}

fn service(index: usize) -> [Resource; 2] {
    let name = format!("service-{index}");
    [
        resource(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
            "spec": {"ports": [{"name": "http", "port": 8000, "targetPort": 80}]},
        })),
        resource(&json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 80}],
            "endpoints": [{"addresses": [format!("10.0.{}.{}", index / 250, index % 250 + 1)]}],
        })),
    ]
}

fn virtual_service(index: usize, services: usize, prefix: &str) -> Resource {
    resource(&json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": format!("route-{index}"), "namespace": "default"},
        "spec": {"hosts": [format!("host-{index}.example.com")], "gateways": ["gateway"], "http": [{
            "match": [{"uri": {"prefix": prefix}}, {"uri": {"exact": "/health"}}],
            "route": [{"destination": {"host": format!("service-{}", index % services), "port": {"number": 8000}}}],
        }]},
    }))
}

/// Resident memory of this process in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Puts one object, translates, and drops the configuration before, as a control plane does.
fn change(translator: &mut Translator, object: Resource, held: &mut Option<Arc<ProxyConfig>>) -> Duration {
    let started = Instant::now();
    translator.put(object);
    let output = translator.translate();
    if let Some((_, config)) = output.proxies.into_iter().next() {
        *held = Some(config);
    }
    started.elapsed()
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let routes: usize = arguments.next().unwrap_or(10_000);
    let services: usize = arguments.next().unwrap_or(100);
    let mut translator = Translator::new(MeshConfig::default());
    let labels = [("istio".to_owned(), "ingressgateway".to_owned())].into();
    translator.add_proxy(ProxyNode::gateway("ingressgateway", "istio-system", labels));
    let before = resident();
    translator.put(gateway());
    (0..services).flat_map(service).for_each(|object| translator.put(object));
    let objects: Vec<Resource> = (0..routes).map(|index| virtual_service(index, services, "/status")).collect();
    let decoded = resident();
    let started = Instant::now();
    objects.into_iter().for_each(|object| translator.put(object));
    let mut output = translator.translate();
    println!("{routes} VirtualServices, {services} services");
    println!("first translation: {:.1?}, {} statuses", started.elapsed(), output.statuses.len());
    println!("memory: objects {:.1} MiB, translation {:.1} MiB more", decoded - before, resident() - decoded);
    let mut held = output.proxies.pop().map(|(_, config)| config);

    let rounds = 101;
    let changed = (0..rounds).map(|i| {
        let prefix = if i % 2 == 0 { "/other" } else { "/status" };
        let object = virtual_service(i * 97 % routes, services, prefix);
        change(&mut translator, object, &mut held)
    });
    println!("one VirtualService changed: {:.2?} (median of {rounds})", median(changed.collect()));
    let added = (0..rounds).map(|i| change(&mut translator, virtual_service(routes + i, services, "/"), &mut held));
    println!("one VirtualService added: {:.2?} (median of {rounds})", median(added.collect()));
    let removed = (0..rounds).map(|i| {
        let object = virtual_service(routes + i, services, "/").object_ref();
        let started = Instant::now();
        translator.delete(&object);
        held = translator.translate().proxies.pop().map(|(_, config)| config);
        started.elapsed()
    });
    println!("one VirtualService removed: {:.2?} (median of {rounds})", median(removed.collect()));
    let moved = (0..rounds).map(|i| {
        let slice = service(i % services).into_iter().next_back().expect("the slice comes last");
        let Resource::EndpointSlice(mut slice) = slice else { panic!("the slice comes last") };
        Arc::make_mut(&mut slice).spec.endpoints[0].addresses[0] = format!("10.9.{i}.1");
        change(&mut translator, Resource::EndpointSlice(slice), &mut held)
    });
    println!("one endpoint changed: {:.2?} (median of {rounds})", median(moved.collect()));
    println!("memory in the end: {:.1} MiB", resident());
    let clusters = held.map_or(0, |config| config.clusters.len());
    println!("clusters: {clusters}");
}
