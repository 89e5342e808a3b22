//! `envoy.extensions.transport_sockets.tls.v3.Secret`, for reading only: the key is never in it.

use crate::json::Message;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian_ir::Secret;
use serde_json::{Value, json};

/// What Envoy shows instead of a key: `[redacted]` in base64.
const REDACTED: &str = "W3JlZGFjdGVkXQ==";

/// A secret with its certificate chain, without its key.
#[must_use]
pub fn redacted_secret(secret: &Secret) -> Value {
    let chain = BASE64_STANDARD.encode(&secret.certificate_chain);
    let certificate = json!({"certificateChain": {"inlineBytes": chain}, "privateKey": {"inlineBytes": REDACTED}});
    Message::default().set("name", &*secret.name).set("tlsCertificate", certificate).into()
}
