use super::*;
use proptest::prelude::*;

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = V2.to_vec();
    out.extend([0x20 | command, family]);
    out.extend((rest.len() as u16).to_be_bytes());
    out.extend(rest);
    out
}

const IPV4: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 0x04, 0x57, 0x08, 0xae];

fn addresses(source: &str, destination: &str) -> Addresses {
    Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

/// Each was sent to Envoy 1.40, which took or refused it as is said here; but for the length, which Envoy does not limit.
#[test]
fn headers_are_taken_and_refused_as_by_envoy() {
    let four = Some(addresses("1.2.3.4:1111", "5.6.7.8:2222"));
    let six = Some(addresses("[2001:db8::1]:1111", "[2001:db8::2]:2222"));
    let with = |extension: &[u8]| v2(1, 0x11, &[&IPV4, extension].concat());
    let mut ipv6 = Vec::new();
    for last in [1, 2] {
        ipv6.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    ipv6.extend(&IPV4[8..]);
    for (bytes, expected) in [
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n".to_vec(), Ok(four)),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n".to_vec(), Ok(six)),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n".to_vec(), Ok(Some(addresses("1.2.3.4:0", "5.6.7.8:0")))),
        (b"PROXY UNKNOWN\r\n".to_vec(), Ok(None)),
        (b"PROXY UNKNOWN a b c d\r\n".to_vec(), Ok(None)),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Err(HeaderError::Missing)),
        (b"PROXY TCP4 1.2.3.4\r\nGET / HTTP/1.1\r\n\r\n".to_vec(), Err(HeaderError::Malformed)),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 99999\r\n".to_vec(), Err(HeaderError::Malformed)),
        (b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n".to_vec(), Err(HeaderError::Malformed)),
        ([b"PROXY UNKNOWN ".to_vec(), vec![b'a'; 100], b"\n".to_vec()].concat(), Err(HeaderError::Malformed)),
        (v2(1, 0x11, &IPV4), Ok(four)),
        (v2(1, 0x12, &IPV4), Ok(four)),
        (v2(1, 0x21, &ipv6), Ok(six)),
        (v2(0, 0, &[]), Ok(None)),
        (v2(0, 0x11, &IPV4), Ok(None)),
        (with(b"\x04\x00\x03abc"), Ok(four)),
        (with(b"\x04\xff\xff"), Err(HeaderError::Malformed)),
        (with(b"\x04"), Err(HeaderError::Malformed)),
        (v2(1, 0, &[]), Err(HeaderError::NotIp)),
        (v2(1, 0x31, &[0; 216]), Err(HeaderError::NotIp)),
        (v2(1, 0x11, &IPV4[..8]), Err(HeaderError::Malformed)),
        (v2(2, 0x11, &IPV4), Err(HeaderError::Malformed)),
        (with(&[&[4, 0x0b, 0xb8][..], &[b'z'; 3000]].concat()), Ok(four)),
        (with(&[b'z'; 5000]), Err(HeaderError::TooLong)),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let whole = parse(&[&bytes[..], b"GET / HTTP/1.1\r\nHost: a-host-that-is-long\r\n\r\n"].concat());
        match (whole, expected) {
            (Ok(Some(header)), Ok(expected)) => {
                assert_eq!((header.len, header.addresses), (bytes.len(), expected), "{shown:?}");
                // It is complete with its last byte, and not before.
                assert_eq!(parse(&bytes), Ok(Some(header)), "{shown:?}");
                for end in 0..bytes.len() {
                    assert_eq!(parse(&bytes[..end]), Ok(None), "{end} bytes of {shown:?}");
                }
            }
            (Err(error), Err(expected)) => assert_eq!(error, expected, "{shown:?}"),
            (found, expected) => panic!("{shown:?}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn ends_of_two_families_are_not_told() {
    let mixed = addresses("1.2.3.4:1", "[2001:db8::2]:2");
    assert_eq!(encode(ProxyProtocolVersion::V1, Some(&mixed)), b"PROXY UNKNOWN\r\n");
    assert_eq!(parse(&encode(ProxyProtocolVersion::V2, Some(&mixed))).unwrap().unwrap().addresses, None);
    assert_eq!(encode(ProxyProtocolVersion::V1, None), b"PROXY UNKNOWN\r\n");
    let mapped = addresses("[::ffff:1.2.3.4]:1", "5.6.7.8:2");
    assert_eq!(encode(ProxyProtocolVersion::V1, Some(&mapped)), b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(v4: bool, source: (u128, u16), destination: (u128, u16), second: bool) {
        let address = |(bits, port): (u128, u16)| match v4 {
            true => SocketAddr::from((std::net::Ipv4Addr::from_bits(bits as u32), port)),
            false => SocketAddr::from((std::net::Ipv6Addr::from_bits(bits | 1 << 127), port)),
        };
        let told = Addresses { source: address(source), destination: address(destination) };
        let version = if second { ProxyProtocolVersion::V2 } else { ProxyProtocolVersion::V1 };
        let bytes = encode(version, Some(&told));
        prop_assert_eq!(parse(&bytes), Ok(Some(Header { len: bytes.len(), addresses: Some(told) })));
    }

    /// Whatever comes, the answer does not change when more comes, but from "not yet"; and waiting has an end.
    #[test]
    fn any_bytes_are_judged_once(
        start in prop_oneof![Just(V1.to_vec()), Just(V2.to_vec()), Just(b"PROXY TCP4 1.2.3.4 ".to_vec()), Just(Vec::new())],
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [start, rest].concat();
        let mut judged = None;
        for end in 0..=bytes.len() {
            let now = parse(&bytes[..end]);
            if let Some(before) = judged {
                prop_assert_eq!(now, before);
            } else if now != Ok(None) {
                judged = Some(now);
            }
            if let Ok(Some(header)) = now {
                prop_assert!(header.len <= end && header.len <= MAX_HEADER);
            }
        }
    }
}
