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

/// Names of the transport sockets by endpoint, as Istio has them: with mutual TLS of the mesh, and without.
const BY_ENDPOINT: [&str; 2] = ["tlsMode-istio", "tlsMode-disabled"];

/// The transport socket; `None` for bytes as they are, and where endpoints decide.
pub(super) fn transport_socket(cluster: &Cluster) -> Option<Value> {
    if cluster.auto_tls.is_some() {
        return None;
    }
    with_proxy_protocol(cluster, cluster.tls.as_deref().map(tls::upstream))
}

/// The transport sockets among which the metadata of an endpoint decides: the first that it matches.
pub(super) fn by_endpoint(cluster: &Cluster) -> Option<Value> {
    let mesh = with_proxy_protocol(cluster, Some(tls::upstream(cluster.auto_tls.as_deref()?)));
    let other = with_proxy_protocol(cluster, cluster.tls.as_deref().map(tls::upstream)).unwrap_or_else(raw_buffer);
    let [with_mesh, without] = BY_ENDPOINT;
    Some(json!([
        {"name": with_mesh, "match": mesh_tls(), "transportSocket": mesh},
        {"name": without, "match": {}, "transportSocket": other},
    ]))
}

/// What the metadata of an endpoint says, under `envoy.transport_socket_match`, that has mutual TLS of the mesh.
pub(crate) fn mesh_tls() -> Value {
    json!({"tlsMode": "istio"})
}

fn with_proxy_protocol(cluster: &Cluster, tls: Option<Value>) -> Option<Value> {
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
    pub(super) auto_tls: Option<Arc<UpstreamTls>>,
    pub(super) proxy_protocol: Option<ProxyProtocolVersion>,
}

/// See [`transport_socket`] and [`by_endpoint`]. Other conditions on endpoints are an error: bytes would go out
/// without TLS.
pub(super) fn read(fields: &Fields<'_>, http: &HttpOptions) -> Result<Socket, ReadError> {
    let node = fields.get("transportSocket");
    let Some(matches) = fields.get("transportSocketMatches") else {
        return node.map_or(Ok(Socket::default()), |node| read_socket(&node, http));
    };
    let sockets = matches.items()?;
    let ([mesh, other], None) = (&sockets[..], node) else {
        return Err(matches.error(&format!("{}, without transportSocket", BY_ENDPOINT.join(" and "))));
    };
    let conditions = [mesh_tls(), json!({})];
    let socket = |node: &Node<'_>, index: usize, http: &HttpOptions| {
        node.whole(|entry| {
            entry.known("name", &json!(BY_ENDPOINT[index]));
            entry.known("match", &conditions[index]);
            read_socket(&entry.need("transportSocket")?, http)
        })
    };
    // What the options say of server names is not about the mesh, whose server names are fixed.
    let (mesh, other) = (socket(mesh, 0, &HttpOptions::default())?, socket(other, 1, http)?);
    Ok(Socket { auto_tls: mesh.tls, ..other })
}

fn read_socket(node: &Node<'_>, http: &HttpOptions) -> Result<Socket, ReadError> {
    if type_of(node) != type_url::PROXY_PROTOCOL_UPSTREAM {
        return Ok(Socket { tls: read_inner(node, http)?, ..Socket::default() });
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
            let proxy_protocol = Some(version.unwrap_or(ProxyProtocolVersion::V1));
            Ok(Socket { tls, proxy_protocol, ..Socket::default() })
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
