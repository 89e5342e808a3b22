//! What is read from an option, and what is refused.

use proptest::prelude::*;

use super::{Interface, Owner, PortRange, Ports, Ranges, list, ranges};

#[test]
fn ports_are_numbers_and_ranges() {
    let port = |first, last| PortRange { first, last };
    for (text, ports) in [
        ("*", Ports::All),
        (" * ", Ports::All),
        ("", Ports::Only(vec![])),
        (" , ", Ports::Only(vec![])),
        ("80", Ports::Only(vec![port(80, 80)])),
        ("80, 443,", Ports::Only(vec![port(80, 80), port(443, 443)])),
        ("8000-8010,9000:9001", Ports::Only(vec![port(8000, 8010), port(9000, 9001)])),
        ("65535", Ports::Only(vec![port(65535, 65535)])),
    ] {
        assert_eq!(text.parse::<Ports>(), Ok(ports), "{text}");
    }
    for text in ["0", "65536", "-1", "+80", "http", "80 443", "90-80", "80-", "*,80", "80-90-100"] {
        let error = text.parse::<Ports>().unwrap_err().to_string();
        assert!(error.ends_with("is not a port from 1 to 65535, or a range of ports such as 8000-8010"), "{error}");
    }
}

#[test]
fn ranges_are_addresses_with_or_without_a_prefix() {
    for (text, read) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("fd00::1/8", "fd00::/8"),
        ("::1", "::1/128"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ] {
        let found: Vec<_> = ranges(text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, [read], "{text}");
    }
    assert_eq!("*".parse(), Ok(Ranges::All));
    assert_eq!("".parse(), Ok(Ranges::Only(vec![])));
    for text in ["10.0.0.0/33", "10.0.0/8", "example.com", "*,10.0.0.0/8", "10.0.0.0/8 10.0.0.0/9", "10.0.0.0-10.0.0.9"]
    {
        let error = text.parse::<Ranges>().unwrap_err().to_string();
        assert!(error.contains("is not a range of addresses such as 10.0.0.0/8"), "{error}");
    }
}

#[test]
fn a_range_on_the_loopback_is_seen() {
    for (text, has) in [("127.0.0.0/8", true), ("10.0.0.0/8,::1/128", true), ("10.0.0.0/8", false), ("*", false)] {
        assert_eq!(text.parse::<Ranges>().unwrap().has_loopback(), has, "{text}");
    }
}

#[test]
fn interfaces_and_owners_cannot_carry_rules_in_their_names() {
    assert_eq!("eth+".parse(), Ok(Interface { name: "eth".to_owned(), wildcard: true }));
    assert_eq!("eth0.1".parse(), Ok(Interface { name: "eth0.1".to_owned(), wildcard: false }));
    for text in ["", "+", "eth0 -j ACCEPT", "eth\"0", "a-name-of-sixteen", "-i", "eth\n0"] {
        assert!(text.parse::<Interface>().is_err(), "{text:?}");
    }
    for text in ["0", "1337", "istio-proxy", "_apt"] {
        assert_eq!(text.parse::<Owner>().unwrap().to_string(), text);
    }
    for text in ["", "-1", "+1", "4294967296", "a b", "-j", "x\ny"] {
        assert!(text.parse::<Owner>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn ports_are_read_as_they_are_written(first in 1u16.., last in 1u16..) {
        let range = PortRange { first: first.min(last), last: first.max(last) };
        prop_assert_eq!(range.to_string().parse(), Ok(range));
    }

    #[test]
    fn ranges_are_read_as_they_are_written(address: std::net::IpAddr, prefix in 0u8..=128) {
        let prefix = if address.is_ipv4() { prefix % 33 } else { prefix };
        let text = format!("{address}/{prefix}");
        let read = ranges(&text).unwrap();
        prop_assert_eq!(ranges(&read[0].to_string()).unwrap(), read.clone());
        prop_assert!(read[0].contains(&address));
    }

    #[test]
    fn no_text_makes_a_list_panic(text: String) {
        let _ = list::<PortRange>(&text);
        let _ = list::<Interface>(&text);
        let _ = list::<Owner>(&text);
        let _ = ranges(&text);
    }
}
