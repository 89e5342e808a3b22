//! The rules of every option, as the programs get them.

use proptest::prelude::*;

use crate::iptables::{self, State};
use crate::nftables::{self, Cgroup, Place};
use crate::rules::Family;
use crate::settings::{Dns, Settings};
use crate::values::{Groups, list};
use crate::{annotations, build};

/// The text for `iptables-restore` on a machine without rules.
fn v4(settings: &Settings) -> String {
    iptables::apply(&build(settings), Family::V4, &State::default())
}

#[test]
fn a_pod_without_annotations_gets_the_rules_of_istio() {
    let expected = "*nat\n\
        :ISTIO_INBOUND - [0:0]\n:ISTIO_IN_REDIRECT - [0:0]\n:ISTIO_OUTPUT - [0:0]\n:ISTIO_REDIRECT - [0:0]\n\
        -A PREROUTING -p tcp -j ISTIO_INBOUND\n\
        -A OUTPUT -j ISTIO_OUTPUT\n\
        -A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN\n\
        -A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN\n\
        -A ISTIO_INBOUND -p tcp --dport 15021 -j RETURN\n\
        -A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN\n\
        -A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT\n\
        -A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006\n\
        -A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN\n\
        -A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT\n\
        -A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN\n\
        -A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN\n\
        -A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT\n\
        -A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN\n\
        -A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN\n\
        -A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN\n\
        -A ISTIO_OUTPUT -j ISTIO_REDIRECT\n\
        -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001\n\
        COMMIT\n";
    assert_eq!(v4(&Settings::default()), expected);
}

#[test]
fn the_rules_of_ipv6_are_the_same_with_its_addresses() {
    let v6 = iptables::apply(&build(&Settings::default()), Family::V6, &State::default());
    let translated = v4(&Settings::default()).replace("127.0.0.6/32", "::6/128").replace("127.0.0.1/32", "::1/128");
    assert_eq!(v6, translated);
}

/// What `change` adds to the default rules, as `+ line`, and takes from them, as `- line`.
fn difference(change: impl FnOnce(&mut Settings)) -> Vec<String> {
    let mut settings = Settings::default();
    let before = v4(&settings);
    change(&mut settings);
    let after = v4(&settings);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(&before), lines(&after));
    let missing = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    missing.chain(new).map(|line| line.replace("-A ISTIO_", "")).collect()
}

/// What one annotation of the prefix changes.
fn annotated(name: &str, value: &str) -> Vec<String> {
    difference(|settings| {
        annotations::read([(format!("traffic.sidecar.istio.io/{name}").as_str(), value)], settings).unwrap();
    })
}

#[test]
fn every_annotation_changes_its_rules_and_no_others() {
    for (name, value, expected) in [
        ("includeInboundPorts", "*", vec![]),
        (
            "includeInboundPorts",
            "80,8000-8010",
            vec![
                "- INBOUND -p tcp --dport 15090 -j RETURN",
                "- INBOUND -p tcp --dport 15021 -j RETURN",
                "- INBOUND -p tcp --dport 15020 -j RETURN",
                "- INBOUND -p tcp -j ISTIO_IN_REDIRECT",
                "+ INBOUND -p tcp --dport 80 -j ISTIO_IN_REDIRECT",
                "+ INBOUND -p tcp --dport 8000:8010 -j ISTIO_IN_REDIRECT",
            ],
        ),
        ("excludeInboundPorts", "22", vec!["+ INBOUND -p tcp --dport 22 -j RETURN"]),
        ("includeOutboundIPRanges", "*", vec![]),
        ("includeOutboundIPRanges", "", vec!["- OUTPUT -j ISTIO_REDIRECT"]),
        (
            "includeOutboundIPRanges",
            "10.0.0.0/8,fd00::/8",
            vec!["- OUTPUT -j ISTIO_REDIRECT", "+ OUTPUT -d 10.0.0.0/8 -j ISTIO_REDIRECT"],
        ),
        (
            "includeOutboundIPRanges",
            "127.0.0.0/8",
            vec![
                "- OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN",
                "- OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN",
                "- OUTPUT -j ISTIO_REDIRECT",
                "+ OUTPUT -d 127.0.0.0/8 -j ISTIO_REDIRECT",
            ],
        ),
        ("excludeOutboundIPRanges", "203.0.113.0/24,fd00::/8", vec!["+ OUTPUT -d 203.0.113.0/24 -j RETURN"]),
        ("includeOutboundPorts", "443", vec!["+ OUTPUT -p tcp --dport 443 -j ISTIO_REDIRECT"]),
        (
            "excludeOutboundPorts",
            "25",
            vec!["+ OUTPUT -p tcp --dport 25 -j RETURN", "+ OUTPUT -p udp --dport 25 -j RETURN"],
        ),
        (
            "excludeInterfaces",
            "eth1,vx+",
            vec![
                "+ INBOUND -i eth1 -j RETURN",
                "+ INBOUND -i vx+ -j RETURN",
                "+ OUTPUT -o eth1 -j RETURN",
                "+ OUTPUT -o vx+ -j RETURN",
            ],
        ),
        ("kubevirtInterfaces", "tap0", vec!["+ INBOUND -i tap0 -j ISTIO_REDIRECT", "+ INBOUND -i tap0 -j RETURN"]),
    ] {
        assert_eq!(annotated(name, value), expected, "{name}={value}");
    }
    assert_eq!(annotated("includeInboundPorts", "").last().unwrap(), "- INBOUND -p tcp -j ISTIO_IN_REDIRECT");
}

