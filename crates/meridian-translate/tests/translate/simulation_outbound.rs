//! Istio's traffic simulation: the families about what a sidecar's workload sends, calls and checks.

use crate::shared::{self, resource};
use crate::simulation_checks::violations;
use meridian_ir::endpoint::Address;
use meridian_ir::filter_chain::{ConnectionView, Selection, is_ambiguous, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::PlainRequest;
use meridian_ir::{Action, Filters, ProxyConfig, VirtualHost};
use meridian_translate::{MeshConfig, OutboundTrafficPolicy, ProxyNode, Translator};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// Families, with the numbers of their calls and checks.
const FAMILIES: [(&str, usize, usize); 9] = [
    ("TestPassthroughTraffic", 210, 6),
    ("TestSidecarRoutes", 0, 48),
    ("TestServiceEntry", 9, 4),
    ("TestServiceEntryDuplicatedHostname", 2, 1),
    ("TestHeadlessServices", 7, 1),
    ("TestHeadlessServiceListenerShape", 0, 2),
    ("TestExternalNameServices", 14, 3),
    ("TestFailoverPriorityWithDNSServiceEntry", 0, 1),
    ("TestLoop", 2, 1),
];

/// Beginnings of the names of cases and checks that cannot be put at all, and why.
const NOT_PUT: [(&str, &str); 1] = [("TestSidecarRoutes/httproute/", "there is no kind HTTPRoute")];

/// Beginnings of the names of cases and checks in which Meridian differs, and why.
const DIFFERENT: [(&str, &str); 2] = [
    (
        "TestServiceEntryDuplicatedHostname/service_entries_with_reused_hosts_should_have_auto_allocated_the_same_IP_\
         address/service_entries_with_reused_hosts_should_have_auto_allocated_the_same_IP_address/HTTPS_call",
        "an address that is a hash of the host, which is an option of Istio that is off by default: here a controller \
         allots addresses, which does not run in this test",
    ),
    (
        "TestHeadlessServiceListenerShape/cidr_listener_enabled",
        "one listener for all pods, which is an option of Istio that is off by default: here each pod has one",
    ),
];

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    inputs: Inputs,
    effective_call: Call,
    expected: BTreeMap<String, Value>,
    asserted: Vec<String>,
    observed: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    #[serde(flatten)]
    inputs: Inputs,
    kind: String,
    expected: Value,
    observed: Value,
}

/// What a configuration is made of.
#[derive(Deserialize)]
struct Inputs {
    config: Option<String>,
    mesh_config: Value,
    proxy: Proxy,
}

#[derive(Deserialize)]
struct Proxy {
    namespace: String,
    labels: BTreeMap<String, String>,
    ip_addresses: Vec<IpAddr>,
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
}

impl Call {
    fn is_tls(&self) -> bool {
        self.tls.as_deref().is_some_and(|tls| tls != "plaintext")
    }
}

