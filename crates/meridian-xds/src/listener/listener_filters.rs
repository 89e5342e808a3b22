//! `envoy.config.listener.v3.ListenerFilter`: what looks at a connection before a filter chain is chosen.

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use crate::udp_proxy;
use meridian_ir::{Listener, PortMatch};
use serde_json::{Value, json};

const PROXY_PROTOCOL: &str = "envoy.filters.listener.proxy_protocol";
const ORIGINAL_DST: &str = "envoy.filters.listener.original_dst";
const TLS_INSPECTOR: &str = "envoy.filters.listener.tls_inspector";
const HTTP_INSPECTOR: &str = "envoy.filters.listener.http_inspector";

/// How much of a ClientHello the TLS inspector reads at first, in bytes.
const READ_BUFFER_SIZE: u32 = 512;

/// The listener filters of a listener in the order in which they run.
pub(super) fn listener_filters(listener: &Listener) -> Vec<Value> {
    let capture = &listener.capture;
    let never = &PortMatch::None;
    let tls = Message::any(type_url::TLS_INSPECTOR).with("initialReadBufferSize", READ_BUFFER_SIZE);
    let http = Message::any(type_url::HTTP_INSPECTOR);
    let wanted = [
        (listener.proxy_protocol, PROXY_PROTOCOL, Message::any(type_url::PROXY_PROTOCOL), never),
        (capture.original_dst, ORIGINAL_DST, Message::any(type_url::ORIGINAL_DST), never),
        (listener.tls_inspector, TLS_INSPECTOR, tls, &capture.tls_inspector_disabled),
        (listener.http_inspector, HTTP_INSPECTOR, http, &capture.http_inspector_disabled),
    ];
    let filter = |(_, name, config, disabled): (bool, &str, Message, &PortMatch)| {
        Message::new().with("name", name).with("typedConfig", config).with_some("filterDisabled", predicate(disabled))
    };
    let filters = wanted.into_iter().filter(|(wanted, ..)| *wanted).map(|wanted| filter(wanted).into());
    filters.chain(listener.udp.as_deref().map(udp_proxy::filter)).collect()
}

/// `ListenerFilterChainMatchPredicate`; `None` for no port.
fn predicate(ports: &PortMatch) -> Option<Value> {
    let rules = |conditions: &[PortMatch]| json!({"rules": conditions.iter().map(some_predicate).collect::<Value>()});
    match ports {
        PortMatch::None => None,
        PortMatch::Any => Some(json!({"anyMatch": true})),
        PortMatch::Range { start, end } => {
            let range = Message::new().with_number("start", *start).with_number("end", *end);
            Some(Message::new().with("destinationPortRange", range).into())
        }
        PortMatch::Not(condition) => Some(json!({"notMatch": some_predicate(condition)})),
        PortMatch::Or(conditions) => Some(json!({"orMatch": rules(conditions)})),
        PortMatch::And(conditions) => Some(json!({"andMatch": rules(conditions)})),
    }
}

/// Inside of another predicate, no port is all but any.
fn some_predicate(ports: &PortMatch) -> Value {
    predicate(ports).unwrap_or_else(|| json!({"notMatch": {"anyMatch": true}}))
}

/// What the listener filters of a listener are; those that look at bytes with the ports for which they are left out.
#[derive(Default)]
pub(super) struct ListenerFilters<'v> {
    pub(super) proxy_protocol: bool,
    pub(super) original_dst: bool,
    pub(super) tls_inspector: Option<PortMatch>,
    pub(super) http_inspector: Option<PortMatch>,
    /// Still to be read.
    pub(super) udp_proxy: Option<Node<'v>>,
}

impl<'v> ListenerFilters<'v> {
    /// See [`listener_filters`]; the UDP proxy is read elsewhere. A filter that the model does not have is noted.
    pub(super) fn read(listener: &Fields<'v>) -> Result<Self, ReadError> {
        let mut found = Self::default();
        for filter in listener.list("listenerFilters")? {
            let type_url = filter.value().pointer("/typedConfig/@type").and_then(Value::as_str).unwrap_or_default();
            match type_url {
                type_url::PROXY_PROTOCOL => {
                    read_filter(&filter, PROXY_PROTOCOL)?;
                    found.proxy_protocol = true;
                }
                type_url::ORIGINAL_DST => {
                    read_filter(&filter, ORIGINAL_DST)?;
                    found.original_dst = true;
                }
                type_url::TLS_INSPECTOR => found.tls_inspector = Some(read_inspector(&filter, TLS_INSPECTOR)?),
                type_url::HTTP_INSPECTOR => found.http_inspector = Some(read_inspector(&filter, HTTP_INSPECTOR)?),
                type_url::UDP_PROXY => found.udp_proxy = Some(filter),
                _ => filter.unsupported(),
            }
        }
        Ok(found)
    }
}

/// A filter without settings.
fn read_filter(node: &Node<'_>, name: &str) -> Result<(), ReadError> {
    node.message(|filter| {
        filter.known("name", &json!(name));
        filter.need("typedConfig")?.message(|_| Ok(()))
    })
}

/// An inspector, and the ports for which it is left out.
fn read_inspector(node: &Node<'_>, name: &str) -> Result<PortMatch, ReadError> {
    node.message(|filter| {
        filter.known("name", &json!(name));
        filter.need("typedConfig")?.message(|config| {
            config.known("initialReadBufferSize", &json!(READ_BUFFER_SIZE));
            Ok(())
        })?;
        Ok(filter.some("filterDisabled", read_predicate)?.unwrap_or_default())
    })
}

fn read_predicate(node: &Node<'_>) -> Result<PortMatch, ReadError> {
    let rules = |node: Node<'_>| node.whole(|set| set.each("rules", read_predicate));
    node.whole(|predicate| {
        if let Some(range) = predicate.get("destinationPortRange") {
            return range.whole(|range| {
                let end = |name| Ok(range.some(name, Node::u32)?.unwrap_or_default());
                Ok(PortMatch::Range { start: end("start")?, end: end("end")? })
            });
        }
        if let Some(set) = predicate.get("orMatch") {
            return Ok(PortMatch::Or(rules(set)?));
        }
        if let Some(set) = predicate.get("andMatch") {
            return Ok(PortMatch::And(rules(set)?));
        }
        if let Some(condition) = predicate.get("notMatch") {
            return Ok(match read_predicate(&condition)? {
                PortMatch::Any => PortMatch::None,
                other => PortMatch::Not(Box::new(other)),
            });
        }
        match predicate.flag("anyMatch")? {
            true => Ok(PortMatch::Any),
            false => Err(predicate.error("destinationPortRange, orMatch, andMatch, notMatch or anyMatch")),
        }
    })
}
