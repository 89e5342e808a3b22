use super::*;
use proptest::prelude::*;

fn config(domains: &[&[&str]]) -> RouteConfig {
    let hosts = domains.iter().map(|domains| {
        let domains = domains.iter().map(|d| Name::from(*d)).collect();
        Arc::new(VirtualHost { name: "host".into(), domains, routes: vec![], require_tls: false })
    });
    RouteConfig::new("http.8080", hosts.collect())
}

fn domain_for(config: &RouteConfig, authority: &str) -> Option<String> {
    config.virtual_host(authority.as_bytes()).map(|host| host.domains[0].to_string())
}

#[test]
fn the_most_specific_domain_wins() {
    let config = config(&[
        &["*"],
        &["*.example.com"],
        &["*.b.example.com"],
        &["a.example.com"],
        &["api.*"],
        &["api.v1.*"],
        &["[2001:db8::1]"],
        &["10.0.0.1"],
    ]);
    for (authority, expected) in [
        ("a.example.com", "a.example.com"),
        ("A.Example.COM:8080", "a.example.com"),
        ("a.example.com:", "a.example.com"),
        ("x.example.com", "*.example.com"),
        ("x.y.example.com", "*.example.com"),
        ("x.b.example.com", "*.b.example.com"),
        ("b.example.com", "*.example.com"),
        // A wildcard stands for at least one character.
        (".example.com", "*"),
        ("example.com", "*"),
        // A trailing dot is part of the name.
        ("a.example.com.", "*"),
        ("api.other.org", "api.*"),
        ("api.v1.org:443", "api.v1.*"),
        // A suffix goes before a prefix.
        ("api.example.com", "*.example.com"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("[2001:DB8::1]:8080", "[2001:db8::1]"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("", "*"),
        (":80", "*"),
    ] {
        assert_eq!(domain_for(&config, authority).as_deref(), Some(expected), "{authority}");
    }
}

#[test]
fn without_a_catch_all_a_stranger_finds_nothing() {
    let config = config(&[&["*.example.com"], &["a.example.com"]]);
    for authority in ["a.example.com.", "example.com", "", "other.org"] {
        assert_eq!(domain_for(&config, authority), None, "{authority}");
    }
    assert!(config.virtual_host(b"\xff.example.com").is_some());
    assert!(config.virtual_host(b"\xff.example.org").is_none());
}

#[test]
fn hosts_longer_than_any_buffer_are_found_too() {
    let long = format!("{}.Example.com", "x".repeat(5000));
    assert_eq!(domain_for(&config(&[&["*.example.com"]]), &long).as_deref(), Some("*.example.com"));
}

#[test]
fn a_domain_stays_with_the_first_that_claims_it() {
    let config = config(&[&["one", "shared"], &["two", "shared"]]);
    assert_eq!(domain_for(&config, "shared").as_deref(), Some("one"));
    assert_eq!(domain_for(&config, "two").as_deref(), Some("two"));
}

#[test]
fn a_change_of_routes_keeps_the_index() {
    let before = config(&[&["a"], &["b"]]);
    let mut hosts: Vec<_> = before.virtual_hosts.iter().cloned().collect();
    hosts[1] = Arc::new(VirtualHost { require_tls: true, ..VirtualHost::clone(&hosts[1]) });
    let after = before.with_virtual_hosts(&hosts);
    assert!(Arc::ptr_eq(&before.index, &after.index));
    assert!(after.virtual_host(b"b").is_some_and(|host| host.require_tls));

    hosts.pop();
    let after = before.with_virtual_hosts(&hosts);
    assert!(after.virtual_host(b"b").is_none());
    assert!(after.virtual_host(b"a").is_some());
}

#[test]
fn many_hosts_come_and_go() {
    let host = |i: u32| {
        let domains = vec![format!("h{i}.example.com").into(), format!("*.w{i}.example.com").into()];
        Arc::new(VirtualHost { name: format!("{i:05}").into(), domains, routes: vec![], require_tls: false })
    };
    let mut hosts: Vec<_> = (0..2000).map(host).collect();
    let mut config = RouteConfig::new("http.8080", hosts.clone());
    for i in 0..1000u32 {
        hosts.remove((i * 7 % 1000) as usize);
        hosts.push(host(2000 + i));
        config = config.with_virtual_hosts(&hosts);
    }
    for (position, host) in hosts.iter().enumerate() {
        for authority in [host.domains[0].to_string(), host.domains[1].replace('*', "x")] {
            let found = config.virtual_host(authority.as_bytes());
            assert!(found.is_some_and(|found| Arc::ptr_eq(found, &hosts[position])), "{authority}");
        }
    }
    assert!(config.virtual_host(b"h0.example.com").is_none());
    assert!(config.index.slots() <= 3 * 8192, "what is gone takes no room for ever");
}

/// The definition, without an index.
fn naive<'c>(config: &'c RouteConfig, host: &str) -> Option<&'c Arc<VirtualHost>> {
    let rank = |domain: &str| -> Option<(u8, usize)> {
        if domain == "*" {
            return Some((0, 0));
        }
        if let Some(suffix) = domain.strip_prefix('*') {
            return (host.len() > suffix.len() && host.ends_with(suffix)).then_some((2, suffix.len()));
        }
        if let Some(prefix) = domain.strip_suffix('*') {
            return (host.len() > prefix.len() && host.starts_with(prefix)).then_some((1, prefix.len()));
        }
        (host == domain).then_some((3, 0))
    };
    let mut best: Option<((u8, usize), &Arc<VirtualHost>)> = None;
    for virtual_host in &config.virtual_hosts {
        for found in virtual_host.domains.iter().filter_map(|domain| rank(domain)) {
            if best.is_none_or(|(rank, _)| found > rank) {
                best = Some((found, virtual_host));
            }
        }
    }
    best.map(|(_, virtual_host)| virtual_host)
}

proptest! {
    #[test]
    fn the_index_finds_what_the_definition_says(
        domains in prop::collection::vec("\\*|\\*?[ab.]{1,4}|[ab.]{1,4}\\*", 0..12),
        host in "[ab.]{0,6}",
    ) {
        let domains: Vec<[&str; 1]> = domains.iter().map(|d| [d.as_str()]).collect();
        let domains: Vec<&[&str]> = domains.iter().map(|d| &d[..]).collect();
        let config = config(&domains);
        let found = config.virtual_host(host.as_bytes()).map(Arc::as_ptr);
        prop_assert_eq!(found, naive(&config, &host).map(Arc::as_ptr));
    }

    #[test]
    fn an_index_that_follows_changes_finds_the_same(
        lists in prop::collection::vec(prop::collection::btree_set("\\*|\\*?[ab.]{1,3}|[ab.]{1,3}\\*", 0..12), 1..5),
        hosts in prop::collection::vec("[ab.]{0,4}", 1..8),
        sorted in any::<bool>(),
    ) {
        let mut config = config(&[]);
        for list in lists {
            let mut virtual_hosts: Vec<_> = list.iter().map(|domain| {
                let domains = vec![domain.as_str().into(), format!("{domain}{domain}").replace('*', "").into()];
                Arc::new(VirtualHost { name: domain.as_str().into(), domains, routes: vec![], require_tls: false })
            }).collect();
            if !sorted {
                virtual_hosts.reverse();
            }
            config = config.with_virtual_hosts(&virtual_hosts);
            for host in &hosts {
                let found = config.virtual_host(host.as_bytes()).map(Arc::as_ptr);
                prop_assert_eq!(found, naive(&config, host).map(Arc::as_ptr), "{}", host);
            }
        }
    }
}
