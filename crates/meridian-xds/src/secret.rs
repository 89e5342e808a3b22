//! `envoy.extensions.transport_sockets.tls.v3.Secret`

use crate::message::Message;
use crate::read::{Node, Read, ReadError, label, resource};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_ir::{Authority, Secret};
use serde_json::{Value, json};

/// What stands in the place of private keys, as in the real Envoy.
const REDACTED: &str = "[redacted]";

/// A secret as it is shown: with its certificate chain, without its key.
pub fn redacted(secret: &Secret) -> Value {
    json!({
        "name": &*secret.name,
        "tlsCertificate": {
            "certificateChain": {"inlineBytes": STANDARD.encode(&secret.certificate_chain)},
            "privateKey": {"inlineBytes": STANDARD.encode(REDACTED)},
        },
    })
}

/// A secret as its proxy gets it: with its private key. For the discovery service and nothing else.
pub fn secret(secret: &Secret) -> Value {
    json!({
        "name": &*secret.name,
        "tlsCertificate": {
            "certificateChain": {"inlineBytes": STANDARD.encode(&secret.certificate_chain)},
            "privateKey": {"inlineBytes": STANDARD.encode(&secret.private_key)},
        },
    })
}

/// Trusted authorities and their revocation lists; nothing of them is secret.
pub fn validation_context(authority: &Authority) -> Value {
    let inline = |pem: &[u8]| json!({"inlineBytes": STANDARD.encode(pem)});
    let context = Message::new()
        .with("trustedCa", inline(&authority.certificates))
        .with_some("crl", (!authority.revocation_lists.is_empty()).then(|| inline(&authority.revocation_lists)));
    Message::new().with("name", &*authority.name).with("validationContext", context).into()
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretKind {
    /// `tlsCertificate`
    Certificate(Secret),
    /// `validationContext`
    Authority(Authority),
}

/// Reads a certificate with its key, or authorities. Errors show nothing of a key.
///
/// # Errors
/// See [`crate::read`].
pub fn read(value: &Value) -> Result<Read<SecretKind>, ReadError> {
    resource(value, &label("secret", value), |node| {
        node.message(|fields| {
            let name = fields.need("name")?.name()?;
            if let Some(certificate) = fields.get("tlsCertificate") {
                return certificate.message(|certificate| {
                    let certificate_chain = inline(&certificate.need("certificateChain")?)?;
                    // Not by way of an error that quotes what it found.
                    let key = certificate.need("privateKey")?;
                    let private_key = inline(&key)
                        .map_err(|error| ReadError { found: "a private key in another form".to_owned(), ..error })?;
                    Ok(SecretKind::Certificate(Secret { name, certificate_chain, private_key }))
                });
            }
            let context = fields.need("validationContext")?;
            context.message(|context| {
                let certificates = inline(&context.need("trustedCa")?)?;
                let revocation_lists = context.some("crl", inline)?.unwrap_or_default();
                Ok(SecretKind::Authority(Authority { name, certificates, revocation_lists }))
            })
        })
    })
}

/// The bytes of a `DataSource` that holds them itself.
fn inline(node: &Node<'_>) -> Result<Vec<u8>, ReadError> {
    node.message(|source| match (source.get("inlineBytes"), source.get("inlineString")) {
        (Some(bytes), _) => bytes.bytes(),
        (None, Some(text)) => Ok(text.text()?.as_bytes().to_vec()),
        (None, None) => Err(source.error("inlineBytes or inlineString")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_as_they_were_written() {
        let certificate = Secret {
            name: "kubernetes://a".into(),
            certificate_chain: b"chain".to_vec(),
            private_key: b"key".to_vec(),
        };
        let found = read(&secret(&certificate)).unwrap();
        assert_eq!((found.value, found.unsupported), (SecretKind::Certificate(certificate), Vec::new()));
        for revocation_lists in ["", "lists"] {
            let authority = Authority {
                name: "kubernetes://a-cacert".into(),
                certificates: b"roots".to_vec(),
                revocation_lists: revocation_lists.into(),
            };
            let found = read(&validation_context(&authority)).unwrap();
            assert_eq!((found.value, found.unsupported), (SecretKind::Authority(authority), Vec::new()));
        }
    }

    #[test]
    fn an_error_shows_nothing_of_a_key() {
        let broken = json!({"name": "a", "tlsCertificate": {
            "certificateChain": {"inlineString": "chain"}, "privateKey": {"inlineBytes": "not base64, but s3cret"},
        }});
        let error = read(&broken).unwrap_err().to_string();
        assert!(error.starts_with("secret a: tlsCertificate.privateKey.inlineBytes: found"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
