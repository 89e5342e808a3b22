//! `envoy.config.cluster.v3.Cluster`

use crate::load_assignment::load_assignment;
use crate::message::{Message, ads, duration};
use crate::{metadata, type_url};
use meridian_ir::cluster::{CircuitBreakers, Discovery, LbPolicy};
use meridian_ir::{Cluster, Endpoints};
use serde_json::{Value, json};
use std::time::Duration;

/// Envoy's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// A cluster; `endpoints` are those of clusters that carry them (static and DNS).
pub fn cluster(cluster: &Cluster, endpoints: Option<&Endpoints>) -> Value {
    let message = Message::new()
        .with("name", &*cluster.name)
        .with("altStatName", format!("{};", cluster.name))
        .with("type", discovery_type(cluster.discovery))
        .with("connectTimeout", duration(cluster.connect_timeout))
        .with_some("lbPolicy", lb_policy(cluster))
        .with("circuitBreakers", circuit_breakers(&cluster.circuit_breakers))
        // No panic: an endpoint that is not healthy is never asked.
        .with("commonLbConfig", json!({"healthyPanicThreshold": {}}))
        .with_some("typedExtensionProtocolOptions", http_protocol_options(cluster))
        .with_some("metadata", metadata::of_cluster(cluster));
    match cluster.discovery {
        Discovery::Eds => message.with("edsClusterConfig", eds(cluster)),
        Discovery::Static => with_endpoints(message, cluster, endpoints),
        Discovery::StrictDns | Discovery::LogicalDns => dns(with_endpoints(message, cluster, endpoints)),
        Discovery::OriginalDst => message,
    }
    .into()
}

fn discovery_type(discovery: Discovery) -> &'static str {
    match discovery {
        Discovery::Eds => "EDS",
        Discovery::Static => "STATIC",
        Discovery::StrictDns => "STRICT_DNS",
        Discovery::LogicalDns => "LOGICAL_DNS",
        Discovery::OriginalDst => "ORIGINAL_DST",
    }
}

fn lb_policy(cluster: &Cluster) -> Option<&'static str> {
    match (cluster.discovery, cluster.lb_policy) {
        (Discovery::OriginalDst, _) => Some("CLUSTER_PROVIDED"),
        (_, LbPolicy::LeastRequest) => Some("LEAST_REQUEST"),
        (_, LbPolicy::Random) => Some("RANDOM"),
        // The default.
        (_, LbPolicy::RoundRobin) => None,
        (_, LbPolicy::RingHash { .. }) => Some("RING_HASH"),
        (_, LbPolicy::Maglev { .. }) => Some("MAGLEV"),
        (_, LbPolicy::ClusterProvided) => Some("CLUSTER_PROVIDED"),
    }
}

fn circuit_breakers(limits: &CircuitBreakers) -> Value {
    json!({"thresholds": [{
        "maxConnections": limits.max_connections,
        "maxPendingRequests": limits.max_pending_requests,
        "maxRequests": limits.max_requests,
        "maxRetries": limits.max_retries,
    }]})
}

fn eds(cluster: &Cluster) -> Message {
    Message::new().with("edsConfig", ads().with("initialFetchTimeout", "0s")).with("serviceName", &*cluster.name)
}

fn with_endpoints(message: Message, cluster: &Cluster, endpoints: Option<&Endpoints>) -> Message {
    message.with_some("loadAssignment", endpoints.map(|endpoints| load_assignment(&cluster.name, endpoints)))
}

/// Istio's settings for names; Meridian takes IPv4 addresses where a name has any, and otherwise IPv6.
fn dns(message: Message) -> Message {
    message
        .with("dnsRefreshRate", "60s")
        .with("dnsJitter", "0.100s")
        .with("respectDnsTtl", true)
        .with("dnsLookupFamily", "V4_PREFERRED")
        .with(
            "typedDnsResolverConfig",
            json!({
                "name": "envoy.network.dns_resolver.cares",
                "typedConfig": {"@type": type_url::CARES_DNS_RESOLVER, "udpMaxQueries": 100},
            }),
        )
}

/// How HTTP is spoken to the endpoints, where it differs from Envoy's defaults.
fn http_protocol_options(cluster: &Cluster) -> Option<Value> {
    let idle = (cluster.idle_timeout != IDLE_TIMEOUT).then(|| duration(cluster.idle_timeout));
    let requests = cluster.max_requests_per_connection;
    if idle.is_none() && requests == 0 {
        return None;
    }
    let common = Message::new().with_some("idleTimeout", idle).with_number("maxRequestsPerConnection", requests);
    let options = Message::any(type_url::HTTP_PROTOCOL_OPTIONS)
        .with("commonHttpProtocolOptions", common)
        .with("explicitHttpConfig", json!({"httpProtocolOptions": {}}));
    Some(json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": Value::from(options)}))
}
