//! A listener: which services share it, and which of them loses when they cannot.

use super::catch_all::{self, CatchAll, wildcards};
use super::chains::{self, L4, Target};
use super::domains::other_forms;
use super::egress::{self, Egress, OwnPort};
use super::rules::Rules;
use super::{Imports, Places};
use crate::condition::{Finding, Topic};
use crate::istio::destination::Scope;
use crate::key::Key;
use crate::registry::endpoints::endpoints;
use crate::registry::service::{Service, Source};
use crate::telemetry::{self, Side};
use ipnet::IpNet;
use meridian_ir::endpoint::Address;
use meridian_ir::filter_chain::{ChainMatch, Filters, TransportProtocol};
use meridian_ir::http::{HttpConnectionManager, RouteSource};
use meridian_ir::listener::Direction;
use meridian_ir::{FilterChain, Listener, Name};
use meridian_resources::StringMap;
use meridian_resources::istio::Protocol;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What listeners and routes are made of.
pub(super) struct Sources<'a> {
    pub(super) egress: &'a [Egress],
    pub(super) catch_all: &'a CatchAll,
    pub(super) imports: &'a Imports,
    pub(super) rules: &'a Rules,
}

/// A listener, with what was found while it was made.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// `None`: no service wants it after all.
    pub(super) listener: Option<Listener>,
    /// Names of the route configurations that it needs.
    pub(super) routes: Vec<Name>,
    /// What TLS and TCP rules came to.
    pub(super) l4: BTreeMap<Key, L4>,
    /// What is to be said of the objects behind services: kind and name.
    pub(super) findings: Places,
}

/// A listener in the making.
struct Entry {
    binds: Vec<IpAddr>,
    bind_to_port: bool,
    protocol: Option<Protocol>,
    chains: Vec<FilterChain>,
    /// An earlier part of the Sidecar has said all about it.
    locked: bool,
    /// The service that was there first.
    first: String,
}

/// A service that asks for a listener.
struct Member<'a> {
    part: &'a Egress,
    service: &'a Arc<Service>,
    listen: OwnPort,
    /// Address and further addresses of its listener.
    binds: Vec<IpAddr>,
    ranges: Vec<IpNet>,
}

/// The addresses of the listeners that a host's services on `port` want.
pub(super) fn binds_of(scope: &mut Scope<'_>, sources: &Sources<'_>, port: u16, host: &Name) -> BTreeSet<IpAddr> {
    let builder = Builder::new(scope, sources, port, Ipv4Addr::UNSPECIFIED.into());
    let mut binds = BTreeSet::new();
    for (index, part) in sources.egress.iter().enumerate().filter(|(_, part)| part.has_port(port)) {
        for service in sources.imports.services(host, index, port) {
            binds.extend(builder.members(part, service).iter().filter_map(|member| member.binds.first()));
        }
    }
    binds
}

/// Makes the listener at `bind` of `port`, which services of `hosts` want.
pub(super) fn of_bind(
    scope: &mut Scope<'_>,
    sources: &Sources<'_>,
    port: u16,
    bind: IpAddr,
    hosts: &BTreeSet<Name>,
) -> Made {
    let mut builder = Builder::new(scope, sources, port, bind);
    for (index, part) in sources.egress.iter().enumerate().filter(|(_, part)| part.has_port(port)) {
        if let Some(entry) = builder.entry.as_mut().filter(|_| part.port.is_none()) {
            entry.locked = true;
        }
        let mut services: Vec<&Arc<Service>> =
            hosts.iter().flat_map(|host| sources.imports.services(host, index, port)).collect();
        services.sort_by_cached_key(|service| egress::Order::of(service));
        for service in services {
            for member in builder.members(part, service).iter().filter(|member| member.binds.first() == Some(&bind)) {
                builder.add(member);
            }
        }
    }
    builder.finish()
}

struct Builder<'a, 's> {
    scope: &'a mut Scope<'s>,
    sources: &'a Sources<'a>,
    port: u16,
    bind: IpAddr,
    wildcards: Vec<IpAddr>,
    entry: Option<Entry>,
    made: Made,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(scope: &'a mut Scope<'s>, sources: &'a Sources<'a>, port: u16, bind: IpAddr) -> Self {
        Self { wildcards: wildcards(scope.node), scope, sources, port, bind, entry: None, made: Made::default() }
    }
}

