//! Parts of certificates that a format can print.

/// Whose certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateSide {
    /// The client's, `DOWNSTREAM_PEER_`.
    DownstreamPeer,
    /// The one that was shown to the client, `DOWNSTREAM_LOCAL_`.
    DownstreamLocal,
    /// The endpoint's, `UPSTREAM_PEER_`.
    UpstreamPeer,
    /// The one that was shown to the endpoint, `UPSTREAM_LOCAL_`.
    UpstreamLocal,
}

/// A part of a certificate, or of the chain that it came with. Lists have commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificatePart {
    /// `_IP_SAN`
    IpSan,
    /// `_DNS_SAN`
    DnsSan,
    /// `_URI_SAN`
    UriSan,
    /// `_EMAIL_SAN`
    EmailSan,
    /// `_OTHERNAME_SAN`
    OtherNameSan,
    /// `_SUBJECT`: RFC 2253, `CN=good,O=some organization`.
    Subject,
    /// `_ISSUER`
    Issuer,
    /// `_FINGERPRINT_256`: SHA-256 in hexadecimal digits.
    Fingerprint256,
    /// `_FINGERPRINT_1`: SHA-1.
    Fingerprint1,
    /// `_SERIAL`: hexadecimal digits.
    Serial,
    /// `_CERT`: URL-encoded PEM.
    Cert,
    /// `_CHAIN_FINGERPRINTS_256`
    ChainFingerprints256,
    /// `_CHAIN_FINGERPRINTS_1`
    ChainFingerprints1,
    /// `_CHAIN_SERIALS`
    ChainSerials,
    /// `_ISSUER_FINGERPRINT_256`: of the authority that signed it.
    IssuerFingerprint256,
    /// `_ISSUER_SERIAL`
    IssuerSerial,
}
