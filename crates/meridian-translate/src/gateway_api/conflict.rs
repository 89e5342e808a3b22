//! Which listeners of a Gateway cannot both be served, and which answer the same server names.

use super::listener::Effective;
use super::model::ListenerProtocol;
use super::reference::Problem;
use meridian_ir::Name;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// Protocols that share ports with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Http,
    Tls,
    Tcp,
    Udp,
}

fn family(protocol: ListenerProtocol) -> Family {
    match protocol {
        ListenerProtocol::Http => Family::Http,
        ListenerProtocol::Https | ListenerProtocol::Tls => Family::Tls,
        ListenerProtocol::Tcp => Family::Tcp,
        ListenerProtocol::Udp => Family::Udp,
    }
}

/// Why two listeners cannot both be served.
fn clash(one: &Effective, other: &Effective) -> Option<Problem> {
    let (a, b) = (family(one.protocol?), family(other.protocol?));
    if one.port != other.port || (a == Family::Udp) != (b == Family::Udp) {
        return None;
    }
    let who = match &other.set {
        Some(set) => format!("listener {} of ListenerSet {set}", other.name),
        None => format!("listener {} of the Gateway", other.name),
    };
    if a != b {
        let message = format!("{who} speaks another protocol on port {}", one.port);
        return Some(Problem::new("ProtocolConflict", message));
    }
    match a {
        Family::Http | Family::Tls if one.hostname != other.hostname => None,
        Family::Http | Family::Tls => {
            let message = format!("{who} has the same port and the same hostname");
            Some(Problem::new("HostnameConflict", message))
        }
        Family::Tcp | Family::Udp => {
            let message = format!("{who} has the same port, and nothing tells them apart");
            Some(Problem::new("ProtocolConflict", message))
        }
    }
}

/// Of a Gateway's own listeners, all that are not to be told apart lose.
pub(crate) fn within(listeners: &mut [Effective]) {
    let found: Vec<Option<Problem>> = (0..listeners.len())
        .map(|at| {
            let others = listeners.iter().enumerate().filter(|(other, _)| *other != at);
            others.filter_map(|(_, other)| clash(&listeners[at], other)).next()
        })
        .collect();
    for (listener, conflict) in listeners.iter_mut().zip(found) {
        listener.conflict = conflict;
    }
}

/// The listeners that hold their ports, by what others could clash with.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The first of each port.
    ports: HashMap<(u16, bool), usize>,
    /// The first of each port and host.
    hosts: HashMap<(u16, Option<Name>), usize>,
}

impl Standing {
    /// Notes a listener: one of the Gateway, or one of a ListenerSet that has not lost.
    pub(crate) fn add(&mut self, at: usize, listener: &Effective) {
        let Some(protocol) = listener.protocol else { return };
        let is_udp = protocol == ListenerProtocol::Udp;
        self.ports.entry((listener.port, is_udp)).or_insert(at);
        if !is_udp {
            self.hosts.entry((listener.port, listener.hostname.clone())).or_insert(at);
        }
    }

    /// Why a listener of a ListenerSet loses to those that came before.
    pub(crate) fn conflict(&self, listener: &Effective, before: &[Effective]) -> Option<Problem> {
        let is_udp = listener.protocol? == ListenerProtocol::Udp;
        let of_host = (!is_udp).then(|| self.hosts.get(&(listener.port, listener.hostname.clone()))).flatten();
        let of_port = self.ports.get(&(listener.port, is_udp));
        of_port.into_iter().chain(of_host).find_map(|at| clash(listener, &before[*at]))
    }
}

/// Notes which listeners of one port answer the same server names.
pub(crate) fn overlaps(listeners: &mut [Effective]) {
    let is_tls = |one: &Effective| one.conflict.is_none() && one.protocol.is_some_and(|p| family(p) == Family::Tls);
    let mut ports: HashMap<u16, Names> = HashMap::new();
    for (at, listener) in listeners.iter().enumerate().filter(|(_, listener)| is_tls(listener)) {
        ports.entry(listener.port).or_default().add(at, listener.hostname.as_ref());
    }
    let found: Vec<Option<String>> = (listeners.iter().enumerate())
        .map(|(at, one)| {
            let names = ports.get(&one.port).filter(|_| is_tls(one))?;
            let other = &listeners[names.other(at, one.hostname.as_ref())?];
            Some(format!(
                "server names of listener {} are also its; requests that come over a connection for another listener \
                 are answered with 421",
                other.name
            ))
        })
        .collect();
    for (listener, overlapping) in listeners.iter_mut().zip(found) {
        listener.overlapping = overlapping;
    }
}

/// Hosts of listeners of one port, from their last letter to their first, so that those of a domain lie together.
#[derive(Debug, Default)]
struct Names {
    hosts: BTreeMap<String, usize>,
    /// Those without host, at most two.
    all: Vec<usize>,
}

fn reversed(host: &str) -> String {
    host.chars().rev().collect()
}

impl Names {
    fn add(&mut self, at: usize, host: Option<&Name>) {
        match host {
            Some(host) => drop(self.hosts.entry(reversed(host)).or_insert(at)),
            None if self.all.len() < 2 => self.all.push(at),
            None => {}
        }
    }

    /// Another listener that answers some of the names of the one at `at`.
    fn other(&self, at: usize, host: Option<&Name>) -> Option<usize> {
        let strange = |found: &&usize| **found != at;
        if let Some(found) = self.all.iter().find(strange) {
            return Some(*found);
        }
        let Some(host) = host else { return self.hosts.values().find(strange).copied() };
        let reversed = reversed(host);
        if let Some(domain) = reversed.strip_suffix('*') {
            let from = (Bound::Excluded(domain), Bound::Unbounded);
            let mut below = self.hosts.range::<str, _>(from).take_while(|(name, _)| name.starts_with(domain));
            if let Some((_, found)) = below.find(|(_, found)| strange(found)) {
                return Some(*found);
            }
        }
        let dots = reversed.match_indices('.').map(|(dot, _)| format!("{}*", &reversed[..=dot]));
        dots.filter(|wildcard| *wildcard != reversed).find_map(|wildcard| self.hosts.get(&wildcard).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostname::overlap;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_names_of_a_domain_are_found(hosts in proptest::collection::btree_set("(\\*\\.)?([ab]\\.){0,3}c", 1..8)) {
            let hosts: Vec<Name> = hosts.iter().map(|host| host.as_str().into()).collect();
            let mut names = Names::default();
            hosts.iter().enumerate().for_each(|(at, host)| names.add(at, Some(host)));
            for (at, host) in hosts.iter().enumerate() {
                let others = || hosts.iter().enumerate().filter(|(other, _)| *other != at);
                let expected = others().any(|(_, other)| overlap(Some(host), Some(other)));
                let found = names.other(at, Some(host));
                prop_assert_eq!(found.is_some(), expected, "{} of {:?}", host, hosts);
                if let Some(found) = found {
                    prop_assert!(found != at && overlap(Some(host), Some(&hosts[found])));
                }
            }
        }
    }
}
