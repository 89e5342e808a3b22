//! `envoy.config.listener.v3.Listener`

use crate::access_log::listener_access_log;
use crate::filter_chain::filter_chain;
use crate::message::{Message, socket_address};
use crate::type_url;
use meridian_ir::Listener;
use meridian_ir::listener::Direction;
use serde_json::{Value, json};

/// A listener with its filter chains.
pub fn listener(listener: &Listener) -> Value {
    let direction = match listener.direction {
        Direction::Outbound => "OUTBOUND",
        Direction::Inbound => "INBOUND",
    };
    Message::new()
        .with("name", &*listener.name)
        .with("address", socket_address(&listener.address.ip().to_string(), listener.address.port()))
        .with_list("filterChains", listener.chains.iter().map(|chain| filter_chain(chain)))
        .with_some("defaultFilterChain", listener.default_chain.as_ref().map(|chain| filter_chain(chain)))
        .with_list("listenerFilters", inspectors(listener))
        .with_some("bindToPort", (!listener.bind_to_port).then_some(false))
        .with("trafficDirection", direction)
        .with_list("accessLog", listener.access_log.iter().map(listener_access_log))
        .with("maxConnectionsToAcceptPerSocketEvent", 1)
        .into()
}

fn inspectors(listener: &Listener) -> Vec<Value> {
    let tls = json!({
        "name": "envoy.filters.listener.tls_inspector",
        "typedConfig": {"@type": type_url::TLS_INSPECTOR, "initialReadBufferSize": 512},
    });
    let http = json!({
        "name": "envoy.filters.listener.http_inspector",
        "typedConfig": {"@type": type_url::HTTP_INSPECTOR},
    });
    let wanted = [(listener.tls_inspector, tls), (listener.http_inspector, http)];
    wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, filter)| filter).collect()
}
