//! `envoy.extensions.transport_sockets.tls.v3.Secret`

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_ir::Secret;
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
