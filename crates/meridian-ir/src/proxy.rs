//! Everything that one proxy must do.

use crate::name_table::Names;
use crate::{Authority, Cluster, Endpoints, Listener, Name, RouteConfig, Secret};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

/// The whole configuration of one proxy at one moment.
///
/// A new configuration shares every part that did not change with the one before it (`Arc::ptr_eq` tells), so that
/// whoever runs, sends or shows it touches only what did.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// Counts up with every change; shown as `version_info` in config dumps.
    pub version: u64,
    /// By listener name, such as `0.0.0.0_8080`.
    pub listeners: BTreeMap<Name, Arc<Listener>>,
    /// Route configurations that chains refer to by name, such as `http.8080`.
    pub routes: BTreeMap<Name, Arc<RouteConfig>>,
    /// By cluster name, such as `outbound|8000||httpbin.default.svc.cluster.local`.
    pub clusters: HashMap<Name, Arc<Cluster>>,
    /// Endpoints of the clusters whose [`Cluster::discovery`] is `Eds`, `Static` or DNS, by cluster name.
    pub endpoints: HashMap<Name, Arc<Endpoints>>,
    /// By secret name, such as `kubernetes://httpbin-credential`.
    pub secrets: BTreeMap<Name, Arc<Secret>>,
    /// What peers are verified against, by secret name, such as `kubernetes://httpbin-credential-cacert`.
    pub authorities: BTreeMap<Name, Arc<Authority>>,
    /// What its DNS proxy answers for; empty where it has none.
    pub names: Names,
}

impl ProxyConfig {
    /// The listener of a connection that was going to `destination`; see [`crate::listener::of_destination`].
    pub fn listener_for(&self, destination: SocketAddr) -> Option<&Arc<Listener>> {
        crate::listener::of_destination(self.listeners.values(), destination)
    }
}
