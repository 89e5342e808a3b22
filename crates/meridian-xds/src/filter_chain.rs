//! `envoy.config.listener.v3.FilterChain` with its match, TLS context and TCP proxy.

use crate::access_log::access_log;
use crate::http_connection_manager::http_connection_manager;
use crate::json::{Message, duration, extension, from_ads};
use crate::metadata;
use meridian_ir::filter_chain::{ChainMatch, ServerName, TransportProtocol};
use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{FilterChain, Filters, Name, TcpProxy};
use serde_json::{Value, json};
use std::time::Duration;

/// A filter chain.
#[must_use]
pub fn filter_chain(chain: &FilterChain) -> Value {
    let filter = match &chain.filters {
        Filters::Http(manager) => {
            extension("envoy.filters.network.http_connection_manager", http_connection_manager(manager))
        }
        Filters::Tcp(proxy) => extension("envoy.filters.network.tcp_proxy", tcp_proxy(proxy)),
    };
    Message::default()
        .set_used("filterChainMatch", chain_match(&chain.matcher))
        .set("filters", vec![filter])
        .set_some("transportSocket", chain.tls.as_ref().map(|tls| downstream_tls(tls)))
        .set_used("name", &*chain.name)
        .set_some("metadata", chain.origin.as_ref().map(metadata::of))
        .set("transportSocketConnectTimeout", "15s")
        .into()
}

fn names(names: &[Name]) -> Vec<Value> {
    names.iter().map(|name| Value::from(&**name)).collect()
}

fn chain_match(matcher: &ChainMatch) -> Message {
    let ranges: Vec<Value> = matcher
        .prefix_ranges
        .iter()
        .map(|range| json!({"addressPrefix": range.addr().to_string(), "prefixLen": range.prefix_len()}))
        .collect();
    let server_names: Vec<Value> = matcher
        .server_names
        .iter()
        .map(|name| match name {
            ServerName::Exact(name) => Value::from(&**name),
            ServerName::Suffix(suffix) => Value::from(format!("*{suffix}")),
        })
        .collect();
    let transport = matcher.transport_protocol.map(|protocol| match protocol {
        TransportProtocol::RawBuffer => "raw_buffer",
        TransportProtocol::Tls => "tls",
    });
    Message::default()
        .set_some("destinationPort", matcher.destination_port)
        .set_used("prefixRanges", ranges)
        .set_used("serverNames", server_names)
        .set_some("transportProtocol", transport)
        .set_used("applicationProtocols", names(&matcher.application_protocols))
}

fn tcp_proxy(proxy: &TcpProxy) -> Message {
    let message =
        Message::typed("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy").set("statPrefix", &*proxy.stat_prefix);
    let message = match &proxy.clusters[..] {
        [only] => message.set("cluster", &*only.cluster),
        several => {
            let clusters: Vec<Value> =
                several.iter().map(|choice| json!({"name": &*choice.cluster, "weight": choice.weight})).collect();
            message.set("weightedClusters", json!({"clusters": clusters}))
        }
    };
    let idle = (proxy.idle_timeout != Duration::from_secs(3600)).then(|| duration(proxy.idle_timeout));
    let logs: Vec<Value> = proxy.access_log.iter().map(access_log).collect();
    message.set_some("idleTimeout", idle).set_used("accessLog", logs)
}

/// The transport socket of a chain that terminates TLS.
fn downstream_tls(tls: &DownstreamTls) -> Value {
    let version = |version: TlsVersion| match version {
        TlsVersion::Tls12 => "TLSv1_2",
        TlsVersion::Tls13 => "TLSv1_3",
    };
    // TLS 1.2 to 1.3 is Envoy's default for servers.
    let params = Message::default()
        .set_some("tlsMinimumProtocolVersion", (tls.min_version != TlsVersion::Tls12).then(|| version(tls.min_version)))
        .set_some(
            "tlsMaximumProtocolVersion",
            (tls.max_version != TlsVersion::Tls13).then(|| version(tls.max_version)),
        );
    let secrets: Vec<Value> =
        tls.certificates.iter().map(|name| json!({"name": &**name, "sdsConfig": from_ads()})).collect();
    let common = Message::default()
        .set_used("tlsParams", params)
        .set_used("tlsCertificateSdsSecretConfigs", secrets)
        .set_used("alpnProtocols", names(&tls.alpn));
    let context = Message::typed("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext")
        .set("commonTlsContext", common)
        .set("requireClientCertificate", false);
    extension("envoy.transport_sockets.tls", context)
}
