//! A route configuration in the making: which VirtualServices serve which host, and the virtual hosts that follow.

use crate::host::ServerHost;
use crate::istio::gateway::Server;
use crate::istio::http_match::is_catch_all;
use crate::key::{Age, Key};
use crate::virtual_hosts::{self, Changes};
use meridian_ir::{Name, Route, RouteConfig, VirtualHost};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The routes of one VirtualService as they stand in a virtual host.
#[derive(Debug, Clone)]
pub(crate) struct Contribution {
    /// Position of the server among those of the route configuration.
    pub(crate) server: usize,
    pub(crate) age: Age,
    /// Tells one compilation from any other.
    pub(crate) id: u64,
    pub(crate) routes: Arc<[Arc<Route>]>,
}

/// One route configuration.
#[derive(Debug)]
pub(crate) struct RouteTable {
    servers: Vec<Arc<Server>>,
    /// That of the first server.
    port: u16,
    hosts: HashMap<Name, Host>,
    groups: HashMap<GroupKey, Group>,
    /// That of the table before this one, whose virtual hosts may be used again.
    previous: Option<Arc<RouteConfig>>,
    /// Hosts whose contributions changed since the configuration was last made.
    touched: BTreeSet<Name>,
    config: Arc<RouteConfig>,
}

#[derive(Debug, Default)]
struct Host {
    /// By server, then by age.
    contributions: Vec<Contribution>,
    /// The first server that redirects this host to https, whatever VirtualServices say.
    redirect: Option<usize>,
    group: Option<GroupKey>,
}

/// What hosts have in common that share a virtual host: Istio makes one of those with equal routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct GroupKey {
    port: u16,
    require_tls: bool,
    compilations: Vec<u64>,
    /// Hosts without routes stay apart.
    alone: Option<Name>,
}

#[derive(Debug, Default)]
struct Group {
    /// Sorted; most often one.
    hosts: Vec<Name>,
    virtual_host: Option<Name>,
}

impl RouteTable {
    /// An empty table; `servers` in order of age, `before` the table that it replaces.
    pub(crate) fn new(name: &Name, servers: Vec<Arc<Server>>, before: Option<&Self>) -> Self {
        let port = servers.first().map_or(0, |server| server.port);
        let mut table = Self {
            hosts: HashMap::new(),
            groups: HashMap::new(),
            previous: before.map(|before| before.config.clone()),
            touched: BTreeSet::new(),
            config: Arc::new(virtual_hosts::none(name, port)),
            port,
            servers,
        };
        for (index, server) in table.servers.iter().enumerate().filter(|(_, server)| server.https_redirect()) {
            for ServerHost { host, .. } in &server.hosts {
                table.hosts.entry(host.clone()).or_default().redirect.get_or_insert(index);
                table.touched.insert(host.clone());
            }
        }
        table
    }

    /// The servers, in order of age.
    pub(crate) fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// The configuration as it was last made.
    pub(crate) fn config(&self) -> &Arc<RouteConfig> {
        &self.config
    }

    /// Adds routes to a host.
    pub(crate) fn insert(&mut self, host: &Name, contribution: Contribution) {
        let contributions = &mut self.hosts.entry(host.clone()).or_default().contributions;
        let place = |other: &Contribution| (other.server, &other.age) <= (contribution.server, &contribution.age);
        let at = contributions.partition_point(place);
        if contributions.is_empty() {
            // Most hosts have no more.
            contributions.reserve_exact(1);
        }
        contributions.insert(at, contribution);
        self.touched.insert(host.clone());
    }

    /// Removes what a VirtualService contributes to a host.
    pub(crate) fn remove(&mut self, host: &Name, key: &Key) {
        if let Some(entry) = self.hosts.get_mut(host) {
            entry.contributions.retain(|contribution| !contribution.age.is_of(key));
            self.touched.insert(host.clone());
        }
    }

