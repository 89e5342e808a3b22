//! Rules as text for `nft -f`: one transaction, for both families at once.

use std::fmt::Write;

use crate::rules::{Chain, Family, Match, Rule, Rules, Table, Verdict};
use crate::values::{Interface, PortRange};

/// Where the rules stand, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What the names of our tables begin with.
    pub prefix: String,
    /// The control group whose processes the rules are for; none is the whole network namespace.
    pub cgroup: Option<Cgroup>,
}

/// A control group of version 2, by its path below `/sys/fs/cgroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    /// Its path, with neither a slash at the front nor at the end. On machines with both versions it begins with `unified`.
    pub path: String,
    /// How deep it lies in the hierarchy of version 2: 1 for a child of its root.
    pub level: u32,
}

impl Default for Place {
    /// The whole network namespace, under the project's own name.
    fn default() -> Self {
        Self { prefix: "meridian".to_owned(), cgroup: None }
    }
}

impl Place {
    /// The full name of our table for `table`, as `nft list table` takes it.
    #[must_use]
    pub fn table(&self, table: Table) -> String {
        format!("inet {}-{}", self.prefix, table.name())
    }
}

/// The script that makes `rules` the only ones in our tables, whatever stood there.
#[must_use]
pub fn apply(rules: &Rules, place: &Place) -> String {
    let mut script = clean(place);
    for table in Table::ALL {
        let chains = rules.chains(table);
        // The answers of a DNS proxy outside of the group would not be in the zone of the questions.
        let is_apart = place.cgroup.is_some() && table == Table::Raw;
        if chains.is_empty() || is_apart {
            continue;
        }
        script += &format!("table {} {{\n", place.table(table));
        for chain in chains {
            script += &format!("  chain {} {{\n", chain.name());
            script += &hook(table, chain).map(|hook| format!("    {hook}\n")).unwrap_or_default();
            for rule in rules.of(table, chain) {
                let guard = place.cgroup.as_ref().filter(|_| chain.is_built_in()).map(within).unwrap_or_default();
                script += &format!("    {guard}{}\n", line(rule));
            }
            script += "  }\n";
        }
        script += "}\n";
    }
    script
}

/// The script that takes our tables away, whether they are there or not.
#[must_use]
pub fn clean(place: &Place) -> String {
    Table::ALL.iter().fold(String::new(), |mut script, table| {
        let name = place.table(*table);
        writeln!(script, "table {name}\ndelete table {name}").expect("writing to a string cannot fail");
        script
    })
}

/// How the kernel calls one of its own chains: the priorities are those of `iptables`' tables.
fn hook(table: Table, chain: Chain) -> Option<String> {
    let hook = match chain {
        Chain::Prerouting => "prerouting",
        Chain::Output => "output",
        _ => return None,
    };
    let (sort, priority) = match table {
        Table::Nat => ("nat", "-100"),
        Table::Mangle => ("filter", "-150"),
        Table::Raw => ("filter", "-300"),
    };
    Some(format!("type {sort} hook {hook} priority {priority}; policy accept;"))
}

fn within(Cgroup { path, level }: &Cgroup) -> String {
    format!("socket cgroupv2 level {level} \"{path}\" ")
}

fn line(rule: &Rule) -> String {
    let conditions: String = rule.matches.iter().map(|condition| format!("{} ", text(condition))).collect();
    let verdict = match rule.verdict {
        Verdict::Return => "return".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Jump(chain) => format!("jump {}", chain.name()),
        Verdict::Redirect(port) => format!("redirect to :{port}"),
        Verdict::Zone(zone) => format!("ct zone set {zone}"),
    };
    format!("{conditions}{verdict}")
}

fn text(condition: &Match) -> String {
    let interface =
        |Interface { name, wildcard }: &Interface| format!("\"{name}{}\"", if *wildcard { "*" } else { "" });
    let family = |net| match Family::of(net) {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    };
    match condition {
        Match::In(name) => format!("iifname {}", interface(name)),
        Match::Out(name) => format!("oifname {}", interface(name)),
        Match::Source(net) => format!("{} saddr {net}", family(net)),
        Match::Destination(net) => format!("{} daddr {net}", family(net)),
        Match::NotDestination(net) => format!("{} daddr != {net}", family(net)),
        Match::Protocol(protocol) => format!("meta l4proto {}", protocol.name()),
        Match::DestinationPort(protocol, range) => format!("{} dport {range}", protocol.name()),
        Match::NotDestinationPort(protocol, ports) => {
            let ports: Vec<_> = ports.iter().map(|port| PortRange::from(*port).to_string()).collect();
            format!("{} dport != {{ {} }}", protocol.name(), ports.join(", "))
        }
        Match::SourcePort(protocol, port) => format!("{} sport {port}", protocol.name()),
        Match::User(owner) => format!("meta skuid {owner}"),
        Match::NotUser(owner) => format!("meta skuid != {owner}"),
        Match::Group(owner) => format!("meta skgid {owner}"),
        Match::NotGroup(owner) => format!("meta skgid != {owner}"),
        Match::Invalid => "ct state invalid".to_owned(),
    }
}
