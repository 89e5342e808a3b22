//! Istio's traffic simulation: what its checks demand of the configurations of gateways, beside its calls.

use crate::shared;
use crate::simulation::{self, Proxy};
use meridian_ir::filter_chain::{Filters, TransportProtocol};
use meridian_ir::http::RouteSource;
use meridian_ir::{FilterChain, Listener, Name, ProxyConfig};
use meridian_translate::Condition;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Families about gateways, with the number of their checks; those of Ingress are elsewhere.
const FAMILIES: [(&str, usize); 6] = [
    ("TestHTTPGateway", 7),
    ("TestGatewayConflicts", 8),
    ("TestTargetPort", 2),
    ("TestGatewayServices", 7),
    ("TestDisablePortTranslation", 2),
    ("TestGatewayExternalSDSProviderSimulation", 1),
];

/// Checks in which Meridian differs, and why.
const DIFFERENT: [(&str, &str); 1] = [(
    "TestGatewayExternalSDSProviderSimulation",
    "certificates of other secret services than the control plane are refused, in the Gateway's own condition",
)];

#[derive(Deserialize)]
struct Check {
    name: String,
    kind: String,
    config: Option<String>,
    proxy: Proxy,
    expected: Value,
}

#[test]
fn configurations_of_gateways_pass_istio_s_checks() {
    let Some(folder) = shared::shared("oracles/istio-simulation") else { return };
    let mut unexpected = Vec::new();
    for (family, number) in FAMILIES {
        let text = std::fs::read_to_string(folder.join(format!("checks/{family}.json"))).expect("the family is there");
        let checks: Vec<Check> = serde_json::from_str(&text).expect("checks have their form");
        assert_eq!(checks.len(), number, "{family}");
        let mut agreed = 0;
        for check in &checks {
            let output = simulation::translate(&folder, check.config.as_deref(), &check.proxy);
            let config = &output.proxies[0].1;
            let problems = match check.kind.as_str() {
                // Also where Istio is known to make an invalid one.
                "valid_xds" => violations(config),
                "sds_reference" => sds_reference(config, &check.expected),
                other => panic!("{}: no gateway has a check of kind {other}", check.name),
            };
            agreed += usize::from(problems.is_empty());
            let differs = DIFFERENT.iter().any(|(name, _)| *name == check.name);
            if problems.is_empty() == differs {
                unexpected.push(format!("{}: {}", check.name, problems.join(", ")));
            }
            if differs {
                let told: Vec<&Condition> = output.statuses.iter().flat_map(|(_, conditions)| &**conditions).collect();
                let refused =
                    told.iter().any(|one| one.type_ == "Accepted" && one.message.contains("of \"sds\" are not"));
                assert!(refused, "{told:?}");
            }
        }
        eprintln!("{family}: {agreed} of {number} checks");
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}

/// What is wrong with a configuration by the oracle's rules; that names are unique is in the types.
pub(crate) fn violations(config: &ProxyConfig) -> Vec<String> {
    let mut found = Vec::new();
    let mut addresses = BTreeSet::new();
    for listener in config.listeners.values() {
        if !addresses.insert(listener.address) {
            found.push(format!("two listeners on {}", listener.address));
        }
        let problems = listener.chains.iter().flat_map(|chain| of_chain(config, listener, chain));
        found.extend(problems.chain(equal_matches(listener)).map(|problem| format!("{}: {problem}", listener.name)));
    }
    for routes in config.routes.values() {
        let (mut names, mut domains) = (BTreeSet::new(), BTreeSet::new());
        for host in &routes.virtual_hosts {
            if !names.insert(&host.name) {
                found.push(format!("{}: two virtual hosts {}", routes.name, host.name));
            }
            let twice = host.domains.iter().filter(|domain| !domains.insert(*domain));
            found.extend(twice.map(|domain| format!("{}: two virtual hosts for {domain}", routes.name)));
        }
    }
    found
}

fn of_chain(config: &ProxyConfig, listener: &Listener, chain: &FilterChain) -> Vec<String> {
    let matcher = &chain.matcher;
    let mut found = Vec::new();
    if (!matcher.server_names.is_empty() || matcher.transport_protocol == Some(TransportProtocol::Tls))
        && !listener.tls_inspector
    {
        found.push(format!("{matcher:?} needs the TLS inspector"));
    }
    if !matcher.application_protocols.is_empty() && !listener.tls_inspector && !listener.http_inspector {
        found.push(format!("{matcher:?} needs an inspector"));
    }
    match &chain.filters {
        Filters::Http(_) if matcher.transport_protocol == Some(TransportProtocol::Tls) && chain.tls.is_none() => {
            found.push(format!("{matcher:?} takes TLS for HTTP"));
        }
        Filters::Http(manager) => match &manager.routes {
            RouteSource::Named(name) if !config.routes.contains_key(name) => found.push(format!("no routes {name}")),
            _ => {}
        },
        Filters::Tcp(proxy) if proxy.clusters.iter().map(|cluster| cluster.weight).sum::<u32>() == 0 => {
            found.push("a TCP proxy without destination".to_owned());
        }
        Filters::Tcp(_) => {}
    }
    found
}

/// Envoy refuses two chains that have one combination of criteria in common, not only those that are equal as a whole.
fn equal_matches(listener: &Listener) -> Vec<String> {
    fn or_none<T: ToString>(all: impl Iterator<Item = T>) -> Vec<String> {
        let all: Vec<String> = all.map(|one| one.to_string()).collect();
        if all.is_empty() { vec![String::new()] } else { all }
    }
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for chain in &listener.chains {
        let matcher = &chain.matcher;
        for name in or_none(matcher.server_names.iter().map(|name| format!("{name:?}"))) {
            for range in or_none(matcher.prefix_ranges.iter()) {
                for protocol in or_none(matcher.application_protocols.iter()) {
                    let transport = format!("{:?}", matcher.transport_protocol);
                    let key = (matcher.destination_port, name.clone(), range.clone(), protocol, transport);
                    if seen.contains(&key) {
                        found.push(format!("two chains match {key:?}"));
                    }
                    seen.insert(key);
                }
            }
        }
    }
    found
}

fn sds_reference(config: &ProxyConfig, expected: &Value) -> Vec<String> {
    let name = expected["listener"].as_str().expect("a listener's name");
    let tls = config.listeners.get(name).and_then(|listener| listener.chains.first()?.tls.as_ref());
    let found: Option<&Name> = tls.and_then(|tls| tls.certificates.first());
    if found.map(|name| &**name) == expected["secret_name"].as_str() {
        return Vec::new();
    }
    vec![format!("the certificate is {found:?}, not {}", expected["secret_name"])]
}
