//! Names of what is made for a Gateway: `GATEWAY-CLASS` (GEP-1762).

/// The longest name of a Service, and the longest value of a label.
pub(crate) const LONGEST: usize = 63;

/// What is made for a Gateway is called so: `GATEWAY-CLASS` where that is a name that a Service can have, else one that
/// is close to it with a hash of both names at its end.
pub(crate) fn of(gateway: &str, class: &str) -> String {
    let plain = format!("{gateway}-{class}");
    if is_service_name(&plain) {
        return plain;
    }
    let hash = format!("{:08x}", fnv1a(format!("{gateway}/{class}").as_bytes()));
    let mut readable: String = plain.chars().map(|c| if c == '.' { '-' } else { c }).collect();
    if !readable.starts_with(|c: char| c.is_ascii_lowercase()) {
        readable.insert_str(0, "g-");
    }
    readable.truncate(LONGEST - hash.len() - 1);
    format!("{}-{hash}", readable.trim_end_matches('-'))
}

/// Whether it is a DNS label that begins with a letter (RFC 1035), as Services need.
fn is_service_name(name: &str) -> bool {
    name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// FNV-1a with 32 bits: it makes two names different, it hides nothing.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_and_its_class() {
        assert_eq!(of("edge", "meridian"), "edge-meridian");
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968, "as the specification of FNV says");
    }

    #[test]
    fn what_no_service_can_be_called_gets_a_hash() {
        for name in ["a.b", "1st", &"long".repeat(20), &"x".repeat(54)] {
            let made = of(name, "meridian");
            assert!(is_service_name(&made), "{name}: {made}");
            assert_ne!(made, of(&format!("{name}x"), "meridian"));
            assert_ne!(made, of(name, "other"));
        }
        assert!(of("a.b", "meridian").starts_with("a-b-meridian-"));
        assert!(of("1st", "meridian").starts_with("g-1st-meridian-"));
        assert_ne!(of("a.b", "c"), of("a-b", "c"));
    }
}