impl Builder<'_, '_> {
    /// Where a service wants to be listened to.
    fn members<'m>(&self, part: &'m Egress, service: &'m Arc<Service>) -> Vec<Member<'m>> {
        let Some(port) = service.port(self.port).filter(|_| service.alias.is_none()) else { return Vec::new() };
        let listen = part.port.unwrap_or(OwnPort { number: port.number, protocol: port.protocol });
        let member = |binds: Vec<IpAddr>, ranges: Vec<IpNet>| Member { part, service, listen, binds, ranges };
        let own = part.bind.map(|bind| vec![bind]).or_else(|| part.bind_to_port.then(|| self.loopback()));
        if let Some(own) = own {
            return vec![member(own, Vec::new())];
        }
        if listen.protocol.is_some_and(Protocol::is_http) {
            return vec![member(self.wildcards.clone(), Vec::new())];
        }
        let addresses = service.virtual_addresses(self.scope.node);
        if addresses.is_empty() {
            if service.passthrough
                && listen.protocol.is_none_or(Protocol::is_tcp)
                && let Some(addresses) = self.endpoint_addresses(service)
            {
                return addresses.into_iter().map(|address| member(vec![address], Vec::new())).collect();
            }
            return vec![member(self.wildcards.clone(), Vec::new())];
        }
        match &service.source {
            Source::Service(_) => {
                let families = &self.wildcards;
                let fits = |address: &IpAddr| families.iter().any(|family| family.is_ipv4() == address.is_ipv4());
                let binds: Vec<IpAddr> = addresses.iter().map(IpNet::addr).filter(fits).collect();
                if binds.is_empty() { Vec::new() } else { vec![member(binds, Vec::new())] }
            }
            Source::ServiceEntry(_) => (addresses.iter())
                .map(|range| match range.prefix_len() == range.max_prefix_len() {
                    true => member(vec![range.addr()], Vec::new()),
                    false => member(self.wildcards.clone(), vec![*range]),
                })
                .collect(),
        }
    }

