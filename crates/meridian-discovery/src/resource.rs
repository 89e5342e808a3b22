//! The resources of a configuration: which there are, which changed, and what they are in bytes.

use crate::Kind;
use bytes::Bytes;
use meridian_ir::cluster::Discovery;
use meridian_ir::name_table::Names;
use meridian_ir::{Cluster, Endpoints, Name, Origin, ProxyConfig, VirtualHost};
use meridian_xds::wire::WireError;
use meridian_xds::{cluster, listener, load_assignment, name_table, route_configuration, secret, wire};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hasher;
use std::sync::Arc;
use twox_hash::XxHash64;

/// The version of a resource: the hash of its bytes.
pub(crate) type Version = u64;

/// As it is sent.
pub(crate) fn version_text(version: Version) -> String {
    format!("{version:016x}")
}

/// The version that a client names; one that is not ours is equal to none.
pub(crate) fn version_of(text: &str) -> Option<Version> {
    if text.len() == 16 { u64::from_str_radix(text, 16).ok() } else { None }
}

/// The version of these bytes.
pub(crate) fn version(bytes: &[u8]) -> Version {
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(bytes);
    hasher.finish()
}

/// What became of the resources of one type between two configurations; sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Those that are new or may be different.
    pub(crate) updated: Vec<Name>,
    /// Those that are gone.
    pub(crate) removed: Vec<Name>,
}

/// Compares two configurations by what they share; nothing is looked into.
pub(crate) fn changes(kind: Kind, old: &ProxyConfig, new: &ProxyConfig) -> Changes {
    let mut changes = match kind {
        Kind::VirtualHost => Changes {
            updated: hosts_without(new, old, |host, other| !Arc::ptr_eq(host, other)),
            removed: hosts_without(old, new, |_, _| false),
        },
        kind => Changes {
            updated: names(kind, new).filter(|name| !is_shared(kind, name, old, new)).collect(),
            removed: names(kind, old).filter(|name| !exists(kind, name, new)).collect(),
        },
    };
    changes.updated.sort_unstable();
    changes.updated.dedup();
    changes.removed.sort_unstable();
    changes.removed.dedup();
    changes
}

/// The virtual hosts of `config` that are not in `other`, or are there and `differ`. Tables have a thousand of them and are
/// in no order, so that nothing is searched for in them.
fn hosts_without(
    config: &ProxyConfig,
    other: &ProxyConfig,
    differ: fn(&Arc<VirtualHost>, &Arc<VirtualHost>) -> bool,
) -> Vec<Name> {
    let mut found = Vec::new();
    for (table, routes) in &config.routes {
        let other = other.routes.get(table);
        if other.is_some_and(|other| Arc::ptr_eq(routes, other)) {
            continue;
        }
        let known: HashMap<&Name, &Arc<VirtualHost>> =
            other.iter().flat_map(|other| &other.virtual_hosts).map(|host| (&host.name, host)).collect();
        let is_found = |host: &&Arc<VirtualHost>| known.get(&host.name).is_none_or(|known| differ(host, known));
        found.extend(routes.virtual_hosts.iter().filter(is_found).map(|host| format!("{table}/{}", host.name).into()));
    }
    found
}

/// The names of all resources of a type.
pub(crate) fn names(kind: Kind, config: &ProxyConfig) -> Box<dyn Iterator<Item = Name> + '_> {
    match kind {
        Kind::Cluster => Box::new(config.clusters.keys().cloned()),
        Kind::Endpoints => {
            let own = config.clusters.iter().filter(|(_, cluster)| cluster.discovery == Discovery::Eds);
            Box::new(own.map(|(name, _)| name.clone()))
        }
        Kind::Listener => Box::new(config.listeners.keys().cloned()),
        Kind::VirtualHost => Box::new(config.routes.iter().flat_map(|(table, routes)| {
            routes.virtual_hosts.iter().map(move |host| format!("{table}/{}", host.name).into())
        })),
        Kind::Route => Box::new(config.routes.keys().cloned()),
        Kind::Secret => Box::new(config.secrets.keys().chain(config.authorities.keys()).cloned()),
        Kind::Names => Box::new(config.names.keys().cloned()),
    }
}

/// Whether there is such a resource.
pub(crate) fn exists(kind: Kind, name: &str, config: &ProxyConfig) -> bool {
    match kind {
        Kind::Cluster => config.clusters.contains_key(name),
        Kind::Endpoints => config.clusters.get(name).is_some_and(|cluster| cluster.discovery == Discovery::Eds),
        Kind::Listener => config.listeners.contains_key(name),
        Kind::VirtualHost => virtual_host(name, config).is_some(),
        Kind::Route => config.routes.contains_key(name),
        Kind::Secret => config.secrets.contains_key(name) || config.authorities.contains_key(name),
        Kind::Names => config.names.contains_key(name),
    }
}

