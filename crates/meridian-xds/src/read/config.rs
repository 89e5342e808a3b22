//! Reading all that a proxy is sent.

use super::{Read, ReadError, Unsupported};
use crate::{cluster, listener, load_assignment, route_configuration};
use meridian_ir::{Name, ProxyConfig};
use serde_json::Value;
use std::collections::btree_map;
use std::sync::Arc;

/// The resources of one proxy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resources<'v> {
    /// `envoy.config.listener.v3.Listener`
    pub listeners: &'v [Value],
    /// `envoy.config.cluster.v3.Cluster`
    pub clusters: &'v [Value],
    /// `envoy.config.route.v3.RouteConfiguration`
    pub routes: &'v [Value],
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment`
    pub endpoints: &'v [Value],
}

/// What a proxy is to do, and what is not in it.
#[derive(Debug, Clone, Default)]
pub struct ReadConfig {
    /// All resources that could be read. The version is that of the caller to set; secrets come on their own way.
    pub config: ProxyConfig,
    /// What the model cannot hold of them.
    pub unsupported: Vec<Unsupported>,
    /// Why the others could not be read.
    pub errors: Vec<ReadError>,
}

/// Reads all resources; one that is refused does not concern the others. Of two of the same name and kind the second is
/// refused.
pub fn config(resources: &Resources<'_>) -> ReadConfig {
    let mut all = ReadConfig::default();
    for value in resources.clusters {
        if let Some((cluster, endpoints)) = all.keep(cluster::read(value)) {
            let name = cluster.name.clone();
            if all.config.clusters.contains_key(&name) {
                all.errors.push(twice("cluster", &name));
                continue;
            }
            all.config.clusters.insert(name.clone(), Arc::new(cluster));
            all.config.endpoints.extend(endpoints.map(|endpoints| (name, Arc::new(endpoints))));
        }
    }
    for value in resources.endpoints {
        let cluster = value.get("clusterName").and_then(Value::as_str).and_then(|name| all.config.clusters.get(name));
        let locality_weighted = cluster.is_some_and(|cluster| cluster.locality_weighted);
        if let Some((name, endpoints)) = all.keep(load_assignment::read(value, locality_weighted)) {
            if all.config.endpoints.contains_key(&name) {
                all.errors.push(twice("endpoints", &name));
                continue;
            }
            all.config.endpoints.insert(name, Arc::new(endpoints));
        }
    }
    for value in resources.listeners {
        if let Some(listener) = all.keep(listener::read(value)) {
            match all.config.listeners.entry(listener.name.clone()) {
                btree_map::Entry::Vacant(free) => drop(free.insert(Arc::new(listener))),
                btree_map::Entry::Occupied(_) => all.errors.push(twice("listener", &listener.name)),
            }
        }
    }
    for value in resources.routes {
        if let Some(routes) = all.keep(route_configuration::read(value)) {
            match all.config.routes.entry(routes.name.clone()) {
                btree_map::Entry::Vacant(free) => drop(free.insert(Arc::new(routes))),
                btree_map::Entry::Occupied(_) => all.errors.push(twice("routes", &routes.name)),
            }
        }
    }
    all
}

impl ReadConfig {
    fn keep<T>(&mut self, found: Result<Read<T>, ReadError>) -> Option<T> {
        match found {
            Ok(Read { value, unsupported }) => {
                self.unsupported.extend(unsupported);
                Some(value)
            }
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }
}

fn twice(kind: &str, name: &Name) -> ReadError {
    ReadError {
        path: format!("{kind} {name}"),
        found: "a second resource of that name".to_owned(),
        allowed: "one".to_owned(),
    }
}
