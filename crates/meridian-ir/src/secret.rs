//! Certificates and keys. Never shown: `Debug` prints the name and sizes only.

use crate::Name;
use std::fmt;

/// A certificate chain with its private key, as PEM text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Istio's SDS name, for example `kubernetes://httpbin-credential`.
    pub name: Name,
    /// PEM of the chain, leaf first.
    pub certificate_chain: Vec<u8>,
    /// PEM of the key (PKCS#8, PKCS#1 or SEC1).
    pub private_key: Vec<u8>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("name", &self.name)
            .field("certificate_chain_bytes", &self.certificate_chain.len())
            .finish_non_exhaustive()
    }
}
