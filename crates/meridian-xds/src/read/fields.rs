//! Values, and the fields of a message, with their paths and types.

use super::path::Path;
use super::{ReadError, Unsupported, shortened};
use meridian_ir::Name;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::time::Duration;

/// Collects what the model cannot hold.
#[derive(Debug, Default)]
pub(crate) struct Notes(RefCell<Vec<Unsupported>>);

impl Notes {
    pub(crate) fn into_list(self) -> Vec<Unsupported> {
        self.0.into_inner()
    }

    fn add(&self, path: &Path<'_>, found: &str) {
        self.0.borrow_mut().push(Unsupported { path: path.to_string(), found: found.to_owned() });
    }
}

/// A value and where it is.
#[derive(Clone)]
pub(crate) struct Node<'v> {
    value: &'v Value,
    path: Path<'v>,
    notes: &'v Notes,
}

/// The longest duration of protobuf, 10,000 years, in seconds.
const LONGEST_SECONDS: u64 = 315_576_000_000;

impl<'v> Node<'v> {
    pub(crate) fn root(value: &'v Value, label: &str, notes: &'v Notes) -> Self {
        Self { value, path: Path::root(label), notes }
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &'v Value {
        self.value
    }

    /// The error that something else than this value is needed.
    pub(crate) fn error(&self, allowed: &str) -> ReadError {
        ReadError { path: self.path.to_string(), found: shortened(self.value), allowed: allowed.to_owned() }
    }

    /// Notes that the model cannot hold this value.
    pub(crate) fn unsupported(&self) {
        self.notes.add(&self.path, &shortened(self.value));
    }

    fn map(&self) -> Result<&'v Map<String, Value>, ReadError> {
        self.value.as_object().ok_or_else(|| self.error("an object"))
    }

    /// Reads a message. Fields that `read` leaves aside are noted.
    pub(crate) fn message<T>(&self, read: impl FnOnce(&Fields<'v>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let fields = self.fields()?;
        let result = read(&fields)?;
        fields.rest().for_each(|field| field.unsupported());
        Ok(result)
    }

    /// Reads a message of which every field counts: what `read` leaves aside is an error.
    pub(crate) fn whole<T>(&self, read: impl FnOnce(&Fields<'v>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let fields = self.fields()?;
        let result = read(&fields)?;
        match fields.rest().next() {
            Some(field) => Err(ReadError {
                path: field.path.to_string(),
                found: shortened(field.value),
                allowed: format!("only {}", fields.names()),
            }),
            None => Ok(result),
        }
    }

    fn fields(&self) -> Result<Fields<'v>, ReadError> {
        Ok(Fields { map: self.map()?, node: self.clone(), read: RefCell::default() })
    }

    /// The elements of a list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, ReadError> {
        let list = self.value.as_array().ok_or_else(|| self.error("a list"))?;
        let element = |(index, value)| Self { value, path: self.path.element(index), notes: self.notes };
        Ok(list.iter().enumerate().map(element).collect())
    }

    /// The entries of a map, in its order.
    pub(crate) fn entries(&self) -> Result<Vec<(&'v str, Self)>, ReadError> {
        let entry = |(key, value): (&'v String, &'v Value)| {
            (key.as_str(), Self { value, path: self.path.field(key), notes: self.notes })
        };
        Ok(self.map()?.iter().map(entry).collect())
    }

    pub(crate) fn text(&self) -> Result<&'v str, ReadError> {
        self.value.as_str().ok_or_else(|| self.error("text"))
    }

    pub(crate) fn name(&self) -> Result<Name, ReadError> {
        self.text().map(Name::from)
    }

    pub(crate) fn flag(&self) -> Result<bool, ReadError> {
        self.value.as_bool().ok_or_else(|| self.error("true or false"))
    }

    /// A number of up to 64 bits; protobuf's JSON writes those of 64 bits as text.
    pub(crate) fn u64(&self) -> Result<u64, ReadError> {
        let number = match self.value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        number.ok_or_else(|| self.error("a number from 0 to 18446744073709551615"))
    }

    pub(crate) fn u32(&self) -> Result<u32, ReadError> {
        self.u64()
            .ok()
            .and_then(|number| number.try_into().ok())
            .ok_or_else(|| self.error("a number from 0 to 4294967295"))
    }

    pub(crate) fn u16(&self) -> Result<u16, ReadError> {
        self.u64().ok().and_then(|number| number.try_into().ok()).ok_or_else(|| self.error("a number from 0 to 65535"))
    }

    pub(crate) fn f64(&self) -> Result<f64, ReadError> {
        self.value.as_f64().ok_or_else(|| self.error("a number"))
    }

    /// `1.5s`
    pub(crate) fn duration(&self) -> Result<Duration, ReadError> {
        self.text().ok().and_then(parse_duration).ok_or_else(|| self.error("a duration such as \"1.500s\""))
    }

    /// Base64 of bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, ReadError> {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        STANDARD.decode(self.text()?).map_err(|_| self.error("base64"))
    }
}