    /// Makes the virtual hosts of hosts that changed, and a configuration of them; whether it is a new one.
    pub(crate) fn refresh(&mut self) -> bool {
        let touched = std::mem::take(&mut self.touched);
        if touched.is_empty() {
            return false;
        }
        let mut stale: HashSet<GroupKey> = HashSet::new();
        for host in &touched {
            stale.extend(self.leave_group(host));
        }
        for host in touched {
            stale.extend(self.join_group(host));
        }
        let mut changes = Changes::new();
        // All names are given up before any is taken, because a host may take its name from one group to another.
        for key in &stale {
            let name = self.groups.get_mut(key).and_then(|group| group.virtual_host.take());
            changes.extend(name.map(|name| (name, None)));
        }
        let previous = self.previous.take().unwrap_or_else(|| self.config.clone());
        let made = stale.into_iter().filter_map(|key| self.rebuild(key, &previous));
        changes.extend(made.map(|made| (made.name.clone(), Some(made))));
        let changed = virtual_hosts::changed(&self.config, self.port, changes);
        let is_other = changed.is_some();
        if let Some(config) = changed {
            self.config = Arc::new(config);
        }
        is_other
    }

    fn leave_group(&mut self, host: &Name) -> Option<GroupKey> {
        let key = self.hosts.get_mut(host)?.group.take()?;
        if let Some(group) = self.groups.get_mut(&key)
            && let Ok(at) = group.hosts.binary_search(host)
        {
            group.hosts.remove(at);
        }
        Some(key)
    }

    fn join_group(&mut self, host: Name) -> Option<GroupKey> {
        let entry = self.hosts.get_mut(&host)?;
        let contributing = entry.contributions.first().map(|first| first.server);
        let Some(first) = contributing.into_iter().chain(entry.redirect).min() else {
            self.hosts.remove(&host);
            return None;
        };
        // A VirtualService that two servers bring is there once.
        let mut compilations: Vec<u64> = Vec::with_capacity(entry.contributions.len());
        for contribution in &entry.contributions {
            if !compilations.contains(&contribution.id) {
                compilations.push(contribution.id);
            }
        }
        let redirected = |contribution: &Contribution| self.servers[contribution.server].https_redirect();
        let key = GroupKey {
            port: self.servers[first].port,
            require_tls: entry.redirect.is_some() || entry.contributions.iter().any(redirected),
            alone: compilations.is_empty().then(|| host.clone()),
            compilations,
        };
        entry.group = Some(key.clone());
        let hosts = &mut self.groups.entry(key.clone()).or_default().hosts;
        if let Err(at) = hosts.binary_search(&host) {
            if hosts.is_empty() {
                hosts.reserve_exact(1);
            }
            hosts.insert(at, host);
        }
        Some(key)
    }

    /// Makes the virtual host of a group, or takes that of `previous` when it is the same; none of a group that has no
    /// hosts any more.
    fn rebuild(&mut self, key: GroupKey, previous: &RouteConfig) -> Option<Arc<VirtualHost>> {
        let group = self.groups.get_mut(&key)?;
        let Some(first) = group.hosts.first() else {
            self.groups.remove(&key);
            return None;
        };
        let contributions = self.hosts.get(first).map_or(&[][..], |host| &host.contributions);
        let made = VirtualHost {
            name: format!("{first}:{}", key.port).into(),
            domains: group.hosts.clone(),
            routes: sorted_routes(contributions),
            require_tls: key.require_tls,
        };
        group.virtual_host = Some(made.name.clone());
        let before = previous.named(&made.name).filter(|before| is_same(before, &made));
        Some(before.cloned().unwrap_or_else(|| Arc::new(made)))
    }
}

/// Whether two virtual hosts are alike, their routes even the same.
fn is_same(a: &VirtualHost, b: &VirtualHost) -> bool {
    a.domains == b.domains
        && a.require_tls == b.require_tls
        && a.routes.len() == b.routes.len()
        && std::iter::zip(&a.routes, &b.routes).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Routes of several VirtualServices in order, those that take every request behind all others.
fn sorted_routes(contributions: &[Contribution]) -> Vec<Arc<Route>> {
    let mut seen: Vec<u64> = Vec::new();
    let mut routes: Vec<Arc<Route>> = Vec::new();
    let mut catch_alls: Vec<Arc<Route>> = Vec::new();
    for contribution in contributions {
        if seen.contains(&contribution.id) {
            continue;
        }
        seen.push(contribution.id);
        for route in contribution.routes.iter() {
            let list = if is_catch_all(&route.matcher) { &mut catch_alls } else { &mut routes };
            list.push(route.clone());
        }
    }
    routes.append(&mut catch_alls);
    routes
}
