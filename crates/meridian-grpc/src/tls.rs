//! TLS between the control plane and its proxies: version 1.2 or 1.3, ALPN `h2`.

use arc_swap::ArcSwap;
use meridian_tls::{PairError, TrustError};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name that the control plane's certificate is for, wherever it is reached (that of Istio's own).
pub const CONTROL_PLANE: &str = "istiod.istio-system.svc";

const ALPN: &[u8] = b"h2";

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificate and key.
    #[error("the certificate cannot be used: {0}")]
    Pair(#[from] PairError),
    /// Authorities.
    #[error("the root certificates cannot be used: {0}")]
    Trust(#[from] TrustError),
    /// Something that rustls does not accept.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
    /// The roots hold nothing to verify with.
    #[error("the root certificates cannot be used: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    /// No host name.
    #[error("found {0:?}, allowed: the name of the control plane, such as istiod.istio-system.svc")]
    Name(String),
}

/// A certificate chain with its key, and the authorities that peers are verified against; all as PEM text.
#[derive(Clone, Copy)]
pub struct Pem<'p> {
    /// The certificate chain, leaf first.
    pub certificate_chain: &'p [u8],
    /// Its key.
    pub private_key: &'p [u8],
    /// The authorities.
    pub roots: &'p [u8],
}

/// The server's side. Clients may show a certificate, which must be of the authorities then.
#[derive(Debug)]
pub struct ServerTls(ArcSwap<ServerConfig>);

impl ServerTls {
    /// Serves with these.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(pem: Pem<'_>) -> Result<ServerTls, TlsError> {
        Ok(ServerTls(ArcSwap::from_pointee(server_config(pem)?)))
    }

    /// Serves new connections with others; open ones stay.
    ///
    /// # Errors
    /// See [`TlsError`]; then nothing changes.
    pub fn replace(&self, pem: Pem<'_>) -> Result<(), TlsError> {
        self.0.store(Arc::new(server_config(pem)?));
        Ok(())
    }

    /// A handshake; what is returned beside the stream are the verified certificates of the client.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<(tokio_rustls::server::TlsStream<S>, Arc<[CertificateDer<'static>]>)> {
        let stream = TlsAcceptor::from(self.0.load_full()).accept(stream).await?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Ok((stream, certificates))
    }
}

fn server_config(pem: Pem<'_>) -> Result<ServerConfig, TlsError> {
    let pair = meridian_tls::load_pair(pem.certificate_chain, pem.private_key)?;
    let provider = meridian_tls::PROVIDER.clone();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(pem.roots)?, provider.clone())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver(pair));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would bring back a certificate that was verified against other authorities.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The client's side.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl ClientTls {
    /// Trusts `roots` (PEM) to say who is called `name`, and shows no certificate.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn anonymous(roots: &[u8], name: &str) -> Result<ClientTls, TlsError> {
        ClientTls::new(roots, None, name)
    }

    /// The same, and shows a certificate.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn with_certificate(pem: Pem<'_>, name: &str) -> Result<ClientTls, TlsError> {
        let pair = meridian_tls::load_pair(pem.certificate_chain, pem.private_key)?;
        ClientTls::new(pem.roots, Some(pair), name)
    }

    fn new(roots_pem: &[u8], pair: Option<CertifiedKey>, name: &str) -> Result<ClientTls, TlsError> {
        let provider = meridian_tls::PROVIDER.clone();
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(roots_pem)?, provider.clone()).build()?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_webpki_verifier(verifier);
        let mut config = match pair {
            Some(pair) => builder.with_client_cert_resolver(resolver(pair)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))?;
        Ok(ClientTls { config: Arc::new(config), name })
    }

    pub(crate) fn server_name(&self) -> &str {
        match &self.name {
            ServerName::DnsName(name) => name.as_ref(),
            _ => CONTROL_PLANE,
        }
    }

    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<tokio_rustls::client::TlsStream<S>> {
        TlsConnector::from(self.config.clone()).connect(self.name.clone(), stream).await
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls").field("name", &self.name).finish_non_exhaustive()
    }
}

fn resolver(pair: CertifiedKey) -> Arc<SingleCertAndKey> {
    Arc::new(SingleCertAndKey::from(pair))
}

fn roots(pem: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let trust = meridian_tls::load_trust(pem, b"")?;
    Ok(Arc::new(RootCertStore { roots: trust.anchors }))
}
