//! What is known of the certificate that a peer has shown: for `x-forwarded-client-cert` and the log's
//! `DOWNSTREAM_PEER_*` operators.

use meridian_tls::certificate::{self, hexadecimal};
use meridian_tls::{Certificate, sha1, sha256};
use rustls::pki_types::CertificateDer;
use std::cell::OnceCell;
use std::fmt::Write;

/// Bytes of base64 in one line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;

/// The certificate of a peer, with the chain that came with it.
#[derive(Debug)]
pub struct PeerCertificate {
    /// SHA-256 of the certificate in lowercase hexadecimal (`Hash=`, `%DOWNSTREAM_PEER_FINGERPRINT_256%`).
    pub sha256: String,
    /// SHA-1 of it, likewise (`%DOWNSTREAM_PEER_FINGERPRINT_1%`).
    pub sha1: String,
    /// Subject, issuer, serial number, validity and alternative names.
    pub facts: Certificate,
    /// Whether it was judged good; false where a chain takes every certificate.
    pub is_validated: bool,
    chain: Vec<CertificateDer<'static>>,
    encoded: OnceCell<String>,
    encoded_chain: OnceCell<String>,
}

/// What names one certificate of a chain; in lowercase hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    /// SHA-256 of it.
    pub sha256: String,
    /// SHA-1 of it.
    pub sha1: String,
    /// Its serial number.
    pub serial_number: String,
}

impl PeerCertificate {
    /// The peer has shown `chain`, its own certificate first. `None` when there is none.
    #[must_use]
    pub fn new(chain: &[CertificateDer<'_>], is_validated: bool) -> Option<Self> {
        let leaf = chain.first()?;
        Some(Self {
            sha256: hexadecimal(&sha256(leaf)),
            sha1: hexadecimal(&sha1(leaf)),
            facts: certificate::parse(leaf)?,
            is_validated,
            chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
            encoded: OnceCell::new(),
            encoded_chain: OnceCell::new(),
        })
    }

    /// What names each certificate of the chain, its own first; one that is malformed has no serial number.
    pub fn chain_facts(&self) -> impl Iterator<Item = ChainLink> {
        self.chain.iter().map(|link| ChainLink {
            sha256: hexadecimal(&sha256(link)),
            sha1: hexadecimal(&sha1(link)),
            serial_number: certificate::parse(link).map(|facts| facts.serial_number).unwrap_or_default(),
        })
    }

    /// PEM of the certificate, URL-encoded as Envoy does it (`Cert=`, `%DOWNSTREAM_PEER_CERT%`).
    pub fn pem(&self) -> &str {
        self.encoded.get_or_init(|| url_encoded_pem(&self.chain[..1]))
    }

    /// PEM of the whole chain, URL-encoded (`Chain=`).
    pub fn chain_pem(&self) -> &str {
        self.encoded_chain.get_or_init(|| url_encoded_pem(&self.chain))
    }
}

/// Only what is special in PEM is encoded: line ends, blanks, and base64's `+`, `/` and `=`.
fn url_encoded_pem(chain: &[CertificateDer<'_>]) -> String {
    let mut out = String::new();
    for certificate in chain {
        out.push_str("-----BEGIN%20CERTIFICATE-----%0A");
        let mut column = 0;
        for group in certificate.chunks(3) {
            for symbol in base64_group(group) {
                if column == PEM_LINE {
                    out.push_str("%0A");
                    column = 0;
                }
                column += 1;
                match symbol {
                    b'+' | b'/' | b'=' => {
                        // Writing to a string cannot fail.
                        let _ = write!(out, "%{symbol:02X}");
                    }
                    _ => out.push(char::from(symbol)),
                }
            }
        }
        out.push_str("%0A-----END%20CERTIFICATE-----%0A");
    }
    out
}

/// RFC 4648 section 4; `group` has one to three bytes.
fn base64_group(group: &[u8]) -> [u8; 4] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let byte = |position: usize| u32::from(group.get(position).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    let mut symbols = [b'='; 4];
    for (position, symbol) in symbols.iter_mut().enumerate().take(group.len() + 1) {
        *symbol = ALPHABET[(bits >> (18 - 6 * position) & 0x3F) as usize];
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tests::openssl;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn pem_is_what_openssl_wrote() {
        let folder = tempfile::tempdir().unwrap();
        for (size, name) in ["a", "ab", "abc"].iter().enumerate() {
            openssl(
                folder.path(),
                &format!(
                    "req -x509 -newkey rsa:2048 -nodes -keyout k -out c{size} -subj /O=some.organization/CN={name}"
                ),
            );
            let text = std::fs::read_to_string(folder.path().join(format!("c{size}"))).unwrap();
            let chain = [CertificateDer::from_pem_slice(text.as_bytes()).unwrap()];
            let peer = PeerCertificate::new(&[chain[0].clone(), chain[0].clone()], true).unwrap();
            let encoded = text.replace('\n', "%0A").replace(' ', "%20");
            let encoded = encoded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
            assert_eq!(peer.pem(), encoded);
            assert_eq!(peer.chain_pem(), encoded.repeat(2));
            let output = std::process::Command::new("openssl")
                .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &format!("c{size}")])
                .current_dir(folder.path())
                .output()
                .unwrap();
            let fingerprint = String::from_utf8(output.stdout).unwrap().to_lowercase().replace(':', "");
            assert!(fingerprint.trim_end().ends_with(&format!("={}", peer.sha256)), "{fingerprint}");
        }
        assert!(PeerCertificate::new(&[], true).is_none());
    }
}
