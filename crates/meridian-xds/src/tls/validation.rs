//! `CertificateValidationContext`: how the peer's certificate is judged.

use super::sds;
use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::string_matcher::{self, string_matcher};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_ir::tls::PeerValidation;
use serde_json::{Value, json};

/// What a certificate is accepted with that no authority vouches for.
const ACCEPT_UNTRUSTED: &str = "ACCEPT_UNTRUSTED";

/// Sets the validation of peers. Without authority, a server whose clients' certificates are asked for but not judged
/// accepts them all.
pub(super) fn with_validation(common: Message, validation: &PeerValidation, is_server: bool) -> Message {
    let context = context(validation);
    match &validation.authority {
        Some(authority) => common.with(
            "combinedValidationContext",
            json!({
                "defaultValidationContext": Value::from(context),
                "validationContextSdsSecretConfig": sds::sds_secret_config(authority),
            }),
        ),
        None if *validation != PeerValidation::default() => common.with("validationContext", context),
        None if is_server => common.with("validationContext", context.with(TRUST_CHAIN, ACCEPT_UNTRUSTED)),
        None => common,
    }
}

/// Name of the field that says whether a chain must be good.
const TRUST_CHAIN: &str = "trustChainVerification";

/// Its values.
const TRUST_CHAIN_VALUES: [(&str, bool); 2] = [(ACCEPT_UNTRUSTED, true), ("VERIFY_TRUST_CHAIN", false)];

fn context(validation: &PeerValidation) -> Message {
    Message::new()
        .with_list("verifyCertificateSpki", validation.spki.iter().map(|hash| STANDARD.encode(hash).into()))
        .with_list("verifyCertificateHash", validation.hashes.iter().map(|hash| hexadecimal(hash).into()))
        .with_list("matchSubjectAltNames", validation.subject_alt_names.iter().map(string_matcher))
        .with_some(TRUST_CHAIN, validation.accept_untrusted.then_some(ACCEPT_UNTRUSTED))
        .with_some("crl", validation.crl_file.as_ref().map(|file| json!({"filename": &**file})))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The validation of peers, if there is any. What the model does not have is an error: more would be trusted than
/// should be.
pub(super) fn read(common: &Fields<'_>) -> Result<Option<PeerValidation>, ReadError> {
    if let Some(combined) = common.get("combinedValidationContext") {
        return combined.whole(|combined| {
            let validation = combined.some("defaultValidationContext", |node| {
                node.whole(|context| {
                    let accept_untrusted = context.choice(TRUST_CHAIN, &TRUST_CHAIN_VALUES, false)?;
                    Ok(PeerValidation { accept_untrusted, ..read_context(context)? })
                })
            })?;
            let authority = combined.some("validationContextSdsSecretConfig", sds::read)?;
            Ok(Some(PeerValidation { authority, ..validation.unwrap_or_default() }))
        });
    }
    if let Some(authority) = common.get("validationContextSdsSecretConfig") {
        return Ok(Some(PeerValidation { authority: Some(sds::read(&authority)?), ..PeerValidation::default() }));
    }
    common.some("validationContext", |node| {
        node.whole(|context| {
            let accepts_all = context.choice(TRUST_CHAIN, &TRUST_CHAIN_VALUES, false)?;
            let validation = read_context(context)?;
            if accepts_all && validation != PeerValidation::default() {
                return Err(context.error("ACCEPT_UNTRUSTED without conditions, which it would make void"));
            }
            Ok(validation)
        })
    })
}

fn read_context(context: &Fields<'_>) -> Result<PeerValidation, ReadError> {
    let crl_file = context.some("crl", |source| source.whole(|source| source.need("filename")?.name()))?;
    Ok(PeerValidation {
        authority: None,
        crl_file,
        subject_alt_names: context.each("matchSubjectAltNames", string_matcher::read)?,
        spki: context.each("verifyCertificateSpki", read_spki)?,
        hashes: context.each("verifyCertificateHash", read_hash)?,
        accept_untrusted: false,
    })
}

fn read_spki(node: &Node<'_>) -> Result<[u8; 32], ReadError> {
    node.bytes()?.try_into().map_err(|_| node.error("base64 of 32 bytes"))
}

/// Hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them with or without colons.
fn read_hash(node: &Node<'_>) -> Result<[u8; 32], ReadError> {
    let digits: String = node.text()?.chars().filter(|character| *character != ':').collect();
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| node.error("64 hexadecimal digits"))
}
