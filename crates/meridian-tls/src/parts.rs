//! The fields of a certificate as they lie in its DER (RFC 5280 section 4.1).

use crate::der::{BOOLEAN, Der, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Value, context};
use rustls::pki_types::SignatureVerificationAlgorithm;

/// Something signed: a certificate or a revocation list.
#[derive(Debug, Clone, Copy)]
pub struct SignedParts<'a> {
    /// What is signed.
    pub message: &'a [u8],
    /// Content of the signature's `AlgorithmIdentifier`.
    pub algorithm: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> SignedParts<'a> {
    /// Splits a signed object; `None` when it is malformed.
    #[must_use]
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut fields = Der(outer.expect(SEQUENCE)?);
        let message = fields.value(SEQUENCE)?.whole;
        let signed = Self { message, algorithm: fields.expect(SEQUENCE)?, signature: fields.bits()? };
        (outer.0.is_empty() && fields.0.is_empty()).then_some(signed)
    }

    /// Whether the key of `issuer` made the signature, by one of `algorithms`.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Parts<'_>, algorithms: &[&dyn SignatureVerificationAlgorithm]) -> bool {
        algorithms.iter().any(|algorithm| {
            algorithm.signature_alg_id().as_ref() == self.algorithm
                && algorithm.public_key_alg_id().as_ref() == issuer.key_algorithm
                && algorithm.verify_signature(issuer.key, self.message, self.signature).is_ok()
        })
    }
}

/// An extension of a certificate.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    /// Content of its object identifier.
    pub id: &'a [u8],
    /// Whether who does not know it must refuse the certificate.
    pub is_critical: bool,
    /// Its DER.
    pub value: &'a [u8],
}

/// The fields of a certificate.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    /// The signature and what it is over.
    pub signed: SignedParts<'a>,
    /// 1 or 3.
    pub version: u8,
    /// Serial number, big-endian.
    pub serial: &'a [u8],
    /// Content of the issuer's name.
    pub issuer: &'a [u8],
    /// Seconds since 1970 from which it is valid.
    pub not_before: i64,
    /// Seconds since 1970 to which it is valid.
    pub not_after: i64,
    /// Content of the subject's name.
    pub subject: &'a [u8],
    /// DER of the `SubjectPublicKeyInfo`.
    pub public_key_info: &'a [u8],
    /// Content of the key's `AlgorithmIdentifier`.
    pub key_algorithm: &'a [u8],
    /// The public key.
    pub key: &'a [u8],
    /// Extensions; a certificate of version 1 has none.
    pub extensions: Vec<Extension<'a>>,
}

/// 2.5.29.15
const KEY_USAGE: [u8; 3] = [0x55, 0x1D, 0x0F];
/// 2.5.29.19
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 0x1D, 0x13];
/// 2.5.29.30
const NAME_CONSTRAINTS: [u8; 3] = [0x55, 0x1D, 0x1E];
/// 2.5.29.37
const EXTENDED_KEY_USAGE: [u8; 3] = [0x55, 0x1D, 0x25];
/// 2.5.29.37.0
const ANY_EXTENDED_KEY_USAGE: [u8; 4] = [0x55, 0x1D, 0x25, 0x00];

impl<'a> Parts<'a> {
    /// Splits a certificate in DER; `None` when it is malformed.
    #[must_use]
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let signed = SignedParts::parse(der)?;
        let mut body = Der(Der(signed.message).expect(SEQUENCE)?);
        let version = match body.optional(context(0)) {
            Some(number) => Der(number).expect(INTEGER)?.last()? + 1,
            None => 1,
        };
        let serial = body.expect(INTEGER)?;
        if body.expect(SEQUENCE)? != signed.algorithm {
            return None;
        }
        let issuer = body.expect(SEQUENCE)?;
        let mut validity = Der(body.expect(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = body.expect(SEQUENCE)?;
        let Value { content, whole: public_key_info, .. } = body.value(SEQUENCE)?;
        let mut key = Der(content);
        let (key_algorithm, key) = (key.expect(SEQUENCE)?, key.bits()?);
        let mut found = Vec::new();
        while !body.0.is_empty() {
            let value = body.next()?;
            if value.tag == context(3) {
                found = extensions(Der(Der(value.content).expect(SEQUENCE)?))?;
            }
        }
        Some(Self {
            signed,
            version,
            serial,
            issuer,
            not_before,
            not_after,
            subject,
            public_key_info,
            key_algorithm,
            key,
            extensions: found,
        })
    }

    /// The extension with this object identifier.
    #[must_use]
    pub fn extension(&self, id: &[u8]) -> Option<Extension<'a>> {
        self.extensions.iter().find(|extension| extension.id == id).copied()
    }

    /// Whether it says of itself that it is an authority's (`BasicConstraints`).
    #[must_use]
    pub fn is_authority(&self) -> bool {
        let constraints = self.extension(&BASIC_CONSTRAINTS).and_then(|found| Der(found.value).expect(SEQUENCE));
        constraints.is_some_and(|content| Der(content).optional(BOOLEAN).is_some_and(|value| value != [0]))
    }

    /// Whether its key may sign certificates: an authority's, or one of version 1, which cannot say.
    #[must_use]
    pub fn may_sign_certificates(&self) -> bool {
        const KEY_CERT_SIGN: u8 = 0x04;
        let usage = self.extension(&KEY_USAGE).map(|found| {
            let bits = Der(found.value).expect(crate::der::BIT_STRING);
            bits.and_then(|bits| bits.get(1)).is_some_and(|bits| bits & KEY_CERT_SIGN != 0)
        });
        (self.version == 1 || self.is_authority()) && usage.unwrap_or(true)
    }

    /// Whether it limits the names of the certificates that it signs.
    #[must_use]
    pub fn has_name_constraints(&self) -> bool {
        self.extension(&NAME_CONSTRAINTS).is_some()
    }

    /// Whether it may be used for `purpose`, the content of an object identifier: it says so, says any, or says nothing.
    #[must_use]
    pub fn is_for(&self, purpose: &[u8]) -> bool {
        let Some(usage) = self.extension(&EXTENDED_KEY_USAGE) else { return true };
        let Some(content) = Der(usage.value).expect(SEQUENCE) else { return false };
        let mut ids = Der(content);
        std::iter::from_fn(|| ids.expect(OBJECT_IDENTIFIER)).any(|id| id == purpose || id == ANY_EXTENDED_KEY_USAGE)
    }

    /// Whether it has a critical extension that this program does not know.
    #[must_use]
    pub fn has_unknown_critical_extension(&self) -> bool {
        const KNOWN: [[u8; 3]; 4] =
            [KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, crate::certificate::SUBJECT_ALT_NAME];
        self.extensions.iter().any(|found| found.is_critical && !KNOWN.iter().any(|known| found.id == known))
    }
}

fn extensions(mut list: Der<'_>) -> Option<Vec<Extension<'_>>> {
    let mut found = Vec::new();
    while !list.0.is_empty() {
        let mut extension = Der(list.expect(SEQUENCE)?);
        let id = extension.expect(OBJECT_IDENTIFIER)?;
        let is_critical = extension.optional(BOOLEAN).is_some_and(|value| value != [0]);
        found.push(Extension { id, is_critical, value: extension.expect(OCTET_STRING)? });
    }
    Some(found)
}
