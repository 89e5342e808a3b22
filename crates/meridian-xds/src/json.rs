//! Protobuf's JSON mapping.

use serde_json::{Map, Value, json};
use std::time::Duration;

/// A message under construction. Fields keep the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Message(Map<String, Value>);

impl Message {
    /// An `Any`: the message's type first.
    pub(crate) fn typed(kind: &str) -> Self {
        Self::default().set("@type", format!("type.googleapis.com/{kind}"))
    }

    pub(crate) fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Leaves an empty list, text or object out, as protobuf does with defaults.
    pub(crate) fn set_used(self, field: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let is_default = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(object) => object.is_empty(),
            Value::Bool(set) => !set,
            Value::Number(number) => number.as_u64() == Some(0),
        };
        if is_default { self } else { self.set(field, value) }
    }

    pub(crate) fn set_some(self, field: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(field, value),
            None => self,
        }
    }

    /// All fields of another message behind these.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl From<Message> for Value {
    fn from(message: Message) -> Self {
        Self::Object(message.0)
    }
}

/// `google.protobuf.Duration`: seconds with 0, 3, 6 or 9 digits of a fraction.
pub(crate) fn duration(duration: Duration) -> Value {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    Value::String(if nanos == 0 {
        format!("{seconds}s")
    } else if nanos.is_multiple_of(1_000_000) {
        format!("{seconds}.{:03}s", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1_000) {
        format!("{seconds}.{:06}s", nanos / 1_000)
    } else {
        format!("{seconds}.{nanos:09}s")
    })
}

/// An extension: name and typed configuration.
pub(crate) fn extension(name: &str, config: Message) -> Value {
    Message::default().set("name", name).set("typedConfig", config).into()
}

/// The aggregated discovery service as the source of something.
pub(crate) fn from_ads() -> Value {
    json!({"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"})
}

/// Fields whose snake case cannot be told from their camel case.
const IRREGULAR: [(&str, &str); 2] = [("proxy100Continue", "proxy_100_continue"), ("acceptHttp10", "accept_http_10")];

/// Turns the names of fields into those of the `.proto` files, which is how Envoy's admin endpoint prints messages.
/// Keys of maps are left alone where they have a dot, and have no capitals otherwise.
#[must_use]
pub fn to_snake_case(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            Value::Object(object.into_iter().map(|(name, value)| (snake(&name), to_snake_case(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(to_snake_case).collect()),
        other => other,
    }
}

fn snake(name: &str) -> String {
    if name.contains('.') {
        return name.to_owned();
    }
    if let Some((_, irregular)) = IRREGULAR.iter().find(|(camel, _)| *camel == name) {
        return (*irregular).to_owned();
    }
    let mut out = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_as_many_digits_as_they_need() {
        for (value, text) in [
            (Duration::from_secs(10), "10s"),
            (Duration::ZERO, "0s"),
            (Duration::from_millis(100), "0.100s"),
            (Duration::from_micros(1_500_001), "1.500001s"),
            (Duration::from_nanos(1), "0.000000001s"),
        ] {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn field_names_as_in_the_proto_files() {
        let camel = json!({"@type": "type.googleapis.com/a.B", "filterChains": [{"proxy100Continue": true,
            "typedExtensionProtocolOptions": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {}}}]});
        let snake = json!({"@type": "type.googleapis.com/a.B", "filter_chains": [{"proxy_100_continue": true,
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {}}}]});
        assert_eq!(to_snake_case(camel), snake);
    }
}
