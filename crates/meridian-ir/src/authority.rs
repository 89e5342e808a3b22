//! Trusted authorities: what peers' certificates are verified against.

use crate::Name;

/// Certificates of authorities and their revocation lists, as PEM text (an SDS validation context).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Istio's SDS name, for example `kubernetes://httpbin-credential-cacert`.
    pub name: Name,
    /// PEM of one or more certificates.
    pub certificates: Vec<u8>,
    /// PEM of revocation lists; empty: none is checked.
    pub revocation_lists: Vec<u8>,
}
