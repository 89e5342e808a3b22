//! From settings to rules, in the order of Istio's `istio-iptables`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::rules::Match::{
    Destination, DestinationPort, Group, In, Invalid, NotDestination, NotDestinationPort, NotGroup, NotUser, Out,
    Source, SourcePort, User,
};
use crate::rules::Protocol::{Tcp, Udp};
use crate::rules::Verdict::{Jump, Redirect, Return, Zone};
use crate::rules::{Chain, Match, Rules, Table, Verdict};
use crate::settings::{DNS_PORT, Dns, Settings};
use crate::values::{Groups, Interface, Ports, Ranges};

#[cfg(test)]
mod tests;

/// The port of DNS.
const DNS: u16 = 53;

/// Decides the rules.
///
/// Where Istio writes into the kernel's own chains, the rule is the first of the chain that it jumps to: so one jump is
/// all that there is in the kernel's chains, and the rules of others go on after it.
#[must_use]
pub fn build(settings: &Settings) -> Rules {
    let mut builder = Builder { settings, rules: Rules::default() };
    builder.inbound();
    builder.outbound();
    if settings.dns != Dns::Off {
        builder.dns_zones();
    }
    if settings.drop_invalid {
        builder.rules.append(Table::Mangle, Chain::Prerouting, vec![Invalid], Jump(Chain::Drop));
        builder.rules.append(Table::Mangle, Chain::Drop, vec![], Verdict::Drop);
    }
    builder.rules
}

struct Builder<'a> {
    settings: &'a Settings,
    rules: Rules,
}

