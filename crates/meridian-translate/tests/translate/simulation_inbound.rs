//! Istio's traffic simulation: the families about what comes to a sidecar's workload, calls and checks.

use crate::shared::{self, resource};
use meridian_ir::filter_chain::{ConnectionView, Selection, TransportProtocol, is_ambiguous, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::PlainRequest;
use meridian_ir::tls::WORKLOAD_CERTIFICATE;
use meridian_ir::{Action, FilterChain, Filters, Listener, ProxyConfig};
use meridian_translate::{MeshConfig, ProxyNode, Translator};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Families, with the numbers of their calls and checks.
const FAMILIES: [(&str, usize, usize); 6] = [
    ("TestInbound", 69, 3),
    ("TestInboundClusters", 25, 16),
    ("TestPeerAuthenticationPassthrough", 30, 9),
    ("TestPeerAuthenticationWithSidecar", 20, 5),
    ("TestInboundSidecarTLSModes", 15, 5),
    ("TestLoop", 2, 1),
];

/// Cases and checks in which Meridian differs, and why.
const DIFFERENT: [(&str, &str); 1] = [(
    "TestInboundClusters/ingress_to_socket",
    "Unix sockets are refused, in the Sidecar's own condition; the port's connections are closed",
)];

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    inputs: Inputs,
    effective_call: Call,
    chain_tls: Option<ChainTls>,
    expected: BTreeMap<String, Value>,
    asserted: Vec<String>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    #[serde(flatten)]
    inputs: Inputs,
    kind: String,
    expected: Value,
}

/// What a configuration is made of.
#[derive(Deserialize)]
struct Inputs {
    config: Option<String>,
    mesh_config: Value,
    registry: Option<Registry>,
    proxy: Proxy,
}

#[derive(Deserialize)]
struct Proxy {
    namespace: String,
    labels: BTreeMap<String, String>,
    ip_addresses: Vec<IpAddr>,
}

#[derive(Deserialize)]
struct Registry {
    services: Vec<RegistryService>,
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct RegistryService {
    hostname: String,
    ports: Vec<Value>,
}

#[derive(Deserialize)]
struct Instance {
    service: String,
    service_port_name: String,
    endpoint_addresses: Vec<String>,
    endpoint_port: u16,
}

#[derive(Deserialize)]
struct ChainTls {
    secret_name: String,
    require_client_certificate: bool,
}

#[derive(Deserialize)]
struct Call {
    address: IpAddr,
    port: u16,
    path: String,
    protocol: Option<String>,
    tls: Option<String>,
    alpn: Option<String>,
    sni: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
    mode: Option<String>,
    mtls_secret_config_name: Option<String>,
}

impl Call {
    fn is_tls(&self) -> bool {
        self.tls.as_deref().is_some_and(|tls| tls != "plaintext")
    }
}

impl Registry {
    /// The services as Kubernetes objects of the namespace `default`.
    fn objects(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        for service in &self.services {
            let name = service.hostname.split('.').next().expect("a name");
            let ports: Vec<Value> = (service.ports.iter())
                .map(|port| json!({"name": port["name"], "port": port["port"], "appProtocol": port["protocol"]}))
                .collect();
            objects.push(json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"ports": ports},
            }));
            let own = self.instances.iter().filter(|instance| instance.service == service.hostname);
            objects.extend(own.enumerate().map(|(index, instance)| {
                json!({
                    "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": {
                        "name": format!("{name}-{index}"), "namespace": "default",
                        "labels": {"kubernetes.io/service-name": name},
                    },
                    "addressType": "IPv4",
                    "endpoints": [{"addresses": instance.endpoint_addresses}],
                    "ports": [{"name": instance.service_port_name, "port": instance.endpoint_port}],
                })
            }));
        }
        objects
    }
}

/// The configuration of a sidecar.
fn translate(folder: &Path, inputs: &Inputs) -> std::sync::Arc<ProxyConfig> {
    let text =
        inputs.config.as_ref().map(|config| std::fs::read_to_string(folder.join(format!("configs/{config}.yaml"))));
    let text = text.transpose().expect("the objects can be read").unwrap_or_default();
    let (mesh, problems) = MeshConfig::default().with_document(&inputs.mesh_config);
    assert_eq!(problems, Vec::<String>::new());
    let mut translator = Translator::new(mesh);
    let proxy = &inputs.proxy;
    translator.add_proxy(ProxyNode::sidecar(
        "app.test",
        &*proxy.namespace,
        proxy.labels.clone(),
        proxy.ip_addresses.clone(),
    ));
    let written = meridian_resources::yaml::values(&text, "config.yaml");
    let mut objects: Vec<Value> = written.into_iter().map(|object| object.expect("the objects are YAML")).collect();
    objects.extend(inputs.registry.iter().flat_map(Registry::objects));
    for mut object in objects {
        let metadata = &mut object["metadata"];
        for (field, default) in [("creationTimestamp", "2030-01-01T00:00:00Z"), ("namespace", "default")] {
            if metadata[field].is_null() {
                metadata[field] = default.into();
            }
        }
        translator.put(resource(&object));
    }
    let output = translator.translate();
    assert_eq!(output.proxies.len(), 1, "the proxy is new");
    output.proxies[0].1.clone()
}