/// The configuration of a sidecar.
fn translate(folder: &Path, inputs: &Inputs, more: &str, mesh: MeshConfig, node: ProxyNode) -> Arc<ProxyConfig> {
    let read = |config: &String| std::fs::read_to_string(folder.join(format!("configs/{config}.yaml")));
    let text = inputs.config.as_ref().map(read).transpose().expect("the objects can be read").unwrap_or_default();
    let mut translator = Translator::new(mesh);
    translator.add_proxy(node);
    for object in meridian_resources::yaml::values(&format!("{text}\n---\n{more}"), "config.yaml") {
        let mut object = object.expect("the objects are YAML");
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

fn of_inputs(folder: &Path, inputs: &Inputs) -> Arc<ProxyConfig> {
    let outbound_traffic_policy = match inputs.mesh_config["outboundTrafficPolicy"]["mode"].as_str() {
        None | Some("ALLOW_ANY") => OutboundTrafficPolicy::AllowAny,
        Some("REGISTRY_ONLY") => OutboundTrafficPolicy::RegistryOnly,
        Some("ALLOW_ANY_DYNAMIC_DNS") => OutboundTrafficPolicy::AllowAnyDynamicDns,
        Some(other) => panic!("no policy {other}"),
    };
    let others =
        inputs.mesh_config.as_object().into_iter().flatten().filter(|(field, _)| *field != "outboundTrafficPolicy");
    assert_eq!(others.count(), 0, "nothing else is set in these families");
    let mesh = MeshConfig { outbound_traffic_policy, ..MeshConfig::default() };
    let Proxy { namespace, labels, ip_addresses } = &inputs.proxy;
    translate(
        folder,
        inputs,
        "",
        mesh,
        ProxyNode::sidecar("app.test", &**namespace, labels.clone(), ip_addresses.clone()),
    )
}

/// What becomes of a call, under the oracle's names.
fn decide(config: &ProxyConfig, call: &Call) -> BTreeMap<&'static str, String> {
    let mut outcome = BTreeMap::new();
    if let Err(error) = decide_into(config, call, &mut outcome) {
        outcome.insert("error", error.to_owned());
    }
    outcome.retain(|_, value| !value.is_empty());
    outcome
}

fn decide_into(
    config: &ProxyConfig,
    call: &Call,
    outcome: &mut BTreeMap<&'static str, String>,
) -> Result<(), &'static str> {
    let destination = SocketAddr::new(call.address, call.port);
    let inbound = (call.port == 15006).then(|| config.listeners.get("virtualInbound")).flatten();
    let listener = inbound.or_else(|| config.listener_for(destination)).ok_or("NoListener")?;
    outcome.insert("listener", listener.name.to_string());
    let inspectors = listener.inspectors(call.port);
    let protocols: Vec<&[u8]> = match (call.is_tls(), call.protocol.as_deref()) {
        (true, _) => call.alpn.iter().filter(|_| inspectors.tls).map(|alpn| alpn.as_bytes()).collect(),
        (false, Some("http")) if inspectors.http => vec![b"http/1.1"],
        (false, Some("http2")) if inspectors.http => vec![b"h2c"],
        (false, _) => Vec::new(),
    };
    let connection = ConnectionView {
        destination,
        // Istio's simulation has server names of plaintext calls, too.
        server_name: call.sni.as_deref().filter(|_| inspectors.tls),
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
    outcome.insert("filter_chain", chain.name.to_string());
    let manager = match &chain.filters {
        Filters::Tcp(proxy) => {
            if let [only] = &proxy.clusters[..] {
                outcome.insert("cluster", only.cluster.to_string());
            }
            return Ok(());
        }
        Filters::Http(manager) => manager,
    };
    if call.is_tls() || !matches!(call.protocol.as_deref(), Some("http" | "http2")) {
        return Err("ProtocolError");
    }
    let routes = match &manager.routes {
        RouteSource::Inline(routes) => routes,
        RouteSource::Named(name) => {
            outcome.insert("route_config", name.to_string());
            &config.routes[name]
        }
    };
    let host = call.headers.get("Host").and_then(|values| values.first()).map_or("", String::as_str);
    let found = routes.virtual_host(host.as_bytes()).ok_or("NoVirtualHost")?;
    outcome.insert("virtual_host", found.name.to_string());
    let route = found.route(&PlainRequest::get(host, &call.path)).ok_or("NoRoute")?;
    outcome.insert("route", route.name.to_string());
    if let Action::Forward(forward) = &route.action
        && let [only] = &forward.clusters[..]
    {
        outcome.insert("cluster", only.cluster.to_string());
    }
    Ok(())
}

/// In what a call is not as Istio's: first what its test demands, then everything that it does.
fn wrong(case: &Case, outcome: &BTreeMap<&'static str, String>) -> Vec<String> {
    let differs = |field: &&String, wanted: &BTreeMap<String, Value>| {
        wanted[*field].as_str() != outcome.get(field.as_str()).map(String::as_str)
    };
    let demanded =
        case.asserted.iter().filter(|field| differs(field, &case.expected)).map(|field| (field, &case.expected));
    let done = case.observed.keys().filter(|field| differs(field, &case.observed)).map(|field| (field, &case.observed));
    let say = |(field, wanted): (&String, &BTreeMap<String, Value>)| {
        format!("{field} is {:?}, not {}", outcome.get(field.as_str()), wanted[field])
    };
    demanded.chain(done).map(say).collect()
}

fn check(folder: &Path, check: &Check) -> Vec<String> {
    if check.kind == "failover_priority" {
        return failover_priority(folder, check);
    }
    let config = of_inputs(folder, &check.inputs);
    match check.kind.as_str() {
        "valid_xds" => violations(&config),
        "virtual_hosts" => virtual_hosts(&config, &check.expected, &check.observed),
        "headless_listener" => headless_listener(&config, &check.expected),
        other => panic!("{}: no sidecar has a check of kind {other}", check.name),
    }
}

fn clusters(host: &VirtualHost) -> Vec<String> {
    let mut clusters: BTreeSet<String> = BTreeSet::new();
    for route in &host.routes {
        if let Action::Forward(forward) = &route.action
            && let [only] = &forward.clusters[..]
        {
            clusters.insert(only.cluster.to_string());
        }
    }
    clusters.into_iter().collect()
}

fn virtual_hosts(config: &ProxyConfig, expected: &Value, observed: &Value) -> Vec<String> {
    let name = expected["route_config"].as_str().expect("a name");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some(routes) = config.routes.get(name) {
        for host in &routes.virtual_hosts {
            found.extend(host.domains.iter().map(|domain| (domain.to_string(), clusters(host))));
        }
    }
    let list = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap_or_default() };
    let mut wrong = Vec::new();
    for (domain, wanted) in expected["domains"].as_object().into_iter().flatten() {
        let own = found.get(domain).cloned().unwrap_or_default();
        if own != list(wanted) {
            wrong.push(format!("{domain}: {own:?}, not {wanted}"));
        }
    }
    // Istio's own result has no domains of hosts that only a VirtualService names when the routes do not exist.
    for (domain, wanted) in observed["domains"].as_object().into_iter().flatten() {
        if found.remove(domain) != Some(list(wanted)) {
            wrong.push(format!("observed: {domain} is another"));
        }
    }
    wrong.extend(found.keys().map(|domain| format!("observed: no {domain}")));
    wrong
}

