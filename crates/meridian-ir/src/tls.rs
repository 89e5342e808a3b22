//! TLS settings towards clients and towards endpoints. Certificates are [`crate::Secret`]s and trusted authorities
//! [`crate::Authority`]s, referred to by their SDS names.

use crate::Name;
use crate::string_match::StringMatch;

/// Protocol versions that Meridian speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246
    Tls12,
    /// TLS 1.3, RFC 8446
    Tls13,
}

/// Beginning of the SDS name of a certificate in files: `file-cert:<certificate>~<key>`. The data plane reads the files
/// itself, and again when they change; they are not in [`crate::ProxyConfig::secrets`].
pub const FILE_CERTIFICATE: &str = "file-cert:";

/// Beginning of the SDS name of authorities in a file: `file-root:<path>`, likewise read by the data plane.
pub const FILE_AUTHORITY: &str = "file-root:";

/// SDS name of the authorities that the operating system trusts.
pub const SYSTEM_AUTHORITY: &str = "file-root:system";

/// SDS name of the proxy's own certificate in the mesh (`ISTIO_MUTUAL`).
pub const WORKLOAD_CERTIFICATE: &str = "default";

/// SDS name of the mesh's authorities (`ISTIO_MUTUAL`).
pub const MESH_AUTHORITY: &str = "ROOTCA";

/// How the peer's certificate is judged. Empty lists demand nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerValidation {
    /// SDS name of the authorities that must have signed the certificate; `None`: the chain is not verified
    /// (`insecureSkipVerify`). Authorities that are absent fail every handshake.
    pub authority: Option<Name>,
    /// File with revocation lists (`caCrl`), in addition to those of the authority.
    pub crl_file: Option<Name>,
    /// One of the certificate's subject alternative names (DNS, URI, IP) must match one of these.
    pub subject_alt_names: Vec<StringMatch>,
    /// SHA-256 of the SubjectPublicKeyInfo; one must be equal (`verifyCertificateSpki`).
    pub spki: Vec<[u8; 32]>,
    /// SHA-256 of the certificate; one must be equal (`verifyCertificateHash`). Equal to this or to one of `spki`.
    pub hashes: Vec<[u8; 32]>,
    /// A client whose certificate does not pass is served all the same, as one that has shown none: its certificate is
    /// not told to endpoints (`AllowInsecureFallback`; Envoy: `ACCEPT_UNTRUSTED`). Of [`ClientAuth::Optional`] only.
    pub accept_untrusted: bool,
}

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// No (`SIMPLE`).
    #[default]
    None,
    /// Asked, and judged if there is one (`OPTIONAL_MUTUAL`).
    Optional(PeerValidation),
    /// A handshake without a good certificate fails (`MUTUAL`, `ISTIO_MUTUAL`).
    Required(PeerValidation),
}

impl ClientAuth {
    /// How a certificate is judged, where one is asked for.
    pub fn validation(&self) -> Option<&PeerValidation> {
        match self {
            Self::None => None,
            Self::Optional(validation) | Self::Required(validation) => Some(validation),
        }
    }

    /// Whether a certificate must be shown.
    pub fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }
}

/// TLS termination by a filter chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownstreamTls {
    /// Secrets with certificate and key; among those that are there the one that the client's signature algorithms
    /// allow is shown, ECDSA before RSA. A chain whose secrets are all absent fails its handshakes, and only those.
    pub certificates: Vec<Name>,
    /// See [`ClientAuth`].
    pub client_auth: ClientAuth,
    /// Protocols offered by ALPN, most preferred first.
    pub alpn: Vec<Name>,
    /// Lowest version accepted.
    pub min_version: TlsVersion,
    /// Highest version accepted.
    pub max_version: TlsVersion,
    /// TLS 1.2 cipher suites by OpenSSL's names (`ECDHE-RSA-AES128-GCM-SHA256`), all of them known; empty: the
    /// library's own. TLS 1.3 is not concerned.
    pub cipher_suites: Vec<Name>,
}

/// The server name that is sent to an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum UpstreamSni {
    /// None.
    #[default]
    None,
    /// Always this one.
    Fixed(Name),
    /// The Host of the request without its port (`auto_sni`).
    Host,
}

/// TLS origination by a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Secret with the certificate that is shown when the endpoint asks for one.
    pub certificate: Option<Name>,
    /// See [`PeerValidation`].
    pub validation: PeerValidation,
    /// One of the certificate's names must be the SNI that was sent, if `validation` names none
    /// (`auto_san_validation`).
    pub validate_sni: bool,
    /// See [`UpstreamSni`].
    pub sni: UpstreamSni,
    /// Protocols offered by ALPN, most preferred first.
    pub alpn: Vec<Name>,
    /// Lowest version.
    pub min_version: TlsVersion,
    /// Highest version.
    pub max_version: TlsVersion,
}
