//! Istio's traffic simulation: the families that are about gateways, through translation and the matching functions.

use crate::shared::{self, resource};
use meridian_ir::filter_chain::{ConnectionView, Selection, TransportProtocol, select};
use meridian_ir::http::RouteSource;
use meridian_ir::request::PlainRequest;
use meridian_ir::{Action, FilterChain, Filters, Listener, ProxyConfig, VirtualHost};
use meridian_translate::{MeshConfig, Output, ProxyNode, Translator};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

/// Families that can be expressed, with the number of their cases.
const FAMILIES: [(&str, usize); 7] = [
    ("TestHTTPGateway", 12),
    ("TestGatewayConflicts", 11),
    ("TestIngress", 8),
    ("TestTargetPort", 3),
    ("TestGatewayServices", 12),
    ("TestDisablePortTranslation", 4),
    ("TestTLSRouteTermination", 4),
];

/// Cases in which Meridian differs, and why.
const DIFFERENT: [(&str, &str); 3] = [
    (
        "TestGatewayConflicts/duplicate_tls_gateway/call",
        "Istio makes two equal chains, which Envoy refuses (its issue 24638); here the younger server is left out",
    ),
    (
        "TestIngress/ingress_shared_TLS_cert_conflict_-_beta_first/https_alpha",
        "Istio takes the certificate of one Ingress and binds the routes to the other, so that there are none (its \
         issue 24385); here the oldest has the certificate, and the routes are bound to it",
    ),
    ("TestIngress/ingress_shared_TLS_cert_conflict_-_beta_first/https_beta", "likewise"),
];

#[derive(Deserialize)]
struct Case {
    name: String,
    config: Option<String>,
    proxy: Proxy,
    effective_call: Call,
    expected: BTreeMap<String, Value>,
    asserted: Vec<String>,
}

/// The proxy of a case or a check.
#[derive(Deserialize)]
pub(crate) struct Proxy {
    metadata: Metadata,
    labels: BTreeMap<String, String>,
    ip_addresses: Vec<std::net::IpAddr>,
}

/// The proxy's own namespace; the oracle's `proxy.namespace` is another one in these tests, which only Istio's lookups
/// notice.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Metadata {
    namespace: String,
}

#[derive(Deserialize)]
struct Call {
    address: String,
    port: u16,
    path: String,
    protocol: Option<String>,
    tls: Option<String>,
    alpn: Option<String>,
    sni: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
}

/// What becomes of a call, under the oracle's names.
#[derive(Default)]
struct Outcome {
    error: Option<&'static str>,
    listener: Option<String>,
    filter_chain: Option<String>,
    route_config: Option<String>,
    virtual_host: Option<String>,
    route: Option<String>,
    cluster: Option<String>,
}

impl Outcome {
    fn field(&self, name: &str) -> Option<&str> {
        match name {
            "error" => self.error,
            "listener" => self.listener.as_deref(),
            "filter_chain" => self.filter_chain.as_deref(),
            "route_config" => self.route_config.as_deref(),
            "virtual_host" => self.virtual_host.as_deref(),
            "route" => self.route.as_deref(),
            "cluster" => self.cluster.as_deref(),
            other => panic!("no field {other}"),
        }
    }
}

/// Translates the objects of a case or a check for its proxy, which has a configuration then.
pub(crate) fn translate(folder: &Path, config: Option<&str>, proxy: &Proxy) -> Output {
    let text = config.map(|config| std::fs::read_to_string(folder.join(format!("configs/{config}.yaml"))));
    let text = text.transpose().expect("the objects can be read").unwrap_or_default();
    // Only Istio's controller of Ingresses knows a domain in these tests.
    let domain = if text.contains("kind: Ingress\n") { "cluster.local" } else { "" };
    let mut translator = Translator::new(MeshConfig { cluster_domain: domain.into(), ..MeshConfig::default() });
    let mut node = ProxyNode::gateway("app.test", &*proxy.metadata.namespace, proxy.labels.clone());
    node.ip_addresses.clone_from(&proxy.ip_addresses);
    translator.add_proxy(node);
    for object in meridian_resources::yaml::values(&text, "config.yaml") {
        let mut object = object.expect("the objects are YAML");
        let metadata = &mut object["metadata"];
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = "2030-01-01T00:00:00Z".into();
        }
        translator.put(resource(&object));
    }
    let output = translator.translate();
    assert_eq!(output.proxies.len(), 1, "the proxy is new");
    output
}

fn decide(config: &ProxyConfig, call: &Call) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.error = listener(config, call, &mut outcome).err();
    outcome
}

