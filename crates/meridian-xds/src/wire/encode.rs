//! JSON becomes bytes. Fields are written in the order of their numbers and entries of maps in that of their keys.

use super::raw::{put_delimited, put_field, put_value};
use super::schema::{Composite, Field, Kind, Label, MessageType, Plain, Schema};
use super::{DEEPEST, WireError, scalar, unknown, well_known};
use crate::read::shortened;
use serde_json::{Map, Value};

/// Writes the message of that name.
pub(super) fn resource(name: &str, value: &Value, out: &mut Vec<u8>) -> Result<(), WireError> {
    let encoder = Encoder { schema: Schema::get() };
    match encoder.schema.message(name) {
        Some(Composite::Message(index)) => encoder.message(encoder.schema.message_type(index), value, true, 0, out),
        _ => Err(WireError::new("a message that is not in the table", "one of Envoy's that Meridian knows")),
    }
}

#[derive(Clone, Copy)]
pub(super) struct Encoder {
    pub(super) schema: &'static Schema,
}

impl Encoder {
    /// Writes the fields of a message. `in_any` says whether an `@type` belongs to it.
    pub(super) fn message(
        self,
        message: &MessageType,
        value: &Value,
        in_any: bool,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        if depth > DEEPEST {
            return Err(WireError::new("a message", format!("no more than {DEEPEST} messages inside each other")));
        }
        let map = value.as_object().ok_or_else(|| WireError::new(shortened(value), "an object"))?;
        for found in sorted(message, map, in_any)? {
            match found {
                Found::Known(field, value) => {
                    self.field(field, value, depth, out).map_err(|error| error.within(field.name))?;
                }
                Found::Unknown(number, name, value) => {
                    unknown::put(number, value, out).map_err(|error| error.within(name))?;
                }
            }
        }
        Ok(())
    }

    fn field(self, field: &Field, value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
        match field.label {
            Label::One => self.single(field, value, depth, field.oneof.is_some(), out),
            Label::Repeated => {
                let items = value.as_array().ok_or_else(|| WireError::new(shortened(value), "a list"))?;
                self.repeated(field, items, depth, out)
            }
            Label::Map => {
                let entries = value.as_object().ok_or_else(|| WireError::new(shortened(value), "an object"))?;
                self.entries(field, entries, depth, out)
            }
        }
    }

    fn repeated(self, field: &Field, items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
        let within = |index: usize| move |error: WireError| error.within(&format!("[{index}]"));
        let packed = match field.kind {
            Kind::Plain(plain) if scalar::is_packable(plain) => plain,
            Kind::Plain(_) | Kind::Composite(_) => {
                return (items.iter().enumerate())
                    .try_for_each(|(index, item)| self.single(field, item, depth, true, out).map_err(within(index)));
            }
        };
        if items.is_empty() {
            return Ok(());
        }
        put_delimited(field.number, out, |out| {
            items.iter().enumerate().try_for_each(|(index, item)| {
                let encoded = self.plain(packed, item).map_err(within(index))?;
                put_value(encoded.raw(), out);
                Ok(())
            })
        })
    }

    fn entries(
        self,
        field: &Field,
        entries: &Map<String, Value>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let value_field = Field { number: 2, label: Label::One, ..*field };
        // Whether a map keeps the order of its keys depends on features of the JSON library.
        let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        sorted.into_iter().try_for_each(|(key, value)| {
            put_delimited(field.number, out, |out| {
                put_field(1, super::raw::Raw::Bytes(key.as_bytes()), out);
                self.single(&value_field, value, depth, true, out).map_err(|error| error.within(&format!("[{key:?}]")))
            })
        })
    }

    /// Writes one value; one that is the default only where that makes a difference.
    fn single(
        self,
        field: &Field,
        value: &Value,
        depth: usize,
        with_default: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        match field.kind {
            Kind::Composite(message) => {
                put_delimited(field.number, out, |out| self.embedded(message, value, depth + 1, out))
            }
            Kind::Plain(plain) => {
                let encoded = self.plain(plain, value)?;
                if with_default || !encoded.is_default() {
                    put_field(field.number, encoded.raw(), out);
                }
                Ok(())
            }
        }
    }

    /// A message inside another.
    pub(super) fn embedded(
        self,
        message: Composite,
        value: &Value,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        match message {
            Composite::Message(index) => self.message(self.schema.message_type(index), value, false, depth, out),
            Composite::WellKnown(kind) => well_known::encode(self, kind, value, depth, out),
        }
    }

    fn plain(self, plain: Plain, value: &Value) -> Result<scalar::Encoded<'_>, WireError> {
        match plain {
            Plain::Enum(index) => scalar::encode_enum(self.schema.enum_type(index), value),
            Plain::Scalar(scalar) => scalar::encode(scalar, value),
        }
    }
}

/// A field of the JSON.
enum Found<'v> {
    Known(&'v Field, &'v Value),
    Unknown(u32, &'v str, &'v Value),
}

/// The fields that are there, in the order of their numbers. One that is `null` is not there.
fn sorted<'v>(
    message: &'v MessageType,
    map: &'v Map<String, Value>,
    in_any: bool,
) -> Result<Vec<Found<'v>>, WireError> {
    let mut found = Vec::with_capacity(map.len());
    let mut oneofs: Vec<(&str, &str)> = Vec::new();
    for (name, value) in map {
        if value.is_null() || in_any && name == "@type" {
            continue;
        }
        if let Some(field) = message.by_name(name) {
            if let Some(oneof) = field.oneof {
                if let Some((_, other)) = oneofs.iter().find(|(known, _)| *known == oneof) {
                    return Err(WireError::new(format!("{other} and {name}"), "one of both"));
                }
                oneofs.push((oneof, name));
            }
            found.push((field.number, Found::Known(field, value)));
        } else if let Some(number) = unknown::number(name) {
            found.push((number, Found::Unknown(number, name, value)));
        } else {
            return Err(WireError::new(shortened(value), message.names()).within(name));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, found)| found).collect())
}
