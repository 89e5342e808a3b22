//! Bytes become JSON.

use super::raw::{Raw, Reader};
use super::schema::{Composite, Field, Kind, Label, MessageType, Plain, Scalar, Schema};
use super::{DEEPEST, WireError, scalar, unknown, well_known};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::mem::discriminant;

/// Reads the message of that name.
pub(super) fn resource(name: &str, bytes: &[u8]) -> Result<Value, WireError> {
    let decoder = Decoder { schema: Schema::get() };
    match decoder.schema.message(name) {
        Some(Composite::Message(index)) => {
            decoder.message(decoder.schema.message_type(index), bytes, 0).map(Value::Object)
        }
        _ => Err(WireError::new("a message that is not in the table", "one of Envoy's that Meridian knows")),
    }
}

#[derive(Clone, Copy)]
pub(super) struct Decoder {
    pub(super) schema: &'static Schema,
}

impl Decoder {
    /// The fields of a message.
    pub(super) fn message(
        self,
        message: &MessageType,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Map<String, Value>, WireError> {
        if depth > DEEPEST {
            return Err(WireError::new("a message", format!("no more than {DEEPEST} messages inside each other")));
        }
        let mut fields = Map::new();
        let values = values(message, bytes)?;
        for values in values.chunk_by(|one, next| one.0 == next.0) {
            let number = values[0].0;
            let field = message.by_number(number);
            let name = field.map_or_else(|| Cow::Owned(unknown::name(number)), |field| Cow::Borrowed(field.name));
            let known = match field {
                Some(field) => self.field(field, values, depth).map_err(|error| error.within(&name))?,
                None => None,
            };
            // What is known with another type cannot be read as that.
            let (name, value) = match known {
                Some(value) => (name, value),
                None => {
                    let raw = values.iter().map(|(_, raw)| unknown::value(*raw)).collect();
                    (Cow::Owned(unknown::name(number)), raw)
                }
            };
            if field.is_none_or(|field| field.oneof.is_some() || !is_default(self.schema, field, &value))
                || name.starts_with('[')
            {
                fields.insert(name.into_owned(), value);
            }
        }
        Ok(fields)
    }

    /// All values of one field; `None` if they are of another type.
    fn field(self, field: &Field, values: &[(u32, Raw<'_>)], depth: usize) -> Result<Option<Value>, WireError> {
        match field.label {
            Label::One => self.single(field.kind, values, depth),
            Label::Repeated => self.repeated(field.kind, values, depth),
            Label::Map => self.entries(field.kind, values, depth),
        }
    }

    /// The last of several scalars counts, if all are written in one way. Several messages are one whose bytes come after
    /// each other.
    fn single(self, kind: Kind, values: &[(u32, Raw<'_>)], depth: usize) -> Result<Option<Value>, WireError> {
        let Some((_, last)) = values.last() else { return Ok(None) };
        if values.iter().any(|(_, raw)| discriminant(raw) != discriminant(last)) {
            return Ok(None);
        }
        let message = match kind {
            Kind::Plain(plain) => return self.plain(plain, *last),
            Kind::Composite(message) => message,
        };
        let mut parts = values.iter().map(|(_, raw)| match raw {
            Raw::Bytes(bytes) => Some(*bytes),
            _ => None,
        });
        let bytes = match values {
            [_] => parts.next().flatten().map(Cow::Borrowed),
            _ => parts.collect::<Option<Vec<_>>>().map(|parts| Cow::Owned(parts.concat())),
        };
        let Some(bytes) = bytes else { return Ok(None) };
        self.embedded(message, &bytes, depth + 1).map(Some)
    }

    /// A message inside another.
    pub(super) fn embedded(self, message: Composite, bytes: &[u8], depth: usize) -> Result<Value, WireError> {
        match message {
            Composite::Message(index) => self.message(self.schema.message_type(index), bytes, depth).map(Value::Object),
            Composite::WellKnown(kind) => well_known::decode(self, kind, bytes, depth),
        }
    }

    fn repeated(self, kind: Kind, values: &[(u32, Raw<'_>)], depth: usize) -> Result<Option<Value>, WireError> {
        let mut items = Vec::with_capacity(values.len());
        for value in values {
            let within = |error: WireError| error.within(&format!("[{}]", items.len()));
            let item = match (kind, value.1) {
                (Kind::Plain(plain), Raw::Bytes(bytes)) if scalar::is_packable(plain) => {
                    let mut reader = Reader::new(bytes);
                    while !reader.is_empty() {
                        items.extend(self.plain(plain, scalar::packed(plain, &mut reader)?)?);
                    }
                    continue;
                }
                _ => self.single(kind, std::slice::from_ref(value), depth).map_err(within)?,
            };
            let Some(item) = item else { return Ok(None) };
            items.push(item);
        }
        Ok(Some(items.into()))
    }

    /// An entry is a message with the key in field 1 and the value in field 2; the last entry of a key counts.
    fn entries(self, kind: Kind, values: &[(u32, Raw<'_>)], depth: usize) -> Result<Option<Value>, WireError> {
        let mut entries = Map::new();
        for (_, raw) in values {
            let Raw::Bytes(bytes) = raw else { return Ok(None) };
            let (mut key, mut parts) = (Value::from(""), Vec::new());
            let mut reader = Reader::new(bytes);
            while !reader.is_empty() {
                match reader.field()? {
                    (1, raw @ Raw::Bytes(_)) => key = scalar::decode(Scalar::String, raw)?.unwrap_or_default(),
                    (2, raw) => parts.push((2, raw)),
                    (number, _) => {
                        return Err(WireError::new(format!("field {number} of an entry"), "a key and a value"));
                    }
                }
            }
            let Value::String(key) = key else { continue };
            let within = |error: WireError| error.within(&format!("[{key:?}]"));
            let value = match &parts[..] {
                [] => Some(self.default(kind, depth).map_err(within)?),
                parts => self.single(kind, parts, depth).map_err(within)?,
            };
            let Some(value) = value else { return Ok(None) };
            entries.insert(key, value);
        }
        Ok(Some(entries.into()))
    }

    /// What the value of an entry is that has none.
    fn default(self, kind: Kind, depth: usize) -> Result<Value, WireError> {
        match kind {
            Kind::Composite(message) => self.embedded(message, &[], depth + 1),
            Kind::Plain(Plain::Scalar(scalar)) => Ok(scalar::default(scalar)),
            Kind::Plain(Plain::Enum(index)) => Ok(scalar::decode_enum(self.schema.enum_type(index), 0)),
        }
    }

    fn plain(self, plain: Plain, raw: Raw<'_>) -> Result<Option<Value>, WireError> {
        match (plain, raw) {
            (Plain::Scalar(scalar), raw) => scalar::decode(scalar, raw),
            (Plain::Enum(index), Raw::Varint(value)) => {
                Ok(Some(scalar::decode_enum(self.schema.enum_type(index), value)))
            }
            (Plain::Enum(_), _) => Ok(None),
        }
    }
}

/// The values of a message by the numbers of their fields; those of one field are in their order. Of the fields of a
/// `oneof` the last one counts.
fn values<'b>(message: &MessageType, bytes: &'b [u8]) -> Result<Vec<(u32, Raw<'b>)>, WireError> {
    let mut values: Vec<(u32, Raw<'b>)> = Vec::new();
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (number, raw) = reader.field()?;
        if let Some(oneof) = message.by_number(number).and_then(|field| field.oneof) {
            let other = |field: u32| {
                field != number && message.by_number(field).is_some_and(|field| field.oneof == Some(oneof))
            };
            values.retain(|(field, _)| !other(*field));
        }
        values.push((number, raw));
    }
    values.sort_by_key(|(number, _)| *number);
    Ok(values)
}

/// Whether the value is what a field has that is not there. Messages are there or not, whatever they hold.
fn is_default(schema: &Schema, field: &Field, value: &Value) -> bool {
    match (field.label, field.kind) {
        (Label::Repeated, _) => value.as_array().is_some_and(Vec::is_empty),
        (Label::Map, _) | (Label::One, Kind::Composite(_)) => false,
        (Label::One, Kind::Plain(Plain::Scalar(scalar))) => *value == scalar::default(scalar),
        (Label::One, Kind::Plain(Plain::Enum(index))) => *value == scalar::decode_enum(schema.enum_type(index), 0),
    }
}
