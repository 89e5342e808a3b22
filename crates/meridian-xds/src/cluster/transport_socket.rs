//! The transport socket of a cluster: TLS, and a PROXY protocol header before it.

use super::http_protocol_options::HttpOptions;
use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::{tls, type_url};
use meridian_ir::Cluster;
use meridian_ir::cluster::ProxyProtocolVersion;
use meridian_ir::tls::UpstreamTls;
use serde_json::{Value, json};
use std::sync::Arc;

const PROXY_PROTOCOL: &str = "envoy.transport_sockets.upstream_proxy_protocol";
const RAW_BUFFER: &str = "envoy.transport_sockets.raw_buffer";

/// The transport socket; `None` for bytes as they are.
pub(super) fn transport_socket(cluster: &Cluster) -> Option<Value> {
    let tls = cluster.tls.as_deref().map(tls::upstream);
    let Some(version) = cluster.proxy_protocol else { return tls };
    let version = match version {
        // The default.
        ProxyProtocolVersion::V1 => json!({}),
        ProxyProtocolVersion::V2 => json!({"version": "V2"}),
    };
    let config = Message::any(type_url::PROXY_PROTOCOL_UPSTREAM)
        .with("config", version)
        .with("transportSocket", tls.unwrap_or_else(raw_buffer));
    Some(Message::new().with("name", PROXY_PROTOCOL).with("typedConfig", config).into())
}

fn raw_buffer() -> Value {
    json!({"name": RAW_BUFFER, "typedConfig": {"@type": type_url::RAW_BUFFER}})
}

/// What the transport socket is.
#[derive(Default)]
pub(super) struct Socket {
    pub(super) tls: Option<Arc<UpstreamTls>>,
    pub(super) proxy_protocol: Option<ProxyProtocolVersion>,
}

/// See [`transport_socket`].
pub(super) fn read(fields: &Fields<'_>, http: &HttpOptions) -> Result<Socket, ReadError> {
    let Some(node) = fields.get("transportSocket") else { return Ok(Socket::default()) };
    if type_of(&node) != type_url::PROXY_PROTOCOL_UPSTREAM {
        return Ok(Socket { tls: read_inner(&node, http)?, proxy_protocol: None });
    }
    node.message(|socket| {
        socket.known("name", &json!(PROXY_PROTOCOL));
        socket.any("typedConfig", type_url::PROXY_PROTOCOL_UPSTREAM)?.message(|config| {
            const VERSIONS: [(&str, ProxyProtocolVersion); 2] =
                [("V1", ProxyProtocolVersion::V1), ("V2", ProxyProtocolVersion::V2)];
            let version = config.some("config", |node| {
                node.message(|config| config.choice("version", &VERSIONS, ProxyProtocolVersion::V1))
            })?;
            let tls = read_inner(&config.need("transportSocket")?, http)?;
            Ok(Socket { tls, proxy_protocol: Some(version.unwrap_or(ProxyProtocolVersion::V1)) })
        })
    })
}

fn read_inner(node: &Node<'_>, http: &HttpOptions) -> Result<Option<Arc<UpstreamTls>>, ReadError> {
    match type_of(node) {
        type_url::RAW_BUFFER => Ok(None),
        type_url::UPSTREAM_TLS_CONTEXT => {
            let tls = tls::read_upstream(node, http.auto_sni, http.auto_san_validation)?;
            Ok(Some(Arc::new(tls)))
        }
        _ => Err(node.error("a transport socket for TLS, the PROXY protocol or raw bytes")),
    }
}

fn type_of<'v>(socket: &Node<'v>) -> &'v str {
    socket.value().pointer("/typedConfig/@type").and_then(Value::as_str).unwrap_or_default()
}