fn listener(config: &ProxyConfig, call: &Call, outcome: &mut Outcome) -> Result<(), &'static str> {
    let address = SocketAddr::new(call.address.parse().expect("an address"), call.port);
    let any = SocketAddr::from(([0, 0, 0, 0], call.port));
    let at = |wanted: SocketAddr| config.listeners.values().find(|listener| listener.address == wanted);
    let listener = at(address).or_else(|| at(any)).ok_or("NoListener")?;
    outcome.listener = Some(listener.name.to_string());
    let chain = chain(listener, call, address)?;
    outcome.filter_chain = Some(chain.name.to_string()).filter(|name| !name.is_empty());
    let is_tls = call.tls.as_deref().is_some_and(|tls| tls != "plaintext");
    match &chain.filters {
        _ if chain.tls.is_some() && !is_tls => Err("TLSError"),
        Filters::Http(_) if is_tls && chain.tls.is_none() => Err("ProtocolError"),
        Filters::Http(_) if !matches!(call.protocol.as_deref(), Some("http" | "http2")) => Err("ProtocolError"),
        Filters::Http(manager) => {
            let routes = match &manager.routes {
                RouteSource::Named(name) => {
                    outcome.route_config = Some(name.to_string());
                    &config.routes[name]
                }
                RouteSource::Inline(config) => config,
            };
            let host = call.headers.get("Host").and_then(|values| values.first()).map_or("", String::as_str);
            let found = routes.virtual_host(host.as_bytes()).ok_or("NoVirtualHost")?;
            route(found, call, host, is_tls, outcome)
        }
        Filters::Tcp(proxy) => {
            if let [only] = &proxy.clusters[..] {
                outcome.cluster = Some(only.cluster.to_string());
            }
            Ok(())
        }
    }
}

fn chain<'l>(listener: &'l Listener, call: &Call, destination: SocketAddr) -> Result<&'l FilterChain, &'static str> {
    let is_tls = listener.tls_inspector && call.tls.as_deref().is_some_and(|tls| tls != "plaintext");
    let protocols: Vec<&[u8]> = call.alpn.iter().filter(|_| is_tls).map(|alpn| alpn.as_bytes()).collect();
    let connection = ConnectionView {
        destination,
        server_name: call.sni.as_deref().filter(|_| is_tls),
        transport_protocol: if is_tls { TransportProtocol::Tls } else { TransportProtocol::RawBuffer },
        application_protocols: &protocols,
    };
    match select(listener, &connection) {
        Selection::Chain(chain) | Selection::Default(chain) => Ok(chain),
        Selection::None => Err("NoFilterChain"),
    }
}

fn route(
    found: &VirtualHost,
    call: &Call,
    host: &str,
    is_tls: bool,
    outcome: &mut Outcome,
) -> Result<(), &'static str> {
    outcome.virtual_host = Some(found.name.to_string());
    if found.require_tls && !is_tls {
        return Err("TLSRedirect");
    }
    let route = found.route(&PlainRequest::get(host, &call.path)).ok_or("NoRoute")?;
    outcome.route = Some(route.name.to_string()).filter(|name| !name.is_empty());
    if let Action::Forward(forward) = &route.action
        && let [only] = &forward.clusters[..]
    {
        outcome.cluster = Some(only.cluster.to_string());
    }
    Ok(())
}

#[test]
fn calls_to_gateways_end_where_istio_s_do() {
    let Some(folder) = shared::shared("oracles/istio-simulation") else { return };
    let mut unexpected = Vec::new();
    for (family, number) in FAMILIES {
        let text = std::fs::read_to_string(folder.join(format!("cases/{family}.json"))).expect("the family is there");
        let cases: Vec<Case> = serde_json::from_str(&text).expect("cases have their form");
        assert_eq!(cases.len(), number, "{family}");
        let mut agreed = 0;
        for case in &cases {
            let output = translate(&folder, case.config.as_deref(), &case.proxy);
            let outcome = decide(&output.proxies[0].1, &case.effective_call);
            let wrong: Vec<String> = (case.asserted.iter())
                .filter(|field| case.expected[*field].as_str() != outcome.field(field))
                .map(|field| format!("{field} is {:?}, not {}", outcome.field(field), case.expected[field]))
                .collect();
            agreed += usize::from(wrong.is_empty());
            if wrong.is_empty() == DIFFERENT.iter().any(|(name, _)| *name == case.name) {
                unexpected.push(format!("{}: {}", case.name, wrong.join(", ")));
            }
        }
        eprintln!("{family}: {agreed} of {number}");
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}
