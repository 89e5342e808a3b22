//! Bodies in Kubernetes' protobuf encoding.
//!
//! `kubectl create secret`, `create namespace` and a few others speak nothing else. Such a body is read into the JSON
//! tree that the same object would have been; answers are always JSON, which these clients accept.
//!
//! A body is the magic `k8s\0`, then `runtime.Unknown`: type, and the object's own message. Only messages that are
//! described in [`messages`] can be read. A field that is not described is refused, not dropped.

mod messages;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::error::ApiError;
use messages::{Field, Message, Type};

/// How every body begins.
const MAGIC: &[u8] = b"k8s\0";

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error, PartialEq)]
enum DecodeError {
    #[error("it does not begin with the bytes of Kubernetes' protobuf encoding")]
    Magic,
    #[error("it is cut short or damaged")]
    Truncated,
    #[error("{0} has no protobuf form here; send application/json")]
    Kind(String),
    #[error("field {number} of {message} is not known in protobuf here; send application/json")]
    Field { message: &'static str, number: u64 },
    #[error("a text in {0} is not valid UTF-8")]
    Text(&'static str),
    #[error("{0} is not valid JSON")]
    Json(&'static str),
}

/// Reads a body into the object's JSON tree, with `apiVersion` and `kind`.
///
/// # Errors
/// 400 that says what cannot be read.
pub(crate) fn read(body: &[u8]) -> Result<Value, ApiError> {
    decode_body(body)
        .map_err(|e| ApiError::bad_request(format!("the protobuf body of the request cannot be read: {e}")))
}

fn decode_body(body: &[u8]) -> Result<Value, DecodeError> {
    let envelope = body.strip_prefix(MAGIC).ok_or(DecodeError::Magic)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), None);
    let mut envelope = Reader(envelope);
    while let Some((number, wire)) = envelope.field()? {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => {
                let mut names = Reader(bytes);
                while let Some(field) = names.field()? {
                    match field {
                        (1, Wire::Bytes(text)) => api_version = utf8(text, "TypeMeta")?.to_owned(),
                        (2, Wire::Bytes(text)) => kind = utf8(text, "TypeMeta")?.to_owned(),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    let message =
        messages::find(&api_version, &kind).ok_or_else(|| DecodeError::Kind(format!("{api_version} {kind}")))?;
    let mut object = decode(message, raw.ok_or(DecodeError::Truncated)?)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

fn decode(message: &'static Message, bytes: &[u8]) -> Result<Map<String, Value>, DecodeError> {
    let mut object = Map::new();
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.field()? {
        let field = message.fields.iter().find(|field| field.number == number);
        let field = field.ok_or(DecodeError::Field { message: message.name, number })?;
        let value = match field.type_ {
            Type::Inline(inner) => {
                let Wire::Bytes(bytes) = wire else { return Err(DecodeError::Truncated) };
                object.append(&mut decode(inner, bytes)?);
                continue;
            }
            Type::TextMap | Type::BytesMap | Type::QuantityMap | Type::TextsMap => {
                let (key, value) = map_entry(message.name, field, wire)?;
                let map = object.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                map[key.as_str()] = value;
                continue;
            }
            _ => scalar(message.name, field, wire)?,
        };
        if field.repeated {
            let list = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value);
            }
        } else if field.keep_zero || !is_zero(&value) {
            object.insert(field.name.to_owned(), value);
        }
    }
    Ok(object)
}

fn scalar(message: &'static str, field: &Field, wire: Wire<'_>) -> Result<Value, DecodeError> {
    Ok(match (field.type_, wire) {
        (Type::Text, Wire::Bytes(bytes)) => utf8(bytes, message)?.into(),
        (Type::Number, Wire::Varint(number)) => number.cast_signed().into(),
        (Type::Bool, Wire::Varint(number)) => (number != 0).into(),
        (Type::Message(inner), Wire::Bytes(bytes)) => Value::Object(decode(inner, bytes)?),
        (Type::IntOrString, Wire::Bytes(bytes)) => int_or_string(message, bytes)?,
        (Type::Quantity, Wire::Bytes(bytes)) => quantity(message, bytes)?,
        (Type::Time, Wire::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%SZ")?,
        (Type::MicroTime, Wire::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")?,
        (Type::Json, Wire::Bytes(bytes)) => json(message, bytes)?,
        _ => return Err(DecodeError::Truncated),
    })
}

/// What a field that was not set looks like: Kubernetes' encoder writes it all the same.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
    }
}

fn map_entry(message: &'static str, field: &Field, wire: Wire<'_>) -> Result<(String, Value), DecodeError> {
    let Wire::Bytes(entry) = wire else { return Err(DecodeError::Truncated) };
    let (mut key, mut value) = (String::new(), &[][..]);
    let mut reader = Reader(entry);
    while let Some(part) = reader.field()? {
        match part {
            (1, Wire::Bytes(bytes)) => key = utf8(bytes, message)?.to_owned(),
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => return Err(DecodeError::Truncated),
        }
    }
    let value = match field.type_ {
        Type::BytesMap => STANDARD.encode(value).into(),
        Type::QuantityMap => quantity(message, value)?,
        Type::TextsMap => texts(message, value)?,
        _ => utf8(value, message)?.into(),
    };
    Ok((key, value))
}

/// `resource.Quantity`: its text.
fn quantity(message: &'static str, bytes: &[u8]) -> Result<Value, DecodeError> {
    match Reader(bytes).field()? {
        Some((1, Wire::Bytes(text))) => Ok(utf8(text, message)?.into()),
        None => Ok(Value::Null),
        Some(_) => Err(DecodeError::Truncated),
    }
}

/// A message that only wraps a list of texts.
fn texts(message: &'static str, bytes: &[u8]) -> Result<Value, DecodeError> {
    let (mut reader, mut texts) = (Reader(bytes), Vec::new());
    while let Some(field) = reader.field()? {
        let (1, Wire::Bytes(text)) = field else { return Err(DecodeError::Truncated) };
        texts.push(utf8(text, message)?.to_owned());
    }
    Ok(texts.into())
}

/// `intstr.IntOrString`: 1 says which, 2 is the number, 3 the text.
fn int_or_string(message: &'static str, bytes: &[u8]) -> Result<Value, DecodeError> {
    let (mut is_text, mut number, mut text) = (false, 0, "");
    let mut reader = Reader(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Wire::Varint(kind)) => is_text = kind != 0,
            (2, Wire::Varint(value)) => number = value.cast_signed(),
            (3, Wire::Bytes(bytes)) => text = utf8(bytes, message)?,
            _ => return Err(DecodeError::Truncated),
        }
    }
    Ok(if is_text { text.into() } else { number.into() })
}

/// `meta/v1 Time` and `MicroTime`: seconds since 1970 and nanoseconds; an empty message is no time.
fn time(bytes: &[u8], format: &str) -> Result<Value, DecodeError> {
    let mut reader = Reader(bytes);
    let (mut seconds, mut nanoseconds) = (None, 0);
    while let Some(field) = reader.field()? {
        match field {
            (1, Wire::Varint(value)) => seconds = Some(value.cast_signed()),
            (2, Wire::Varint(value)) => nanoseconds = i32::try_from(value.cast_signed()).unwrap_or(0),
            _ => {}
        }
    }
    let time = seconds.and_then(|seconds| jiff::Timestamp::new(seconds, nanoseconds).ok());
    Ok(time.map_or(Value::Null, |time| time.strftime(format).to_string().into()))
}

/// `FieldsV1`: JSON in bytes.
fn json(message: &'static str, bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader(bytes);
    match reader.field()? {
        Some((1, Wire::Bytes(text))) => serde_json::from_slice(text).map_err(|_| DecodeError::Json(message)),
        _ => Ok(Value::Null),
    }
}

fn utf8<'a>(bytes: &'a [u8], message: &'static str) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Text(message))
}

/// One value on the wire.
#[derive(Debug, PartialEq)]
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// Takes fields off the front of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn field(&mut self) -> Result<Option<(u64, Wire<'a>)>, DecodeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(DecodeError::Truncated)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            // Kubernetes' messages hold no fixed-width numbers, except in kinds that are not described here.
            _ => return Err(DecodeError::Truncated),
        };
        Ok(Some((tag >> 3, wire)))
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(DecodeError::Truncated)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::{DecodeError, MAGIC, decode_body};
    use serde_json::json;

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn number(field: u64, value: u64) -> Vec<u8> {
        [varint(field << 3), varint(value)].concat()
    }

    fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
        [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
    }

    fn body(kind: &str, message: &[u8]) -> Vec<u8> {
        let names = [bytes(1, b"v1"), bytes(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), bytes(1, &names), bytes(2, message), bytes(3, b""), bytes(4, b"")].concat()
    }

    #[test]
    fn a_secret_is_the_same_as_in_json() {
        let label = [bytes(1, b"a"), bytes(2, b"b")].concat();
        // creationTimestamp and generation are written although they are empty.
        let metadata = [bytes(1, b"s"), bytes(3, b"default"), number(7, 0), bytes(8, b""), bytes(11, &label)].concat();
        let data = [bytes(1, b"key"), bytes(2, b"\xff\x00")].concat();
        let secret = [bytes(1, &metadata), bytes(2, &data), bytes(3, b"Opaque"), number(5, 0)].concat();
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"key": "/wA="}, "immutable": false,
            "metadata": {"name": "s", "namespace": "default", "labels": {"a": "b"}},
        });
        assert_eq!(decode_body(&body("Secret", &secret)), Ok(expected));
    }

    #[test]
    fn a_service_is_the_same_as_in_json() {
        let target = [number(1, 1), number(2, 0), bytes(3, b"web")].concat();
        let port = [bytes(1, b"http"), bytes(2, b"TCP"), number(3, 8000), bytes(4, &target), number(5, 0)].concat();
        let spec = [bytes(1, &port), bytes(4, b"ClusterIP"), number(12, 0), number(20, 0)].concat();
        let service = [bytes(2, &spec), bytes(3, &bytes(1, b""))].concat();
        let expected = json!({
            "apiVersion": "v1", "kind": "Service",
            "spec": {
                "type": "ClusterIP", "allocateLoadBalancerNodePorts": false,
                "ports": [{"name": "http", "protocol": "TCP", "port": 8000, "targetPort": "web"}],
            },
        });
        assert_eq!(decode_body(&body("Service", &service)), Ok(expected));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let whole = body("Secret", &bytes(3, b"Opaque"));
        for end in 0..whole.len() {
            // A cut after the object's message only loses empty fields.
            let cut = decode_body(&whole[..end]);
            assert!(cut.is_err() || end >= whole.len() - 4, "{end} of {}: {cut:?}", whole.len());
        }
        assert_eq!(decode_body(b"{}"), Err(DecodeError::Magic));
        assert!(matches!(decode_body(&body("Node", b"")), Err(DecodeError::Kind(kind)) if kind == "v1 Node"));
        let unknown = decode_body(&body("Secret", &number(99, 1)));
        assert_eq!(unknown, Err(DecodeError::Field { message: "Secret", number: 99 }));
        assert_eq!(decode_body(&body("Secret", &bytes(3, b"\xff"))), Err(DecodeError::Text("Secret")));
    }
}