/// `1.5s`; `None` for what is no duration of protobuf, or a negative one.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || decimals.len() > 9 || !digits(seconds) || !digits(decimals) {
        return None;
    }
    let seconds: u64 = seconds.parse().ok().filter(|seconds| *seconds <= LONGEST_SECONDS)?;
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

/// The fields of a message, and which of them were read. A field that is null counts as absent.
pub(crate) struct Fields<'v> {
    map: &'v Map<String, Value>,
    node: Node<'v>,
    read: RefCell<Vec<&'v str>>,
}

impl<'v> Fields<'v> {
    /// A field.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'v>> {
        let (name, value) = self.map.get_key_value(name)?;
        self.read.borrow_mut().push(name);
        (!value.is_null()).then(|| Node { value, path: self.node.path.field(name), notes: self.node.notes })
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<Node<'v>, ReadError> {
        self.get(name).ok_or_else(|| self.error(&format!("a message with {name}")))
    }

    /// The error that something else than this message is needed.
    pub(crate) fn error(&self, allowed: &str) -> ReadError {
        self.node.error(allowed)
    }

    /// The elements of a repeated field.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Node<'v>>, ReadError> {
        self.get(name).map_or(Ok(Vec::new()), |node| node.items())
    }

    /// The elements of a repeated field, each read by `read`.
    pub(crate) fn each<T>(
        &self,
        name: &str,
        read: impl Fn(&Node<'v>) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        self.list(name)?.iter().map(read).collect()
    }

    /// A message or value, read by `read` when it is there.
    pub(crate) fn some<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Node<'v>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        self.get(name).map(|node| read(&node)).transpose()
    }

    /// Text; empty by default.
    pub(crate) fn text(&self, name: &str) -> Result<&'v str, ReadError> {
        Ok(self.some(name, Node::text)?.unwrap_or_default())
    }

    /// Text that is shared; empty by default.
    pub(crate) fn name(&self, name: &str) -> Result<Name, ReadError> {
        self.text(name).map(Name::from)
    }

    /// Text that is there and not empty.
    pub(crate) fn some_name(&self, name: &str) -> Result<Option<Name>, ReadError> {
        Ok(Some(self.name(name)?).filter(|text| !text.is_empty()))
    }

    /// A flag; false by default.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ReadError> {
        Ok(self.some(name, Node::flag)?.unwrap_or_default())
    }

    /// A field that the model does not have because it is always this: anything else is noted.
    pub(crate) fn always(&self, name: &str, expected: &Value) {
        match self.map.get_key_value(name) {
            Some((name, value)) if value == expected => self.read.borrow_mut().push(name),
            Some(_) => {}
            None => self.node.notes.add(&self.node.path, &format!("no {name} where the model always has {expected}")),
        }
    }

    /// A field that may be absent, and otherwise says nothing that the model does not: anything else is noted.
    pub(crate) fn known(&self, name: &str, expected: &Value) {
        if let Some((name, value)) = self.map.get_key_value(name)
            && value == expected
        {
            self.read.borrow_mut().push(name);
        }
    }

    /// Reads `name`, whose value is one of `choices`; `default` when it is absent.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], default: T) -> Result<T, ReadError> {
        let Some(node) = self.get(name) else { return Ok(default) };
        let found = node.value.as_str().and_then(|text| choices.iter().find(|(choice, _)| *choice == text));
        let names = || choices.iter().map(|(choice, _)| *choice).collect::<Vec<_>>().join(", ");
        found.map(|(_, value)| *value).ok_or_else(|| node.error(&names()))
    }

    /// The message inside the `google.protobuf.Any` in the field `name`, which must be of this type.
    pub(crate) fn any(&self, name: &str, type_url: &str) -> Result<Node<'v>, ReadError> {
        let node = self.need(name)?;
        match node.value.get("@type").and_then(Value::as_str) {
            Some(found) if found == type_url => Ok(node),
            _ => Err(node.error(&format!("a message with @type {type_url}"))),
        }
    }

    /// Fields that nobody has read. `@type` is no field.
    fn rest(&self) -> impl Iterator<Item = Node<'v>> {
        let unread = self.map.iter().filter(|(name, value)| {
            !value.is_null() && *name != "@type" && !self.read.borrow().contains(&name.as_str())
        });
        unread.map(|(name, value)| Node { value, path: self.node.path.field(name), notes: self.node.notes })
    }

    fn names(&self) -> String {
        self.read.borrow().join(", ")
    }
}
