//! TLS towards clients: one server configuration for each certificate-and-policy, so that tickets never cross policies.

pub mod certificate;

use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{Name, Secret};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its handshake (Istio's `transport_socket_connect_timeout`).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Protocols that can be spoken after a handshake; others are not offered even if they are configured.
const SPOKEN: [&str; 2] = ["http/1.1", "http/1.0"];

/// Why a chain cannot terminate TLS. Handshakes of that chain fail; nothing else does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A chain without any certificate.
    #[error("the filter chain names no certificate; set tls.credentialName in the Gateway's server")]
    NoCertificate,
    /// No such secret.
    #[error(
        "the secret {0} is not there; create it in the gateway's namespace (kubectl create secret tls NAME --cert FILE \
         --key FILE), or correct credentialName"
    )]
    MissingSecret(Name),
    /// The certificate chain is not PEM.
    #[error("the certificate chain of the secret {0} is not PEM with at least one CERTIFICATE: {1}")]
    Certificate(Name, String),
    /// The private key is not PEM.
    #[error("the private key of the secret {0} is not an unencrypted PKCS#8, PKCS#1 or SEC1 key in PEM: {1}")]
    PrivateKey(Name, String),
    /// The private key is of a kind that TLS cannot sign with.
    #[error(
        "the private key of the secret {0} cannot be used; RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519 can"
    )]
    UnsupportedKey(Name),
    /// Certificate and key are not a pair.
    #[error("the private key of the secret {0} does not belong to the first certificate of its chain")]
    KeyMismatch(Name),
    /// Lowest above highest version.
    #[error("the lowest TLS version {0:?} is above the highest {1:?}")]
    Versions(TlsVersion, TlsVersion),
}

/// Why a handshake did not come about.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client did not finish in time.
    #[error("no TLS handshake within {HANDSHAKE_TIMEOUT:?}")]
    TimedOut,
    /// Refused by one side, or the connection broke.
    #[error("{0}")]
    Failed(#[from] io::Error),
}

impl HandshakeError {
    /// As `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%` prints it: without blanks.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::TimedOut => "connection_timeout".to_owned(),
            Self::Failed(error) => format!("TLS_error:|{error}").replace(' ', "_"),
        }
    }
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// The configuration of a chain that terminates TLS with `settings`.
///
/// Certificates are served as they are: one without a subject alternative name, or of another name than the client
/// asked for, is for the client to judge. Of several, the first that the client can verify the signature of is served.
///
/// # Errors
/// None of the named secrets can be used (the error is about the first), or the versions exclude each other.
pub fn server_config(
    settings: &DownstreamTls,
    secrets: &BTreeMap<Name, Arc<Secret>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut keys = Vec::new();
    let mut first_error = None;
    for name in &settings.certificates {
        let loaded = match secrets.get(name) {
            Some(secret) => certified_key(secret),
            None => Err(TlsError::MissingSecret(name.clone())),
        };
        match loaded {
            Ok(key) => keys.push(Arc::new(key)),
            Err(error) => {
                tracing::warn!(secret = &**name, "{error}");
                first_error.get_or_insert(error);
            }
        }
    }
    if keys.is_empty() {
        return Err(first_error.unwrap_or(TlsError::NoCertificate));
    }
    let error = || TlsError::Versions(settings.min_version, settings.max_version);
    let mut config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&versions(settings))
        .map_err(|_| error())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Certificates(keys)));
    let spoken = settings.alpn.iter().filter(|protocol| SPOKEN.contains(&&***protocol));
    config.alpn_protocols = spoken.map(|protocol| protocol.as_bytes().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match aws_lc_rs::Ticketer::new() {
        Ok(ticketer) => config.ticketer = ticketer,
        Err(error) => tracing::warn!("TLS sessions cannot be resumed: {error}"),
    }
    Ok(Arc::new(config))
}

/// Does the handshake of a chain that terminates TLS, for at most [`HANDSHAKE_TIMEOUT`].
///
/// # Errors
/// See [`HandshakeError`]; the client was told by an alert where that was possible.
pub async fn accept(config: Arc<ServerConfig>, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(HandshakeError::TimedOut),
    }
}

fn versions(settings: &DownstreamTls) -> Vec<&'static SupportedProtocolVersion> {
    let range = settings.min_version..=settings.max_version;
    let all = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
    all.into_iter().filter(|(version, _)| range.contains(version)).map(|(_, supported)| supported).collect()
}

fn certified_key(secret: &Secret) -> Result<CertifiedKey, TlsError> {
    let name = &secret.name;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&secret.certificate_chain)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Certificate(name.clone(), describe(&error)))?;
    let Some(leaf) = chain.first() else {
        return Err(TlsError::Certificate(name.clone(), describe(&pem::Error::NoItemsFound)));
    };
    let key = PrivateKeyDer::from_pem_slice(&secret.private_key)
        .map_err(|error| TlsError::PrivateKey(name.clone(), describe(&error)))?;
    let key = PROVIDER.key_provider.load_private_key(key).map_err(|_| TlsError::UnsupportedKey(name.clone()))?;
    // Not `CertifiedKey::keys_match`: that one reads the certificate, and refuses version 1, which openssl still makes.
    let public = key.public_key();
    if public.is_some_and(|public| memchr::memmem::find(leaf, &public).is_none()) {
        return Err(TlsError::KeyMismatch(name.clone()));
    }
    Ok(CertifiedKey::new(chain, key))
}

/// Never shows what was in the text.
fn describe(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "nothing of the kind found".to_owned(),
        pem::Error::MissingSectionEnd { .. } => "a section is not ended".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a section's first line is malformed".to_owned(),
        pem::Error::Base64Decode(_) => "a section is not base64".to_owned(),
        _ => "it cannot be read".to_owned(),
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

/// `%DOWNSTREAM_TLS_VERSION%` and `ssl.versions`.
#[must_use]
pub fn version_name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

/// `%DOWNSTREAM_TLS_CIPHER%`: the name that OpenSSL and Envoy give to a cipher suite.
#[must_use]
pub fn cipher_name(suite: CipherSuite) -> Option<&'static str> {
    Some(match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
