use super::*;

fn listener(address: &str, additional: &[&str], hand_over: bool) -> Arc<Listener> {
    Arc::new(Listener {
        name: address.into(),
        address: address.parse().unwrap(),
        additional_addresses: additional.iter().map(|address| address.parse().unwrap()).collect(),
        bind_to_port: !hand_over,
        capture: Capture { hand_over, ..Capture::default() },
        direction: Direction::Outbound,
        proxy_protocol: false,
        tls_inspector: true,
        http_inspector: true,
        chains: vec![],
        default_chain: None,
        access_log: vec![],
        origins: vec![],
        ..Listener::default()
    })
}

#[test]
fn the_nearest_listener_takes_a_connection() {
    let all = [
        listener("0.0.0.0:80", &["[::]:80"], false),
        listener("0.0.0.0:81", &[], false),
        listener("10.0.0.1:80", &[], false),
        listener("0.0.0.0:15001", &[], true),
    ];
    let found = |to: &str| of_destination(&all, to.parse().unwrap()).map(|found| found.name.to_string());
    assert_eq!(found("10.0.0.1:80").as_deref(), Some("10.0.0.1:80"));
    assert_eq!(found("[::ffff:10.0.0.1]:80").as_deref(), Some("10.0.0.1:80"), "a mapped address is that address");
    assert_eq!(found("10.0.0.2:80").as_deref(), Some("0.0.0.0:80"));
    assert_eq!(found("[2001:db8::1]:80").as_deref(), Some("0.0.0.0:80"), "by its additional address");
    assert_eq!(found("[2001:db8::1]:81").as_deref(), Some("0.0.0.0:15001"), "another family");
    assert_eq!(found("10.0.0.1:9999").as_deref(), Some("0.0.0.0:15001"));
    assert!(of_destination(&all[..3], "10.0.0.1:9999".parse().unwrap()).is_none(), "a gateway has no such listener");
}

#[test]
fn inspectors_are_left_out_for_some_ports() {
    let capture = Capture {
        tls_inspector_disabled: PortMatch::Range { start: 15006, end: 15007 },
        http_inspector_disabled: PortMatch::Not(Box::new(PortMatch::Range { start: 80, end: 81 })),
        ..Capture::default()
    };
    let listener = Listener { capture, ..(*listener("0.0.0.0:15006", &[], false)).clone() };
    assert_eq!(listener.inspectors(80), Inspectors { tls: true, http: true });
    assert_eq!(listener.inspectors(443), Inspectors { tls: true, http: false });
    let blind = listener.inspectors(15006);
    assert_eq!(blind, Inspectors { tls: false, http: false });
    assert_eq!(blind.transport_protocol(true), TransportProtocol::RawBuffer);
    assert_eq!(listener.inspectors(443).transport_protocol(true), TransportProtocol::Tls);
}
