//! The lab's network as scripts for `ip` and `nft`.
//!
//! A bridge in a namespace of its own joins one veth pair per namespace. Every address is a /32 and everything else is
//! on the link, so any address of a document can be used as it stands and none leads outside.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;

use super::{NET, Plan};

/// A script for `ip -batch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The namespace it runs in, by its name within the lab; none is the machine's own.
    pub space: Option<String>,
    /// One command per line.
    pub script: String,
}

/// The full name of a namespace of the lab with `prefix`.
#[must_use]
pub fn namespace(prefix: &str, space: &str) -> String {
    format!("{prefix}-{space}")
}

/// The scripts that build the network, in order. The first creates the namespaces, and fails where one of them exists already.
#[must_use]
pub fn batches(plan: &Plan, prefix: &str) -> Vec<Batch> {
    let mut outside = String::new();
    let mut bridge = "link set lo up\nlink add br0 type bridge\nlink set br0 up\n".to_owned();
    let mut inside = Vec::new();
    for space in &plan.spaces {
        writeln!(outside, "netns add {}", namespace(prefix, &space.name)).expect("writing to a string cannot fail");
    }
    for (i, space) in plan.spaces.iter().enumerate() {
        if space.name == NET {
            bridge += &addresses("br0", &space.addresses);
            continue;
        }
        let (own, net) = (namespace(prefix, &space.name), namespace(prefix, NET));
        outside += &format!("link add eth0 netns {own} type veth peer name port{i} netns {net}\n");
        bridge += &format!("link set port{i} master br0\nlink set port{i} up\n");
        let script = format!("link set lo up\nlink set eth0 up\n{}", addresses("eth0", &space.addresses));
        inside.push(Batch { space: Some(space.name.clone()), script });
    }
    let mut all = vec![Batch { space: None, script: outside }, Batch { space: Some(NET.to_owned()), script: bridge }];
    all.append(&mut inside);
    all
}

/// Gives `interface` its addresses and makes the whole world its link.
fn addresses(interface: &str, addresses: &[Ipv4Addr]) -> String {
    let mut script: String =
        addresses.iter().map(|address| format!("addr add {address}/32 dev {interface}\n")).collect();
    if let Some(first) = addresses.first() {
        script += &format!("route add default dev {interface} src {first}\n");
    }
    script
}

/// The rules for `nft` that lead ports 80 and 443 of gateways to 8080 and 8443, as their Services do: one script for
/// each namespace that has gateways.
///
/// The destination address stays (a `redirect` would take the interface's first one), so that each gateway keeps its own.
#[must_use]
pub fn gateway_rules(plan: &Plan) -> Vec<(String, String)> {
    let rule = |(address, from, to): (Ipv4Addr, u16, u16)| {
        format!("    ip daddr {address} tcp dport {from} dnat to {address}:{to}\n")
    };
    let mut rules = BTreeMap::<&str, String>::new();
    for (name, address) in &plan.gateways {
        let own = [(*address, 80, 8080), (*address, 443, 8443)].map(rule).concat();
        *rules.entry(plan.home(name)).or_default() += &own;
    }
    let script = |rules: String| {
        let hook = "type nat hook prerouting priority dstnat;";
        format!("table ip gateways {{\n  chain prerouting {{\n    {hook}\n{rules}  }}\n}}\n")
    };
    rules.into_iter().map(|(space, rules)| (space.to_owned(), script(rules))).collect()
}
