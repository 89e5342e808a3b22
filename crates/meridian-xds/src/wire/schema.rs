//! The table of messages, fields and enums, which lies in `schema/*.txt` as text.
//!
//! ```text
//! message envoy.config.endpoint.v3.LbEndpoint
//!   1 endpoint envoy.config.endpoint.v3.Endpoint | host_identifier
//!   2 healthStatus envoy.config.core.v3.HealthStatus
//! enum envoy.config.core.v3.HealthStatus
//!   0 UNKNOWN
//! ```
//!
//! A field has its number, its name in JSON and its type. `[]` before a type says repeated, `{string}` a map with such
//! keys, and what follows `|` is the `oneof` to which a field belongs.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The table's text; which file a message is in means nothing.
const TEXTS: [&str; 14] = [
    include_str!("schema/config-cluster.txt"),
    include_str!("schema/config-core.txt"),
    include_str!("schema/config-endpoint.txt"),
    include_str!("schema/config-listener.txt"),
    include_str!("schema/config-others.txt"),
    include_str!("schema/config-route.txt"),
    include_str!("schema/extensions.txt"),
    include_str!("schema/filters.txt"),
    include_str!("schema/filters-http.txt"),
    include_str!("schema/others.txt"),
    include_str!("schema/service.txt"),
    include_str!("schema/transport_sockets.txt"),
    include_str!("schema/types.txt"),
    include_str!("schema/xds.txt"),
];

/// A type of protobuf that is no message and no enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float,
    Double,
    String,
    Bytes,
}

/// A message with its own form in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WellKnown {
    Any,
    Duration,
    Struct,
    Value,
    List,
    /// A message with one field, number 1; its JSON is that of the field.
    Wrapper(Scalar),
}

/// A value that is no message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plain {
    Scalar(Scalar),
    /// See [`Schema::enum_type`].
    Enum(usize),
}

/// A value that is a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Composite {
    /// See [`Schema::message_type`].
    Message(usize),
    WellKnown(WellKnown),
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Plain(Plain),
    Composite(Composite),
}

/// How often a field holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    One,
    Repeated,
    /// From strings.
    Map,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    /// The name in JSON.
    pub(super) name: &'static str,
    pub(super) label: Label,
    pub(super) kind: Kind,
    /// Of the fields with the same one, a message has one at most.
    pub(super) oneof: Option<&'static str>,
}

/// A message.
#[derive(Debug, Default)]
pub(super) struct MessageType {
    /// Sorted by number.
    fields: Box<[Field]>,
}