#[test]
fn other_settings_change_their_rules() {
    let groups = list("10,20").unwrap();
    assert_eq!(
        difference(|settings| settings.groups = Groups::Only(groups.clone())),
        ["+ OUTPUT -m owner ! --gid-owner 10 -m owner ! --gid-owner 20 -j RETURN"]
    );
    assert_eq!(
        difference(|settings| settings.groups = Groups::Except(groups)),
        ["+ OUTPUT -m owner --gid-owner 10 -j RETURN", "+ OUTPUT -m owner --gid-owner 20 -j RETURN"]
    );
    assert_eq!(
        difference(|settings| settings.proxy_port = 25001),
        ["- REDIRECT -p tcp -j REDIRECT --to-ports 15001", "+ REDIRECT -p tcp -j REDIRECT --to-ports 25001"]
    );
    assert_eq!(
        difference(|settings| settings.drop_invalid = true),
        [
            "+ *mangle",
            "+ :ISTIO_DROP - [0:0]",
            "+ -A PREROUTING -m conntrack --ctstate INVALID -j ISTIO_DROP",
            "+ DROP -j DROP"
        ]
    );
}

#[test]
fn dns_is_led_to_the_dns_proxy_by_server_or_altogether() {
    let to = |dns| difference(move |settings| settings.dns = dns);
    let of_nat =
        |lines: Vec<String>| lines.into_iter().filter(|line| line.contains("15053 ") || line.ends_with("15053"));
    let some: Vec<_> = of_nat(to(Dns::Servers(vec!["10.0.0.10".parse().unwrap(), "fd00::10".parse().unwrap()])))
        .filter(|line| line.contains("REDIRECT"))
        .collect();
    assert_eq!(
        some,
        [
            "+ OUTPUT_DNS -p tcp --dport 53 -d 10.0.0.10/32 -j REDIRECT --to-ports 15053",
            "+ OUTPUT_DNS -p udp --dport 53 -d 10.0.0.10/32 -j REDIRECT --to-ports 15053"
        ]
    );
    let all = to(Dns::All);
    for line in [
        "+ OUTPUT_DNS -p udp --dport 53 -j REDIRECT --to-ports 15053",
        "+ OUTPUT -o lo -p tcp ! --dport 53 -m owner ! --uid-owner 1337 -j RETURN",
        "+ OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT",
        "+ OUTPUT_DNS -p udp --dport 53 -m owner --uid-owner 1337 -j CT --zone 1",
        "+ OUTPUT_DNS -p udp --sport 15053 -m owner --uid-owner 1337 -j CT --zone 2",
        "+ OUTPUT_DNS -p udp --dport 53 -j CT --zone 2",
        "+ INBOUND -p udp --sport 53 -j CT --zone 1",
    ] {
        assert!(all.iter().any(|found| found == line), "{line} is missing in {all:#?}");
    }
}

#[test]
fn nftables_get_both_families_in_one_transaction() {
    let text = nftables::apply(&build(&Settings::default()), &Place::default());
    assert!(text.starts_with("table inet meridian-nat\ndelete table inet meridian-nat\n"), "{text}");
    for line in [
        "  chain ISTIO_OUTPUT {",
        "    oifname \"lo\" ip saddr 127.0.0.6/32 return",
        "    oifname \"lo\" ip6 daddr != ::1/128 tcp dport != { 15008 } meta skuid 1337 jump ISTIO_IN_REDIRECT",
        "    meta l4proto tcp redirect to :15006",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in {text}");
    }
    let cgroup = Some(Cgroup { path: "unified/x".to_owned(), level: 1 });
    let text = nftables::apply(&build(&Settings::default()), &Place { prefix: "m-1".to_owned(), cgroup });
    for line in [
        "    socket cgroupv2 level 1 \"unified/x\" meta l4proto tcp jump ISTIO_INBOUND",
        "    socket cgroupv2 level 1 \"unified/x\" jump ISTIO_OUTPUT",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in {text}");
    }
    assert_eq!(text.matches("cgroupv2").count(), 2, "{text}");
}

