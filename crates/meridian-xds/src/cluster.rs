//! `envoy.config.cluster.v3.Cluster`

use crate::endpoint::load_assignment;
use crate::json::{Message, duration, from_ads};
use crate::metadata;
use meridian_ir::cluster::{Discovery, LbPolicy};
use meridian_ir::{Cluster, Endpoints};
use serde_json::{Value, json};
use std::time::Duration;

/// A cluster. `endpoints` stand in the cluster itself unless they are discovered.
#[must_use]
pub fn cluster(cluster: &Cluster, endpoints: Option<&Endpoints>) -> Value {
    let message = Message::default()
        .set("name", &*cluster.name)
        .set("altStatName", format!("{};", cluster.name))
        .set("type", discovery(cluster.discovery));
    let message = match cluster.discovery {
        Discovery::Eds => {
            message.set("edsClusterConfig", json!({"edsConfig": from_ads(), "serviceName": &*cluster.name}))
        }
        Discovery::OriginalDst => message,
        Discovery::Static | Discovery::StrictDns | Discovery::LogicalDns => {
            message.set_some("loadAssignment", endpoints.map(|endpoints| load_assignment(&cluster.name, endpoints)))
        }
    };
    let message = message.set("connectTimeout", duration(cluster.connect_timeout));
    let policy = match (cluster.discovery, cluster.lb_policy) {
        (Discovery::OriginalDst, _) => Some("CLUSTER_PROVIDED"),
        (_, LbPolicy::LeastRequest) => Some("LEAST_REQUEST"),
        (_, LbPolicy::Random) => Some("RANDOM"),
        (_, LbPolicy::RoundRobin) => None,
    };
    let limits = &cluster.circuit_breakers;
    let thresholds = json!([{
        "maxConnections": limits.max_connections,
        "maxPendingRequests": limits.max_pending_requests,
        "maxRequests": limits.max_requests,
        "maxRetries": limits.max_retries,
    }]);
    let message = message.set_some("lbPolicy", policy).set("circuitBreakers", json!({"thresholds": thresholds}));
    let message = match cluster.discovery {
        Discovery::StrictDns | Discovery::LogicalDns => {
            message.set("dnsRefreshRate", "60s").set("respectDnsTtl", true).set("dnsLookupFamily", "V4_PREFERRED")
        }
        _ => message,
    };
    message
        .set_used("typedExtensionProtocolOptions", protocol_options(cluster))
        .set_some("metadata", istio_metadata(cluster))
        .into()
}

fn discovery(discovery: Discovery) -> &'static str {
    match discovery {
        Discovery::Eds => "EDS",
        Discovery::Static => "STATIC",
        Discovery::StrictDns => "STRICT_DNS",
        Discovery::LogicalDns => "LOGICAL_DNS",
        Discovery::OriginalDst => "ORIGINAL_DST",
    }
}

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

fn protocol_options(cluster: &Cluster) -> Message {
    let idle = (cluster.idle_timeout != Duration::from_secs(3600)).then(|| duration(cluster.idle_timeout));
    if idle.is_none() && cluster.max_requests_per_connection == 0 {
        return Message::default();
    }
    let common = Message::default()
        .set_some("idleTimeout", idle)
        .set_used("maxRequestsPerConnection", cluster.max_requests_per_connection);
    let options = Message::typed(HTTP_OPTIONS)
        .set("commonHttpProtocolOptions", common)
        .set("explicitHttpConfig", json!({"httpProtocolOptions": {}}));
    Message::default().set(HTTP_OPTIONS, options)
}

/// The service, the DestinationRule and the subset behind a cluster.
fn istio_metadata(cluster: &Cluster) -> Option<Value> {
    if cluster.origins.is_empty() {
        return None;
    }
    let mut fields = cluster.name.splitn(4, '|').skip(2);
    let (subset, host) = (fields.next().unwrap_or_default(), fields.next().unwrap_or(&cluster.name));
    let rule = cluster.origins.iter().find(|origin| origin.kind == "DestinationRule");
    let services: Vec<Value> = cluster
        .origins
        .iter()
        .filter(|origin| origin.kind != "DestinationRule")
        .map(|origin| json!({"host": host, "name": &*origin.name, "namespace": &*origin.namespace}))
        .collect();
    let message = Message::default()
        .set_some("config", rule.map(metadata::path))
        .set_used("services", services)
        .set_used("subset", subset);
    Some(metadata::istio(message))
}
