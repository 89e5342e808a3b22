//! `envoy.config.listener.v3.FilterChain`

use crate::message::Message;
use crate::{http_connection_manager, metadata, tcp_proxy, tls};
use meridian_ir::FilterChain;
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName, TransportProtocol};
use serde_json::{Value, json};

/// One filter chain of a listener.
pub fn filter_chain(chain: &FilterChain) -> Value {
    let filter = match &chain.filters {
        Filters::Http(manager) => http_connection_manager::filter(manager),
        Filters::Tcp(proxy) => tcp_proxy::filter(proxy),
    };
    Message::new()
        .with_text("name", &chain.name)
        .with_some("filterChainMatch", chain_match(&chain.matcher))
        .with("filters", json!([filter]))
        .with_some("transportSocket", chain.tls.as_deref().map(tls::downstream))
        .with("transportSocketConnectTimeout", "15s")
        .with_some("metadata", metadata::of_origin(chain.origin.as_ref()))
        .into()
}

/// The criteria of a chain; `None` when it has none.
fn chain_match(matcher: &ChainMatch) -> Option<Value> {
    if *matcher == ChainMatch::default() {
        return None;
    }
    let ranges = (matcher.prefix_ranges.iter())
        .map(|range| json!({"addressPrefix": range.addr().to_string(), "prefixLen": range.prefix_len()}));
    let transport_protocol = matcher.transport_protocol.map(|protocol| match protocol {
        TransportProtocol::RawBuffer => "raw_buffer",
        TransportProtocol::Tls => "tls",
    });
    let message = Message::new()
        .with_some("destinationPort", matcher.destination_port)
        .with_list("prefixRanges", ranges)
        .with_list("serverNames", matcher.server_names.iter().map(server_name))
        .with_some("transportProtocol", transport_protocol)
        .with_list("applicationProtocols", matcher.application_protocols.iter().map(|name| Value::from(&**name)));
    Some(message.into())
}

fn server_name(name: &ServerName) -> Value {
    match name {
        ServerName::Exact(host) => Value::from(&**host),
        ServerName::Suffix(suffix) => format!("*{suffix}").into(),
    }
}
