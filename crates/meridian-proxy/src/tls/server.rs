//! TLS towards clients: one server configuration for each certificate-and-policy, so that tickets never cross policies.

use super::PeerCertificate;
use super::store::{Materials, TlsStore};
use super::verify::{PeerVerifier, Role};
use super::{HANDSHAKE_TIMEOUT, PEER_EXCHANGE, TlsError, TlsFailure, provider, versions};
use meridian_ir::ProxyConfig;
use meridian_ir::tls::DownstreamTls;
use meridian_tls::{Certificate, certificate};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureAlgorithm};
use std::cmp::Reverse;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// TLS of a filter chain, ready for its connections.
#[derive(Debug)]
pub struct ServerTls {
    /// For clients that offer no protocol by ALPN, or one that is spoken.
    pub config: Arc<ServerConfig>,
    /// For clients that offer others only: no protocol is agreed on, as in BoringSSL. Rustls would refuse them.
    without_alpn: Arc<ServerConfig>,
    /// What the certificate that is preferred says of itself.
    pub local: Option<Arc<Certificate>>,
    /// Whether clients' certificates are judged.
    pub validates: bool,
    /// Judges certificates after the handshake, where those that do not pass are no reason to refuse it.
    lenient: Option<Arc<PeerVerifier>>,
}

/// The configuration of a chain that terminates TLS with `settings`, offering those of its protocols that are `spoken`.
///
/// Certificates are served as they are: one without a subject alternative name, or of another name than the client
/// asked for, is for the client to judge.
///
/// # Errors
/// None of the named secrets can be used (the error is about the first), the authorities cannot, or the settings
/// exclude each other.
pub(crate) fn server_tls(
    settings: &DownstreamTls,
    spoken: Option<&[&str]>,
    store: &mut TlsStore,
    config: &ProxyConfig,
) -> Result<ServerTls, TlsError> {
    let keys = server_keys(settings, store, config)?;
    let local = keys[0].cert.first().and_then(|leaf| certificate::parse(leaf)).map(Arc::new);
    let validation = settings.client_auth.validation();
    let mut lenient = None;
    let verifier: Arc<dyn ClientCertVerifier> = match validation {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(validation) => {
            let trust = store.trust_of(validation, config)?;
            let lists = store.revocation_lists_of(validation)?;
            let verifier = PeerVerifier::new(validation, trust, lists, Role::Client);
            let verifier = Arc::new(verifier.requiring(settings.client_auth.is_required()));
            lenient = validation.accept_untrusted.then(|| verifier.clone());
            verifier
        }
    };
    let versions = versions(settings.min_version, settings.max_version)?;
    let mut server = ServerConfig::builder_with_provider(provider(&settings.cipher_suites)?)
        .with_protocol_versions(&versions)
        .map_err(|_| TlsError::NoCipherSuite)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Certificates(keys)));
    // Ours is the order of BoringSSL: the fastest first where the processor has AES.
    server.ignore_client_order = true;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    match aws_lc_rs::Ticketer::new() {
        Ok(ticketer) => server.ticketer = ticketer,
        Err(error) => tracing::warn!("TLS sessions cannot be resumed: {error}"),
    }
    let without_alpn = Arc::new(server.clone());
    let is_spoken =
        |protocol: &str| protocol != PEER_EXCHANGE && spoken.is_none_or(|spoken| spoken.contains(&protocol));
    let offered = settings.alpn.iter().filter(|protocol| is_spoken(protocol));
    server.alpn_protocols = offered.map(|protocol| protocol.as_bytes().to_vec()).collect();
    let validates = validation.is_some_and(|validation| validation.authority.is_some());
    Ok(ServerTls { config: Arc::new(server), without_alpn, local, validates, lenient })
}

