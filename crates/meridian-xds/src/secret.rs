//! `envoy.extensions.transport_sockets.tls.v3.Secret`

use crate::message::Message;
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

/// Trusted authorities and their revocation lists; nothing of them is secret.
pub fn validation_context(authority: &Authority) -> Value {
    let inline = |pem: &[u8]| json!({"inlineBytes": STANDARD.encode(pem)});
    let context = Message::new()
        .with("trustedCa", inline(&authority.certificates))
        .with_some("crl", (!authority.revocation_lists.is_empty()).then(|| inline(&authority.revocation_lists)));
    Message::new().with("name", &*authority.name).with("validationContext", context).into()
}
