//! Base64 as Kubernetes writes `bytes` fields.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Decodes standard base64 with padding; line breaks are ignored, as Go's decoder does.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.contains(['\r', '\n']) {
        let joined: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        return STANDARD.decode(joined).ok();
    }
    STANDARD.decode(text).ok()
}
