//! How far a proxy is, by type of resource.

use meridian_ir::{Name, ProxyConfig};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::watch;

/// A configuration that a proxy runs.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    /// What runs.
    pub(crate) config: Arc<ProxyConfig>,
    /// Whether all of its listeners could be opened.
    pub(crate) listens: bool,
}

/// What the control plane wants of a proxy, and what the proxy has acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// `name.namespace`
    pub(crate) proxy: String,
    /// The newest configuration for it; version 0 until there is one.
    pub(crate) wanted: watch::Receiver<Arc<ProxyConfig>>,
    /// What it runs; `None` until the first configuration.
    pub(crate) acknowledged: watch::Receiver<Option<Acknowledged>>,
}

/// Versions of each type. One that did not change is as new as the configuration that is wanted.
pub(super) fn versions(wanted: &ProxyConfig, acknowledged: Option<&Acknowledged>) -> Map<String, Value> {
    let running = acknowledged.map(|acknowledged| &*acknowledged.config);
    let listens = acknowledged.is_some_and(|acknowledged| acknowledged.listens);
    let is_same = |same: &dyn Fn(&ProxyConfig) -> bool| running.is_some_and(same);
    let types = [
        ("cluster", true, is_same(&|config| same(&config.clusters, &wanted.clusters))),
        ("listener", true, listens && is_same(&|config| same_sorted(&config.listeners, &wanted.listeners))),
        ("route", !wanted.routes.is_empty(), is_same(&|config| same_sorted(&config.routes, &wanted.routes))),
        ("endpoint", !wanted.endpoints.is_empty(), is_same(&|config| same(&config.endpoints, &wanted.endpoints))),
        // Extensions are never sent.
        ("extensionconfig", false, false),
    ];
    let mut shown = Map::new();
    for (kind, exists, is_current) in types {
        let newest = wanted.version.to_string();
        let (sent, acked) = match (wanted.version > 0 && exists, is_current, running) {
            (false, ..) => (String::new(), String::new()),
            (true, true, _) => (newest.clone(), newest),
            (true, false, Some(running)) if running.version < wanted.version => (newest, running.version.to_string()),
            // A listener that could not be opened was refused, however new it is.
            (true, false, _) => (newest, String::new()),
        };
        shown.insert(format!("{kind}_sent"), sent.into());
        shown.insert(format!("{kind}_acked"), acked.into());
    }
    shown
}

/// Whether two sections are the same; parts that are shared are not looked into.
fn same<K: Eq + Hash, T: PartialEq>(a: &HashMap<K, Arc<T>>, b: &HashMap<K, Arc<T>>) -> bool {
    let is_same = |(name, one): (&K, &Arc<T>)| b.get(name).is_some_and(|other| Arc::ptr_eq(one, other) || one == other);
    a.len() == b.len() && a.iter().all(is_same)
}

fn same_sorted<T: PartialEq>(a: &BTreeMap<Name, Arc<T>>, b: &BTreeMap<Name, Arc<T>>) -> bool {
    let is_same =
        |(name, one): (&Name, &Arc<T>)| b.get(name).is_some_and(|other| Arc::ptr_eq(one, other) || one == other);
    a.len() == b.len() && a.iter().all(is_same)
}
