//! `envoy.config.cluster.v3.Cluster`

pub(crate) mod dynamic_forward;
mod http_protocol_options;
mod load_balancing;
mod outlier_detection;
mod transport_socket;

pub(crate) use transport_socket::mesh_tls;

use crate::load_assignment::{self, load_assignment};
use crate::message::{Message, ads, duration};
use crate::read::{Fields, Node, Read, ReadError, label, resource};
use crate::{metadata, type_url};
use http_protocol_options::{HttpOptions, http_protocol_options};
use meridian_ir::cluster::{CircuitBreakers, Discovery, TcpKeepalive};
use meridian_ir::{Cluster, Endpoints};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Envoy's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Names of the kinds of discovery.
const DISCOVERY: [(&str, Discovery); 5] = [
    ("EDS", Discovery::Eds),
    ("STATIC", Discovery::Static),
    ("STRICT_DNS", Discovery::StrictDns),
    ("LOGICAL_DNS", Discovery::LogicalDns),
    ("ORIGINAL_DST", Discovery::OriginalDst),
];

/// A cluster; `endpoints` are those of clusters that carry them (static and DNS).
pub fn cluster(cluster: &Cluster, endpoints: Option<&Endpoints>) -> Value {
    let message = Message::new()
        .with("name", &*cluster.name)
        .with("altStatName", alt_stat_name(&cluster.name))
        .with_some("type", DISCOVERY.iter().find(|(_, kind)| *kind == cluster.discovery).map(|(name, _)| *name))
        .with("connectTimeout", duration(cluster.connect_timeout))
        .with("circuitBreakers", circuit_breakers(&cluster.circuit_breakers))
        .with_some("typedExtensionProtocolOptions", http_protocol_options(cluster))
        .with_some("outlierDetection", cluster.outlier_detection.as_ref().map(outlier_detection::outlier_detection))
        .with_some("upstreamConnectionOptions", cluster.tcp_keepalive.as_ref().map(connection_options))
        .with_some("upstreamBindConfig", cluster.bind_source.map(bind_config))
        .with_some("transportSocket", transport_socket::transport_socket(cluster))
        .with_some("transportSocketMatches", transport_socket::by_endpoint(cluster))
        .with_some("metadata", metadata::of_cluster(cluster));
    let message = load_balancing::with_load_balancing(message, cluster);
    match cluster.discovery {
        Discovery::Eds => message.with("edsClusterConfig", eds(&cluster.name)),
        Discovery::Static => with_endpoints(message, cluster, endpoints),
        Discovery::StrictDns | Discovery::LogicalDns => dns(with_endpoints(message, cluster, endpoints)),
        Discovery::DynamicForward => message.with("clusterType", dynamic_forward::cluster_type()),
        Discovery::OriginalDst => message
            .with_some("originalDstLbConfig", cluster.port_override.map(|port| json!({"upstreamPortOverride": port}))),
    }
    .into()
}

/// The name of its statistics ends with a semicolon, so that it can be told from what follows.
fn alt_stat_name(name: &str) -> String {
    format!("{name};")
}

fn circuit_breakers(limits: &CircuitBreakers) -> Value {
    json!({"thresholds": [{
        "maxConnections": limits.max_connections,
        "maxPendingRequests": limits.max_pending_requests,
        "maxRequests": limits.max_requests,
        "maxRetries": limits.max_retries,
    }]})
}

fn eds(name: &str) -> Message {
    Message::new().with("edsConfig", ads().with("initialFetchTimeout", "0s")).with("serviceName", name)
}

fn with_endpoints(message: Message, cluster: &Cluster, endpoints: Option<&Endpoints>) -> Message {
    message.with_some("loadAssignment", endpoints.map(|endpoints| load_assignment(&cluster.name, endpoints)))
}

/// Istio's settings for names; Meridian takes IPv4 addresses where a name has any, and otherwise IPv6.
fn dns(message: Message) -> Message {
    DNS.iter()
        .fold(message, |message, (field, value)| message.with(field, *value))
        .with("respectDnsTtl", true)
        .with("typedDnsResolverConfig", resolver())
}

/// See [`dns`].
const DNS: [(&str, &str); 3] =
    [("dnsRefreshRate", "60s"), ("dnsJitter", "0.100s"), ("dnsLookupFamily", "V4_PREFERRED")];

fn resolver() -> Value {
    json!({
        "name": "envoy.network.dns_resolver.cares",
        "typedConfig": {"@type": type_url::CARES_DNS_RESOLVER, "udpMaxQueries": 100},
    })
}

/// Connections come from this address, from any of its ports.
fn bind_config(source: IpAddr) -> Value {
    json!({"sourceAddress": {"address": source.to_string(), "portValue": 0}})
}

fn read_bind_config(node: &Node<'_>) -> Result<IpAddr, ReadError> {
    node.message(|config| {
        config.need("sourceAddress")?.message(|source| {
            source.known("portValue", &json!(0));
            let address = source.need("address")?;
            address.text()?.parse().map_err(|_| address.error("an IP address"))
        })
    })
}

