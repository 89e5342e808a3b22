//! Listeners of inbound connections: `virtualInbound`, and those of ports that are bound.

use crate::istio::destination::Scope;
use crate::telemetry::{self, Side};
use meridian_ir::filter_chain::TransportProtocol;
use meridian_ir::listener::{Capture, Direction};
use meridian_ir::{FilterChain, Listener, Name, PortMatch};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a listener is made of.
pub(super) struct Parts {
    pub(super) name: Name,
    /// At least one.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) chains: Vec<FilterChain>,
    /// Whether it takes captured connections.
    pub(super) captures: bool,
}

/// A listener; the first bytes of connections are looked at only on ports where a chain asks for it, because protocols
/// in which servers speak first would wait for ever.
pub(super) fn listener(scope: &Scope<'_>, parts: Parts) -> Listener {
    let Parts { name, addresses, chains, captures } = parts;
    let mut tls = BTreeMap::new();
    let mut http = BTreeMap::new();
    for matcher in chains.iter().map(|chain| &chain.matcher) {
        let is_http = |protocol: &Name| matches!(&**protocol, "http/1.1" | "h2c");
        let port = matcher.destination_port;
        *tls.entry(port).or_insert(false) |= matcher.transport_protocol == Some(TransportProtocol::Tls);
        *http.entry(port).or_insert(false) |= matcher.application_protocols.iter().any(is_http);
    }
    Listener {
        name,
        address: addresses[0],
        additional_addresses: addresses[1..].to_vec(),
        direction: Direction::Inbound,
        tls_inspector: tls.values().any(|wanted| *wanted),
        http_inspector: http.values().any(|wanted| *wanted),
        capture: Capture {
            original_dst: captures,
            hand_over: false,
            tls_inspector_disabled: disabled(&tls),
            http_inspector_disabled: disabled(&http),
        },
        inspect_timeout: Some(Duration::ZERO),
        continue_on_inspect_timeout: true,
        chains: chains.into_iter().map(Arc::new).collect(),
        access_log: telemetry::listener_logs(scope, Side::Server),
        ..Listener::default()
    }
}

/// The ports on which an inspector is left out; `None` stands for the ports that no chain names.
fn disabled(wanted: &BTreeMap<Option<u16>, bool>) -> PortMatch {
    let general = wanted.get(&None).copied().unwrap_or(false);
    if wanted.values().all(|wanted| !wanted) {
        return PortMatch::None;
    }
    let exceptions: Vec<PortMatch> = (wanted.iter())
        .filter(|(_, wanted)| **wanted != general)
        .filter_map(|(port, _)| *port)
        .map(|port| PortMatch::Range { start: port.into(), end: u32::from(port) + 1 })
        .collect();
    let exceptions = match exceptions.len() {
        0 if general => return PortMatch::None,
        0 => return PortMatch::Any,
        1 => exceptions.into_iter().next().unwrap_or_default(),
        _ => PortMatch::Or(exceptions),
    };
    if general { exceptions } else { PortMatch::Not(Box::new(exceptions)) }
}
