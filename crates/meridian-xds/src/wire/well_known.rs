//! Messages of `google.protobuf` that have their own form in JSON.

use super::decode::Decoder;
use super::encode::Encoder;
use super::raw::{Raw, Reader, put_delimited, put_field};
use super::schema::{Composite, Scalar, WellKnown};
use super::{DEEPEST, WireError, scalar, type_name};
use crate::message::duration;
use crate::read::{parse_duration, shortened};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Writes the fields of such a message.
pub(super) fn encode(
    encoder: Encoder,
    kind: WellKnown,
    value: &Value,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let object = || value.as_object().ok_or_else(|| WireError::new(shortened(value), "an object"));
    match kind {
        WellKnown::Any => encode_any(encoder, object()?, value, depth, out),
        WellKnown::Duration => encode_duration(value, out),
        WellKnown::Struct => encode_struct(object()?, depth, out),
        WellKnown::Value => encode_value(value, depth, out),
        WellKnown::List => match value {
            Value::Array(items) => encode_list(items, depth, out),
            other => Err(WireError::new(shortened(other), "a list")),
        },
        WellKnown::Wrapper(scalar) => {
            let encoded = scalar::encode(scalar, value)?;
            if !encoded.is_default() {
                put_field(1, encoded.raw(), out);
            }
            Ok(())
        }
    }
}

