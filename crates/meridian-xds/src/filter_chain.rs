//! `envoy.config.listener.v3.FilterChain`

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::{http_connection_manager, metadata, rbac, tcp_proxy, tls, type_url};
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName, TransportProtocol};
use meridian_ir::tls::DownstreamTls;
use meridian_ir::{FilterChain, Rbac, TcpProxy};
use serde_json::{Value, json};
use std::sync::Arc;

/// How long a TLS handshake may take, as at Istio's gateways.
const TRANSPORT_SOCKET_CONNECT_TIMEOUT: &str = "15s";

/// One filter chain of a listener.
pub fn filter_chain(chain: &FilterChain) -> Value {
    let filters: Vec<Value> = match &chain.filters {
        Filters::Http(manager) => vec![http_connection_manager::filter(manager)],
        Filters::Tcp(proxy) => {
            (proxy.rbac.iter()).map(|one| rbac::network_filter(one)).chain([tcp_proxy::filter(proxy)]).collect()
        }
    };
    Message::new()
        .with_text("name", &chain.name)
        .with_some("filterChainMatch", chain_match(&chain.matcher))
        .with("filters", filters)
        .with_some("transportSocket", chain.tls.as_deref().map(tls::downstream))
        .with("transportSocketConnectTimeout", TRANSPORT_SOCKET_CONNECT_TIMEOUT)
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

/// One filter chain of a listener.
pub(crate) fn read(node: &Node<'_>) -> Result<FilterChain, ReadError> {
    node.message(|fields| {
        fields.known("transportSocketConnectTimeout", &json!(TRANSPORT_SOCKET_CONNECT_TIMEOUT));
        Ok(FilterChain {
            name: fields.name("name")?,
            matcher: fields.some("filterChainMatch", read_match)?.unwrap_or_default(),
            tls: fields.some("transportSocket", read_tls)?.flatten(),
            filters: read_filters(fields)?,
            origin: metadata::read_origin(fields)?,
        })
    })
}

/// The last filter, which is what the chain is for; those before it are noted.
fn read_filters(fields: &Fields<'_>) -> Result<Filters, ReadError> {
    let filters = fields.list("filters")?;
    let Some((last, before)) = filters.split_last() else {
        return Err(fields.error("a filter chain with filters"));
    };
    let access = read_access(before)?;
    match type_of(last) {
        type_url::HTTP_CONNECTION_MANAGER if !access.is_empty() => {
            Err(fields.error("access control of HTTP among the filters of the connection manager"))
        }
        type_url::HTTP_CONNECTION_MANAGER => last.message(|filter| {
            filter.known("name", &json!(http_connection_manager::FILTER));
            let config = filter.any("typedConfig", type_url::HTTP_CONNECTION_MANAGER)?;
            Ok(Filters::Http(Arc::new(config.message(http_connection_manager::read)?)))
        }),
        type_url::TCP_PROXY => last.message(|filter| {
            filter.known("name", &json!(tcp_proxy::FILTER));
            let config = filter.any("typedConfig", type_url::TCP_PROXY)?;
            let proxy = config.message(tcp_proxy::read)?;
            Ok(Filters::Tcp(Arc::new(TcpProxy { rbac: access, ..proxy })))
        }),
        _ => Err(last.error("the HTTP connection manager or the TCP proxy as the last filter")),
    }
}

/// The access control among the filters before the last; the others are noted.
fn read_access(filters: &[Node<'_>]) -> Result<Vec<Arc<Rbac>>, ReadError> {
    let mut access = Vec::new();
    for filter in filters {
        if type_of(filter) != type_url::NETWORK_RBAC {
            filter.unsupported();
            continue;
        }
        access.push(Arc::new(filter.message(|filter| {
            filter.known("name", &json!(rbac::NETWORK_FILTER));
            rbac::read(&filter.need("typedConfig")?)
        })?));
    }
    Ok(access)
}

fn read_tls(node: &Node<'_>) -> Result<Option<Arc<DownstreamTls>>, ReadError> {
    match type_of(node) {
        type_url::RAW_BUFFER => Ok(None),
        type_url::DOWNSTREAM_TLS_CONTEXT => Ok(Some(Arc::new(tls::read_downstream(node)?))),
        _ => Err(node.error("a transport socket for TLS or raw bytes")),
    }
}

fn type_of<'v>(node: &Node<'v>) -> &'v str {
    node.value().pointer("/typedConfig/@type").and_then(Value::as_str).unwrap_or_default()
}

/// The criteria of a chain. One that the model does not have is an error: the chain would take more than it should.
fn read_match(node: &Node<'_>) -> Result<ChainMatch, ReadError> {
    const PROTOCOLS: [(&str, Option<TransportProtocol>); 3] =
        [("", None), ("raw_buffer", Some(TransportProtocol::RawBuffer)), ("tls", Some(TransportProtocol::Tls))];
    node.whole(|fields| {
        Ok(ChainMatch {
            destination_port: fields.some("destinationPort", Node::u16)?,
            prefix_ranges: fields.each("prefixRanges", rbac::read_range)?,
            server_names: fields.each("serverNames", |name| {
                ServerName::new(name.text()?).ok_or_else(|| name.error("a server name such as *.example.com"))
            })?,
            transport_protocol: fields.choice("transportProtocol", &PROTOCOLS, None)?,
            application_protocols: fields.each("applicationProtocols", Node::name)?,
        })
    })
}
