//! TLS between proxies and the control plane: who is asked is verified by name, who asks by the mesh's roots.

use crate::WorkloadCertificate;
use meridian_tls::PROVIDER;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;

/// The host names by which proxies know the control plane, as istiod's certificate has them.
pub const CONTROL_PLANE_NAMES: [&str; 4] =
    ["istiod.istio-system.svc", "istiod.istio-system", "istio-pilot.istio-system.svc", "localhost"];

/// Why no TLS can be had with these certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificate and key.
    #[error(transparent)]
    Pair(#[from] meridian_tls::PairError),
    /// The roots.
    #[error("the roots: {0}")]
    Roots(#[from] meridian_tls::TrustError),
    /// What the library says.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// What the library says of the roots.
    #[error("the roots: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// A server for HTTP/2 that shows `own` and verifies the certificate of a client that has one; a client without one is
/// let in too, and shows a token.
///
/// # Errors
/// The texts are not what they should be.
pub fn server_config(own: &WorkloadCertificate) -> Result<ServerConfig, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&own.roots)?), PROVIDER.clone());
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
        .with_cert_resolver(resolver(own)?);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A ticket would outlive a change of the roots.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// A client for HTTP/2 that trusts `trusted` (PEM), and shows `own` if there is one.
///
/// # Errors
/// The texts are not what they should be.
pub fn client_config(trusted: &str, own: Option<&WorkloadCertificate>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(trusted)?);
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(resolver(own)?),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn resolver(own: &WorkloadCertificate) -> Result<Arc<rustls::sign::SingleCertAndKey>, TlsError> {
    let key: CertifiedKey = meridian_tls::load_pair(own.chain.as_bytes(), own.key.as_bytes())?;
    Ok(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
}

fn roots(pem: &str) -> Result<RootCertStore, TlsError> {
    Ok(RootCertStore { roots: meridian_tls::load_trust(pem.as_bytes(), b"")?.anchors })
}