fn headless_listener(config: &ProxyConfig, expected: &Value) -> Vec<String> {
    let port = expected["port"].as_u64().expect("a port");
    let listeners = config.listeners.values().filter(|listener| u64::from(listener.address.port()) == port).count();
    let within = expected["listeners_on_port_min"].as_u64().is_none_or(|min| listeners as u64 >= min)
        && expected["listeners_on_port_max"].as_u64().is_none_or(|max| listeners as u64 <= max);
    if within { Vec::new() } else { vec![format!("{listeners} listeners on port {port}")] }
}

/// The priorities of endpoints by their labels; the mesh's setting says by which.
fn failover_priority(folder: &Path, check: &Check) -> Vec<String> {
    let expected = &check.expected;
    let text = |field: &str| expected["proxy_locality"][field].as_str().unwrap_or_default();
    let settings = serde_json::json!({"localityLbSetting": {"failoverPriority": expected["failover_priority"]}});
    let (mesh, problems) = MeshConfig::default().with_document(&settings);
    assert_eq!(problems, Vec::<String>::new());
    let labels: BTreeMap<String, String> = serde_json::from_value(expected["proxy_labels"].clone()).expect("labels");
    let Proxy { namespace, ip_addresses, .. } = &check.inputs.proxy;
    let mut node = ProxyNode::sidecar("app.test", &**namespace, labels, ip_addresses.clone());
    node.locality = [text("region"), text("zone"), text("sub_zone")].join("/").into();
    // Endpoints are only given priorities where failures are detected.
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dns-service}\n\
                spec: {host: dns-service.example.org, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}}\n";
    let config = translate(folder, &check.inputs, rule, mesh, node);
    let cluster = expected["cluster"].as_str().expect("a name");
    let found: BTreeMap<String, u64> = (config.endpoints[cluster].endpoints.iter())
        .map(|endpoint| match &endpoint.address {
            Address::Dns(name, _) => (name.to_string(), endpoint.priority.into()),
            other => (format!("{other:?}"), endpoint.priority.into()),
        })
        .collect();
    let wanted: BTreeMap<String, u64> = serde_json::from_value(expected["priorities"].clone()).expect("priorities");
    if found == wanted { Vec::new() } else { vec![format!("{found:?}, not {wanted:?}")] }
}

#[test]
fn what_workloads_send_ends_where_istio_s_does() {
    let Some(folder) = shared::shared("oracles/istio-simulation") else { return };
    let mut unexpected = Vec::new();
    for (family, cases, checks) in FAMILIES {
        let read = |part: &str| match std::fs::read_to_string(folder.join(format!("{part}/{family}.json"))) {
            Ok(text) => text,
            Err(_) if cases == 0 || checks == 0 => "[]".to_owned(),
            Err(error) => panic!("{family}: {error}"),
        };
        let calls: Vec<Case> = serde_json::from_str(&read("cases")).expect("cases have their form");
        let demands: Vec<Check> = serde_json::from_str(&read("checks")).expect("checks have their form");
        assert_eq!((calls.len(), demands.len()), (cases, checks), "{family}");
        let is_put = |name: &str| !NOT_PUT.iter().any(|(known, _)| name.starts_with(known));
        let differs = |name: &str| DIFFERENT.iter().any(|(known, _)| name.starts_with(known));
        let mut agreed = [0, 0];
        let mut note = |part: usize, name: &str, problems: Vec<String>| {
            agreed[part] += usize::from(problems.is_empty());
            if problems.is_empty() == differs(name) {
                unexpected.push(format!("{name}: {}", problems.join(", ")));
            }
        };
        for case in calls.iter().filter(|case| is_put(&case.name)) {
            let config = of_inputs(&folder, &case.inputs);
            note(0, &case.name, wrong(case, &decide(&config, &case.effective_call)));
        }
        for one in demands.iter().filter(|check| is_put(&check.name)) {
            note(1, &one.name, check(&folder, one));
        }
        eprintln!("{family}: {} of {cases} calls, {} of {checks} checks", agreed[0], agreed[1]);
    }
    assert!(unexpected.is_empty(), "{} differ:\n{}", unexpected.len(), unexpected.join("\n"));
}
