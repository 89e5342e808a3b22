//! A route configuration in the making: which routes stand at which host, in the order in which they are tried.

use super::compiled::Compiled;
use super::precedence::Rank;
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
    virtual_hosts: BTreeMap<Name, Arc<VirtualHost>>,
    config: Arc<RouteConfig>,
}

impl Table {
    /// A table without routes.
    pub(crate) fn new(name: &Name, port: u16) -> Self {
        let config = RouteConfig::new(name.clone(), vec![black_hole(port)]);
        Self {
            port,
            own: BTreeSet::new(),
            misdirected: BTreeSet::new(),
            hosts: BTreeMap::new(),
            touched: BTreeSet::new(),
            virtual_hosts: BTreeMap::new(),
            config: Arc::new(config),
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
        let touched = std::mem::take(&mut self.touched);
        if touched.is_empty() {
            return;
        }
        let mut changed = false;
        for host in touched {
            let made = self.virtual_host(&host);
            let before = self.virtual_hosts.get(&host);
            match made {
                None => changed |= self.virtual_hosts.remove(&host).is_some(),
                Some(made) if before.is_some_and(|before| is_same(before, &made)) => {}
                Some(made) => {
                    self.virtual_hosts.insert(host, Arc::new(made));
                    changed = true;
                }
            }
        }
        if changed {
            let virtual_hosts = match self.virtual_hosts.is_empty() {
                true => vec![black_hole(self.port)],
                false => self.virtual_hosts.values().cloned().collect(),
            };
            self.config = Arc::new(self.config.with_virtual_hosts(&virtual_hosts));
        }
    }

    fn virtual_host(&self, host: &Name) -> Option<VirtualHost> {
        let routes = match self.hosts.get(host) {
            Some(routes) => routes.values().cloned().collect(),
            None if self.misdirected.contains(host) => vec![misdirected()],
            None if self.own.contains(host) => Vec::new(),
            None => return None,
        };
        let name = format!("{host}:{}", self.port).into();
        Some(VirtualHost { name, domains: vec![host.clone()], routes, require_tls: false })
    }
}

/// Whether two virtual hosts have the same routes.
fn is_same(a: &VirtualHost, b: &VirtualHost) -> bool {
    a.routes.len() == b.routes.len() && std::iter::zip(&a.routes, &b.routes).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
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

/// The virtual host of listeners without any: every request is 404 `NR route_not_found`.
fn black_hole(port: u16) -> Arc<VirtualHost> {
    let name = format!("blackhole:{port}").into();
    Arc::new(VirtualHost { name, domains: vec!["*".into()], routes: Vec::new(), require_tls: false })
}