impl Builder<'_> {
    fn nat(&mut self, chain: Chain, matches: Vec<Match>, verdict: Verdict) {
        self.rules.append(Table::Nat, chain, matches, verdict);
    }

    fn inbound(&mut self) {
        let settings = self.settings;
        self.nat(Chain::Prerouting, vec![Match::Protocol(Tcp)], Jump(Chain::Inbound));
        let redirect = vec![Match::Protocol(Tcp)];
        self.nat(Chain::InRedirect, redirect, Redirect(settings.inbound_capture_port));
        // What comes from a virtual machine is its outbound traffic, or none of ours.
        for interface in &settings.virtual_interfaces {
            for destination in destinations(&settings.outbound_ranges) {
                let matches = [vec![In(interface.clone())], destination].concat();
                self.nat(Chain::Inbound, matches, Jump(Chain::Redirect));
            }
            self.nat(Chain::Inbound, vec![In(interface.clone())], Return);
        }
        for interface in &settings.exclude_interfaces {
            self.nat(Chain::Inbound, vec![In(interface.clone())], Return);
        }
        self.nat(Chain::Inbound, vec![DestinationPort(Tcp, settings.inbound_tunnel_port.into())], Return);
        match &settings.inbound_ports {
            Ports::All => {
                for port in &settings.exclude_inbound_ports {
                    self.nat(Chain::Inbound, vec![DestinationPort(Tcp, *port)], Return);
                }
                self.nat(Chain::Inbound, vec![Match::Protocol(Tcp)], Jump(Chain::InRedirect));
            }
            Ports::Only(ports) => {
                for port in ports {
                    self.nat(Chain::Inbound, vec![DestinationPort(Tcp, *port)], Jump(Chain::InRedirect));
                }
            }
        }
    }

    fn outbound(&mut self) {
        let settings = self.settings;
        self.nat(Chain::Output, vec![], Jump(Chain::IstioOutput));
        self.nat(Chain::Redirect, vec![Match::Protocol(Tcp)], Redirect(settings.proxy_port));
        for interface in &settings.exclude_interfaces {
            self.nat(Chain::IstioOutput, vec![Out(interface.clone())], Return);
        }
        for port in &settings.exclude_outbound_ports {
            self.nat(Chain::IstioOutput, vec![DestinationPort(Tcp, *port)], Return);
            self.nat(Chain::IstioOutput, vec![DestinationPort(Udp, *port)], Return);
        }
        // The inbound side of the proxy binds its connections to the workload to this address.
        for address in [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6)), IpAddr::V6(Ipv6Addr::from_bits(6))] {
            self.nat(Chain::IstioOutput, vec![Out(loopback()), Source(address.into())], Return);
        }
        for user in &settings.proxy_uids {
            self.of_proxy(&User(user.clone()), &NotUser(user.clone()));
        }
        for group in &settings.proxy_gids {
            self.of_proxy(&Group(group.clone()), &NotGroup(group.clone()));
        }
        self.groups();
        self.dns();
        for own in self.own_addresses() {
            self.nat(Chain::IstioOutput, vec![Destination(own)], Return);
        }
        for range in &settings.exclude_outbound_ranges {
            self.nat(Chain::IstioOutput, vec![Destination(*range)], Return);
        }
        for port in &settings.outbound_ports {
            self.nat(Chain::IstioOutput, vec![DestinationPort(Tcp, *port)], Jump(Chain::Redirect));
        }
        for destination in destinations(&settings.outbound_ranges) {
            self.nat(Chain::IstioOutput, destination, Jump(Chain::Redirect));
        }
    }

    /// The rules for one user or group of the proxy, which `own` matches and `other` does not.
    fn of_proxy(&mut self, own: &Match, other: &Match) {
        let settings = self.settings;
        let dns = settings.dns != Dns::Off;
        // A workload that calls itself by its Service: the proxy's outbound side meets the proxy's inbound side.
        // With DNS captured, queries of the DNS proxy to a server on this host are none of these.
        let mut not_to = if dns { vec![DNS] } else { vec![] };
        not_to.push(settings.inbound_tunnel_port);
        for address in self.own_addresses() {
            let to = [NotDestination(address), NotDestinationPort(Tcp, not_to.clone())];
            let matches = [vec![Out(loopback())], to.to_vec(), vec![own.clone()]].concat();
            self.nat(Chain::IstioOutput, matches, Jump(Chain::InRedirect));
        }
        // A workload that calls itself by its own address goes straight, unless a range on the loopback is wanted.
        if !settings.outbound_ranges.has_loopback() {
            let not_dns = dns.then(|| NotDestinationPort(Tcp, vec![DNS]));
            let matches = [Out(loopback())].into_iter().chain(not_dns).chain([other.clone()]).collect();
            self.nat(Chain::IstioOutput, matches, Return);
        }
        // What the proxy sends is never captured again.
        self.nat(Chain::IstioOutput, vec![own.clone()], Return);
    }

    fn groups(&mut self) {
        match &self.settings.groups {
            Groups::Except(groups) => {
                for group in groups {
                    self.nat(Chain::IstioOutput, vec![Group(group.clone())], Return);
                }
            }
            Groups::Only(groups) => {
                let none_of = groups.iter().cloned().map(NotGroup).collect();
                self.nat(Chain::IstioOutput, none_of, Return);
            }
        }
    }

    /// Where DNS queries go that are captured: a condition per server, or none for all.
    fn dns_servers(&self, to: fn(IpNet) -> Match) -> Vec<Vec<Match>> {
        match &self.settings.dns {
            Dns::Off => vec![],
            Dns::All => vec![vec![]],
            Dns::Servers(servers) => servers.iter().map(|server| vec![to(IpNet::from(*server))]).collect(),
        }
    }

    fn dns(&mut self) {
        let servers = self.dns_servers(Destination);
        if servers.is_empty() {
            return;
        }
        self.nat(Chain::IstioOutput, vec![], Jump(Chain::OutputDns));
        for protocol in [Tcp, Udp] {
            for server in &servers {
                let query = vec![DestinationPort(protocol, DNS.into())];
                self.nat(Chain::OutputDns, [query, server.clone()].concat(), Redirect(DNS_PORT));
            }
        }
    }

    /// Tracks what the DNS proxy and resolvers say to each other in zone 1 and what it and its clients say in zone 2,
    /// so that a client and the proxy may ask the same server from the same port.
    fn dns_zones(&mut self) {
        let (users, groups) = (self.settings.proxy_uids.clone(), self.settings.proxy_gids.clone());
        let proxies = users.into_iter().map(User).chain(groups.into_iter().map(Group));
        let mut add = |chain, matches, zone| self.rules.append(Table::Raw, chain, matches, Zone(zone));
        for proxy in proxies {
            add(Chain::OutputDns, vec![DestinationPort(Udp, DNS.into()), proxy.clone()], 1);
            add(Chain::OutputDns, vec![SourcePort(Udp, DNS_PORT), proxy], 2);
        }
        self.rules.append(Table::Raw, Chain::Output, vec![], Jump(Chain::OutputDns));
        for server in self.dns_servers(Destination) {
            let query = vec![DestinationPort(Udp, DNS.into())];
            // The first zone stays, so the proxy's own queries are in theirs.
            self.rules.append(Table::Raw, Chain::OutputDns, [query, server].concat(), Zone(2));
        }
        self.rules.append(Table::Raw, Chain::Prerouting, vec![], Jump(Chain::Inbound));
        for server in self.dns_servers(Source) {
            let answer = vec![SourcePort(Udp, DNS)];
            self.rules.append(Table::Raw, Chain::Inbound, [answer, server].concat(), Zone(1));
        }
    }

    /// The addresses that the workload means itself by.
    fn own_addresses(&self) -> [IpNet; 2] {
        [self.settings.loopback.into(), IpAddr::V6(Ipv6Addr::LOCALHOST).into()]
    }
}

/// The loopback interface.
fn loopback() -> Interface {
    Interface { name: "lo".to_owned(), wildcard: false }
}

/// A condition per range, or none for all.
fn destinations(ranges: &Ranges) -> Vec<Vec<Match>> {
    match ranges {
        Ranges::All => vec![vec![]],
        Ranges::Only(ranges) => ranges.iter().map(|range| vec![Destination(*range)]).collect(),
    }
}
