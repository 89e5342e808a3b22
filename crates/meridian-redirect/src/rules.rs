//! Rules of the kernel's packet filter, before they are written for one of its programs.

use ipnet::IpNet;

use crate::values::{Interface, Owner, PortRange};

/// The tables that have rules of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Changes destinations.
    Nat,
    /// Drops what belongs to no connection.
    Mangle,
    /// Tells the connections of DNS clients and of the DNS proxy apart.
    Raw,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nat, Self::Mangle, Self::Raw];

    /// The name that `iptables` has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Mangle => "mangle",
            Self::Raw => "raw",
        }
    }
}

/// A chain of rules: two of the kernel's own, the others with Istio's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chain {
    /// The kernel's, for what comes from outside.
    Prerouting,
    /// The kernel's, for what processes of this host send.
    Output,
    /// Decides about inbound connections.
    Inbound,
    /// Leads to the inbound listener.
    InRedirect,
    /// Decides about outbound connections.
    IstioOutput,
    /// Decides about DNS queries.
    OutputDns,
    /// Leads to the outbound listener.
    Redirect,
    /// Drops.
    Drop,
}

impl Chain {
    /// The chains that are ours.
    pub const OURS: [Self; 6] =
        [Self::Inbound, Self::InRedirect, Self::IstioOutput, Self::OutputDns, Self::Redirect, Self::Drop];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Output => "OUTPUT",
            Self::Inbound => "ISTIO_INBOUND",
            Self::InRedirect => "ISTIO_IN_REDIRECT",
            Self::IstioOutput => "ISTIO_OUTPUT",
            Self::OutputDns => "ISTIO_OUTPUT_DNS",
            Self::Redirect => "ISTIO_REDIRECT",
            Self::Drop => "ISTIO_DROP",
        }
    }

    /// Whether the kernel itself calls it.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        matches!(self, Self::Prerouting | Self::Output)
    }
}

/// The transport protocol of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of a range.
    #[must_use]
    pub fn of(net: &IpNet) -> Self {
        match net {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It came in by this interface.
    In(Interface),
    /// It goes out by this interface.
    Out(Interface),
    /// It comes from this range.
    Source(IpNet),
    /// It goes to this range.
    Destination(IpNet),
    /// It does not go to this range.
    NotDestination(IpNet),
    /// It is of this protocol.
    Protocol(Protocol),
    /// It is of this protocol and goes to one of these ports.
    DestinationPort(Protocol, PortRange),
    /// It is of this protocol and goes to none of these ports.
    NotDestinationPort(Protocol, Vec<u16>),
    /// It is of this protocol and comes from this port.
    SourcePort(Protocol, u16),
    /// A process of this user sends it.
    User(Owner),
    /// A process of another user sends it.
    NotUser(Owner),
    /// A process of this group sends it.
    Group(Owner),
    /// A process of another group sends it.
    NotGroup(Owner),
    /// It belongs to no connection.
    Invalid,
}

impl Match {
    /// The family that it is about, if it has an address.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Source(net) | Self::Destination(net) | Self::NotDestination(net) => Some(Family::of(net)),
            _ => None,
        }
    }
}

/// What happens to a packet that meets all conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The chain ends for it.
    Return,
    /// The rules of another chain follow.
    Jump(Chain),
    /// It goes to this port of this host.
    Redirect(u16),
    /// Its connection is tracked in this zone.
    Zone(u16),
    /// It is dropped.
    Drop,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// All of them must hold.
    pub matches: Vec<Match>,
    /// What then happens.
    pub verdict: Verdict,
}

impl Rule {
    /// Whether the rule can be about packets of `family`.
    #[must_use]
    pub fn is_for(&self, family: Family) -> bool {
        self.matches.iter().filter_map(Match::family).all(|own| own == family)
    }
}

/// All rules, in order, table by table and chain by chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    rules: Vec<(Table, Chain, Rule)>,
}

impl Rules {
    pub(crate) fn append(&mut self, table: Table, chain: Chain, matches: Vec<Match>, verdict: Verdict) {
        self.rules.push((table, chain, Rule { matches, verdict }));
    }

    /// The chains of `table` that have rules or are jumped to, in a fixed order.
    #[must_use]
    pub fn chains(&self, table: Table) -> Vec<Chain> {
        let named = self.rules.iter().filter(|(own, ..)| *own == table).flat_map(|(_, chain, rule)| {
            let target = match rule.verdict {
                Verdict::Jump(target) => Some(target),
                _ => None,
            };
            [Some(*chain), target].into_iter().flatten()
        });
        let mut chains: Vec<_> = named.collect();
        chains.sort_unstable();
        chains.dedup();
        chains
    }

    /// The rules of one chain, in order.
    pub fn of(&self, table: Table, chain: Chain) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |(t, c, _)| (*t, *c) == (table, chain)).map(|(_, _, rule)| rule)
    }
}
