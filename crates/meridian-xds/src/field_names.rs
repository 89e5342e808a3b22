//! Protobuf's own field names (`route_config`) and those of its JSON mapping (`routeConfig`).
//!
//! Both are legal in JSON that is read; printed are the former by Envoy's admin endpoint, the latter by everything
//! else. Keys of maps and of `google.protobuf.Struct` are no field names and stay as they are.

use serde_json::{Map, Value};

/// Fields whose lowerCamelCase name has lost an underscore before a digit.
const BEFORE_DIGITS: [(&str, &str); 4] = [
    ("proxy100Continue", "proxy_100_continue"),
    ("acceptHttp10", "accept_http_10"),
    ("consecutive5xx", "consecutive_5xx"),
    ("enforcingConsecutive5xx", "enforcing_consecutive_5xx"),
];

/// What the value of a field is.
enum Content {
    /// Messages, with fields that have names.
    Messages,
    /// A map from strings to messages.
    MapOfMessages,
    /// A `Struct`, or a map to `Struct`s.
    Data,
}

/// The same message with protobuf's own names, as Envoy's admin endpoint prints it.
pub fn to_proto_names(message: Value) -> Value {
    rename(message, &snake_case)
}

/// The same message with lowerCamelCase names.
pub fn to_json_names(message: Value) -> Value {
    rename(message, &lower_camel_case)
}

fn rename(value: Value, name: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| rename(item, name)).collect(),
        Value::Object(fields) => {
            let parent = Parent::of(&fields);
            let renamed = fields.into_iter().map(|(field, value)| {
                let value = match content(&field, &value, parent) {
                    Content::Messages => rename(value, name),
                    Content::MapOfMessages => rename_values(value, name),
                    Content::Data => value,
                };
                (name(&field), value)
            });
            Value::Object(renamed.collect())
        }
        scalar => scalar,
    }
}

fn rename_values(value: Value, name: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(entries) => {
            let renamed: Map<String, Value> =
                entries.into_iter().map(|(key, value)| (key, rename(value, name))).collect();
            Value::Object(renamed)
        }
        other => other,
    }
}

/// Messages in which a field holds data that holds messages elsewhere.
#[derive(Clone, Copy, PartialEq)]
enum Parent {
    TypedStruct,
    TransportSocketMatch,
    Other,
}

impl Parent {
    fn of(fields: &Map<String, Value>) -> Self {
        let type_url = fields.get("@type").and_then(Value::as_str).unwrap_or_default();
        let has_socket = ["transportSocket", "transport_socket"].iter().any(|name| fields.contains_key(*name));
        match type_url.ends_with("TypedStruct") {
            true => Self::TypedStruct,
            false if has_socket => Self::TransportSocketMatch,
            false => Self::Other,
        }
    }
}

fn content(field: &str, value: &Value, parent: Parent) -> Content {
    match field {
        "filterMetadata" | "filter_metadata" | "jsonFormat" | "json_format" => Content::Data,
        "value" if parent == Parent::TypedStruct => Content::Data,
        "match" if parent == Parent::TransportSocketMatch => Content::Data,
        // Of access control; elsewhere `policies` is a list.
        "policies" if value.is_object() => Content::MapOfMessages,
        // `envoy.config.core.v3.Metadata` and a matcher of it have these fields; elsewhere `metadata` is a Struct.
        "metadata" => {
            let fields =
                ["filterMetadata", "filter_metadata", "typedFilterMetadata", "typed_filter_metadata", "filter"];
            if fields.iter().any(|field| value.get(field).is_some()) { Content::Messages } else { Content::Data }
        }
        "typedExtensionProtocolOptions"
        | "typed_extension_protocol_options"
        | "typedPerFilterConfig"
        | "typed_per_filter_config"
        | "typedFilterMetadata"
        | "typed_filter_metadata" => Content::MapOfMessages,
        _ => Content::Messages,
    }
}

/// `routeConfig` becomes `route_config`.
fn snake_case(name: &str) -> String {
    if let Some((_, proto)) = BEFORE_DIGITS.iter().find(|(json, _)| *json == name) {
        return (*proto).to_owned();
    }
    let mut out = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// `route_config` becomes `routeConfig`: every underscore goes, and what follows it is in upper case.
fn lower_camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        match character {
            '_' => upper = true,
            _ if std::mem::take(&mut upper) => out.push(character.to_ascii_uppercase()),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn field_names_change_and_data_stays() {
        let json_names = json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "edsClusterConfig": {"edsConfig": {"resourceApiVersion": "V3"}},
            "proxy100Continue": true,
            "httpProtocolOptions": {"acceptHttp10": true},
            "http2ProtocolOptions": {},
            "metadata": {"filterMetadata": {"istio": {"someKey": {"other_key": 1}}}},
            "typedExtensionProtocolOptions": {"envoy.X_y.HttpProtocolOptions": {"maxRequests": 1}},
            "node": {"metadata": {"ISTIO_VERSION": "1", "someKey": 2}},
            "filters": [{
                "typedConfig": {"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "typeUrl": "x", "value": {"aB": 1}},
            }],
        });
        let proto_names = json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "eds_cluster_config": {"eds_config": {"resource_api_version": "V3"}},
            "proxy_100_continue": true,
            "http_protocol_options": {"accept_http_10": true},
            "http2_protocol_options": {},
            "metadata": {"filter_metadata": {"istio": {"someKey": {"other_key": 1}}}},
            "typed_extension_protocol_options": {"envoy.X_y.HttpProtocolOptions": {"max_requests": 1}},
            "node": {"metadata": {"ISTIO_VERSION": "1", "someKey": 2}},
            "filters": [{
                "typed_config": {"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "type_url": "x", "value": {"aB": 1}},
            }],
        });
        assert_eq!(to_proto_names(json_names.clone()), proto_names);
        assert_eq!(to_json_names(proto_names), json_names);
        assert_eq!(to_json_names(json_names.clone()), json_names, "names that are in the JSON mapping already");
    }
}
