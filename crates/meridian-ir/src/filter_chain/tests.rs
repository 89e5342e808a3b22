use super::*;
use crate::listener::Direction;
use std::time::Duration;

fn chain(name: &str, matcher: ChainMatch) -> Arc<FilterChain> {
    let proxy = TcpProxy {
        stat_prefix: name.into(),
        clusters: vec![],
        idle_timeout: Duration::ZERO,
        access_log: vec![],
        hash_source_ip: false,
        ..TcpProxy::default()
    };
    Arc::new(FilterChain { name: name.into(), matcher, tls: None, filters: Filters::Tcp(proxy.into()), origin: None })
}

fn listener(chains: Vec<Arc<FilterChain>>, default_chain: Option<Arc<FilterChain>>) -> Listener {
    Listener {
        name: "0.0.0.0_8443".into(),
        address: ([0, 0, 0, 0], 8443).into(),
        bind_to_port: true,
        additional_addresses: Vec::new(),
        capture: crate::listener::Capture::default(),
        proxy_protocol: false,
        direction: Direction::Outbound,
        tls_inspector: true,
        http_inspector: false,
        chains,
        default_chain,
        access_log: vec![],
        origins: vec![],
        ..Listener::default()
    }
}

fn names(hosts: &[&str]) -> ChainMatch {
    ChainMatch { server_names: hosts.iter().filter_map(|h| ServerName::new(h)).collect(), ..Default::default() }
}

fn tls(server_name: Option<&str>) -> ConnectionView<'_> {
    ConnectionView {
        destination: ([10, 0, 0, 9], 8443).into(),
        server_name,
        transport_protocol: TransportProtocol::Tls,
        application_protocols: &[],
    }
}

fn chosen<'l>(listener: &'l Listener, connection: &ConnectionView<'_>) -> Option<&'l str> {
    select(listener, connection).chain().map(|chain| &*chain.name)
}

#[test]
fn exact_server_names_beat_longer_wildcards_beat_none() {
    let listener = listener(
        vec![
            chain("any", ChainMatch::default()),
            chain("wide", names(&["*.example.com"])),
            chain("narrow", names(&["*.b.example.com", "x.example.org"])),
            chain("exact", names(&["a.b.example.com"])),
        ],
        None,
    );
    for (server_name, expected) in [
        (Some("a.b.example.com"), "exact"),
        (Some("A.B.Example.com"), "exact"),
        (Some("c.b.example.com"), "narrow"),
        (Some("x.example.org"), "narrow"),
        (Some("b.example.com"), "wide"),
        (Some("example.com"), "any"),
        (None, "any"),
    ] {
        assert_eq!(chosen(&listener, &tls(server_name)), Some(expected), "{server_name:?}");
    }
}

#[test]
fn nobody_for_a_stranger() {
    let strict = listener(vec![chain("a", names(&["a.example.com"]))], None);
    for server_name in [Some("b.example.com"), None] {
        assert!(matches!(select(&strict, &tls(server_name)), Selection::None));
    }
    let lenient = listener(vec![chain("a", names(&["a.example.com"]))], Some(chain("other", ChainMatch::default())));
    assert!(matches!(select(&lenient, &tls(Some("b"))), Selection::Default(chain) if &*chain.name == "other"));
}

#[test]
fn there_is_no_way_back_from_a_better_criterion() {
    // The server name decides before the transport protocol, so a plaintext-only chain that names the host is chosen
    // among, and then fails: the chain for any host is not looked at again.
    let raw = ChainMatch { transport_protocol: Some(TransportProtocol::RawBuffer), ..names(&["a.example.com"]) };
    let listener = listener(vec![chain("any", ChainMatch::default()), chain("raw", raw)], None);
    assert_eq!(chosen(&listener, &tls(Some("a.example.com"))), None);
    assert_eq!(chosen(&listener, &tls(Some("b.example.com"))), Some("any"));
}

#[test]
fn ports_come_before_addresses_and_the_longest_range_wins() {
    let range = |ranges: &[&str], port| ChainMatch {
        destination_port: port,
        prefix_ranges: ranges.iter().map(|r| r.parse().expect("a range")).collect(),
        ..Default::default()
    };
    let listener = listener(
        vec![
            chain("wide", range(&["10.0.0.0/8"], None)),
            chain("narrow", range(&["10.0.0.0/24", "192.168.0.0/16"], None)),
            chain("port", range(&[], Some(15001))),
        ],
        None,
    );
    let to = |address: &str| ConnectionView { destination: address.parse().expect("an address"), ..tls(None) };
    for (address, expected) in [
        ("10.0.0.9:80", Some("narrow")),
        ("[::ffff:10.0.0.9]:80", Some("narrow")),
        ("10.1.0.9:80", Some("wide")),
        ("192.168.7.7:80", Some("narrow")),
        ("10.0.0.9:15001", Some("port")),
        ("172.16.0.1:80", None),
    ] {
        assert_eq!(chosen(&listener, &to(address)), expected, "{address}");
    }
}

#[test]
fn the_first_offered_protocol_that_a_chain_has_decides() {
    let alpn = |names: &[&str]| ChainMatch {
        application_protocols: names.iter().map(|n| Name::from(*n)).collect(),
        ..Default::default()
    };
    let listener = listener(
        vec![chain("one", alpn(&["http/1.1"])), chain("two", alpn(&["h2"])), chain("rest", ChainMatch::default())],
        None,
    );
    for (offered, expected) in [
        (&[&b"h2"[..], b"http/1.1"][..], "two"),
        (&[b"http/1.1", b"h2"], "one"),
        (&[b"spdy/1", b"h2"], "two"),
        (&[b"spdy/1"], "rest"),
        (&[], "rest"),
    ] {
        let connection = ConnectionView { application_protocols: offered, ..tls(None) };
        assert_eq!(chosen(&listener, &connection), Some(expected), "{offered:?}");
    }
}