fn is_shared(kind: Kind, name: &str, old: &ProxyConfig, new: &ProxyConfig) -> bool {
    fn both<T>(old: Option<&Arc<T>>, new: Option<&Arc<T>>) -> bool {
        match (old, new) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        }
    }
    let endpoints = || both(old.endpoints.get(name), new.endpoints.get(name));
    match kind {
        Kind::Cluster => {
            let carries = new.clusters.get(name).is_some_and(|cluster| cluster.discovery != Discovery::Eds);
            both(old.clusters.get(name), new.clusters.get(name)) && (!carries || endpoints())
        }
        Kind::Endpoints => exists(kind, name, old) && endpoints(),
        Kind::Listener => both(old.listeners.get(name), new.listeners.get(name)),
        Kind::VirtualHost => both(virtual_host(name, old), virtual_host(name, new)),
        Kind::Route => both(old.routes.get(name), new.routes.get(name)),
        Kind::Secret => {
            both(old.secrets.get(name), new.secrets.get(name))
                && both(old.authorities.get(name), new.authorities.get(name))
        }
        Kind::Names => both(old.names.get(name), new.names.get(name)),
    }
}

/// A resource as Envoy's JSON; `None`: there is none of that name.
fn json(kind: Kind, name: &str, config: &ProxyConfig) -> Option<Value> {
    let endpoints = config.endpoints.get(name);
    Some(match kind {
        Kind::Cluster => {
            cluster::cluster(config.clusters.get(name)?, endpoints.map(|endpoints: &Arc<Endpoints>| &**endpoints))
        }
        Kind::Endpoints => {
            let _: &Arc<Cluster> = config.clusters.get(name).filter(|one| one.discovery == Discovery::Eds)?;
            let none = Endpoints::default();
            load_assignment::load_assignment(name, endpoints.map_or(&none, |endpoints| &**endpoints))
        }
        Kind::Listener => listener::listener(config.listeners.get(name)?),
        Kind::VirtualHost => route_configuration::virtual_host(virtual_host(name, config)?),
        Kind::Route => route_configuration::route_configuration(config.routes.get(name)?),
        Kind::Secret => match (config.secrets.get(name), config.authorities.get(name)) {
            (Some(certificate), _) => secret::secret(certificate),
            (None, Some(authority)) => secret::validation_context(authority),
            (None, None) => return None,
        },
        Kind::Names => name_table::name_table(&Names::from([(name.into(), config.names.get(name)?.clone())])),
    })
}

/// The virtual host `ROUTES/HOST`.
fn virtual_host<'c>(name: &str, config: &'c ProxyConfig) -> Option<&'c Arc<VirtualHost>> {
    let (table, host) = name.split_once('/')?;
    let table = config.routes.get(table)?;
    // Most tables are sorted.
    table.named(host).or_else(|| table.virtual_hosts.iter().find(|one| *one.name == *host))
}

/// A route configuration as bytes, whose virtual hosts are resources of their own; `None`: there is none of that name.
///
/// # Errors
/// See [`encode`].
pub(crate) fn encode_without_hosts(name: &str, config: &ProxyConfig) -> Option<Result<Bytes, WireError>> {
    let mut value = route_configuration::without_virtual_hosts(config.routes.get(name)?);
    value["@type"] = Kind::Route.type_url().into();
    Some(wire::encode(&value))
}

/// A resource as bytes; `None`: there is none of that name.
///
/// # Errors
/// It cannot be written, which is a mistake in the tables of `meridian_xds::wire`.
pub(crate) fn encode(kind: Kind, name: &str, config: &ProxyConfig) -> Option<Result<Bytes, WireError>> {
    let mut value = json(kind, name, config)?;
    value["@type"] = kind.type_url().into();
    Some(wire::encode(&value))
}

/// The objects that a resource was made from.
pub(crate) fn origins(kind: Kind, name: &str, config: &ProxyConfig) -> Vec<Origin> {
    let mut origins: Vec<Origin> = match kind {
        Kind::Cluster | Kind::Endpoints => {
            config.clusters.get(name).map(|cluster| cluster.origins.clone()).unwrap_or_default()
        }
        Kind::Listener => config.listeners.get(name).map_or_else(Vec::new, |listener| {
            let chains = listener.chains.iter().chain(&listener.default_chain);
            listener.origins.iter().chain(chains.filter_map(|chain| chain.origin.as_ref())).cloned().collect()
        }),
        Kind::VirtualHost => {
            let routes = virtual_host(name, config).into_iter().flat_map(|host| &host.routes);
            routes.filter_map(|route| route.origin.clone()).collect()
        }
        Kind::Route => config.routes.get(name).map_or_else(Vec::new, |routes| {
            let routes = routes.virtual_hosts.iter().flat_map(|host| &host.routes);
            routes.filter_map(|route| route.origin.clone()).collect()
        }),
        // `kubernetes://NAME`: the Secret is known by its users.
        Kind::Secret | Kind::Names => Vec::new(),
    };
    let mut seen = BTreeSet::new();
    origins.retain(|origin| seen.insert(origin.to_string()));
    origins
}

/// The name of a resource whose type is known by its message only.
pub(crate) fn name_of(value: &Value) -> &str {
    let own = ["name", "clusterName"].iter().find_map(|field| value.get(field)).and_then(Value::as_str);
    let of_table = || value.get("table").and_then(Value::as_object).and_then(|table| table.keys().next());
    own.or_else(|| of_table().map(String::as_str)).unwrap_or_default()
}
