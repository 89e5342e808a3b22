//! Fields that the table does not have, as JSON: `"[50]": [{"varint": "1"}]`, with bytes as base64.

use super::WireError;
use super::raw::{Raw, put_field};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The name under which an unknown field appears.
pub(super) fn name(number: u32) -> String {
    format!("[{number}]")
}

/// The number of an unknown field.
pub(super) fn number(name: &str) -> Option<u32> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// One value of an unknown field.
pub(super) fn value(raw: Raw<'_>) -> Value {
    match raw {
        Raw::Varint(value) => json!({"varint": value.to_string()}),
        Raw::Fixed64(value) => json!({"fixed64": value.to_string()}),
        Raw::Fixed32(value) => json!({"fixed32": value.to_string()}),
        Raw::Bytes(bytes) => json!({"bytes": STANDARD.encode(bytes)}),
    }
}

/// Writes all values of an unknown field back.
pub(super) fn put(number: u32, values: &Value, out: &mut Vec<u8>) -> Result<(), WireError> {
    let error = || WireError::new(values.to_string(), "what was decoded from a field that is not known");
    for value in values.as_array().ok_or_else(error)? {
        let mut entries = value.as_object().into_iter().flatten();
        let (Some((kind, Value::String(text))), None) = (entries.next(), entries.next()) else { return Err(error()) };
        let bytes;
        let raw = match kind.as_str() {
            "varint" => text.parse().ok().map(Raw::Varint),
            "fixed64" => text.parse().ok().map(Raw::Fixed64),
            "fixed32" => text.parse().ok().map(Raw::Fixed32),
            "bytes" => {
                bytes = STANDARD.decode(text).map_err(|_| error())?;
                Some(Raw::Bytes(&bytes))
            }
            _ => None,
        };
        put_field(number, raw.ok_or_else(error)?, out);
    }
    Ok(())
}