/// The certificates that can be served, ECDSA before RSA.
fn server_keys(
    settings: &DownstreamTls,
    store: &mut TlsStore,
    config: &ProxyConfig,
) -> Result<Vec<Arc<CertifiedKey>>, TlsError> {
    let mut keys = Vec::new();
    let mut first_error = None;
    for name in &settings.certificates {
        match store.pair(name, config) {
            Ok(key) => keys.push(key),
            Err(error) => {
                tracing::warn!(secret = &**name, "{error}");
                first_error.get_or_insert(error);
            }
        }
    }
    if keys.is_empty() {
        return Err(first_error.unwrap_or(TlsError::NoCertificate));
    }
    keys.sort_by_key(|key| Reverse(key.key.algorithm() == SignatureAlgorithm::ECDSA));
    Ok(keys)
}

/// What the configuration of a chain is made from.
pub(crate) fn server_materials(settings: &DownstreamTls, store: &mut TlsStore, config: &ProxyConfig) -> Materials {
    let mut materials = Materials::default();
    settings.certificates.iter().for_each(|name| materials.push(store.pair_id(name, config)));
    if let Some(validation) = settings.client_auth.validation() {
        store.add_validation(validation, config, &mut materials);
    }
    materials
}

impl ServerTls {
    /// What is known of the certificate that a client has shown. One that does not pass where that is no reason to refuse
    /// the client counts as not shown: nobody behind may take it for an identity.
    pub fn peer(&self, chain: &[CertificateDer<'_>]) -> Option<PeerCertificate> {
        if let Some(lenient) = &self.lenient
            && !lenient.is_trusted(chain, UnixTime::now())
        {
            return None;
        }
        PeerCertificate::new(chain, self.validates)
    }

    fn config_for(&self, hello: &ClientHello<'_>) -> &Arc<ServerConfig> {
        let is_spoken = |offer: &[u8]| self.config.alpn_protocols.iter().any(|spoken| spoken == offer);
        let is_foreign = hello.alpn().is_some_and(|mut offered| !offered.any(is_spoken));
        if is_foreign { &self.without_alpn } else { &self.config }
    }
}

/// Does the handshake of a chain that terminates TLS, for at most [`HANDSHAKE_TIMEOUT`].
///
/// # Errors
/// See [`Refused`]; the client was told by an alert where that was possible.
pub async fn accept(server: &ServerTls, stream: TcpStream) -> Result<TlsStream<TcpStream>, Refused> {
    let handshake = async {
        let broken = |error: io::Error| Refused { failure: TlsFailure::of(&error), stream: None };
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(broken)?;
        let config = server.config_for(&hello.client_hello()).clone();
        let refused = |(error, stream)| Refused { failure: TlsFailure::of(&error), stream: Some(stream) };
        hello.into_stream(config).into_fallible().await.map_err(refused)
    };
    let timed_out = |_| Err(Refused { failure: Some(TlsFailure::TimedOut), stream: None });
    tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await.unwrap_or_else(timed_out)
}

/// A handshake that failed.
#[derive(Debug)]
pub struct Refused {
    /// Why; `None`: the connection broke.
    pub failure: Option<TlsFailure>,
    /// The connection, when an alert may be on its way.
    stream: Option<TcpStream>,
}

/// How long, and how much, is read from a client after its handshake was refused.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

impl Refused {
    /// The chain cannot do TLS.
    pub fn without_tls() -> Self {
        Self { failure: Some(TlsFailure::NotReady), stream: None }
    }

    /// Closes the connection so that the alert arrives: a client of TLS 1.3 sends its request before it knows of the
    /// refusal, and a connection that is closed with unread bytes is reset, which would take the alert with it.
    pub async fn close(self) {
        let Some(mut stream) = self.stream else { return };
        let linger = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
        };
        // Whatever comes of it, the connection ends here.
        let _ = tokio::time::timeout(LINGER, linger).await;
    }
}

/// Keys in order of preference.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable = self.0.iter().find(|key| key.key.choose_scheme(hello.signature_schemes()).is_some());
        usable.or(self.0.first()).cloned()
    }
}
