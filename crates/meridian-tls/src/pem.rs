//! What is wrong with a PEM text, without showing what was in it.

use rustls::pki_types::pem;

/// For an error's message.
pub(crate) fn describe(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "nothing of the kind found",
        pem::Error::MissingSectionEnd { .. } => "a section is not ended",
        pem::Error::IllegalSectionStart { .. } => "a section's first line is malformed",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be read",
    }
}
