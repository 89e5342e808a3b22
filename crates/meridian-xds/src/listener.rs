//! `envoy.config.listener.v3.Listener`

use crate::access_log::listener_access_log;
use crate::endpoint::socket_address;
use crate::filter_chain::filter_chain;
use crate::json::{Message, extension};
use meridian_ir::Listener;
use meridian_ir::listener::Direction;
use serde_json::Value;

/// A listener with its chains.
#[must_use]
pub fn listener(listener: &Listener) -> Value {
    let mut filters = Vec::new();
    if listener.tls_inspector {
        let kind = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
        let config = Message::typed(kind).set("initialReadBufferSize", 512);
        filters.push(extension("envoy.filters.listener.tls_inspector", config));
    }
    if listener.http_inspector {
        let kind = "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector";
        filters.push(extension("envoy.filters.listener.http_inspector", Message::typed(kind)));
    }
    let direction = match listener.direction {
        Direction::Outbound => "OUTBOUND",
        Direction::Inbound => "INBOUND",
    };
    let chains: Vec<Value> = listener.chains.iter().map(|chain| filter_chain(chain)).collect();
    let logs: Vec<Value> = listener.access_log.iter().map(listener_access_log).collect();
    Message::default()
        .set("name", &*listener.name)
        .set("address", socket_address(listener.address))
        .set_used("filterChains", chains)
        .set_some("defaultFilterChain", listener.default_chain.as_ref().map(|chain| filter_chain(chain)))
        .set_some("bindToPort", (!listener.bind_to_port).then_some(false))
        .set_used("listenerFilters", filters)
        .set("trafficDirection", direction)
        .set_used("accessLog", logs)
        .into()
}
