//! `envoy.extensions.upstreams.http.v3.HttpProtocolOptions`: how HTTP is spoken to the endpoints of a cluster.

use crate::message::{Message, duration};
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::Cluster;
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::tls::UpstreamSni;
use serde_json::{Value, json};
use std::time::Duration;

/// The key among a cluster's options by extension.
const KEY: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Envoy's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The options, where they differ from Envoy's defaults.
pub(super) fn http_protocol_options(cluster: &Cluster) -> Option<Value> {
    let common = common(cluster);
    let server_name = server_name(cluster);
    if common.is_none() && server_name.is_none() && cluster.protocol == UpstreamProtocol::Http1 {
        return None;
    }
    let http2 = Message::new().with_some("maxConcurrentStreams", cluster.max_concurrent_streams);
    let options = Message::any(type_url::HTTP_PROTOCOL_OPTIONS)
        .with_some("commonHttpProtocolOptions", common)
        .with_some("upstreamHttpProtocolOptions", server_name);
    let options = match cluster.protocol {
        UpstreamProtocol::Http1 => options.with("explicitHttpConfig", json!({"httpProtocolOptions": {}})),
        UpstreamProtocol::Http2 => {
            options.with("explicitHttpConfig", Message::new().with("http2ProtocolOptions", http2))
        }
        UpstreamProtocol::Downstream => options.with(
            "useDownstreamProtocolConfig",
            Message::new().with("httpProtocolOptions", json!({})).with("http2ProtocolOptions", http2),
        ),
    };
    Some(json!({ KEY: Value::from(options) }))
}

fn common(cluster: &Cluster) -> Option<Message> {
    let idle = (cluster.idle_timeout != IDLE_TIMEOUT).then(|| duration(cluster.idle_timeout));
    let requests = cluster.max_requests_per_connection;
    let oldest = cluster.max_connection_duration;
    (idle.is_some() || requests > 0 || oldest.is_some()).then(|| {
        Message::new()
            .with_some("idleTimeout", idle)
            .with_number("maxRequestsPerConnection", requests)
            .with_some("maxConnectionDuration", oldest.map(duration))
    })
}

fn server_name(cluster: &Cluster) -> Option<Message> {
    let tls = cluster.tls.as_ref()?;
    let auto_sni = tls.sni == UpstreamSni::Host;
    (auto_sni || tls.validate_sni)
        .then(|| Message::new().with_flag("autoSni", auto_sni).with_flag("autoSanValidation", tls.validate_sni))
}

/// What the options say.
pub(super) struct HttpOptions {
    pub(super) idle_timeout: Duration,
    pub(super) max_requests_per_connection: u32,
    pub(super) max_connection_duration: Option<Duration>,
    pub(super) protocol: UpstreamProtocol,
    pub(super) max_concurrent_streams: Option<u32>,
    pub(super) auto_sni: bool,
    pub(super) auto_san_validation: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            idle_timeout: IDLE_TIMEOUT,
            max_requests_per_connection: 0,
            max_connection_duration: None,
            protocol: UpstreamProtocol::Http1,
            max_concurrent_streams: None,
            auto_sni: false,
            auto_san_validation: false,
        }
    }
}

impl HttpOptions {
    /// Reads the options of a cluster.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ReadError> {
        let of_extension = |node: &Node<'_>| {
            node.message(|extensions| match extensions.get(KEY) {
                Some(_) => extensions.any(KEY, type_url::HTTP_PROTOCOL_OPTIONS)?.message(Self::read_options),
                None => Ok(Self::default()),
            })
        };
        Ok(fields.some("typedExtensionProtocolOptions", of_extension)?.unwrap_or_default())
    }

    fn read_options(fields: &Fields<'_>) -> Result<Self, ReadError> {
        let mut options = Self::default();
        if let Some(common) = fields.get("commonHttpProtocolOptions") {
            common.message(|common| {
                options.idle_timeout = common.some("idleTimeout", Node::duration)?.unwrap_or(IDLE_TIMEOUT);
                options.max_requests_per_connection =
                    common.some("maxRequestsPerConnection", Node::u32)?.unwrap_or_default();
                options.max_connection_duration = common.some("maxConnectionDuration", Node::duration)?;
                Ok(())
            })?;
        }
        if let Some(names) = fields.get("upstreamHttpProtocolOptions") {
            names.message(|names| {
                options.auto_sni = names.flag("autoSni")?;
                options.auto_san_validation = names.flag("autoSanValidation")?;
                Ok(())
            })?;
        }
        options.read_protocol(fields)?;
        Ok(options)
    }

    fn read_protocol(&mut self, fields: &Fields<'_>) -> Result<(), ReadError> {
        let of_client = fields.get("useDownstreamProtocolConfig");
        let Some(config) = of_client.clone().or_else(|| fields.get("explicitHttpConfig")) else {
            return Err(fields.error("explicitHttpConfig or useDownstreamProtocolConfig"));
        };
        config.message(|config| {
            config.known("httpProtocolOptions", &json!({}));
            let http2 = config.some("http2ProtocolOptions", |node| {
                node.message(|http2| http2.some("maxConcurrentStreams", Node::u32))
            })?;
            self.protocol = match (of_client.is_some(), http2.is_some()) {
                (true, _) => UpstreamProtocol::Downstream,
                (false, true) => UpstreamProtocol::Http2,
                (false, false) => UpstreamProtocol::Http1,
            };
            self.max_concurrent_streams = http2.flatten();
            Ok(())
        })
    }
}
