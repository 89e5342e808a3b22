//! Building messages in protobuf's JSON mapping.

use serde_json::{Map, Value, json};
use std::time::Duration;

/// A message that grows field by field. Names are lowerCamelCase; a field that has its default is not set.
#[derive(Default)]
pub(crate) struct Message(Map<String, Value>);

impl Message {
    /// An empty message.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An empty message inside a `google.protobuf.Any`.
    pub(crate) fn any(type_url: &str) -> Self {
        Self::new().with("@type", type_url)
    }

    /// Sets a field.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets a field when there is a value.
    pub(crate) fn with_some<V: Into<Value>>(self, field: &str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    /// Sets a string, unless it is empty.
    pub(crate) fn with_text(self, field: &str, text: &str) -> Self {
        self.with_some(field, (!text.is_empty()).then_some(text))
    }

    /// Sets a number, unless it is zero.
    pub(crate) fn with_number(self, field: &str, number: u32) -> Self {
        self.with_some(field, (number != 0).then_some(number))
    }

    /// Sets a flag, unless it is false.
    pub(crate) fn with_flag(self, field: &str, flag: bool) -> Self {
        self.with_some(field, flag.then_some(true))
    }

    /// Sets a repeated field, unless it is empty.
    pub(crate) fn with_list(self, field: &str, items: impl IntoIterator<Item = Value>) -> Self {
        let items: Vec<Value> = items.into_iter().collect();
        self.with_some(field, (!items.is_empty()).then_some(items))
    }
}

impl From<Message> for Value {
    fn from(message: Message) -> Self {
        Self::Object(message.0)
    }
}

/// A `google.protobuf.Duration`: seconds with no, three, six or nine decimals.
pub(crate) fn duration(duration: Duration) -> Value {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let text = match nanos {
        0 => format!("{seconds}s"),
        _ if nanos % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{seconds}.{nanos:09}s"),
    };
    text.into()
}

/// A resource inside a `google.protobuf.Any`.
pub(crate) fn any(type_url: &str, mut message: Value) -> Value {
    if let Value::Object(fields) = &mut message {
        fields.insert("@type".to_owned(), type_url.into());
    }
    message
}

/// A socket address.
pub(crate) fn socket_address(address: &str, port: u16) -> Value {
    json!({"socketAddress": {"address": address, "portValue": port}})
}

/// The source of resources that come by the aggregated discovery service and are waited for without limit.
pub(crate) fn ads() -> Message {
    Message::new().with("ads", json!({})).with("resourceApiVersion", "V3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_protobuf_does() {
        for (nanos, expected) in [
            (0, "0s"),
            (10_000_000_000, "10s"),
            (1_500_000_000, "1.500s"),
            (100_000_000, "0.100s"),
            (1_000, "0.000001s"),
            (3_000_000_007, "3.000000007s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), expected);
        }
    }
}
