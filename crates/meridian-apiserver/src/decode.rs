//! What Kubernetes says of objects that Go's decoder cannot read.
//!
//! Objects are read and checked in another way here, and refused with the field that is wrong. Where a new or a replaced
//! object is refused, its body is looked at once more as Kubernetes' API server does: is it JSON, of which kind is it,
//! and do its values have the types of Kubernetes' own kinds and of metadata? What comes of that comes first, as there.

mod json;

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::kinds::native::{self, DEFINITIONS};
use crate::resource;
use crate::target::Objects;

pub(crate) use json::syntax_error;

/// What Kubernetes reads first of an object.
const TYPE_META: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
/// The most bytes that a summary quotes.
const SUMMARY: usize = 30;

/// Why Kubernetes cannot read a body of JSON as an object of the target's kind; `None` when it can.
pub(crate) fn refusal(target: &Objects, body: &[u8]) -> Option<ApiError> {
    let resource = target.resource;
    let object: Value = match serde_json::from_slice(body) {
        Ok(object) => object,
        // Not a character of a Secret is told.
        Err(_) if resource.is_secrets() => return None,
        Err(_) => return syntax_error(body).map(|why| unrecognized(target, body, &no_kind(&why))),
    };
    let Value::Object(fields) = &object else {
        let why = format!("json: cannot unmarshal {} into Go value of type {TYPE_META}", type_name(&object)?);
        return Some(unrecognized(target, body, &no_kind(&why)));
    };
    for field in ["apiVersion", "kind"] {
        let found = fields.get(field).filter(|value| !value.is_string()).and_then(type_name);
        if let Some(found) = found {
            let why = format!("json: cannot unmarshal {found} into Go struct field .{field} of type string");
            return Some(unrecognized(target, body, &no_kind(&why)));
        }
    }
    if let Some(error) = wrong_kind(target, fields, body) {
        return error;
    }
    let why = match resource.native(target.version) {
        Some(native) => type_error(&native.types(), &native.name(), &object),
        None => match fields.get("metadata") {
            Some(metadata @ Value::Object(_)) => type_error(&native::metadata_types(), native::METADATA, metadata),
            _ => None,
        },
    };
    why.map(|why| unhandled(target, resource.kind, target.version, &why))
}

fn no_kind(why: &str) -> String {
    format!("couldn't get version/kind; json parse error: {why}")
}

fn unrecognized(target: &Objects, body: &[u8], why: &str) -> ApiError {
    let (kind, summary) = (target.resource.kind, summary(body));
    ApiError::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {why} ({summary})"))
}

fn unhandled(target: &Objects, found: &str, version: &str, why: &dyn Display) -> ApiError {
    let kind = target.resource.kind;
    ApiError::bad_request(format!("{found} in version {version:?} cannot be handled as a {kind}: {why}"))
}

/// The beginning of a body: as text where it looks like JSON.
fn summary(body: &[u8]) -> String {
    let (shown, more) = match body.get(..SUMMARY) {
        Some(shown) if body.len() > SUMMARY => (shown, " ..."),
        _ => (body, ""),
    };
    match shown {
        [] => "<empty>".to_owned(),
        [b'{', ..] => String::from_utf8_lossy(shown).into_owned() + more,
        _ => shown.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + more,
    }
}

/// What Kubernetes says of another kind or version than the target's; `None` where there is no mistake, `Some(None)` where
/// it is found later.
fn wrong_kind(target: &Objects, fields: &Map<String, Value>, body: &[u8]) -> Option<Option<ApiError>> {
    let resource = target.resource;
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if !resource.built_in() {
        let missing = if kind.is_empty() {
            "Kind"
        } else if api_version.is_empty() {
            "apiVersion"
        } else {
            return (api_version != target.api_version() || kind != resource.kind).then_some(None);
        };
        let why = format!("Object '{missing}' is missing in '{}'", String::from_utf8_lossy(body));
        return Some(Some(unrecognized(target, body, &why)));
    }
    let expected = target.api_version();
    let api_version = if api_version.is_empty() { &expected } else { api_version };
    let kind = if kind.is_empty() { resource.kind } else { kind };
    if api_version == expected && kind == resource.kind {
        return None;
    }
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let known = resource::of_version(group, version).any(|known| known.kind == kind);
    let why = match (known, kind == resource.kind) {
        (true, true) => return Some(None),
        (true, false) => {
            let package = resource.group.split('.').next().filter(|package| !package.is_empty()).unwrap_or("core");
            format!("converting ({version}.{kind}) to ({package}.{}): unknown conversion", resource.kind)
        }
        (false, _) => format!("no kind {kind:?} is registered for version {api_version:?}"),
    };
    Some(Some(unhandled(target, kind, version, &why)))
}

