//! TLS towards clients: one server configuration for each certificate-and-policy, so that tickets never cross policies.

mod peer;

pub use peer::PeerCertificate;

use meridian_ir::tls::{DownstreamTls, TlsVersion};
use meridian_ir::{Name, Secret};
use meridian_tls::{Certificate, PROVIDER, PairError, certificate, load_pair};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its handshake (Istio's `transport_socket_connect_timeout`).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Protocols that can be spoken after a handshake; others are not offered even if they are configured.
const SPOKEN: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

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
    /// The secret is there, but cannot be served.
    #[error("the secret {0} cannot be used: {1}")]
    Pair(Name, PairError),
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

/// TLS of a filter chain, ready for its connections.
#[derive(Debug)]
pub struct ServerTls {
    /// See [`ServerConfig`].
    pub config: Arc<ServerConfig>,
    /// What the certificate that is preferred says of itself.
    pub local: Option<Arc<Certificate>>,
}

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
) -> Result<Arc<ServerTls>, TlsError> {
    let mut keys = Vec::new();
    let mut first_error = None;
    for name in &settings.certificates {
        let loaded = match secrets.get(name) {
            Some(secret) => load_pair(&secret.certificate_chain, &secret.private_key)
                .map_err(|error| TlsError::Pair(name.clone(), error)),
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
    let local = keys[0].cert.first().and_then(|leaf| certificate::parse(leaf)).map(Arc::new);
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
    Ok(Arc::new(ServerTls { config: Arc::new(config), local }))
}

/// Does the handshake of a chain that terminates TLS, for at most [`HANDSHAKE_TIMEOUT`].
///
/// # Errors
/// See [`HandshakeError`]; the client was told by an alert where that was possible.
pub async fn accept(server: &ServerTls, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(server.config.clone()).accept(stream)).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(HandshakeError::TimedOut),
    }
}

fn versions(settings: &DownstreamTls) -> Vec<&'static SupportedProtocolVersion> {
    let range = settings.min_version..=settings.max_version;
    let all = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
    all.into_iter().filter(|(version, _)| range.contains(version)).map(|(_, supported)| supported).collect()
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

/// `%DOWNSTREAM_TLS_GROUP%`: the name that OpenSSL and Envoy give to a group of key exchanges.
#[must_use]
pub fn group_name(group: NamedGroup) -> Option<&'static str> {
    Some(match group {
        NamedGroup::X25519 => "X25519",
        NamedGroup::secp256r1 => "P-256",
        NamedGroup::secp384r1 => "P-384",
        NamedGroup::secp521r1 => "P-521",
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        _ => return None,
    })
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
