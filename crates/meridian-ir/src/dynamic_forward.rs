//! Forwarding to hosts that are known only at run time (Envoy's `dynamic_forward_proxy`): a connection goes where its
//! request's Host, or its ClientHello's server name, says.
//!
//! A proxy that goes wherever it is told can be told to go where its teller must not. So hosts must be on a list, and
//! addresses that are not of the public internet are refused unless the list's author allows them; the address is
//! judged, not the name, because names can be made to resolve to anything.

use crate::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a cluster with [`crate::cluster::Discovery::DynamicForward`] goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct DynamicForward {
    /// Hosts that may be reached: lowercase, `host` or `*.suffix`. Empty: any.
    pub hosts: Vec<Name>,
    /// The port of the hosts; `None`: that of the Host header, else the one that the client was going to.
    pub port: Option<u16>,
    /// Whether addresses that are not of the public internet may be reached.
    pub allow_private: bool,
}

/// Why a host is not forwarded to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither a Host header nor a server name.
    #[error("no_host")]
    NoHost,
    /// The host is not on the list.
    #[error("host_not_allowed")]
    HostNotAllowed,
    /// The address is not of the public internet.
    #[error("{0}_address_not_allowed:{1}")]
    AddressNotAllowed(&'static str, IpAddr),
}

impl DynamicForward {
    /// The host to go to, lowercase and without trailing dot, of what the client named: a Host without its port, or a
    /// server name.
    ///
    /// # Errors
    /// [`Refusal::NoHost`], [`Refusal::HostNotAllowed`]
    pub fn host(&self, named: &[u8]) -> Result<String, Refusal> {
        let named = std::str::from_utf8(named).map_err(|_| Refusal::HostNotAllowed)?;
        let host = named.strip_suffix('.').unwrap_or(named).to_ascii_lowercase();
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner.to_owned(),
            None => host,
        };
        if host.is_empty() {
            return Err(Refusal::NoHost);
        }
        let is_on_list = |listed: &Name| match listed.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => **listed == *host,
        };
        if self.hosts.is_empty() || self.hosts.iter().any(is_on_list) { Ok(host) } else { Err(Refusal::HostNotAllowed) }
    }

    /// The first of `addresses` that may be reached.
    ///
    /// # Errors
    /// [`Refusal::AddressNotAllowed`] with the first address, when none may.
    pub fn address(&self, addresses: &[IpAddr]) -> Result<IpAddr, Refusal> {
        let mut refusal = Refusal::NoHost;
        for address in addresses {
            match not_public(*address) {
                Some(why) if !self.allow_private => {
                    if refusal == Refusal::NoHost {
                        refusal = Refusal::AddressNotAllowed(why, *address);
                    }
                }
                _ => return Ok(*address),
            }
        }
        Err(refusal)
    }
}

/// What an address is, if not one of the public internet (the registries of RFC 6890, and IPv6 forms that carry an IPv4
/// address).
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Some("unspecified"),
        (127, ..) => Some("loopback"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some("private"),
        (100, 64..=127, _) => Some("shared"),
        (169, 254, _) => Some("link_local"),
        (192, 0, 0) | (198, 18..=19, _) => Some("special"),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Some("documentation"),
        (192, 88, 99) => Some("relay"),
        (224..=239, ..) => Some("multicast"),
        // The mesh's own automatic addresses among them.
        (240.., ..) => Some("reserved"),
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let carried = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // IPv4-mapped, IPv4-compatible, translated (RFC 2765), NAT64, 6to4: the address inside counts.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            not_public_v4(carried(high, low)).or(Some("embedded_ipv4"))
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => not_public_v4(carried(high, low)),
        [0x64, 0xff9b, 1, ..] => Some("translation"),
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link_local"),
        [0xfec0..=0xfeff, ..] => Some("site_local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("documentation"),
        // Teredo, benchmarking, ORCHID and the rest of 2001::/23; the mesh's own automatic addresses among them.
        [0x2001, 0..=0x01ff, ..] => Some("special"),
        [0x100, 0, 0, 0, ..] => Some("discard"),
        // Only 2000::/3 is given out.
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_the_list_are_reached() {
        let to =
            DynamicForward { hosts: vec!["*.wikipedia.org".into(), "api.example.com".into()], ..Default::default() };
        for (named, expected) in [
            ("en.wikipedia.org", Ok("en.wikipedia.org")),
            ("EN.Wikipedia.ORG.", Ok("en.wikipedia.org")),
            ("api.example.com", Ok("api.example.com")),
            ("wikipedia.org", Err(Refusal::HostNotAllowed)),
            (".wikipedia.org", Err(Refusal::HostNotAllowed)),
            ("evilwikipedia.org", Err(Refusal::HostNotAllowed)),
            ("en.wikipedia.org.evil.test", Err(Refusal::HostNotAllowed)),
            ("en.wikipedia.org..", Err(Refusal::HostNotAllowed)),
            ("127.0.0.1", Err(Refusal::HostNotAllowed)),
            ("", Err(Refusal::NoHost)),
            (".", Err(Refusal::NoHost)),
        ] {
            assert_eq!(to.host(named.as_bytes()), expected.map(str::to_owned), "{named}");
        }
        assert_eq!(DynamicForward::default().host(b"[2001:db8::1]"), Ok("2001:db8::1".to_owned()), "any host");
    }

    #[test]
    fn addresses_that_are_not_public_are_refused() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.240.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:2::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "4000::1",
            "5f00::1",
        ];
        let to = DynamicForward::default();
        for text in refused {
            let address: IpAddr = text.parse().unwrap();
            assert!(
                matches!(to.address(&[address]), Err(Refusal::AddressNotAllowed(_, refused)) if refused == address),
                "{text}"
            );
            let open = DynamicForward { allow_private: true, ..Default::default() };
            assert_eq!(open.address(&[address]), Ok(address), "{text}");
        }
        for text in
            ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2002:808:808::1"]
        {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(to.address(&[address]), Ok(address), "{text}");
        }
        let both = ["10.0.0.1".parse().unwrap(), "1.1.1.1".parse().unwrap()];
        assert_eq!(to.address(&both), Ok(both[1]), "the next address may be public");
        assert_eq!(to.address(&[]), Err(Refusal::NoHost));
    }
}
