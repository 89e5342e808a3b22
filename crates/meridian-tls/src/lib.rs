//! Certificates, keys and authorities as text: what they say, and whether TLS can use them.
//!
//! Pure: text in, values or an error that tells the user what to change out. Translation asks it for the statuses of
//! Secrets, the data plane for what it serves with; so both say the same of the same text.
#![forbid(unsafe_code)]

pub mod certificate;
mod der;
mod distinguished_name;
mod pair;
mod parts;
mod pem;
mod trust;

pub use certificate::{AlternativeName, Certificate};
pub use pair::{PairError, check_pair, load_pair};
pub use parts::{Extension, Parts, SignedParts};
pub use trust::{RevocationList, Trust, TrustError, check_trust, load_revocation_lists, load_trust};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::{Arc, LazyLock};

/// The cryptography of the whole program.
pub static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

/// SHA-1 of `bytes`; for names of certificates that others still use, not for trust.
#[must_use]
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut digest = [0; 20];
    let computed = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.copy_from_slice(computed.as_ref());
    digest
}

/// Takes any bytes as a certificate, as a revocation list and as PEM of either; the entry of a fuzz target.
pub fn fuzz(bytes: &[u8]) {
    if let Some(parts) = Parts::parse(bytes) {
        let _ = certificate::alternative_names(&parts);
        let _ = parts.signed.is_signed_by(&parts, PROVIDER.signature_verification_algorithms.all);
    }
    let _ = certificate::parse(bytes);
    let _ = check_trust(bytes, bytes);
    let _ = check_pair(bytes, bytes);
}