    fn loopback(&self) -> Vec<IpAddr> {
        let loopback = |wildcard: &IpAddr| match wildcard {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        self.wildcards.iter().map(loopback).collect()
    }

    /// The addresses of the endpoints of a service without an address of its own, each of which is listened to; the
    /// workload itself is left out, which is reached without the sidecar. `None`: the service does not say what its
    /// endpoints are.
    fn endpoint_addresses(&self, service: &Service) -> Option<Vec<IpAddr>> {
        static ALL: StringMap = StringMap::new();
        if let Source::ServiceEntry(object) = &service.source
            && object.spec.workload_selector.is_none()
            && object.spec.endpoints.is_empty()
        {
            return None;
        }
        let port = service.port(self.port)?;
        let located = endpoints(self.scope.resources, self.scope.mesh, service, port, &ALL);
        let own = self.scope.node.ip_addresses.first();
        let mut addresses: Vec<IpAddr> = Vec::new();
        for endpoint in &located.endpoints {
            if let Address::Socket(address) = &endpoint.address
                && Some(&address.ip()) != own
                && !addresses.contains(&address.ip())
            {
                addresses.push(address.ip());
            }
        }
        Some(addresses)
    }

    /// Whether the listener is the one of every address.
    fn at_wildcard(&self) -> bool {
        self.wildcards.first() == Some(&self.bind)
    }

    /// Gives a service the listener: it is the first, has a share in what is there, or loses.
    fn add(&mut self, member: &Member<'_>) {
        let incoming = member.listen.protocol;
        if incoming == Some(Protocol::Udp) {
            return;
        }
        let current = self.entry.as_ref().map(|entry| (entry.protocol, entry.locked));
        let is_http = incoming.is_some_and(Protocol::is_http);
        match current {
            Some((_, true)) => return,
            // All HTTP services of a port share a chain; a listener that sniffs has one already.
            Some((existing, _)) if is_http && !existing.is_some_and(Protocol::is_tcp) => return,
            _ => {}
        }
        if let Some((existing, _)) = current
            && existing != incoming
            && [existing, incoming].iter().any(|one| matches!(one, Some(Protocol::Mongo | Protocol::MySql)))
        {
            self.conflict(
                member,
                "is there, and beside servers of MongoDB and MySQL, which speak first, nothing else is",
            );
            return;
        }
        let (chains, protocol) = if is_http {
            // With another chain beside it for what is not HTTP, the listener looks what comes.
            let protocol = if self.at_wildcard() { None } else { incoming };
            (vec![self.http_chain(member, self.at_wildcard())], protocol)
        } else {
            let mut chains = self.tcp_chains(member);
            // Beside a listener that sniffs, the HTTP chain is there already.
            if incoming.is_none() && current.is_none_or(|(existing, _)| existing.is_some()) {
                chains.push(self.http_chain(member, true));
            }
            (chains, incoming)
        };
        let replaces = |existing: Option<Protocol>| incoming.is_none() && existing.is_some_and(Protocol::is_http);
        match current {
            Some((existing, _)) if !replaces(existing) => self.merge(member, chains),
            _ => {
                let (binds, first) = (member.binds.clone(), describe(member.service));
                let bind_to_port = member.part.bind_to_port;
                self.entry = Some(Entry { binds, bind_to_port, protocol, chains, locked: false, first });
            }
        }
    }

    /// Adds chains to the listener, as far as they take other connections than those that are there.
    fn merge(&mut self, member: &Member<'_>, chains: Vec<FilterChain>) {
        let incoming = member.listen.protocol;
        let Some(entry) = &mut self.entry else { return };
        let mut lost = false;
        for chain in chains {
            let taken = entry.chains.iter().find(|existing| existing.matcher == chain.matcher);
            match taken {
                Some(existing) => lost |= existing.filters != chain.filters,
                None => entry.chains.push(chain),
            }
        }
        // HTTP and other things on one port are told apart by looking.
        if incoming.is_none_or(|incoming| incoming.is_http() != entry.protocol.is_some_and(Protocol::is_http)) {
            entry.protocol = None;
        }
        if lost {
            self.conflict(member, "takes the same connections");
        }
    }

    fn conflict(&mut self, member: &Member<'_>, why: &str) {
        let Some(entry) = &self.entry else { return };
        let winner = &entry.first;
        if *winner == describe(member.service) {
            return;
        }
        let message = format!(
            "port {} of {:?} is not served by sidecars: {winner}, which is older, {why} on {}; give one of them another \
             port, or an address of its own (spec.addresses)",
            self.port,
            member.service.host,
            listener_name(self.bind, self.port),
        );
        let place = (member.service.kind(), Key::of(member.service.meta()));
        let findings = self.made.findings.entry(place).or_default();
        let finding = Finding::at(Topic::Conflicted, "spec.ports", message);
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }

    fn tcp_chains(&mut self, member: &Member<'_>) -> Vec<FilterChain> {
        let service = member.service;
        let at_wildcard = self.at_wildcard();
        let by_name = !member.ranges.is_empty() || service.virtual_addresses(self.scope.node).is_empty() && at_wildcard;
        let mut server_names = Vec::new();
        if by_name {
            server_names.push(service.host.clone());
            for alias in self.sources.imports.aliases_of(&service.host) {
                server_names.push(alias.clone());
                server_names.extend(other_forms(alias, self.scope.node, self.scope.mesh));
            }
        }
        let target = Target { service, listen: member.listen, ranges: member.ranges.clone(), server_names };
        let mut rules = self.sources.rules.overlapping(&service.host);
        rules.retain(|rule| member.part.hosts.imports_rule(&rule.key.namespace, &rule.hosts));
        chains::of_target(self.scope, &target, &rules, &mut self.made.l4)
    }

    fn http_chain(&mut self, member: &Member<'_>, looked_for: bool) -> FilterChain {
        let routes: Name = match member.listen.protocol {
            None if !self.at_wildcard() => format!("{}:{}", member.service.host, self.port).into(),
            _ => self.port.to_string().into(),
        };
        if !self.made.routes.contains(&routes) {
            self.made.routes.push(routes.clone());
        }
        let manager = HttpConnectionManager {
            stat_prefix: self.scope.pool.name(&format!("outbound_{}", listener_name(self.bind, self.port))),
            routes: RouteSource::Named(routes),
            access_log: telemetry::access_logs(self.scope, Side::Client),
            ..catch_all::manager(self.scope)
        };
        let mut matcher = ChainMatch::default();
        if looked_for {
            matcher.application_protocols = catch_all::http_protocols(self.scope);
            matcher.transport_protocol = Some(TransportProtocol::RawBuffer);
        }
        let (name, filters) = (self.scope.pool.name(""), Filters::Http(Arc::new(manager)));
        FilterChain { name, matcher, tls: None, filters, origin: None }
    }

    fn finish(mut self) -> Made {
        if let Some(entry) = self.entry.take() {
            let tls_inspector = entry.chains.iter().any(|chain| !chain.matcher.server_names.is_empty());
            let http_inspector = entry.chains.iter().any(|chain| !chain.matcher.application_protocols.is_empty());
            let (mut everything, mut chains): (Vec<_>, Vec<_>) =
                entry.chains.into_iter().map(Arc::new).partition(|chain| chain.matcher == ChainMatch::default());
            let mut default_chain = everything.pop();
            if chains.is_empty() {
                chains.extend(default_chain.take());
            }
            // What matches no chain in the end is unknown, unless one chain takes everything.
            let takes_all = chains.iter().any(|chain| chain.matcher == ChainMatch::default());
            if default_chain.is_none() && !takes_all {
                let chain = self
                    .sources
                    .catch_all
                    .chain("PassthroughFilterChain", telemetry::access_logs(self.scope, Side::Client));
                default_chain = Some(Arc::new(chain));
            }
            self.made.listener = Some(Listener {
                name: listener_name(self.bind, self.port).into(),
                address: SocketAddr::new(self.bind, self.port),
                additional_addresses: entry.binds.iter().skip(1).map(|ip| SocketAddr::new(*ip, self.port)).collect(),
                bind_to_port: entry.bind_to_port,
                direction: Direction::Outbound,
                tls_inspector,
                http_inspector,
                inspect_timeout: Some(Duration::ZERO),
                continue_on_inspect_timeout: true,
                chains,
                default_chain,
                ..Listener::default()
            });
        }
        self.made
    }
}

/// `0.0.0.0_80`, `[::]_80`
fn listener_name(bind: IpAddr, port: u16) -> String {
    match bind {
        IpAddr::V4(bind) => format!("{bind}_{port}"),
        IpAddr::V6(bind) => format!("[{bind}]_{port}"),
    }
}

/// `ServiceEntry default/external (example.com)`
fn describe(service: &Service) -> String {
    format!("{} {} ({})", service.kind(), Key::of(service.meta()), service.host)
}