fn connection_options(keepalive: &TcpKeepalive) -> Message {
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs());
    let keepalive = Message::new()
        .with_some("keepaliveProbes", keepalive.probes)
        .with_some("keepaliveTime", seconds(keepalive.time))
        .with_some("keepaliveInterval", seconds(keepalive.interval));
    Message::new().with("tcpKeepalive", keepalive)
}

/// Reads a cluster and, where it carries them, its endpoints.
///
/// # Errors
/// See [`crate::read`].
pub fn read(value: &Value) -> Result<Read<(Cluster, Option<Endpoints>)>, ReadError> {
    resource(value, &label("cluster", value), |node| node.message(read_fields))
}

fn read_fields(fields: &Fields<'_>) -> Result<(Cluster, Option<Endpoints>), ReadError> {
    let name = fields.need("name")?.name()?;
    let is_dynamic = dynamic_forward::read_type(fields)?;
    fields.known("altStatName", &json!(alt_stat_name(&name)));
    let discovery = match is_dynamic {
        true => Discovery::DynamicForward,
        false => fields.choice("type", &DISCOVERY, Discovery::Static)?,
    };
    fields.known("edsClusterConfig", &eds(&name).into());
    DNS.iter().for_each(|(field, value)| fields.known(field, &json!(value)));
    fields.known("respectDnsTtl", &json!(true));
    fields.known("typedDnsResolverConfig", &resolver());
    let http = HttpOptions::read(fields)?;
    let socket = transport_socket::read(fields, &http)?;
    let common = load_balancing::read_common(fields)?;
    let (lb_policy, warm_up) = load_balancing::read_policy(fields, discovery)?;
    let endpoints = fields.some("loadAssignment", |node| load_assignment::read_node(node, common.locality_weighted))?;
    let metadata = metadata::read_of_cluster(fields, &name)?;
    let dynamic_forward = is_dynamic.then(|| Arc::new(metadata.dynamic_forward.unwrap_or_default()));
    let cluster = Cluster {
        discovery,
        dynamic_forward,
        lb_policy,
        connect_timeout: fields.some("connectTimeout", Node::duration)?.unwrap_or(CONNECT_TIMEOUT),
        circuit_breakers: read_circuit_breakers(fields)?,
        max_requests_per_connection: http.max_requests_per_connection,
        idle_timeout: http.idle_timeout,
        max_connection_duration: http.max_connection_duration,
        tcp_keepalive: read_connection_options(fields)?,
        protocol: http.protocol,
        max_concurrent_streams: http.max_concurrent_streams,
        bind_source: fields.some("upstreamBindConfig", read_bind_config)?,
        tls: socket.tls,
        auto_tls: socket.auto_tls,
        proxy_protocol: socket.proxy_protocol,
        outlier_detection: fields.some("outlierDetection", outlier_detection::read)?,
        healthy_panic_percent: common.healthy_panic_percent,
        warm_up,
        locality_weighted: common.locality_weighted,
        port_override: read_port_override(fields)?,
        origins: metadata.origins,
        service: metadata.service,
        name,
    };
    Ok((cluster, endpoints))
}

/// The thresholds of the default priority; what is not there has Envoy's defaults.
fn read_circuit_breakers(fields: &Fields<'_>) -> Result<CircuitBreakers, ReadError> {
    let mut limits =
        CircuitBreakers { max_connections: 1024, max_pending_requests: 1024, max_requests: 1024, max_retries: 3 };
    let Some(breakers) = fields.get("circuitBreakers") else { return Ok(limits) };
    breakers.message(|breakers| {
        for thresholds in breakers.list("thresholds")? {
            if thresholds.value().get("priority").is_some_and(|priority| priority != "DEFAULT") {
                thresholds.unsupported();
                continue;
            }
            thresholds.message(|thresholds| {
                thresholds.known("priority", &json!("DEFAULT"));
                for (field, limit) in [
                    ("maxConnections", &mut limits.max_connections),
                    ("maxPendingRequests", &mut limits.max_pending_requests),
                    ("maxRequests", &mut limits.max_requests),
                    ("maxRetries", &mut limits.max_retries),
                ] {
                    *limit = thresholds.some(field, Node::u32)?.unwrap_or(*limit);
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(limits)
}

fn read_connection_options(fields: &Fields<'_>) -> Result<Option<TcpKeepalive>, ReadError> {
    let seconds = |node: &Node<'_>| node.u32().map(|seconds| Duration::from_secs(seconds.into()));
    let keepalive = |node: &Node<'_>| {
        node.message(|keepalive| {
            Ok(TcpKeepalive {
                probes: keepalive.some("keepaliveProbes", Node::u32)?,
                time: keepalive.some("keepaliveTime", seconds)?,
                interval: keepalive.some("keepaliveInterval", seconds)?,
            })
        })
    };
    let options = |node: &Node<'_>| node.message(|options| options.some("tcpKeepalive", keepalive));
    Ok(fields.some("upstreamConnectionOptions", options)?.flatten())
}

fn read_port_override(fields: &Fields<'_>) -> Result<Option<u16>, ReadError> {
    let port = |node: &Node<'_>| node.message(|config| config.some("upstreamPortOverride", Node::u16));
    Ok(fields.some("originalDstLbConfig", port)?.flatten())
}