/// What Go calls a value's type; `None` for `null`, which is as good as no value.
pub(crate) fn type_name(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some("bool"),
        Value::Number(_) => Some("number"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
        Value::Object(_) => Some("object"),
    }
}

/// The first value of another type than a definition says.
fn type_error(definitions: &Map<String, Value>, name: &str, value: &Value) -> Option<String> {
    let mut reader = Reader { definitions, path: Vec::new() };
    reader.definition(name, value, "")
}

/// Reads a value by definitions, as Go reads it into types.
struct Reader<'a> {
    definitions: &'a Map<String, Value>,
    /// The fields to the place; items of lists and keys of maps are not named.
    path: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn definition(&mut self, name: &str, value: &'a Value, within: &str) -> Option<String> {
        if native::is_opaque(name) {
            return None;
        }
        let definitions = self.definitions;
        let definition = definitions.get(name)?;
        let Some(Value::Object(properties)) = definition.get("properties") else {
            return self.value(definition, value, within);
        };
        let within = name.rsplit('.').next().unwrap_or(name);
        match value {
            Value::Null => None,
            Value::Object(fields) => fields.iter().find_map(|(field, value)| {
                let (field, schema) = properties.get_key_value(field)?;
                self.path.push(field);
                let found = self.value(schema, value, within);
                self.path.pop();
                found
            }),
            _ => None,
        }
    }

    fn value(&mut self, schema: &'a Value, value: &'a Value, within: &str) -> Option<String> {
        let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(DEFINITIONS));
        if let Some(name) = reference {
            let is_struct = self.definitions.get(name).is_some_and(|definition| definition.get("properties").is_some());
            if is_struct && !value.is_object() && !native::is_opaque(name) {
                return self.mistake(type_name(value)?, within, &go_type(schema));
            }
            return self.definition(name, value, within);
        }
        let found = type_name(value)?;
        match (schema["type"].as_str()?, schema["format"].as_str(), value) {
            ("string", Some("byte"), Value::String(text)) => {
                corrupt_base64(text.as_bytes()).map(|at| format!("illegal base64 data at input byte {at}"))
            }
            // Times are read by code of their own.
            ("string", Some("date-time"), _) => None,
            ("string", _, Value::String(_)) | ("boolean", _, Value::Bool(_)) | ("number", _, Value::Number(_)) => None,
            ("integer", format, Value::Number(number)) => {
                let fits =
                    number.as_i64().is_some_and(|number| format != Some("int32") || i32::try_from(number).is_ok());
                if fits { None } else { self.mistake(&format!("number {number}"), within, &go_type(schema)) }
            }
            ("array", _, Value::Array(items)) => {
                items.iter().find_map(|item| self.value(&schema["items"], item, within))
            }
            ("object", _, Value::Object(fields)) => {
                fields.values().find_map(|value| self.value(&schema["additionalProperties"], value, within))
            }
            ("string" | "boolean" | "number" | "integer" | "array" | "object", ..) => {
                self.mistake(found, within, &go_type(schema))
            }
            _ => None,
        }
    }

    fn mistake(&self, found: &str, within: &str, expected: &str) -> Option<String> {
        let path = self.path.join(".");
        Some(format!("json: cannot unmarshal {found} into Go struct field {within}.{path} of type {expected}"))
    }
}

/// What Go calls the type that a schema describes.
fn go_type(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let mut words = reference.rsplit('.');
        let (name, package) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        return format!("{package}.{name}");
    }
    match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str()) {
        ("string", Some("byte")) => "[]uint8".to_owned(),
        ("integer", format) => format.unwrap_or("int64").to_owned(),
        ("number", _) => "float64".to_owned(),
        ("boolean", _) => "bool".to_owned(),
        ("array", _) => format!("[]{}", go_type(&schema["items"])),
        ("object", _) => format!("map[string]{}", go_type(&schema["additionalProperties"])),
        _ => "string".to_owned(),
    }
}