/// What becomes of a call, under the oracle's names.
#[derive(Default)]
struct Outcome {
    fields: BTreeMap<&'static str, String>,
    chain: Option<std::sync::Arc<FilterChain>>,
}

fn decide(config: &ProxyConfig, call: &Call) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(error) = decide_into(config, call, &mut outcome) {
        outcome.fields.insert("error", error.to_owned());
    }
    outcome
}

fn decide_into(config: &ProxyConfig, call: &Call, outcome: &mut Outcome) -> Result<(), &'static str> {
    let name = if call.mode.as_deref() == Some("inbound") { "virtualInbound" } else { "virtualOutbound" };
    let at = SocketAddr::new(call.address, call.port);
    let any = SocketAddr::from(([0, 0, 0, 0], call.port));
    let is_at = |listener: &Listener| call.mode.as_deref() != Some("inbound") && [at, any].contains(&listener.address);
    let own = config.listeners.values().find(|listener| is_at(listener));
    let listener = own.or_else(|| config.listeners.get(name)).ok_or("NoListener")?;
    outcome.fields.insert("listener", listener.name.to_string());
    let inspectors = listener.inspectors(call.port);
    let protocols: Vec<&[u8]> = match (call.is_tls(), call.protocol.as_deref()) {
        (true, _) => call.alpn.iter().filter(|_| inspectors.tls).map(|alpn| alpn.as_bytes()).collect(),
        (false, Some("http")) if inspectors.http => vec![b"http/1.1"],
        (false, Some("http2")) if inspectors.http => vec![b"h2c"],
        (false, _) => Vec::new(),
    };
    let connection = ConnectionView {
        destination: at,
        server_name: call.sni.as_deref().filter(|_| inspectors.tls && call.is_tls()),
        transport_protocol: inspectors.transport_protocol(call.is_tls()),
        application_protocols: &protocols,
    };
    if is_ambiguous(listener, &connection) {
        return Err("MultipleFilterChain");
    }
    let chain = match select(listener, &connection) {
        Selection::Chain(chain) | Selection::Default(chain) => chain,
        Selection::None => return Err("NoFilterChain"),
    };
    outcome.fields.insert("filter_chain", chain.name.to_string());
    outcome.chain = Some(chain.clone());
    if let Some(tls) = &chain.tls {
        if !call.is_tls() {
            return Err("TLSError");
        }
        let own = call.mtls_secret_config_name.as_deref().unwrap_or(WORKLOAD_CERTIFICATE);
        let is_mesh = tls.certificates.first().is_some_and(|name| **name == *own) && tls.client_auth.is_required();
        if is_mesh != (call.tls.as_deref() == Some("mtls")) {
            return Err("MTLSError");
        }
    }
    after_tls(chain, call, outcome)
}

fn after_tls(chain: &FilterChain, call: &Call, outcome: &mut Outcome) -> Result<(), &'static str> {
    let manager = match &chain.filters {
        Filters::Tcp(proxy) => {
            outcome.fields.insert("cluster", proxy.clusters[0].cluster.to_string());
            return Ok(());
        }
        Filters::Http(manager) => manager,
    };
    let is_http = matches!(call.protocol.as_deref(), Some("http" | "http2"));
    if (call.is_tls() && chain.tls.is_none()) || !is_http {
        return Err("ProtocolError");
    }
    let RouteSource::Inline(routes) = &manager.routes else { panic!("inbound routes are in the chain") };
    let host = call.headers.get("Host").and_then(|values| values.first()).map_or("", String::as_str);
    let found = routes.virtual_host(host.as_bytes()).ok_or("NoVirtualHost")?;
    outcome.fields.insert("virtual_host", found.name.to_string());
    let route = found.route(&PlainRequest::get(host, &call.path)).ok_or("NoRoute")?;
    outcome.fields.insert("route", route.name.to_string());
    if let Action::Forward(forward) = &route.action {
        outcome.fields.insert("cluster", forward.clusters[0].cluster.to_string());
    }
    Ok(())
}

