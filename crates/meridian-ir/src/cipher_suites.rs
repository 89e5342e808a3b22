//! TLS 1.2 cipher suites by OpenSSL's names, as `cipherSuites` lists them. TLS 1.3 has its own, which nobody configures.

/// The suites that can be spoken, most preferred first: forward secrecy and authenticated encryption only.
pub const SUPPORTED: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// Suites that Istio allows and Meridian does not speak: with CBC, without forward secrecy, or with triple DES.
pub const UNSUPPORTED: [&str; 9] = [
    "AES128-GCM-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA",
    "DES-CBC3-SHA",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
];

/// What is known of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It can be spoken.
    Supported,
    /// Istio allows it; Meridian does not speak it.
    Unsupported,
    /// No suite has this name.
    Unknown,
}

/// What is known of the suite `name`.
pub fn support(name: &str) -> Support {
    if SUPPORTED.contains(&name) {
        Support::Supported
    } else if UNSUPPORTED.contains(&name) {
        Support::Unsupported
    } else {
        Support::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for (name, expected) in [
            ("ECDHE-RSA-AES128-GCM-SHA256", Support::Supported),
            ("ECDHE-RSA-AES256-SHA", Support::Unsupported),
            ("TLS_AES_128_GCM_SHA256", Support::Unknown),
            ("ecdhe-rsa-aes128-gcm-sha256", Support::Unknown),
        ] {
            assert_eq!(support(name), expected, "{name}");
        }
    }
}
