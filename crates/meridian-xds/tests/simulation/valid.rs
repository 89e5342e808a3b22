//! The rules by which the oracle calls a configuration valid.

use meridian_ir::filter_chain::{Filters, TransportProtocol};
use meridian_ir::{FilterChain, Listener};
use meridian_xds::read::ReadConfig;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The capture port of inbound connections, whose chain closes what goes there directly.
const INBOUND_PORT: u16 = 15006;

/// What is wrong with a configuration.
pub(crate) fn violations(raw: &Value, read: &ReadConfig) -> Vec<String> {
    let mut found = Vec::new();
    for (section, key) in [("listeners", "name"), ("clusters", "name"), ("routes", "name")] {
        let names: Vec<&str> = items(&raw[section]).filter_map(|one| one[key].as_str()).collect();
        found.extend(repeated(&names).map(|name| format!("two {section} {name}")));
    }
    // The reader refuses the second of two.
    found.extend(read.errors.iter().filter(|error| error.allowed == "one").map(ToString::to_string));
    let addresses: Vec<String> = read.config.listeners.values().map(|one| one.address.to_string()).collect();
    found.extend(repeated(&addresses).map(|address| format!("two listeners on {address}")));
    for listener in items(&raw["listeners"]) {
        let filters: Vec<&str> = items(&listener["listenerFilters"]).filter_map(|one| one["name"].as_str()).collect();
        found.extend(repeated(&filters).map(|filter| format!("{}: two {filter}", listener["name"])));
    }
    for cluster in items(&raw["clusters"]) {
        if cluster.get("transportSocket").is_some() && cluster.get("transportSocketMatches").is_some() {
            found.push(format!("{}: transportSocket beside transportSocketMatches", cluster["name"]));
        }
    }
    for listener in read.config.listeners.values() {
        found.extend(of_listener(listener).into_iter().map(|problem| format!("{}: {problem}", listener.name)));
    }
    for routes in read.config.routes.values() {
        let names: Vec<&str> = routes.virtual_hosts.iter().map(|host| &*host.name).collect();
        let domains: Vec<&str> =
            routes.virtual_hosts.iter().flat_map(|host| &host.domains).map(|domain| &**domain).collect();
        found.extend(repeated(&names).map(|name| format!("{}: two virtual hosts {name}", routes.name)));
        found.extend(repeated(&domains).map(|domain| format!("{}: two hosts for {domain}", routes.name)));
    }
    // The reader tells of any other limit on direct responses.
    let limits = read.unsupported.iter().filter(|one| one.path.ends_with("maxDirectResponseBodySizeBytes"));
    found.extend(limits.map(|one| one.path.clone()));
    found
}

fn of_listener(listener: &Listener) -> Vec<String> {
    let mut found = Vec::new();
    let mut transports: BTreeMap<Option<u16>, BTreeSet<bool>> = BTreeMap::new();
    for (index, chain) in listener.chains.iter().enumerate() {
        if listener.chains[..index].iter().any(|other| other.matcher == chain.matcher) {
            found.push(format!("two chains match {:?}", chain.matcher));
        }
        let port = chain.matcher.destination_port;
        transports.entry(port).or_default().insert(chain.matcher.transport_protocol.is_some());
        found.extend(of_chain(listener, chain));
        let closes_direct = port == Some(INBOUND_PORT);
        if &*listener.name == "virtualInbound" && !closes_direct && chain.matcher.transport_protocol.is_none() {
            found.push(format!("{} takes every transport protocol", chain.name));
        }
    }
    let mixed = transports.into_iter().filter(|(_, named)| named.len() > 1);
    found.extend(mixed.map(|(port, _)| format!("chains for port {port:?} with and without transport protocol")));
    found
}

fn of_chain(listener: &Listener, chain: &Arc<FilterChain>) -> Vec<String> {
    let matcher = &chain.matcher;
    let mut found = Vec::new();
    let of_tls = matcher.transport_protocol.is_some() || !matcher.server_names.is_empty();
    // Plaintext is what is seen without an inspector.
    let of_tls = of_tls && matcher.transport_protocol != Some(TransportProtocol::RawBuffer);
    if of_tls && !listener.tls_inspector {
        found.push(format!("{:?} needs the TLS inspector", chain.name));
    }
    if !matcher.application_protocols.is_empty() && !listener.tls_inspector && !listener.http_inspector {
        found.push(format!("{:?} needs an inspector", chain.name));
    }
    let is_http = matches!(chain.filters, Filters::Http(_));
    if matcher.transport_protocol == Some(TransportProtocol::Tls) && is_http && chain.tls.is_none() {
        found.push(format!("{:?} takes TLS for HTTP", chain.name));
    }
    found
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn repeated<T: Ord>(all: &[T]) -> impl Iterator<Item = &T> {
    let mut seen = BTreeSet::new();
    all.iter().filter(move |one| !seen.insert(*one))
}