/// In what a case is not as Istio's.
fn wrong(case: &Case, outcome: &Outcome) -> Vec<String> {
    let found = |field: &str| outcome.fields.get(field).map(String::as_str);
    let mut wrong: Vec<String> = (case.asserted.iter())
        .filter(|field| case.expected[*field].as_str() != found(field))
        .map(|field| format!("{field} is {:?}, not {}", found(field), case.expected[field]))
        .collect();
    if let Some(expected) = &case.chain_tls {
        let tls = outcome.chain.as_ref().and_then(|chain| chain.tls.as_deref());
        let certificate = tls.and_then(|tls| tls.certificates.first()).map(|name| &**name);
        let required = tls.is_some_and(|tls| tls.client_auth.is_required());
        if certificate != Some(&*expected.secret_name) || required != expected.require_client_certificate {
            wrong.push(format!("the chain shows {certificate:?} and demands certificates: {required}"));
        }
    }
    wrong
}

/// What is wrong with the inbound clusters.
fn inbound_clusters(config: &ProxyConfig, expected: &Value) -> Vec<String> {
    let own = config.clusters.values().filter(|cluster| cluster.name.starts_with("inbound"));
    let found: serde_json::Map<String, Value> = own
        .map(|cluster| {
            let endpoints = config.endpoints.get(&cluster.name).map_or(&[][..], |found| &found.endpoints);
            let endpoints: Vec<String> = (endpoints.iter())
                .map(|endpoint| match &endpoint.address {
                    meridian_ir::endpoint::Address::Socket(address) => address.to_string(),
                    other => format!("{other:?}"),
                })
                .collect();
            let services = cluster.origins.iter().filter(|origin| matches!(origin.kind, "Service" | "ServiceEntry"));
            let mut services: Vec<String> =
                services.map(|origin| format!("{}.{}.svc.cluster.local", origin.name, origin.namespace)).collect();
            services.sort();
            (cluster.name.to_string(), json!({"endpoints": endpoints, "services": services}))
        })
        .collect();
    let found = Value::Object(found);
    if found == expected["clusters"] { Vec::new() } else { vec![format!("{found}, not {}", expected["clusters"])] }
}

/// What is wrong with the inbound listener by the oracle's rules.
fn violations(config: &ProxyConfig) -> Vec<String> {
    let mut found = Vec::new();
    let listener = &config.listeners["virtualInbound"];
    let mut matches = BTreeSet::new();
    for chain in &listener.chains {
        let matcher = &chain.matcher;
        let port = matcher.destination_port.unwrap_or_default();
        let inspectors = listener.inspectors(port);
        if matcher.transport_protocol.is_none() != (port == 15006) {
            found.push(format!("{matcher:?}: a transport protocol is missing"));
        }
        if matcher.transport_protocol == Some(TransportProtocol::Tls) {
            if !inspectors.tls {
                found.push(format!("{matcher:?} needs the TLS inspector"));
            }
            if matches!(chain.filters, Filters::Http(_)) && chain.tls.is_none() {
                found.push(format!("{matcher:?} takes TLS for HTTP"));
            }
        } else if !matcher.application_protocols.is_empty() && !inspectors.http {
            found.push(format!("{matcher:?} needs the HTTP inspector"));
        }
        if !matches.insert(format!("{matcher:?}")) {
            found.push(format!("two chains match {matcher:?}"));
        }
    }
    found
}

#[test]
fn what_comes_to_sidecars_ends_where_istio_s_does() {
    let Some(folder) = shared::shared("oracles/istio-simulation") else { return };
    let mut unexpected = Vec::new();
    for (family, cases, checks) in FAMILIES {
        let read = |part: &str| {
            std::fs::read_to_string(folder.join(format!("{part}/{family}.json"))).expect("the family is there")
        };
        let calls: Vec<Case> = serde_json::from_str(&read("cases")).expect("cases have their form");
        let demands: Vec<Check> = serde_json::from_str(&read("checks")).expect("checks have their form");
        assert_eq!((calls.len(), demands.len()), (cases, checks), "{family}");
        let of_calls = calls.iter().map(|case| {
            let config = translate(&folder, &case.inputs);
            (&case.name, wrong(case, &decide(&config, &case.effective_call)))
        });
        let of_checks = demands.iter().map(|check| {
            let config = translate(&folder, &check.inputs);
            let problems = match check.kind.as_str() {
                "valid_xds" => violations(&config),
                "inbound_clusters" => inbound_clusters(&config, &check.expected),
                other => panic!("{}: no sidecar has a check of kind {other}", check.name),
            };
            (&check.name, problems)
        });
        let mut agreed = [0, 0];
        for (part, results) in [of_calls.collect::<Vec<_>>(), of_checks.collect()].into_iter().enumerate() {
            for (name, problems) in results {
                agreed[part] += usize::from(problems.is_empty());
                if problems.is_empty() == DIFFERENT.iter().any(|(known, _)| known == name) {
                    unexpected.push(format!("{name}: {}", problems.join(", ")));
                }
            }
        }
        eprintln!("{family}: {} of {cases} calls, {} of {checks} checks", agreed[0], agreed[1]);
    }
    assert!(unexpected.is_empty(), "{} differ:\n{}", unexpected.len(), unexpected.join("\n"));
}
