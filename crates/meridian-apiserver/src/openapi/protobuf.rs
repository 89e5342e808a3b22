//! The v2 document in protobuf (`openapi.v2.Document` of gnostic), the only form in which `kubectl` asks for it.
//!
//! `kubectl` turns to it when it does not find a kind in the v3 documents, for example because of a mistyped version.

use serde_json::{Map, Value};

/// Encodes a Swagger 2.0 document, whose `paths` and `definitions` come in parts.
pub(super) fn encode(document: &Value, parts: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, document.get("swagger"));
    out.message(2, info(&document["info"]));
    let (mut paths, mut definitions) = (Message::default(), Message::default());
    for part in parts {
        for (name, path) in fields(&part["paths"]) {
            paths.message(2, named(name, path_item(path)));
        }
        // Repeated fields of two messages are those of one.
        definitions.0.extend(named_schemas(&part["definitions"]).0);
    }
    out.message(8, paths);
    out.message(9, definitions);
    out.0
}

/// A message while it is written.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn message(&mut self, field: u64, value: Message) {
        self.bytes(field, &value.0);
    }

    fn text(&mut self, field: u64, value: Option<&Value>) {
        if let Some(text) = value.and_then(Value::as_str) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u64, value: Option<&Value>) {
        for text in items(value).filter_map(Value::as_str) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn integer(&mut self, field: u64, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_i64) {
            self.varint(field << 3);
            self.varint(number.cast_unsigned());
        }
    }

    fn double(&mut self, field: u64, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_f64) {
            self.varint(field << 3 | 1);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn boolean(&mut self, field: u64, value: Option<&Value>) {
        if value == Some(&Value::Bool(true)) {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    /// `x-` keywords.
    fn extensions(&mut self, field: u64, value: &Value) {
        for (name, value) in fields(value).filter(|(name, _)| name.starts_with("x-")) {
            self.message(field, named(name, any(value)));
        }
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// `NamedSchema`, `NamedPathItem` and their relatives.
fn named(name: &str, value: Message) -> Message {
    let mut out = Message::default();
    out.bytes(1, name.as_bytes());
    out.message(2, value);
    out
}

/// Any value, as the YAML text that JSON is.
fn any(value: &Value) -> Message {
    let mut out = Message::default();
    out.bytes(2, value.to_string().as_bytes());
    out
}

fn info(info: &Value) -> Message {
    let mut out = Message::default();
    out.text(1, info.get("title"));
    out.text(2, info.get("version"));
    out
}

fn path_item(path: &Value) -> Message {
    let mut out = Message::default();
    for (field, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if let Some(found) = path.get(method) {
            out.message(field, operation(found));
        }
    }
    for found in items(path.get("parameters")) {
        out.message(9, parameter(found));
    }
    out
}

fn operation(operation: &Value) -> Message {
    let mut out = Message::default();
    out.text(5, operation.get("operationId"));
    out.texts(7, operation.get("consumes"));
    for found in items(operation.get("parameters")) {
        out.message(8, parameter(found));
    }
    let mut responses = Message::default();
    for (code, response) in fields(&operation["responses"]) {
        let mut answer = Message::default();
        answer.text(1, response.get("description"));
        if let Some(found) = response.get("schema") {
            answer.message(2, one_of(1, schema(found)));
        }
        responses.message(1, named(code, one_of(1, answer)));
    }
    out.message(9, responses);
    out.extensions(13, operation);
    out
}

/// A message whose only field is one of several.
fn one_of(field: u64, value: Message) -> Message {
    let mut out = Message::default();
    out.message(field, value);
    out
}

fn parameter(parameter: &Value) -> Message {
    let mut out = Message::default();
    let place = parameter["in"].as_str().unwrap_or_default();
    let found = match place {
        "body" => {
            out.text(2, parameter.get("name"));
            out.text(3, parameter.get("in"));
            out.boolean(4, parameter.get("required"));
            out.message(5, schema(&parameter["schema"]));
            one_of(1, out)
        }
        _ => {
            let is_path = place == "path";
            out.boolean(1, parameter.get("required"));
            out.text(2, parameter.get("in"));
            out.text(4, parameter.get("name"));
            out.text(if is_path { 5 } else { 6 }, parameter.get("type"));
            one_of(2, one_of(if is_path { 4 } else { 3 }, out))
        }
    };
    one_of(1, found)
}

fn named_schemas(schemas: &Value) -> Message {
    let mut out = Message::default();
    for (name, found) in fields(schemas) {
        out.message(1, named(name, schema(found)));
    }
    out
}

fn schema(node: &Value) -> Message {
    let mut out = Message::default();
    out.text(1, node.get("$ref"));
    out.text(2, node.get("format"));
    out.text(4, node.get("description"));
    if let Some(default) = node.get("default") {
        out.message(5, any(default));
    }
    out.double(7, node.get("maximum"));
    out.double(9, node.get("minimum"));
    out.integer(11, node.get("maxLength"));
    out.integer(12, node.get("minLength"));
    out.text(13, node.get("pattern"));
    out.integer(14, node.get("maxItems"));
    out.integer(15, node.get("minItems"));
    out.boolean(16, node.get("uniqueItems"));
    out.texts(19, node.get("required"));
    for value in items(node.get("enum")) {
        out.message(20, any(value));
    }
    match node.get("additionalProperties") {
        Some(Value::Bool(value)) => {
            let mut allowed = Message::default();
            allowed.varint(2 << 3);
            allowed.varint(u64::from(*value));
            out.message(21, allowed);
        }
        Some(found) => out.message(21, one_of(1, schema(found))),
        None => {}
    }
    if let Some(Value::String(name)) = node.get("type") {
        let mut type_ = Message::default();
        type_.bytes(1, name.as_bytes());
        out.message(22, type_);
    }
    if let Some(found) = node.get("items") {
        out.message(23, one_of(1, schema(found)));
    }
    if let Some(properties) = node.get("properties") {
        out.message(25, named_schemas(properties));
    }
    out.extensions(31, node);
    out
}
