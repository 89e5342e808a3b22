//! Who is at the other end of a connection.

use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;

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
}
