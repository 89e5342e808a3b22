//! TLS of the API: what it serves with, and which certificates of clients it lets in.
//!
//! As in Kubernetes every client certificate passes the handshake when its key is there: whether it counts is
//! authentication's question, whose answer is a `Status` that the client understands.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme};

use crate::pki::{Pki, PkiError};

/// The protocols that are offered, the first most; client-go takes HTTP/2.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Who signs the certificates of clients.
pub(crate) type Verifier = Arc<dyn ClientCertVerifier>;

/// The verifier of client certificates, and the configuration to accept connections with.
pub(crate) fn configuration(pki: &Pki) -> Result<(Verifier, Arc<ServerConfig>), PkiError> {
    let provider = meridian_tls::PROVIDER.clone();
    let mut roots = RootCertStore::empty();
    let unreadable = |_| Error::General("ca.crt is no certificate in PEM".to_owned());
    roots.add(CertificateDer::from_pem_slice(pki.authority().as_bytes()).map_err(unreadable)?)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(Later(verifier.clone())))
        .with_cert_resolver(Arc::new(Current(pki.clone())));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok((verifier, Arc::new(config)))
}

/// Serves with the certificate that is there at the moment.
#[derive(Debug)]
struct Current(Pki);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.serving(SystemTime::now()))
    }
}

/// Asks for a certificate, wants a proof of its key, and leaves to others who has signed it.
#[derive(Debug)]
struct Later(Verifier);

impl ClientCertVerifier for Later {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
