//! A certificate chain with its private key.

use crate::PROVIDER;
use crate::parts::Parts;
use crate::pem::describe;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Why a certificate and a key cannot be served. The messages show nothing of what was in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// The certificate chain is not PEM.
    #[error("the certificate chain is not PEM with at least one CERTIFICATE: {0}")]
    Certificate(&'static str),
    /// A certificate of the chain is not X.509.
    #[error("certificate number {0} of the chain is not X.509 in DER")]
    Malformed(usize),
    /// The private key is not PEM.
    #[error("the private key is not an unencrypted PKCS#8, PKCS#1 or SEC1 key in PEM: {0}")]
    PrivateKey(&'static str),
    /// The private key is of a kind that TLS cannot sign with.
    #[error("the private key cannot be used; RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519 can")]
    UnsupportedKey,
    /// Certificate and key are not a pair.
    #[error("the private key does not belong to the first certificate of the chain")]
    Mismatch,
}

/// Reads a chain and its key, ready to be served.
///
/// Certificates are taken as they are: one of version 1, without a subject alternative name, or expired is for the peer
/// to judge.
///
/// # Errors
/// See [`PairError`].
pub fn load_pair(certificate_chain: &[u8], private_key: &[u8]) -> Result<CertifiedKey, PairError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate_chain)
        .collect::<Result<_, _>>()
        .map_err(|error| PairError::Certificate(describe(&error)))?;
    let Some(leaf) = chain.first() else {
        return Err(PairError::Certificate(describe(&pem::Error::NoItemsFound)));
    };
    if let Some(position) = chain.iter().position(|certificate| Parts::parse(certificate).is_none()) {
        return Err(PairError::Malformed(position + 1));
    }
    let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|error| PairError::PrivateKey(describe(&error)))?;
    let key = PROVIDER.key_provider.load_private_key(key).map_err(|_| PairError::UnsupportedKey)?;
    // Not `CertifiedKey::keys_match`: that one refuses version 1, which openssl still makes.
    let public = key.public_key();
    if public.is_some_and(|public| memchr::memmem::find(leaf, &public).is_none()) {
        return Err(PairError::Mismatch);
    }
    Ok(CertifiedKey::new(chain, key))
}

/// Whether a chain and its key can be served.
///
/// # Errors
/// See [`PairError`].
pub fn check_pair(certificate_chain: &[u8], private_key: &[u8]) -> Result<(), PairError> {
    load_pair(certificate_chain, private_key).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn openssl(folder: &std::path::Path, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn every_error_tells_what_to_change() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            openssl(
                folder.path(),
                &format!("req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.crt -subj /CN={name}"),
            );
        }
        openssl(folder.path(), "genrsa -out small.key 1024");
        openssl(folder.path(), "rsa -in a.key -aes128 -passout pass:secret -out encrypted.key");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let (certificate, key) = (read("a.crt"), read("a.key"));
        assert_eq!(check_pair(certificate.as_bytes(), key.as_bytes()), Ok(()));
        let cut = &certificate[..certificate.len() / 2];
        let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for (certificate, key, expected) in [
            ("", &*key, "the certificate chain is not PEM with at least one CERTIFICATE: nothing of the kind found"),
            (cut, &key, "the certificate chain is not PEM with at least one CERTIFICATE: a section is not ended"),
            (nonsense, &key, "certificate number 1 of the chain is not X.509 in DER"),
            (&format!("{certificate}{nonsense}"), &key, "certificate number 2 of the chain is not X.509 in DER"),
            (
                &certificate,
                &certificate,
                "the private key is not an unencrypted PKCS#8, PKCS#1 or SEC1 key in PEM: nothing of the kind found",
            ),
            (
                &certificate,
                &read("encrypted.key"),
                "the private key is not an unencrypted PKCS#8, PKCS#1 or SEC1 key in PEM: nothing of the kind found",
            ),
            (
                &certificate,
                &read("small.key"),
                "the private key cannot be used; RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519 can",
            ),
            (&certificate, &read("b.key"), "the private key does not belong to the first certificate of the chain"),
        ] {
            assert_eq!(check_pair(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string(), expected);
        }
    }
}
