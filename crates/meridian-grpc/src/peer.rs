//! Who is at the other end of a connection.

use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The client of a request; a [`crate::Server`] puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub is_tls: bool,
    /// The certificates that it has shown and that were verified, its own first; empty: none.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

impl Peer {
    /// The SPIFFE identities of its certificate, such as `spiffe://cluster.local/ns/default/sa/sleep`.
    #[must_use]
    pub fn spiffe_ids(&self) -> Vec<String> {
        let certificate = self.certificates.first().and_then(|der| meridian_tls::certificate::parse(der));
        let uris = certificate.iter().flat_map(|certificate| certificate.uris());
        uris.filter(|uri| uri.starts_with("spiffe://")).map(str::to_owned).collect()
    }

    /// Until when its certificate is valid; `None`: it has shown none.
    #[must_use]
    pub fn valid_until(&self) -> Option<SystemTime> {
        let certificate = meridian_tls::certificate::parse(self.certificates.first()?)?;
        // A time before 1970 is over.
        let seconds = u64::try_from(certificate.not_after).unwrap_or_default();
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}
