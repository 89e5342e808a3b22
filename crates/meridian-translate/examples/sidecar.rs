//! What a sidecar with many services costs: memory of its configuration, and time from one changed object to a new one.
//!
//! ```text
//! cargo run --release -p meridian-translate --example sidecar [SERVICES]
//! ```
//!
//! Each service has three ports: HTTP, TCP at an address of its own, and one whose protocol is detected.

use meridian_ir::ProxyConfig;
use meridian_resources::{Resource, decode, kind};
use meridian_translate::{MeshConfig, ProxyNode, Translator};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn resource(object: &Value) -> Resource {
    let text = |field: &str| object[field].as_str().expect("every object has one");
    let kind = kind::by_api_version_kind(text("apiVersion"), text("kind")).expect("the kind is known");
    decode(kind, object).expect("the object is valid")
}

fn service(index: usize) -> Resource {
    resource(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("service-{index}"), "namespace": format!("ns-{}", index % 10)},
        "spec": {
            "clusterIP": format!("10.96.{}.{}", index / 250, index % 250 + 1),
            "ports": [{"name": "http", "port": 80}, {"name": "tcp", "port": 9000}, {"name": "any", "port": 9001}],
        },
    }))
}

fn slice(index: usize, last: usize) -> Resource {
    let name = format!("service-{index}");
    resource(&json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name, "namespace": format!("ns-{}", index % 10), "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}, {"name": "tcp", "port": 9000}, {"name": "any", "port": 9001}],
        "endpoints": [
            {"addresses": [format!("10.0.{}.{}", index / 250, index % 250 + 1)]},
            {"addresses": [format!("10.1.{}.{last}", index % 250)]},
        ],
    }))
}

fn virtual_service(index: usize, timeout: usize) -> Resource {
    let host = format!("service-{index}.ns-{}.svc.cluster.local", index % 10);
    resource(&json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": format!("route-{index}"), "namespace": format!("ns-{}", index % 10)},
        "spec": {"hosts": [host], "http": [{"timeout": format!("{timeout}s"), "route": [{"destination": {"host": host}}]}]},
    }))
}

/// Resident memory of this process in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// How long the rounds of a kind of change take, and what of the configuration was made again in the last.
fn measure(
    what: &str,
    translator: &mut Translator,
    held: &mut Arc<ProxyConfig>,
    objects: impl Iterator<Item = Resource>,
) {
    let mut times: Vec<Duration> = Vec::new();
    let mut made = String::new();
    for object in objects {
        let started = Instant::now();
        translator.put(object);
        let output = translator.translate();
        times.push(started.elapsed());
        if let Some((_, config)) = output.proxies.into_iter().next() {
            made = difference(held, &config);
            *held = config;
        }
    }
    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: {median:.2?} (median of {}, longest {longest:.2?}); made again: {made}", times.len());
}

/// What is another `Arc` in `new`.
fn difference(old: &ProxyConfig, new: &ProxyConfig) -> String {
    let listeners =
        new.listeners.iter().filter(|(name, one)| !old.listeners.get(*name).is_some_and(|o| Arc::ptr_eq(o, one)));
    let clusters =
        new.clusters.iter().filter(|(name, one)| !old.clusters.get(*name).is_some_and(|o| Arc::ptr_eq(o, one)));
    let endpoints =
        new.endpoints.iter().filter(|(name, one)| !old.endpoints.get(*name).is_some_and(|o| Arc::ptr_eq(o, one)));
    let (mut routes, mut hosts) = (0, 0);
    for (name, config) in &new.routes {
        let before = old.routes.get(name);
        if before.is_some_and(|before| Arc::ptr_eq(before, config)) {
            continue;
        }
        routes += 1;
        let known = |host| before.is_some_and(|before| before.virtual_hosts.iter().any(|old| Arc::ptr_eq(old, host)));
        hosts += config.virtual_hosts.iter().filter(|host| !known(host)).count();
    }
    format!(
        "{} listeners, {routes} route configurations ({hosts} virtual hosts), {} clusters, {} assignments",
        listeners.count(),
        clusters.count(),
        endpoints.count()
    )
}

fn main() {
    let services: usize = std::env::args().nth(1).map_or(1000, |argument| argument.parse().expect("a number"));
    let mut translator = Translator::new(MeshConfig { access_log_file: "/dev/stdout".into(), ..MeshConfig::default() });
    let labels = [("app".to_owned(), "client".to_owned())].into();
    let before = resident();
    for index in 0..services {
        translator.put(service(index));
        translator.put(slice(index, 1));
    }
    let objects = resident();
    translator.add_proxy(ProxyNode::sidecar("client", "ns-1", labels, vec![IpAddr::from([10, 9, 0, 1])]));
    let started = Instant::now();
    let mut output = translator.translate();
    let first = started.elapsed();
    let mut held = output.proxies.pop().expect("the proxy is new").1;
    println!(
        "{services} services: first translation {first:.1?}; {} listeners, {} route configurations, {} clusters; objects \
         {:.1} MiB, translation {:.1} MiB more",
        held.listeners.len(),
        held.routes.len(),
        held.clusters.len(),
        objects - before,
        resident() - objects
    );
    let rounds = 51;
    let at = |round: usize| round * 97 % services;
    let ends = (0..rounds).map(|round| slice(at(round), 2 + round % 2));
    measure("one endpoint moved", &mut translator, &mut held, ends);
    let routes = (0..rounds).map(|round| virtual_service(at(round), 1));
    measure("one VirtualService added", &mut translator, &mut held, routes);
    let routes = (0..rounds).map(|round| virtual_service(at(round), 2));
    measure("one VirtualService changed", &mut translator, &mut held, routes);
    let added = (0..rounds).map(|round| service(services + round));
    measure("one Service added", &mut translator, &mut held, added);
    println!("memory in the end: {:.1} MiB", resident());
}
