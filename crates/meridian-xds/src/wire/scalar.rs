//! Values that are no messages: numbers, flags, text and bytes.

use super::WireError;
use super::raw::{Raw, Reader};
use super::schema::{EnumType, Plain, Scalar};
use crate::read::shortened;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::borrow::Cow;

/// A value between JSON and bytes.
#[derive(Debug, PartialEq)]
pub(super) enum Encoded<'v> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Cow<'v, [u8]>),
}

impl Encoded<'_> {
    pub(super) fn raw(&self) -> Raw<'_> {
        match self {
            Self::Varint(value) => Raw::Varint(*value),
            Self::Fixed64(value) => Raw::Fixed64(*value),
            Self::Fixed32(value) => Raw::Fixed32(*value),
            Self::Bytes(bytes) => Raw::Bytes(bytes),
        }
    }

    /// Whether it is what a field has that is not there.
    pub(super) fn is_default(&self) -> bool {
        match self {
            Self::Varint(value) | Self::Fixed64(value) => *value == 0,
            Self::Fixed32(value) => *value == 0,
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }
}

/// The value of a field.
pub(super) fn encode(scalar: Scalar, value: &Value) -> Result<Encoded<'_>, WireError> {
    let error = |allowed: &str| WireError::new(shortened(value), allowed);
    match scalar {
        Scalar::Bool => value.as_bool().map(|flag| Encoded::Varint(flag.into())).ok_or_else(|| error("true or false")),
        Scalar::Int32 => {
            let number = signed(value).filter(|number| i32::try_from(*number).is_ok());
            number.map(varint).ok_or_else(|| error("a number from -2147483648 to 2147483647"))
        }
        Scalar::Int64 => signed(value).map(varint).ok_or_else(|| error("a whole number of 64 bits")),
        Scalar::Uint32 => {
            let number = unsigned(value).filter(|number| u32::try_from(*number).is_ok());
            number.map(Encoded::Varint).ok_or_else(|| error("a number from 0 to 4294967295"))
        }
        Scalar::Uint64 => {
            unsigned(value).map(Encoded::Varint).ok_or_else(|| error("a number from 0 to 18446744073709551615"))
        }
        Scalar::Float => {
            let number = float(value).map(|number| number as f32);
            number.map(|number| Encoded::Fixed32(number.to_bits())).ok_or_else(|| error("a number"))
        }
        Scalar::Double => {
            float(value).map(|number| Encoded::Fixed64(number.to_bits())).ok_or_else(|| error("a number"))
        }
        Scalar::String => {
            let text = value.as_str().ok_or_else(|| error("text"))?;
            Ok(Encoded::Bytes(text.as_bytes().into()))
        }
        Scalar::Bytes => {
            let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
            bytes.map(|bytes| Encoded::Bytes(bytes.into())).ok_or_else(|| error("base64"))
        }
    }
}

/// Negative numbers have their sign extended to 64 bits, also those of 32.
fn varint(number: i64) -> Encoded<'static> {
    Encoded::Varint(number as u64)
}

/// Numbers of 64 bits are text in protobuf's JSON; both are read.
fn signed(value: &Value) -> Option<i64> {
    value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok())
}

fn unsigned(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok())
}

fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}

/// The value of an enum, by its name or its number.
pub(super) fn encode_enum<'v>(names: &EnumType, value: &'v Value) -> Result<Encoded<'v>, WireError> {
    let number = match value {
        Value::String(name) => names.number(name),
        other => other.as_i64().and_then(|number| number.try_into().ok()),
    };
    match number {
        Some(number) => Ok(varint(number.into())),
        None => Err(WireError::new(shortened(value), names.names())),
    }
}

/// The JSON of a field's value; `None` if what lies behind its key is something else.
pub(super) fn decode(scalar: Scalar, raw: Raw<'_>) -> Result<Option<Value>, WireError> {
    Ok(Some(match (scalar, raw) {
        (Scalar::Bool, Raw::Varint(value)) => (value != 0).into(),
        // The lower 32 bits count, as in every implementation.
        (Scalar::Int32, Raw::Varint(value)) => (value as i32).into(),
        (Scalar::Uint32, Raw::Varint(value)) => (value as u32).into(),
        (Scalar::Int64, Raw::Varint(value)) => (value as i64).to_string().into(),
        (Scalar::Uint64, Raw::Varint(value)) => value.to_string().into(),
        (Scalar::Float, Raw::Fixed32(bits)) => shortest(f32::from_bits(bits)),
        (Scalar::Double, Raw::Fixed64(bits)) => double(f64::from_bits(bits)),
        (Scalar::String, Raw::Bytes(bytes)) => match str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => return Err(WireError::new(format!("{} bytes", bytes.len()), "text in UTF-8")),
        },
        (Scalar::Bytes, Raw::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        _ => return Ok(None),
    }))
}

/// The JSON of an enum's value: its name, or its number if that has no name here.
pub(super) fn decode_enum(names: &EnumType, value: u64) -> Value {
    let number = value as i32;
    names.name(number).map_or_else(|| number.into(), Value::from)
}

/// What a field has that is not there.
pub(super) fn default(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Bool => false.into(),
        Scalar::String | Scalar::Bytes => "".into(),
        Scalar::Int64 | Scalar::Uint64 => "0".into(),
        Scalar::Int32 | Scalar::Uint32 | Scalar::Float | Scalar::Double => 0.into(),
    }
}

/// A `double`; a whole number is written as one, as protobuf does.
pub(crate) fn double(number: f64) -> Value {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let is_negative_zero = number == 0.0 && number.is_sign_negative();
    if number.fract() == 0.0 && number.abs() < LARGEST_EXACT && !is_negative_zero {
        return (number as i64).into();
    }
    number.into()
}

/// A `float` with as many digits as tell it from its neighbours.
fn shortest(float: f32) -> Value {
    double(float.to_string().parse().unwrap_or_else(|_| f64::from(float)))
}

/// Whether values of this type may lie behind each other in one field.
pub(super) fn is_packable(plain: Plain) -> bool {
    !matches!(plain, Plain::Scalar(Scalar::String | Scalar::Bytes))
}

/// The next of several values that lie behind each other in one field.
pub(super) fn packed<'b>(plain: Plain, reader: &mut Reader<'b>) -> Result<Raw<'b>, WireError> {
    Ok(match plain {
        Plain::Scalar(Scalar::Float) => Raw::Fixed32(reader.fixed32()?),
        Plain::Scalar(Scalar::Double) => Raw::Fixed64(reader.fixed64()?),
        Plain::Scalar(_) | Plain::Enum(_) => Raw::Varint(reader.varint()?),
    })
}
