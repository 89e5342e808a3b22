//! `envoy.admin.v3`: what `GET /config_dump` answers.

use crate::cluster::cluster;
use crate::field_names::to_proto_names;
use crate::listener::listener;
use crate::load_assignment::dumped_load_assignment;
use crate::message::{Message, any};
use crate::route_configuration::route_configuration;
use crate::{references, secret, type_url};
use meridian_ir::filter_chain::Filters;
use meridian_ir::http::RouteSource;
use meridian_ir::tls::{FILE_AUTHORITY, FILE_CERTIFICATE};
use meridian_ir::{Endpoints, FilterChain, Name, ProxyConfig, RouteConfig};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version that Envoy shows for a secret that has not come yet.
const UNINITIALIZED: &str = "uninitialized";

/// All of `config` as `GET /config_dump?include_eds` shows it, under protobuf's own field names as in the real Envoy.
/// Private keys are redacted. Resources are sorted by name; when they came is not known here, so `last_updated` is not
/// there.
pub fn config_dump(config: &ProxyConfig) -> Value {
    to_proto_names(json!({"configs": [
        bootstrap(), clusters(config), endpoints(config), listeners(config), scoped_routes(), routes(config),
        secrets(config),
    ]}))
}

fn dump(kind: &str) -> Message {
    Message::any(&format!("type.googleapis.com/envoy.admin.v3.{kind}ConfigDump"))
}

fn bootstrap() -> Value {
    let mut numbers = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or_default());
    let version = ["majorNumber", "minorNumber", "patch"]
        .into_iter()
        .fold(Message::new(), |message, field| message.with_number(field, numbers.next().unwrap_or_default()));
    let node = json!({"userAgentName": "meridian", "userAgentBuildVersion": {"version": Value::from(version)}});
    let ads = json!({"ads": {}, "resourceApiVersion": "V3"});
    dump("Bootstrap")
        .with("bootstrap", json!({"node": node, "dynamicResources": {"ldsConfig": ads, "cdsConfig": ads}}))
        .into()
}

fn clusters(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let sorted: BTreeMap<_, _> = config.clusters.iter().collect();
    let active = sorted.into_iter().map(|(name, one)| {
        let message = cluster(one, config.endpoints.get(name).map(|endpoints| &**endpoints));
        json!({"versionInfo": version, "cluster": any(type_url::CLUSTER, message)})
    });
    dump("Clusters").with("versionInfo", &*version).with_list("dynamicActiveClusters", active).into()
}

/// An assignment for every cluster, also for those that have no endpoints of their own.
fn endpoints(config: &ProxyConfig) -> Value {
    let none = Endpoints::default();
    let sorted: BTreeSet<&Name> = config.clusters.keys().collect();
    let dynamic = sorted.into_iter().map(|name| {
        let endpoints = config.endpoints.get(name).map_or(&none, |endpoints| &**endpoints);
        json!({"endpointConfig": any(type_url::CLUSTER_LOAD_ASSIGNMENT, dumped_load_assignment(name, endpoints))})
    });
    dump("Endpoints").with_list("dynamicEndpointConfigs", dynamic).into()
}

fn listeners(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let dynamic = config.listeners.values().map(|one| {
        let state = json!({"versionInfo": version, "listener": any(type_url::LISTENER, listener(one))});
        json!({"name": &*one.name, "activeState": state})
    });
    dump("Listeners").with("versionInfo", &*version).with_list("dynamicListeners", dynamic).into()
}

/// Always empty, and always there in the real Envoy's answer, where scripts may count on its place.
fn scoped_routes() -> Value {
    dump("ScopedRoutes").into()
}

/// Route configurations by name, and those that are fixed in a chain.
fn routes(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let message = |routes: &RouteConfig| any(type_url::ROUTE_CONFIGURATION, route_configuration(routes));
    let inline = chains(config).filter_map(|chain| match &chain.filters {
        Filters::Http(manager) => match &manager.routes {
            RouteSource::Inline(routes) => Some(json!({"routeConfig": message(routes)})),
            RouteSource::Named(_) => None,
        },
        Filters::Tcp(_) => None,
    });
    let named = config.routes.values().map(|routes| json!({"versionInfo": version, "routeConfig": message(routes)}));
    dump("Routes").with_list("staticRouteConfigs", inline).with_list("dynamicRouteConfigs", named).into()
}

/// The secrets and authorities that are there, and those that chains and clusters wait for. Whether files are there is
/// not known here, so they are left out.
fn secrets(config: &ProxyConfig) -> Value {
    let version = config.version.to_string();
    let entry = |name: &str, version: &str, secret| json!({"name": name, "versionInfo": version, "secret": any(type_url::SECRET, secret)});
    let certificates = config.secrets.values().map(|one| entry(&one.name, &version, secret::redacted(one)));
    let authorities =
        config.authorities.values().map(|one| entry(&one.name, &version, secret::validation_context(one)));
    let missing = references::secrets(config).into_iter().filter(|name| {
        let is_there = config.secrets.contains_key(*name) || config.authorities.contains_key(*name);
        !is_there && !name.starts_with(FILE_CERTIFICATE) && !name.starts_with(FILE_AUTHORITY)
    });
    let warming = missing.map(|name| entry(name, UNINITIALIZED, json!({"name": name})));
    dump("Secrets")
        .with_list("dynamicActiveSecrets", certificates.chain(authorities))
        .with_list("dynamicWarmingSecrets", warming)
        .into()
}

fn chains(config: &ProxyConfig) -> impl Iterator<Item = &Arc<FilterChain>> {
    config.listeners.values().flat_map(|listener| listener.chains.iter().chain(&listener.default_chain))
}
