//! Strategies for access control.

use crate::text::{lowercase, name, path, string_match};
use ipnet::IpNet;
use meridian_ir::rbac::{
    Effect, MetadataMatch, PathMatch, PathTemplate, Permission, Policy, Principal, Rbac, Rules, ValueMatch,
};
use meridian_ir::route::HeaderMatch;
use meridian_ir::{Name, PortMatch};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;

/// A filter; only those of connections have a prefix of their own.
pub(crate) fn rbac(stat_prefix: &'static str) -> BoxedStrategy<Rbac> {
    let prefix = prop_oneof![Just("".into()), Just("istio_dry_run_allow_".into())];
    (of(rules()), of(rules()), prefix)
        .prop_map(move |(rules, shadow_rules, shadow_rules_stat_prefix): (_, _, Name)| Rbac {
            rules,
            shadow_rules,
            stat_prefix: stat_prefix.into(),
            shadow_rules_stat_prefix,
        })
        .boxed()
}

fn rules() -> BoxedStrategy<Rules> {
    let policy = (vec(permission(), 0..3), vec(principal(), 0..3));
    (select(vec![Effect::Allow, Effect::Deny, Effect::Log]), btree_map("ns\\[[a-z]{1,3}\\]", policy, 0..3))
        .prop_map(|(effect, policies)| {
            let policy =
                |(name, (permissions, principals)): (String, _)| Policy { name: name.into(), permissions, principals };
            Rules::new(effect, policies.into_iter().map(policy).collect())
        })
        .boxed()
}

fn range() -> impl Strategy<Value = IpNet> {
    (any::<IpAddr>(), 0..=32u8).prop_map(|(ip, length)| IpNet::new(ip, length).expect("short enough"))
}

fn header() -> impl Strategy<Value = HeaderMatch> {
    (lowercase(), of(string_match()), any::<bool>()).prop_map(|(name, value, invert)| HeaderMatch {
        name,
        value,
        invert,
    })
}

fn metadata() -> impl Strategy<Value = MetadataMatch> {
    let value = string_match().prop_map(ValueMatch::Text).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| ValueMatch::OneOf(Box::new(one))),
            vec(inner, 2..4).prop_map(ValueMatch::Or),
        ]
    });
    (name(), vec(name(), 1..3), value).prop_map(|(filter, path, value)| MetadataMatch { filter, path, value })
}

fn permission() -> BoxedStrategy<Permission> {
    let template = select(vec!["/a/*", "/a/**", "/a/*/b"])
        .prop_map(|text| Permission::Path(PathMatch::Template(PathTemplate::new(text).expect("a template"))));
    let leaf = prop_oneof![
        Just(Permission::Any),
        header().prop_map(Permission::Header),
        string_match().prop_map(Permission::Host),
        string_match().prop_map(|text| Permission::Path(PathMatch::Text(text))),
        path().prop_map(|text| Permission::Path(PathMatch::Text(meridian_ir::StringMatch::Exact(text)))),
        template,
        range().prop_map(Permission::DestinationIp),
        (0..65536u32, 0..=65536u32)
            .prop_map(|(start, end)| Permission::DestinationPort(PortMatch::Range { start, end })),
        (0..65536u32).prop_map(|port| Permission::DestinationPort(PortMatch::Range { start: port, end: port + 1 })),
        string_match().prop_map(Permission::ServerName),
        metadata().prop_map(Permission::Metadata),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Permission::And),
            vec(inner.clone(), 1..3).prop_map(Permission::Or),
            inner.prop_map(|one| Permission::Not(Box::new(one))),
        ]
    })
    .boxed()
}

fn principal() -> BoxedStrategy<Principal> {
    let leaf = prop_oneof![
        Just(Principal::Any),
        string_match().prop_map(Principal::Authenticated),
        range().prop_map(Principal::DirectRemoteIp),
        range().prop_map(Principal::RemoteIp),
        header().prop_map(Principal::Header),
        metadata().prop_map(Principal::Metadata),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Principal::And),
            vec(inner.clone(), 1..3).prop_map(Principal::Or),
            inner.prop_map(|one| Principal::Not(Box::new(one))),
        ]
    })
    .boxed()
}
