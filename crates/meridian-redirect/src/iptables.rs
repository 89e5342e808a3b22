//! Rules as text for `iptables-restore --noflush` and `ip6tables-restore --noflush`: one transaction per table and family.
//!
//! What is ours is known by name: the chains `ISTIO_*`, and the rules of the kernel's chains that jump to them.

use crate::rules::{Chain, Family, Match, Protocol, Rule, Rules, Table, Verdict};
use crate::values::{Interface, PortRange};

/// The prefix of our chains.
const OURS: &str = "ISTIO_";

/// What is ours in one family, as `iptables-save` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    tables: Vec<Found>,
}

/// What is ours in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    table: String,
    /// Names of our chains.
    chains: Vec<String>,
    /// Rules of the kernel's chains that jump to ours, as they would be appended.
    jumps: Vec<String>,
    /// Rules of our chains, likewise.
    rules: Vec<String>,
}

impl State {
    /// Reads the output of `iptables-save` or `ip6tables-save`.
    #[must_use]
    pub fn read(saved: &str) -> Self {
        let mut tables: Vec<Found> = Vec::new();
        for line in saved.lines() {
            if let Some(table) = line.strip_prefix('*') {
                let table = table.trim().to_owned();
                tables.push(Found { table, chains: vec![], jumps: vec![], rules: vec![] });
            } else if let Some(found) = tables.last_mut() {
                found.add(line);
            }
        }
        tables.retain(|found| !found.chains.is_empty());
        Self { tables }
    }

    /// Whether there is nothing of ours.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// What is ours, as `iptables-save` writes it.
    #[must_use]
    pub fn show(&self) -> String {
        let mut text = String::new();
        for Found { table, chains, jumps, rules } in &self.tables {
            text += &format!("*{table}\n");
            text.extend(chains.iter().map(|chain| format!(":{chain} - [0:0]\n")));
            text.extend(jumps.iter().chain(rules).map(|rule| format!("-A {rule}\n")));
            text += "COMMIT\n";
        }
        text
    }

    fn table(&self, table: Table) -> Option<&Found> {
        self.tables.iter().find(|found| found.table == table.name())
    }
}

impl Found {
    /// Takes a line `:CHAIN POLICY [0:0]` or `-A CHAIN ...` that is ours.
    fn add(&mut self, line: &str) {
        if let Some(chain) = line.strip_prefix(':').and_then(|rest| rest.split_whitespace().next()) {
            if chain.starts_with(OURS) {
                self.chains.push(chain.to_owned());
            }
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let to_ours = rule.split_whitespace().skip_while(|word| *word != "-j").nth(1);
            if rule.starts_with(OURS) {
                self.rules.push(rule.to_owned());
            } else if to_ours.is_some_and(|target| target.starts_with(OURS)) {
                self.jumps.push(rule.to_owned());
            }
        }
    }
}

/// The text that makes `rules` the only ones of ours, where `state` is; empty when there is nothing to do.
#[must_use]
pub fn apply(rules: &Rules, family: Family, state: &State) -> String {
    Table::ALL.iter().map(|table| change(rules, *table, family, state.table(*table))).collect()
}

/// The text that takes away what `state` has of ours; empty when that is nothing.
#[must_use]
pub fn clean(family: Family, state: &State) -> String {
    apply(&Rules::default(), family, state)
}

fn change(rules: &Rules, table: Table, family: Family, found: Option<&Found>) -> String {
    let wanted: Vec<_> =
        rules.chains(table).into_iter().filter(|chain| !chain.is_built_in()).map(Chain::name).collect();
    let old = found.map(|found| found.chains.as_slice()).unwrap_or_default();
    let unwanted: Vec<_> = old.iter().map(String::as_str).filter(|chain| !wanted.contains(chain)).collect();
    if wanted.is_empty() && unwanted.is_empty() {
        return String::new();
    }
    let mut text = format!("*{}\n", table.name());
    // To declare a chain is to make it, or to empty it.
    text.extend(wanted.iter().chain(&unwanted).map(|chain| format!(":{chain} - [0:0]\n")));
    text.extend(found.iter().flat_map(|found| &found.jumps).map(|rule| format!("-D {rule}\n")));
    for chain in rules.chains(table) {
        let lines = rules.of(table, chain).filter(|rule| rule.is_for(family)).map(line);
        text.extend(lines.map(|line| format!("-A {}{line}\n", chain.name())));
    }
    text.extend(unwanted.iter().map(|chain| format!("-X {chain}\n")));
    text + "COMMIT\n"
}

fn line(rule: &Rule) -> String {
    let conditions: String = conditions(&rule.matches);
    let verdict = match rule.verdict {
        Verdict::Return => "-j RETURN".to_owned(),
        Verdict::Drop => "-j DROP".to_owned(),
        Verdict::Jump(chain) => format!("-j {}", chain.name()),
        Verdict::Redirect(port) => format!("-j REDIRECT --to-ports {port}"),
        Verdict::Zone(zone) => format!("-j CT --zone {zone}"),
    };
    format!("{conditions} {verdict}")
}

/// The conditions of a rule, each with a blank before it. The protocol is said once.
fn conditions(matches: &[Match]) -> String {
    let protocol = matches.iter().find_map(protocol).map(|protocol| format!(" -p {}", protocol.name()));
    let mut text = String::new();
    let mut said = false;
    for condition in matches {
        if self::protocol(condition).is_some() && !said {
            text += protocol.as_deref().unwrap_or_default();
            said = true;
        }
        text += &option(condition);
    }
    text
}

fn protocol(condition: &Match) -> Option<Protocol> {
    match condition {
        Match::Protocol(protocol)
        | Match::DestinationPort(protocol, _)
        | Match::NotDestinationPort(protocol, _)
        | Match::SourcePort(protocol, _) => Some(*protocol),
        _ => None,
    }
}

fn option(condition: &Match) -> String {
    let interface = |Interface { name, wildcard }: &Interface| format!("{name}{}", if *wildcard { "+" } else { "" });
    match condition {
        Match::In(name) => format!(" -i {}", interface(name)),
        Match::Out(name) => format!(" -o {}", interface(name)),
        Match::Source(net) => format!(" -s {net}"),
        Match::Destination(net) => format!(" -d {net}"),
        Match::NotDestination(net) => format!(" ! -d {net}"),
        Match::Protocol(_) => String::new(),
        Match::DestinationPort(_, PortRange { first, last }) if first == last => format!(" --dport {first}"),
        Match::DestinationPort(_, PortRange { first, last }) => format!(" --dport {first}:{last}"),
        Match::NotDestinationPort(_, ports) => match ports.as_slice() {
            [port] => format!(" ! --dport {port}"),
            ports => {
                let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
                format!(" -m multiport ! --dports {}", ports.join(","))
            }
        },
        Match::SourcePort(_, port) => format!(" --sport {port}"),
        Match::User(owner) => format!(" -m owner --uid-owner {owner}"),
        Match::NotUser(owner) => format!(" -m owner ! --uid-owner {owner}"),
        Match::Group(owner) => format!(" -m owner --gid-owner {owner}"),
        Match::NotGroup(owner) => format!(" -m owner ! --gid-owner {owner}"),
        Match::Invalid => " -m conntrack --ctstate INVALID".to_owned(),
    }
}
