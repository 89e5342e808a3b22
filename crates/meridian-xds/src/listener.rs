//! `envoy.config.listener.v3.Listener`

mod listener_filters;

use crate::access_log::{self, listener_access_log};
use crate::filter_chain::{self, filter_chain};
use crate::message::{Message, duration, socket_address};
use crate::metadata;
use crate::read::{Fields, Node, Read, ReadError, label, resource};
use crate::udp_proxy;
use listener_filters::{ListenerFilters, listener_filters};
use meridian_ir::Listener;
use meridian_ir::listener::{Capture, Direction};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A listener with its filter chains.
pub fn listener(listener: &Listener) -> Value {
    let direction = match listener.direction {
        Direction::Outbound => "OUTBOUND",
        Direction::Inbound => "INBOUND",
    };
    let is_udp = listener.udp.is_some();
    Message::new()
        .with("name", &*listener.name)
        .with("address", address(&listener.address, is_udp))
        .with_list(
            "additionalAddresses",
            listener.additional_addresses.iter().map(|one| json!({"address": address(one, is_udp)})),
        )
        .with_list("filterChains", listener.chains.iter().map(|chain| filter_chain(chain)))
        .with_some("defaultFilterChain", listener.default_chain.as_ref().map(|chain| filter_chain(chain)))
        .with_list("listenerFilters", listener_filters(listener))
        .with_some("listenerFiltersTimeout", listener.inspect_timeout.map(duration))
        .with_flag("continueOnListenerFiltersTimeout", listener.continue_on_inspect_timeout)
        .with_some("bindToPort", (!listener.bind_to_port).then_some(false))
        .with_flag("useOriginalDst", listener.capture.hand_over)
        .with("trafficDirection", direction)
        .with_list("accessLog", listener.access_log.iter().map(listener_access_log))
        .with_some("maxConnectionsToAcceptPerSocketEvent", (!is_udp).then_some(1))
        .with_some("udpListenerConfig", is_udp.then(udp_listener))
        .with_some("metadata", listener.udp.as_deref().and_then(udp_proxy::settings).map(|udp| metadata::own(UDP, udp)))
        .into()
}

/// Key of what is said of a UDP proxy in metadata.
const UDP: &str = "udp";

/// Packets as long as UDP allows are taken; Envoy cuts them off at 1500 bytes by default.
fn udp_listener() -> Value {
    json!({"downstreamSocketConfig": {"maxRxDatagramSize": "65535"}})
}

fn address(address: &SocketAddr, is_udp: bool) -> Value {
    let mut value = socket_address(&address.ip().to_string(), address.port());
    if is_udp {
        value["socketAddress"]["protocol"] = "UDP".into();
    }
    value
}

/// Reads a listener with its filter chains.
///
/// # Errors
/// See [`crate::read`].
pub fn read(value: &Value) -> Result<Read<Listener>, ReadError> {
    resource(value, &label("listener", value), |node| node.message(read_fields))
}

fn read_fields(fields: &Fields<'_>) -> Result<Listener, ReadError> {
    const DIRECTIONS: [(&str, Direction); 3] =
        [("UNSPECIFIED", Direction::Outbound), ("OUTBOUND", Direction::Outbound), ("INBOUND", Direction::Inbound)];
    fields.known("maxConnectionsToAcceptPerSocketEvent", &json!(1));
    fields.known("udpListenerConfig", &udp_listener());
    let filters = ListenerFilters::read(fields)?;
    let settings = metadata::own_settings(fields, UDP)?;
    let udp = filters.udp_proxy.as_ref().map(|filter| udp_proxy::read(filter, settings.as_ref())).transpose()?;
    let protocol = if udp.is_some() { Protocol::Udp } else { Protocol::Tcp };
    Ok(Listener {
        name: fields.need("name")?.name()?,
        address: read_address(&fields.need("address")?, protocol)?,
        additional_addresses: fields.each("additionalAddresses", |node| {
            node.message(|additional| read_address(&additional.need("address")?, protocol))
        })?,
        udp: udp.map(Arc::new),
        bind_to_port: fields.some("bindToPort", Node::flag)?.unwrap_or(true),
        direction: fields.choice("trafficDirection", &DIRECTIONS, Direction::Outbound)?,
        proxy_protocol: filters.proxy_protocol,
        tls_inspector: filters.tls_inspector.is_some(),
        http_inspector: filters.http_inspector.is_some(),
        capture: Capture {
            original_dst: filters.original_dst,
            hand_over: fields.flag("useOriginalDst")?,
            tls_inspector_disabled: filters.tls_inspector.unwrap_or_default(),
            http_inspector_disabled: filters.http_inspector.unwrap_or_default(),
        },
        inspect_timeout: fields.some("listenerFiltersTimeout", Node::duration)?,
        continue_on_inspect_timeout: fields.flag("continueOnListenerFiltersTimeout")?,
        chains: fields.each("filterChains", |chain| filter_chain::read(chain).map(Arc::new))?,
        default_chain: fields.some("defaultFilterChain", |chain| filter_chain::read(chain).map(Arc::new))?,
        access_log: access_log::read_listener_list(fields)?,
        // Which Gateways made it is not said.
        origins: Vec::new(),
    })
}

/// What is spoken at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
}

/// An address at which `wanted` is spoken, which the filters of the listener tell.
fn read_address(node: &Node<'_>, wanted: Protocol) -> Result<SocketAddr, ReadError> {
    node.message(|address| {
        address.need("socketAddress")?.message(|socket| {
            let protocols = [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp)];
            match (socket.choice("protocol", &protocols, Protocol::Tcp)?, wanted) {
                (Protocol::Udp, Protocol::Tcp) => {
                    return Err(node.error("an address of TCP, or the listener filter of the UDP proxy"));
                }
                (Protocol::Tcp, Protocol::Udp) => return Err(node.error("an address of UDP for the UDP proxy")),
                _ => {}
            }
            let host = socket.need("address")?;
            let ip: IpAddr = host.text()?.parse().map_err(|_| host.error("an IP address"))?;
            Ok(SocketAddr::new(ip, socket.some("portValue", Node::u16)?.unwrap_or_default()))
        })
    })
}