impl MessageType {
    pub(super) fn by_name(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn by_number(&self, number: u32) -> Option<&Field> {
        let index = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(index)
    }

    /// The names of its fields, as errors list them.
    pub(super) fn names(&self) -> String {
        self.fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
    }
}

/// An enum: numbers and names of its values.
#[derive(Debug, Default)]
pub(super) struct EnumType(Box<[(i32, &'static str)]>);

impl EnumType {
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        self.0.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    pub(super) fn name(&self, number: i32) -> Option<&'static str> {
        self.0.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
    }

    /// The names of its values, as errors list them.
    pub(super) fn names(&self) -> String {
        self.0.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// The whole table.
#[derive(Debug)]
pub(super) struct Schema {
    messages: Vec<MessageType>,
    enums: Vec<EnumType>,
    /// Messages and enums by their full names.
    names: HashMap<&'static str, Kind>,
}

impl Schema {
    /// The table, which is read from its text once.
    pub(super) fn get() -> &'static Self {
        static SCHEMA: LazyLock<Schema> =
            LazyLock::new(|| Schema::parse(&TEXTS).expect("a unit test reads the table that was compiled in"));
        &SCHEMA
    }

    /// What a name stands for where messages are named: a message, or one with its own form.
    pub(super) fn message(&self, name: &str) -> Option<Composite> {
        match self.names.get(name) {
            Some(Kind::Composite(message)) => Some(*message),
            Some(Kind::Plain(_)) => None,
            None => well_known(name).map(Composite::WellKnown),
        }
    }

    pub(super) fn message_type(&self, index: usize) -> &MessageType {
        &self.messages[index]
    }

    pub(super) fn enum_type(&self, index: usize) -> &EnumType {
        &self.enums[index]
    }

    /// Reads the table; an error is the line that is not as it must be.
    fn parse(texts: &[&'static str]) -> Result<Self, String> {
        let lines = || texts.iter().flat_map(|text| text.lines());
        let mut schema = Self { messages: Vec::new(), enums: Vec::new(), names: HashMap::new() };
        for line in lines().filter(|line| !line.starts_with(' ')) {
            let (kind, name) = match line.split_once(' ') {
                Some(("message", name)) => {
                    schema.messages.push(MessageType::default());
                    (Kind::Composite(Composite::Message(schema.messages.len() - 1)), name)
                }
                Some(("enum", name)) => {
                    schema.enums.push(EnumType::default());
                    (Kind::Plain(Plain::Enum(schema.enums.len() - 1)), name)
                }
                _ => return Err(line.to_owned()),
            };
            if schema.names.insert(name, kind).is_some() {
                return Err(format!("{line}, twice"));
            }
        }
        let (mut messages, mut enums) = (0, 0);
        for text in texts {
            for (head, body) in blocks(text) {
                if head.starts_with("message ") {
                    let fields: Result<Box<[Field]>, String> =
                        body.lines().map(|line| schema.field(line).ok_or_else(|| format!("{head}: {line}"))).collect();
                    schema.messages[messages].fields = in_order(fields?).ok_or_else(|| head.to_owned())?;
                    messages += 1;
                } else {
                    let values: Option<Box<[_]>> = body.lines().map(value).collect();
                    schema.enums[enums] = EnumType(values.ok_or_else(|| head.to_owned())?);
                    enums += 1;
                }
            }
        }
        Ok(schema)
    }

    /// `2 healthStatus envoy.config.core.v3.HealthStatus`
    fn field(&self, line: &'static str) -> Option<Field> {
        let mut words = line.split_whitespace();
        let (number, name, kind) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        let oneof = match words.next() {
            None => None,
            Some("|") => Some(words.next()?),
            Some(_) => return None,
        };
        let (label, kind) = match (kind.strip_prefix("[]"), kind.strip_prefix("{string}")) {
            (Some(kind), _) => (Label::Repeated, kind),
            (_, Some(kind)) => (Label::Map, kind),
            (None, None) => (Label::One, kind),
        };
        let known = || match scalar(kind) {
            Some(scalar) => Some(Kind::Plain(Plain::Scalar(scalar))),
            None => well_known(kind).map(|kind| Kind::Composite(Composite::WellKnown(kind))),
        };
        let kind = self.names.get(kind).copied().or_else(known)?;
        words.next().is_none().then_some(Field { number, name, label, kind, oneof })
    }
}

/// The messages and enums of a text: their first lines, and the lines below.
fn blocks(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (head, after) = rest.split_once('\n')?;
        let end = after.split_inclusive('\n').take_while(|line| line.starts_with(' ')).map(str::len).sum();
        let (body, next) = after.split_at(end);
        rest = next;
        Some((head, body))
    })
}

/// `0 UNKNOWN`
fn value(line: &'static str) -> Option<(i32, &'static str)> {
    let (number, name) = line.trim_start().split_once(' ')?;
    Some((number.parse().ok()?, name))
}

/// The fields, if their numbers grow.
fn in_order(fields: Box<[Field]>) -> Option<Box<[Field]>> {
    fields.is_sorted_by(|one, next| one.number < next.number).then_some(fields)
}

fn scalar(name: &str) -> Option<Scalar> {
    Some(match name {
        "bool" => Scalar::Bool,
        "int32" => Scalar::Int32,
        "uint32" => Scalar::Uint32,
        "int64" => Scalar::Int64,
        "uint64" => Scalar::Uint64,
        "float" => Scalar::Float,
        "double" => Scalar::Double,
        "string" => Scalar::String,
        "bytes" => Scalar::Bytes,
        _ => return None,
    })
}

fn well_known(name: &str) -> Option<WellKnown> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Any" => WellKnown::Any,
        "Duration" => WellKnown::Duration,
        "Struct" => WellKnown::Struct,
        "Value" => WellKnown::Value,
        "ListValue" => WellKnown::List,
        "BoolValue" => WellKnown::Wrapper(Scalar::Bool),
        "Int32Value" => WellKnown::Wrapper(Scalar::Int32),
        "UInt32Value" => WellKnown::Wrapper(Scalar::Uint32),
        "Int64Value" => WellKnown::Wrapper(Scalar::Int64),
        "UInt64Value" => WellKnown::Wrapper(Scalar::Uint64),
        "FloatValue" => WellKnown::Wrapper(Scalar::Float),
        "DoubleValue" => WellKnown::Wrapper(Scalar::Double),
        "StringValue" => WellKnown::Wrapper(Scalar::String),
        "BytesValue" => WellKnown::Wrapper(Scalar::Bytes),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_small() {
        let schema = Schema::parse(&TEXTS).unwrap();
        let fields: usize = schema.messages.iter().map(|message| message.fields.len()).sum();
        assert!(schema.messages.len() > 500 && fields > 2000, "{} messages, {fields} fields", schema.messages.len());
        let bytes = fields * size_of::<Field>() + schema.names.capacity() * size_of::<(&str, Kind)>();
        assert!(bytes < 200_000, "{bytes} bytes in every process");
    }

    #[test]
    fn a_line_that_is_not_as_it_must_be_is_told() {
        for (text, told) in [
            ("message a.B\n  1 x string\n  1 y string\n", "message a.B"),
            ("message a.B\n  1 x strin\n", "message a.B:   1 x strin"),
            ("message a.B\nmessage a.B\n", "message a.B, twice"),
            ("enum a.B\n  x A\n", "enum a.B"),
            ("table a.B\n", "table a.B"),
        ] {
            assert_eq!(Schema::parse(&[text]).err().as_deref(), Some(told));
        }
    }
}
