//! A route configuration in the making: which routes stand at which host, in the order in which they are tried.

use super::compiled::Compiled;
use super::precedence::Rank;
use crate::virtual_hosts::{self, Changes};
use meridian_ir::route::{DirectResponse, PathMatch, RouteMatch};
use meridian_ir::{Action, HeaderEdits, Name, Route, RouteConfig, VirtualHost};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What requests are told whose host belongs to another listener than their connection (RFC 9110 section 15.5.20).
const MISDIRECTED: u16 = 421;

/// One route configuration.
#[derive(Debug)]
pub(crate) struct Table {
    port: u16,
    /// Hosts of the listeners, which have a virtual host even without routes: narrower than that of another listener.
    own: BTreeSet<Name>,
    /// Hosts of the other listeners of the port.
    misdirected: BTreeSet<Name>,
    hosts: BTreeMap<Name, BTreeMap<Rank, Arc<Route>>>,
    touched: BTreeSet<Name>,
    config: Arc<RouteConfig>,
}

impl Table {
    /// A table without routes.
    pub(crate) fn new(name: &Name, port: u16) -> Self {
        Self {
            port,
            own: BTreeSet::new(),
            misdirected: BTreeSet::new(),
            hosts: BTreeMap::new(),
            touched: BTreeSet::new(),
            config: Arc::new(virtual_hosts::none(name, port)),
        }
    }

    /// The configuration as it was last made.
    pub(crate) fn config(&self) -> &Arc<RouteConfig> {
        &self.config
    }

    /// Sets which hosts are those of its listeners, and which those of other listeners of the port (`*` stands for all).
    pub(crate) fn set_hosts(&mut self, own: BTreeSet<Name>, misdirected: BTreeSet<Name>) {
        self.touched.extend(self.own.symmetric_difference(&own).cloned());
        self.touched.extend(self.misdirected.symmetric_difference(&misdirected).cloned());
        (self.own, self.misdirected) = (own, misdirected);
    }

    /// Adds routes to a host.
    pub(crate) fn insert(&mut self, host: &Name, compiled: &Compiled) {
        self.hosts.entry(host.clone()).or_default().extend(compiled.routes.iter().cloned());
        self.touched.insert(host.clone());
    }

    /// Takes routes away from a host.
    pub(crate) fn remove(&mut self, host: &Name, compiled: &Compiled) {
        let Some(routes) = self.hosts.get_mut(host) else { return };
        for (rank, _) in &compiled.routes {
            routes.remove(rank);
        }
        if routes.is_empty() {
            self.hosts.remove(host);
        }
        self.touched.insert(host.clone());
    }

    /// Makes the virtual hosts of hosts that changed, and a configuration of them.
    pub(crate) fn refresh(&mut self) {
        let mut changes = Changes::new();
        for host in std::mem::take(&mut self.touched) {
            let name = self.name(&host);
            let before = self.config.named(&name);
            match self.virtual_host(&host, &name) {
                None if before.is_none() => {}
                Some(made) if before.is_some_and(|before| is_same(before, &made)) => {}
                made => drop(changes.insert(name, made.map(Arc::new))),
            }
        }
        if let Some(config) = virtual_hosts::changed(&self.config, self.port, changes) {
            self.config = Arc::new(config);
        }
    }

    fn name(&self, host: &Name) -> Name {
        format!("{host}:{}", self.port).into()
    }

    fn virtual_host(&self, host: &Name, name: &Name) -> Option<VirtualHost> {
        let routes = match self.hosts.get(host) {
            Some(routes) => routes.values().cloned().collect(),
            None if self.misdirected.contains(host) => vec![misdirected()],
            None if self.own.contains(host) => Vec::new(),
            None => return None,
        };
        Some(VirtualHost { name: name.clone(), domains: vec![host.clone()], routes, require_tls: false })
    }
}

/// Whether two virtual hosts have the same domains and routes.
fn is_same(a: &VirtualHost, b: &VirtualHost) -> bool {
    a.domains == b.domains
        && a.routes.len() == b.routes.len()
        && std::iter::zip(&a.routes, &b.routes).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
}

fn misdirected() -> Arc<Route> {
    let matcher = RouteMatch {
        path: PathMatch::Prefix("/".into()),
        case_sensitive: true,
        headers: Vec::new(),
        query: Vec::new(),
    };
    Arc::new(Route {
        name: "".into(),
        matcher,
        action: Action::Direct(DirectResponse { status: MISDIRECTED, body: Vec::new() }),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        fault: None,
        cors: None,
        ext_authz: None,
        origin: None,
    })
}
