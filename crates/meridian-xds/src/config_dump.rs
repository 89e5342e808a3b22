//! `envoy.admin.v3.ConfigDump`: everything that a proxy runs, as its admin endpoint shows it.

use crate::cluster::cluster;
use crate::endpoint::load_assignment;
use crate::json::{Message, to_snake_case};
use crate::listener::listener;
use crate::route_config::route_config;
use crate::secret::redacted_secret;
use meridian_ir::http::RouteSource;
use meridian_ir::{FilterChain, Filters, ProxyConfig};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Who the proxy is; `envoy.config.core.v3.Node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// For example `router~10.0.0.1~istio-ingressgateway.istio-system~istio-system.svc.cluster.local`.
    pub id: String,
    /// For example `istio-ingressgateway.istio-system`.
    pub cluster: String,
    /// Meridian's version.
    pub version: String,
}

/// The whole dump, endpoints included, with field names as Envoy's admin endpoint prints them (snake case).
#[must_use]
pub fn config_dump(config: &ProxyConfig, node: &Node) -> Value {
    let configs =
        vec![bootstrap(node), clusters(config), endpoints(config), listeners(config), routes(config), secrets(config)];
    to_snake_case(json!({ "configs": configs }))
}

fn any(kind: &str, message: Value) -> Value {
    let Value::Object(fields) = message else { return message };
    let mut typed = serde_json::Map::with_capacity(fields.len() + 1);
    typed.insert("@type".to_owned(), format!("type.googleapis.com/{kind}").into());
    typed.extend(fields);
    Value::Object(typed)
}

fn bootstrap(node: &Node) -> Value {
    let node = json!({"id": node.id, "cluster": node.cluster, "userAgentName": "meridian",
        "userAgentVersion": node.version, "metadata": {"ISTIO_VERSION": node.version}});
    Message::typed("envoy.admin.v3.BootstrapConfigDump").set("bootstrap", json!({"node": node})).into()
}

fn listeners(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let dynamic: Vec<Value> = config
        .listeners
        .values()
        .map(|one| {
            let message = any("envoy.config.listener.v3.Listener", listener(one));
            json!({"name": &*one.name, "activeState": {"versionInfo": version, "listener": message}})
        })
        .collect();
    Message::typed("envoy.admin.v3.ListenersConfigDump")
        .set("versionInfo", version.clone())
        .set_used("dynamicListeners", dynamic)
        .into()
}

fn clusters(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let mut sorted: Vec<_> = config.clusters.values().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let dynamic: Vec<Value> = sorted
        .into_iter()
        .map(|one| {
            let message = cluster(one, config.endpoints.get(&one.name).map(|endpoints| &**endpoints));
            json!({"versionInfo": version, "cluster": any("envoy.config.cluster.v3.Cluster", message)})
        })
        .collect();
    Message::typed("envoy.admin.v3.ClustersConfigDump")
        .set("versionInfo", version.clone())
        .set_used("dynamicActiveClusters", dynamic)
        .into()
}

/// Discovered ones under `dynamic`, those that stand in their clusters under `static`, as Envoy divides them.
fn endpoints(config: &ProxyConfig) -> Value {
    let mut sorted: Vec<_> = config.endpoints.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    let is_discovered = |name: &Arc<str>| {
        config.clusters.get(name).is_some_and(|cluster| cluster.discovery == meridian_ir::cluster::Discovery::Eds)
    };
    let show = |name: &str, endpoints| {
        let message = load_assignment(name, endpoints);
        json!({"endpointConfig": any("envoy.config.endpoint.v3.ClusterLoadAssignment", message)})
    };
    let (mut fixed, mut dynamic) = (Vec::new(), Vec::new());
    for (name, endpoints) in sorted {
        if is_discovered(name) { &mut dynamic } else { &mut fixed }.push(show(name, endpoints));
    }
    Message::typed("envoy.admin.v3.EndpointsConfigDump")
        .set_used("staticEndpointConfigs", fixed)
        .set_used("dynamicEndpointConfigs", dynamic)
        .into()
}

fn chains(config: &ProxyConfig) -> impl Iterator<Item = &Arc<FilterChain>> {
    config.listeners.values().flat_map(|listener| listener.chains.iter().chain(&listener.default_chain))
}

fn routes(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let kind = "envoy.config.route.v3.RouteConfiguration";
    let fixed: Vec<Value> = chains(config)
        .filter_map(|chain| match &chain.filters {
            Filters::Http(manager) => match &manager.routes {
                RouteSource::Inline(routes) => Some(json!({"routeConfig": any(kind, route_config(routes))})),
                RouteSource::Named(_) => None,
            },
            Filters::Tcp(_) => None,
        })
        .collect();
    let dynamic: Vec<Value> = config
        .routes
        .values()
        .map(|routes| json!({"versionInfo": version, "routeConfig": any(kind, route_config(routes))}))
        .collect();
    Message::typed("envoy.admin.v3.RoutesConfigDump")
        .set_used("staticRouteConfigs", fixed)
        .set_used("dynamicRouteConfigs", dynamic)
        .into()
}

/// Secrets that chains ask for and that are not there are "warming", as in Envoy.
fn secrets(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let kind = "envoy.extensions.transport_sockets.tls.v3.Secret";
    let active: Vec<Value> = config
        .secrets
        .values()
        .map(|secret| {
            json!({"name": &*secret.name, "versionInfo": version, "secret": any(kind, redacted_secret(secret))})
        })
        .collect();
    let wanted: BTreeSet<&Arc<str>> =
        chains(config).filter_map(|chain| chain.tls.as_ref()).flat_map(|tls| &tls.certificates).collect();
    let warming: Vec<Value> = wanted
        .into_iter()
        .filter(|name| !config.secrets.contains_key(*name))
        .map(|name| {
            let secret = any(kind, json!({"name": &**name}));
            json!({"name": &**name, "versionInfo": "uninitialized", "secret": secret})
        })
        .collect();
    Message::typed("envoy.admin.v3.SecretsConfigDump")
        .set_used("dynamicActiveSecrets", active)
        .set_used("dynamicWarmingSecrets", warming)
        .into()
}

#[cfg(test)]
mod tests;