/// Reads such a message.
pub(super) fn decode(decoder: Decoder, kind: WellKnown, bytes: &[u8], depth: usize) -> Result<Value, WireError> {
    match kind {
        WellKnown::Any => decode_any(decoder, bytes, depth),
        WellKnown::Duration => decode_duration(bytes),
        WellKnown::Struct => decode_struct(bytes, depth).map(Value::Object),
        WellKnown::Value => decode_value(bytes, depth),
        WellKnown::List => decode_list(bytes, depth).map(Value::Array),
        WellKnown::Wrapper(scalar) => {
            let mut value = scalar::default(scalar);
            each_field(bytes, |number, raw| {
                match (number, scalar::decode(scalar, raw)?) {
                    (1, Some(found)) => value = found,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            Ok(value)
        }
    }
}

/// Reads the fields of a message that has no place for others; `read` says whether it knows a field.
fn each_field<'b>(
    bytes: &'b [u8],
    mut read: impl FnMut(u32, Raw<'b>) -> Result<bool, WireError>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (number, raw) = reader.field()?;
        if !read(number, raw)? {
            return Err(WireError::new(format!("field {number}"), "the fields of this message of google.protobuf"));
        }
    }
    Ok(())
}

/// Any message: its type, and its bytes. One of a type that is not in the table has them as base64.
fn encode_any(
    encoder: Encoder,
    map: &Map<String, Value>,
    value: &Value,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let Some(type_url) = map.get("@type") else {
        return match map.is_empty() {
            true => Ok(()),
            false => Err(WireError::new(shortened(value), "a message whose @type says what it is")),
        };
    };
    let type_url = type_url.as_str().ok_or_else(|| WireError::new(shortened(type_url), "text").within("@type"))?;
    put_field(1, Raw::Bytes(type_url.as_bytes()), out);
    let content = || map.get("value").unwrap_or(&Value::Null);
    let start = out.len();
    match encoder.schema.message(type_name(type_url)) {
        Some(Composite::Message(index)) => {
            put_delimited(2, out, |out| encoder.message(encoder.schema.message_type(index), value, true, depth, out))?
        }
        Some(Composite::WellKnown(kind)) => put_delimited(2, out, |out| {
            encode(encoder, kind, content(), depth, out).map_err(|error| error.within("value"))
        })?,
        None => {
            let bytes = content().as_str().filter(|_| map.len() == 2).and_then(|text| STANDARD.decode(text).ok());
            let bytes = bytes.ok_or_else(|| {
                let found = format!("a message of a type that is not in the table ({type_url})");
                WireError::new(
                    found,
                    "one of Envoy's that Meridian knows, or bytes as base64 in value and nothing else",
                )
            })?;
            put_field(2, Raw::Bytes(&bytes), out);
        }
    }
    // A message that has no fields is not written, as everywhere in protobuf.
    if out[start..] == [0x12, 0] {
        out.truncate(start);
    }
    Ok(())
}

fn decode_any(decoder: Decoder, bytes: &[u8], depth: usize) -> Result<Value, WireError> {
    let (mut type_url, mut content) = ("", &[][..]);
    each_field(bytes, |number, raw| {
        match (number, raw) {
            (1, Raw::Bytes(bytes)) => {
                let text = str::from_utf8(bytes);
                type_url =
                    text.map_err(|_| WireError::new("a type that is no text", "text in UTF-8").within("@type"))?;
            }
            (2, Raw::Bytes(bytes)) => content = bytes,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let mut map = match decoder.schema.message(type_name(type_url)) {
        Some(Composite::Message(index)) => decoder.message(decoder.schema.message_type(index), content, depth)?,
        Some(Composite::WellKnown(kind)) => {
            Map::from_iter([("value".to_owned(), decode(decoder, kind, content, depth)?)])
        }
        None if type_url.is_empty() && content.is_empty() => return Ok(json!({})),
        None => Map::from_iter([("value".to_owned(), STANDARD.encode(content).into())]),
    };
    map.insert("@type".to_owned(), type_url.into());
    Ok(map.into())
}

fn encode_duration(value: &Value, out: &mut Vec<u8>) -> Result<(), WireError> {
    let error = || WireError::new(shortened(value), "a duration such as \"1.500s\"");
    let text = value.as_str().ok_or_else(error)?;
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let duration = parse_duration(text).ok_or_else(error)?;
    let seconds = i64::try_from(duration.as_secs()).map_err(|_| error())?;
    for (number, part) in [(1, sign * seconds), (2, sign * i64::from(duration.subsec_nanos()))] {
        if part != 0 {
            put_field(number, Raw::Varint(part as u64), out);
        }
    }
    Ok(())
}

fn decode_duration(bytes: &[u8]) -> Result<Value, WireError> {
    /// The longest duration of protobuf, 10,000 years.
    const LONGEST_SECONDS: i64 = 315_576_000_000;
    let (mut seconds, mut nanos) = (0i64, 0i32);
    each_field(bytes, |number, raw| {
        match (number, raw) {
            (1, Raw::Varint(value)) => seconds = value as i64,
            (2, Raw::Varint(value)) => nanos = value as i32,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    let in_range = (-LONGEST_SECONDS..=LONGEST_SECONDS).contains(&seconds) && nanos.unsigned_abs() < 1_000_000_000;
    if !one_sign || !in_range {
        let found = format!("{seconds} seconds and {nanos} nanoseconds");
        return Err(WireError::new(found, "up to 10,000 years, and less than a second of nanoseconds"));
    }
    let positive = duration(Duration::new(seconds.unsigned_abs(), nanos.unsigned_abs()));
    match positive.as_str() {
        Some(text) if seconds < 0 || nanos < 0 => Ok(format!("-{text}").into()),
        _ => Ok(positive),
    }
}

fn too_deep(depth: usize) -> Result<(), WireError> {
    match depth > DEEPEST {
        true => Err(WireError::new("a value", format!("no more than {DEEPEST} values inside each other"))),
        false => Ok(()),
    }
}

fn encode_struct(map: &Map<String, Value>, depth: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut sorted: Vec<(&String, &Value)> = map.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    sorted.into_iter().try_for_each(|(key, value)| {
        put_delimited(1, out, |out| {
            put_field(1, Raw::Bytes(key.as_bytes()), out);
            put_delimited(2, out, |out| encode_value(value, depth + 1, out)).map_err(|error| error.within(key))
        })
    })
}

fn encode_list(items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
    items.iter().try_for_each(|item| put_delimited(1, out, |out| encode_value(item, depth + 1, out)))
}

/// The numbers of the fields of `google.protobuf.Value`: null, number, text, flag, struct, list.
fn encode_value(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
    too_deep(depth)?;
    match value {
        Value::Null => put_field(1, Raw::Varint(0), out),
        Value::Number(_) => put_field(2, scalar::encode(Scalar::Double, value)?.raw(), out),
        Value::String(text) => put_field(3, Raw::Bytes(text.as_bytes()), out),
        Value::Bool(flag) => put_field(4, Raw::Varint((*flag).into()), out),
        Value::Object(map) => put_delimited(5, out, |out| encode_struct(map, depth, out))?,
        Value::Array(items) => put_delimited(6, out, |out| encode_list(items, depth, out))?,
    }
    Ok(())
}

fn decode_struct(bytes: &[u8], depth: usize) -> Result<Map<String, Value>, WireError> {
    let mut map = Map::new();
    each_field(bytes, |number, raw| {
        let (1, Raw::Bytes(entry)) = (number, raw) else { return Ok(false) };
        let (mut key, mut content) = (String::new(), &[][..]);
        each_field(entry, |number, raw| {
            match (number, raw) {
                (1, Raw::Bytes(_)) => {
                    if let Some(Value::String(text)) = scalar::decode(Scalar::String, raw)? {
                        key = text;
                    }
                }
                (2, Raw::Bytes(bytes)) => content = bytes,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let value = decode_value(content, depth + 1).map_err(|error| error.within(&key))?;
        map.insert(key, value);
        Ok(true)
    })?;
    Ok(map)
}

fn decode_list(bytes: &[u8], depth: usize) -> Result<Vec<Value>, WireError> {
    let mut items = Vec::new();
    each_field(bytes, |number, raw| {
        let (1, Raw::Bytes(item)) = (number, raw) else { return Ok(false) };
        items.push(decode_value(item, depth + 1)?);
        Ok(true)
    })?;
    Ok(items)
}

fn decode_value(bytes: &[u8], depth: usize) -> Result<Value, WireError> {
    too_deep(depth)?;
    let mut value = Value::Null;
    each_field(bytes, |number, raw| {
        value = match (number, raw) {
            (1, Raw::Varint(_)) => Value::Null,
            (2, Raw::Fixed64(bits)) => {
                let number = f64::from_bits(bits);
                if !number.is_finite() {
                    return Err(WireError::new(number.to_string(), "a finite number"));
                }
                scalar::double(number)
            }
            (3, Raw::Bytes(_)) => scalar::decode(Scalar::String, raw)?.unwrap_or_default(),
            (4, Raw::Varint(flag)) => (flag != 0).into(),
            (5, Raw::Bytes(bytes)) => decode_struct(bytes, depth)?.into(),
            (6, Raw::Bytes(bytes)) => decode_list(bytes, depth)?.into(),
            _ => return Ok(false),
        };
        Ok(true)
    })?;
    Ok(value)
}