/// The output of `iptables-save` after `text` was restored on top of `before`: as much of it as our rules need.
fn restored(before: &str, text: &str) -> String {
    let mut tables: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    let mut current = 0;
    for (is_saved, line) in before.lines().map(|l| (true, l)).chain(text.lines().map(|l| (false, l))) {
        if let Some(name) = line.strip_prefix('*') {
            current = tables.iter().position(|(table, ..)| table == name).unwrap_or(tables.len());
            if current == tables.len() {
                tables.push((name.to_owned(), Vec::new(), Vec::new()));
            }
            continue;
        }
        let Some((_, chains, rules)) = tables.get_mut(current) else { continue };
        if let Some(chain) = line.strip_prefix(':') {
            let name = chain.split(' ').next().unwrap();
            rules.retain(|rule| is_saved || !rule.starts_with(&format!("{name} ")));
            if !chains.iter().any(|own| own == name) {
                chains.push(name.to_owned());
            }
        } else if let Some(rule) = line.strip_prefix("-A ") {
            rules.push(rule.to_owned());
        } else if let Some(rule) = line.strip_prefix("-D ") {
            let at = rules.iter().position(|own| own == rule).expect("what is deleted is there");
            rules.remove(at);
        } else if let Some(chain) = line.strip_prefix("-X ") {
            let used = rules
                .iter()
                .any(|rule| rule.starts_with(&format!("{chain} ")) || rule.ends_with(&format!("-j {chain}")));
            assert!(!used, "{chain} is removed while it is used");
            chains.retain(|own| own != chain);
        }
    }
    let table = |(name, chains, rules): (String, Vec<String>, Vec<String>)| {
        let chains: String = chains.iter().map(|chain| format!(":{chain} - [0:0]\n")).collect();
        let rules: String = rules.iter().map(|rule| format!("-A {rule}\n")).collect();
        format!("*{name}\n{chains}{rules}COMMIT\n")
    };
    tables.into_iter().map(table).collect()
}

fn settings() -> impl Strategy<Value = Settings> {
    let lists = (
        proptest::sample::select(vec!["*", "", "80", "80,90-95"]),
        proptest::sample::select(vec!["*", "", "10.0.0.0/8", "127.0.0.0/8,fd00::/8"]),
        proptest::sample::select(vec!["", "192.0.2.0/24,::/0"]),
        proptest::sample::select(vec!["", "25", "1-1023"]),
        proptest::sample::select(vec!["", "eth1", "tap+"]),
    );
    (lists, 0usize..3, any::<bool>()).prop_map(
        |((inbound, outbound, excluded, ports, interfaces), dns, drop_invalid)| Settings {
            inbound_ports: inbound.parse().unwrap(),
            outbound_ranges: outbound.parse().unwrap(),
            exclude_outbound_ranges: crate::values::ranges(excluded).unwrap(),
            exclude_outbound_ports: list(ports).unwrap(),
            virtual_interfaces: list(interfaces).unwrap(),
            dns: [Dns::Off, Dns::All, Dns::Servers(vec!["10.0.0.10".parse().unwrap()])][dns].clone(),
            drop_invalid,
            ..Settings::default()
        },
    )
}

proptest! {
    #[test]
    fn twice_is_once_other_settings_replace_and_cleaning_leaves_what_others_have(first in settings(), second in settings()) {
        let foreign = "*nat\n:OUTPUT - [0:0]\n:DOCKER - [0:0]\n-A OUTPUT -j DOCKER\nCOMMIT\n";
        for family in [Family::V4, Family::V6] {
            let set = |before: &str, settings: &Settings| {
                restored(before, &iptables::apply(&build(settings), family, &State::read(before)))
            };
            let ours = |saved: &str| State::read(saved).show();
            let once = set(foreign, &first);
            prop_assert_eq!(ours(&set(&once, &first)), ours(&once));
            let replaced = set(&once, &second);
            let fresh = set(foreign, &second);
            let sorted = |saved: &str| { let mut lines: Vec<_> = saved.lines().map(str::to_owned).collect(); lines.sort(); lines };
            prop_assert_eq!(sorted(&ours(&replaced)), sorted(&ours(&fresh)));
            let cleaned = restored(&replaced, &iptables::clean(family, &State::read(&replaced)));
            prop_assert!(State::read(&cleaned).is_empty());
            prop_assert!(cleaned.contains("-A OUTPUT -j DOCKER\n"));
            prop_assert_eq!(iptables::clean(family, &State::read(&cleaned)), "");
        }
    }
}
