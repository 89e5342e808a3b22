//! TLS settings towards clients and towards endpoints. Certificates are [`crate::Secret`]s, referred to by name.

use crate::Name;

/// Protocol versions that Meridian speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246
    Tls12,
    /// TLS 1.3, RFC 8446
    Tls13,
}

/// TLS termination by a filter chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DownstreamTls {
    /// Secrets with certificate and key, in order of preference. A chain whose secrets are all absent fails its
    /// handshakes, and only those.
    pub certificates: Vec<Name>,
    /// Protocols offered by ALPN, most preferred first.
    pub alpn: Vec<Name>,
    /// Lowest version accepted.
    pub min_version: TlsVersion,
    /// Highest version accepted.
    pub max_version: TlsVersion,
}
