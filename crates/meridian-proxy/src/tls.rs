//! TLS towards clients and endpoints: certificates and authorities as they change, how peers are judged, and what is
//! known of a handshake afterwards.

mod client;
mod failure;
mod peer;
mod server;
mod store;
mod verify;

pub use client::{Application, ClientTls};
pub(crate) use client::{client_materials, client_tls};
pub use failure::TlsFailure;
pub use peer::PeerCertificate;
pub use server::{Refused, ServerTls, accept};
pub(crate) use server::{server_materials, server_tls};
pub(crate) use store::Materials;
pub use store::TlsStore;
pub use verify::VerifyFailure;

use meridian_ir::Name;
use meridian_ir::tls::TlsVersion;
use meridian_tls::{PROVIDER, PairError, TrustError};
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long a client may take for its handshake (Istio's `transport_socket_connect_timeout`).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Protocols that can be spoken after a handshake; others are not offered even if they are configured.
pub(crate) const SPOKEN: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

/// What proxies of the mesh offer each other by ALPN, whatever they speak.
const MESH_PROTOCOL: &str = "istio";

/// Istio's protocol by which proxies tell each other about themselves at the beginning of a TCP connection. It is not
/// spoken here, so that it is neither offered nor agreed on: whoever offers it beside [`MESH_PROTOCOL`] still finds the
/// right chain, and just gets none of it.
const PEER_EXCHANGE: &str = "istio-peer-exchange";

/// Why a chain or cluster cannot do TLS. Its handshakes fail; nothing else does.
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
    /// The proxy's own certificate of the mesh, or the mesh's authorities, are not there yet.
    #[error(
        "the proxy has no identity of the mesh yet ({0}); it asks the control plane for one: see that it is reached on \
         port 15012"
    )]
    NoIdentity(Name),
    /// No such authorities.
    #[error(
        "the authorities {0} are not there; put ca.crt into the secret, create the secret NAME-cacert with ca.crt in \
         the gateway's namespace, or correct credentialName"
    )]
    MissingAuthority(Name),
    /// The secret or the files are there, but cannot be served.
    #[error("the secret {0} cannot be used: {1}")]
    Pair(Name, PairError),
    /// The authorities or revocation lists are there, but cannot be used.
    #[error("the authorities {0} cannot be used: {1}")]
    Trust(Name, TrustError),
    /// A file cannot be read.
    #[error("the file {0} cannot be read: {1}")]
    File(String, String),
    /// Not `file-cert:<certificate>~<key>`.
    #[error("{0} does not name two files; found no ~ between certificate and key")]
    MalformedFileName(Name),
    /// The operating system trusts nobody.
    #[error("the system has no authorities; install ca-certificates, or set SSL_CERT_FILE")]
    NoSystemAuthorities,
    /// Lowest above highest version.
    #[error("the lowest TLS version {0:?} is above the highest {1:?}")]
    Versions(TlsVersion, TlsVersion),
    /// Nothing is left to speak.
    #[error("no cipher suite is left; list one of {}, or none", meridian_ir::cipher_suites::SUPPORTED.join(", "))]
    NoCipherSuite,
}

/// With all suites, in BoringSSL's order: AES-128 first, which is the fastest where the processor has AES.
static DEFAULT_PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = CryptoProvider::clone(&PROVIDER);
    provider.cipher_suites.sort_by_key(|suite| position(suite.suite()));
    Arc::new(provider)
});

fn position(suite: CipherSuite) -> usize {
    const ORDER: [CipherSuite; 6] = [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ];
    ORDER.iter().position(|known| *known == suite).unwrap_or(ORDER.len())
}

/// Cryptography with the TLS 1.2 suites of these names, in their order; all where there are none.
fn provider(cipher_suites: &[Name]) -> Result<Arc<CryptoProvider>, TlsError> {
    if cipher_suites.is_empty() {
        return Ok(DEFAULT_PROVIDER.clone());
    }
    let all = &DEFAULT_PROVIDER.cipher_suites;
    let tls12 = cipher_suites.iter().filter_map(|name| {
        all.iter().copied().find(|suite| suite.tls13().is_none() && cipher_name(suite.suite()) == Some(name))
    });
    let tls13 = all.iter().copied().filter(|suite| suite.tls13().is_some());
    let cipher_suites: Vec<SupportedCipherSuite> = tls13.chain(tls12).collect();
    Ok(Arc::new(CryptoProvider { cipher_suites, ..CryptoProvider::clone(&DEFAULT_PROVIDER) }))
}

fn versions(min: TlsVersion, max: TlsVersion) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let all = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
    let allowed = all.into_iter().filter(|(version, _)| (min..=max).contains(version));
    let versions: Vec<_> = allowed.map(|(_, supported)| supported).collect();
    if versions.is_empty() { Err(TlsError::Versions(min, max)) } else { Ok(versions) }
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
