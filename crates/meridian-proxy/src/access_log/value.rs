//! Printing numbers, addresses and names into a byte buffer.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// Appends `value` in decimal.
pub(super) fn decimal(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` in decimal, with zeros in front up to `digits`.
pub(super) fn padded(out: &mut Vec<u8>, value: u64, digits: usize) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value).as_bytes();
    for _ in text.len()..digits {
        out.push(b'0');
    }
    out.extend_from_slice(text);
}

/// The beginning of `value`, up to `max` bytes.
pub(super) fn truncated(value: &[u8], max: Option<usize>) -> &[u8] {
    &value[..max.map_or(value.len(), |max| value.len().min(max))]
}

/// Appends an address without port, IPv4-mapped ones as IPv4, as Envoy does for dual-stack sockets.
pub(super) fn ip(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (position, byte) in address.octets().into_iter().enumerate() {
                if position > 0 {
                    out.push(b'.');
                }
                decimal(out, byte.into());
            }
        }
        IpAddr::V6(address) => {
            let written = write!(out, "{address}");
            debug_assert!(written.is_ok(), "a vector takes everything");
        }
    }
}

/// Appends `address:port`, or `[address]:port`.
pub(super) fn socket(out: &mut Vec<u8>, address: SocketAddr) {
    let bracketed = address.ip().to_canonical().is_ipv6();
    if bracketed {
        out.push(b'[');
    }
    ip(out, address.ip());
    if bracketed {
        out.push(b']');
    }
    out.push(b':');
    decimal(out, address.port().into());
}

/// Appends a server name as Envoy logs it: one with bytes that no host name has gets `_` for them and `invalid:` in
/// front, so that a client cannot write anything into the log.
pub(super) fn server_name(out: &mut Vec<u8>, name: &str) {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if name.bytes().all(legal) {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    out.extend_from_slice(b"invalid:");
    out.extend(name.bytes().map(|byte| if legal(byte) { byte } else { b'_' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        print(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn addresses() {
        for (address, expected) in [
            ("10.1.3.73:42256", "10.1.3.73:42256"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("[::ffff:10.0.0.1]:0", "10.0.0.1:0"),
        ] {
            assert_eq!(printed(|out| socket(out, address.parse().unwrap())), expected);
        }
    }

    #[test]
    fn server_names_cannot_write_the_log() {
        assert_eq!(printed(|out| server_name(out, "www.google.com")), "www.google.com");
        assert_eq!(
            printed(|out| server_name(out, "outbound_.8000_._.service-a.default.svc.cluster.local")),
            "invalid:outbound_.8000_._.service-a.default.svc.cluster.local"
        );
        assert_eq!(printed(|out| server_name(out, "a\" b\n")), "invalid:a__b_");
    }
}