/// Where Go's `encoding/base64` finds a text wrong: the byte that it names. Ends of lines are passed over.
fn corrupt_base64(text: &[u8]) -> Option<usize> {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let mut at = 0;
    let mut digits = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => digits = (digits + 1) % 4,
            b'\n' | b'\r' => {}
            b'=' if digits >= 2 => {
                let skip = |mut at: usize| {
                    while text.get(at).is_some_and(is_line_end) {
                        at += 1;
                    }
                    at
                };
                if digits == 2 {
                    at = skip(at);
                    match text.get(at) {
                        None => return Some(text.len()),
                        Some(b'=') => at += 1,
                        Some(_) => return Some(at - 1),
                    }
                }
                at = skip(at);
                return (at < text.len()).then_some(at);
            }
            _ => return Some(at - 1),
        }
    }
    (digits != 0).then_some(at - digits)
}

#[cfg(test)]
mod tests {
    use super::{corrupt_base64, refusal};
    use crate::resource;
    use crate::target::Objects;

    fn said(group: &str, plural: &str, body: &str) -> Option<String> {
        let resource = resource::by_plural(group, plural).expect("a kind that is served");
        let target =
            Objects { resource, version: resource.versions[0], namespace: None, name: None, subresource: None };
        refusal(&target, body.as_bytes()).map(|error| error.to_string())
    }

    #[test]
    fn values_of_the_wrong_type_are_named_by_gos_types() {
        let go = "json: cannot unmarshal";
        let cases = [
            (
                "configmaps",
                r#"{"data": {"a": 7}}"#,
                format!("{go} number into Go struct field ConfigMap.data of type string"),
            ),
            (
                "configmaps",
                r#"{"data": "x"}"#,
                format!("{go} string into Go struct field ConfigMap.data of type map[string]string"),
            ),
            (
                "configmaps",
                r#"{"metadata": []}"#,
                format!("{go} array into Go struct field ConfigMap.metadata of type v1.ObjectMeta"),
            ),
            (
                "configmaps",
                r#"{"metadata": {"name": 7}}"#,
                format!("{go} number into Go struct field ObjectMeta.metadata.name of type string"),
            ),
            ("secrets", r#"{"data": {"a": "***"}}"#, "illegal base64 data at input byte 0".to_owned()),
            (
                "services",
                r#"{"spec": {"ports": [{"port": "80"}]}}"#,
                format!("{go} string into Go struct field ServicePort.spec.ports.port of type int32"),
            ),
            (
                "services",
                r#"{"spec": {"ports": {"port": 80}}}"#,
                format!("{go} object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort"),
            ),
            (
                "services",
                r#"{"spec": {"ports": [{"port": 80.5, "targetPort": "http"}]}}"#,
                format!("{go} number 80.5 into Go struct field ServicePort.spec.ports.port of type int32"),
            ),
        ];
        for (plural, body, expected) in cases {
            let text = said("", plural, body).unwrap_or_default();
            assert!(text.ends_with(&format!(": {expected}")), "{body}: {text}");
        }
        assert_eq!(
            said("", "services", r#"{"metadata": null, "spec": {"ports": [{"port": 80, "targetPort": 8}]}}"#),
            None
        );
    }

    #[test]
    fn kinds_and_versions_are_those_of_the_url() {
        let routes = |body: &str| said("networking.istio.io", "virtualservices", body);
        assert_eq!(
            routes(r#"{"metadata":{"name":"x"}}"#).as_deref(),
            Some(
                "the object provided is unrecognized (must be of type VirtualService): Object 'Kind' is missing in \
                 '{\"metadata\":{\"name\":\"x\"}}' ({\"metadata\":{\"name\":\"x\"}})"
            )
        );
        // What is not of this kind is refused elsewhere.
        assert_eq!(routes(r#"{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"labels":7}}"#), None);
        let why = "cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion";
        let text = said("", "configmaps", r#"{"apiVersion":"v1","kind":"Secret"}"#);
        assert_eq!(text, Some(format!("Secret in version \"v1\" {why}")));
        assert_eq!(said("", "secrets", r#"{"data": {"a": "#), None, "no character of a Secret is told");
    }

    #[test]
    fn base64_is_wrong_where_go_finds_it_wrong() {
        let cases = [
            ("", None),
            ("eA==", None),
            ("eHg=\n", None),
            ("eHh4", None),
            ("***", Some(0)),
            ("eA", Some(0)),
            ("eA=", Some(3)),
            ("eA==x", Some(4)),
            ("e===", Some(1)),
            ("eHh4e", Some(4)),
            ("eA=x", Some(2)),
        ];
        for (text, expected) in cases {
            assert_eq!(corrupt_base64(text.as_bytes()), expected, "{text}");
        }
    }
}
