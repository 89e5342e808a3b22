//! YAML files of many documents, read strictly and with the place of every field.
//!
//! Scalars mean what they mean to kubectl (YAML 1.1 as `sigs.k8s.io/yaml` reads it); duplicate keys are refused.

mod emit;
mod go;
mod load;
mod node;
mod scalar;
mod split;
#[cfg(test)]
mod tests;

pub use emit::emit;
pub use go::emit_as_go;
pub use node::Position;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::error::{Diagnostic, FieldError, FieldErrorKind};
use crate::kind::{self, Kind};
use crate::meta::DEFAULT_NAMESPACE;
use crate::object::{self, ObjectRef, Resource, Source};
use crate::suggest::closest;
use crate::validate::{unknown_fields, validate};
use node::{Content, Node};

/// One document, or one item of a List, of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The object, or what is wrong with the document.
    pub object: Result<ParsedObject, Vec<Diagnostic>>,
}

/// An object as it was written. Its `Debug` does not show the fields: the object may be a Secret.
#[derive(Clone)]
pub struct ParsedObject {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its `apiVersion`.
    pub api_version: String,
    /// The object as JSON.
    pub value: Value,
    /// Where it was written.
    pub source: Source,
    node: Node,
}

impl fmt::Debug for ParsedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object_ref().map(|object| object.to_string());
        f.debug_struct("ParsedObject").field("object", &object).field("source", &self.source).finish_non_exhaustive()
    }
}

impl ParsedObject {
    /// The place of a field by its path, such as `spec.servers[0].port`, or of the nearest ancestor that was written.
    pub fn locate(&self, path: &str) -> Position {
        self.node.locate(path, false)
    }

    /// The object's reference; objects without a namespace are in `default`.
    pub fn object_ref(&self) -> Option<ObjectRef> {
        object_ref(self.kind, &self.node)
    }

    /// A mistake in this object with its place.
    pub fn diagnostic(&self, error: &FieldError) -> Diagnostic {
        diagnostic(&self.source.file, &self.node, self.object_ref(), error)
    }

    /// The typed form.
    ///
    /// # Errors
    /// When the object does not have the shape of its kind; a valid one has.
    pub fn decode(&self) -> Result<Resource, Vec<Diagnostic>> {
        let resource = object::decode(self.kind, &self.value);
        resource
            .map(|resource| resource.with_source(self.source.clone()))
            .map_err(|errors| errors.iter().map(|error| self.diagnostic(error)).collect())
    }
}

/// Parses one text of many documents and checks each against its kind; a bad document never hurts the others.
///
/// Documents without content are left out, the items of Lists are documents of their own. `file` is only a name, for
/// the diagnostics. Unknown fields are mistakes.
pub fn parse(text: &str, file: &str) -> Vec<Document> {
    read(text, file).into_iter().map(Document::from).collect()
}

/// Reads one text as [`parse`] does, but keeps objects that are not valid, for those who have more to say of them.
pub fn read(text: &str, file: &str) -> Vec<Reading> {
    let file: Arc<str> = file.into();
    let mut readings = Vec::new();
    for document in split::split(text).iter().flat_map(load::load) {
        match document {
            Ok(node) if node.is_null() => {}
            Ok(node) => unfold(&file, node, &mut readings),
            Err(error) => readings.push(Reading::Broken(syntax(&file, error))),
        }
    }
    readings
}

/// One document, or one item of a List, as it was read.
#[derive(Clone, Debug)]
pub enum Reading {
    /// An object of a known kind, and what is wrong with it.
    Object(ParsedObject, Vec<FieldError>),
    /// An object of a kind that is not known.
    UnknownKind(Diagnostic),
    /// Not an object.
    Broken(Diagnostic),
}

impl From<Reading> for Document {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Object(object, errors) if errors.is_empty() => {
                Document { line: object.source.line, object: Ok(object) }
            }
            Reading::Object(object, errors) => {
                let mut diagnostics: Vec<Diagnostic> = errors.iter().map(|error| object.diagnostic(error)).collect();
                diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
                Document { line: object.source.line, object: Err(diagnostics) }
            }
            Reading::UnknownKind(diagnostic) | Reading::Broken(diagnostic) => {
                Document { line: diagnostic.line, object: Err(vec![diagnostic]) }
            }
        }
    }
}

/// The documents of a text as JSON, whatever they hold; documents without content are left out.
pub fn values(text: &str, file: &str) -> Vec<Result<Value, Diagnostic>> {
    let file: Arc<str> = file.into();
    let documents = split::split(text);
    let documents =
        documents.iter().flat_map(load::load).filter(|document| !matches!(document, Ok(node) if node.is_null()));
    documents.map(|document| document.map(|node| node.to_value()).map_err(|error| syntax(&file, error))).collect()
}

/// An object of any kind, known here or not, as it was written. Its `Debug` does not show the fields: the object may be
/// a Secret.
#[derive(Clone)]
pub struct Written {
    /// The object as JSON.
    pub value: Value,
    node: Node,
}

impl Written {
    /// Where it begins.
    pub fn start(&self) -> Position {
        self.node.at
    }

    /// The place of a field by its path, such as `spec.servers[0].port`, or of the nearest ancestor that was written;
    /// `key` asks for the field's name and not for its value.
    pub fn locate(&self, path: &str, key: bool) -> Position {
        self.node.locate(path, key)
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("at", &self.node.at).finish_non_exhaustive()
    }
}

/// The objects of a text, whatever their kinds are, with the places of their fields; items of Lists are objects of
/// their own. A document that cannot be read hurts no other.
pub fn written(text: &str, file: &str) -> Vec<Result<Written, Diagnostic>> {
    let file: Arc<str> = file.into();
    let mut objects = Vec::new();
    for document in split::split(text).iter().flat_map(load::load) {
        match document {
            Ok(node) => unfold_any(node, &mut objects),
            Err(error) => objects.push(Err(syntax(&file, error))),
        }
    }
    objects
}

fn unfold_any(mut node: Node, objects: &mut Vec<Result<Written, Diagnostic>>) {
    let list = node.text("kind").is_some_and(|kind| kind.ends_with("List"));
    if let Content::Mapping(entries) = &mut node.content
        && list
        && let Some(items) = entries.iter_mut().find(|entry| entry.key == "items")
        && let Content::Sequence(items) = &mut items.value.content
    {
        std::mem::take(items).into_iter().for_each(|item| unfold_any(item, objects));
    } else if !node.is_null() {
        objects.push(Ok(Written { value: node.to_value(), node }));
    }
}

/// One document of a text with the text that it was read from.
#[derive(Clone, Debug)]
pub struct RawDocument<'t> {
    /// As it was written, without the `---` before it.
    pub text: Cow<'t, str>,
    /// What it holds; nothing for one without content.
    pub value: Result<Option<Value>, Diagnostic>,
}

/// The documents of a text, for those who pass some of them on as they are.
pub fn documents<'t>(text: &'t str, file: &str) -> Vec<RawDocument<'t>> {
    let file: Arc<str> = file.into();
    let mut documents = Vec::new();
    for chunk in split::split(text) {
        let read = load::load(&chunk).into_iter().map(|node| node.map(|node| node.to_value()));
        let mut values: Vec<_> = read.map(|value| value.map_err(|error| syntax(&file, error))).collect();
        if values.len() < 2 {
            let value =
                values.pop().unwrap_or(Ok(Value::Null)).map(|value| Some(value).filter(|value| !value.is_null()));
            documents.push(RawDocument { text: without_start(chunk.text).into(), value });
            continue;
        }
        // Several that are separated by `...` have no texts of their own.
        for value in values {
            let text = value.as_ref().map(emit::emit).unwrap_or_default();
            documents.push(RawDocument { text: text.into(), value: value.map(Some) });
        }
    }
    documents
}

/// The text after a line of nothing but `---`.
fn without_start(text: &str) -> &str {
    let rest = text.strip_prefix("---").map(|rest| rest.trim_start_matches([' ', '\t', '\r']));
    rest.and_then(|rest| rest.strip_prefix('\n')).unwrap_or(text)
}

/// Takes any bytes through parsing, checking, decoding and writing; the entry of a fuzz target.
///
/// # Panics
/// When an object that was read is written in a way that reads as another.
pub fn fuzz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for object in parse(&text, "fuzz.yaml").into_iter().filter_map(|document| document.object.ok()) {
        let _ = object.decode();
    }
    for value in values(&text, "fuzz.yaml").into_iter().flatten() {
        let again = values(&emit(&value), "emitted.yaml");
        assert!(matches!(&again[..], [Ok(read)] if *read == value), "{value} was read back as {again:?}");
    }
}

fn syntax(file: &Arc<str>, error: load::LoadError) -> Diagnostic {
    Diagnostic {
        file: file.clone(),
        line: error.at.line,
        column: error.at.column,
        object: None,
        path: String::new(),
        message: error.message,
    }
}

fn diagnostic(file: &Arc<str>, node: &Node, object: Option<ObjectRef>, error: &FieldError) -> Diagnostic {
    let at = node.locate(&error.path, error.kind == FieldErrorKind::Unknown);
    Diagnostic {
        file: file.clone(),
        line: at.line,
        column: at.column,
        object,
        path: error.path.clone(),
        message: error.message.clone(),
    }
}

fn object_ref(kind: &'static Kind, node: &Node) -> Option<ObjectRef> {
    let metadata = &node.get("metadata")?.value;
    let namespace = metadata.text("namespace").filter(|namespace| !namespace.is_empty()).unwrap_or(DEFAULT_NAMESPACE);
    Some(ObjectRef {
        kind,
        namespace: kind.namespaced.then(|| namespace.into()),
        name: metadata.text("name").or_else(|| metadata.text("generateName"))?.into(),
    })
}

/// Appends the document, or the items of the List that it is.
fn unfold(file: &Arc<str>, node: Node, readings: &mut Vec<Reading>) {
    let is_list = node.text("kind").is_some_and(is_list_kind);
    if !is_list {
        readings.push(object(file, node));
        return;
    }
    let items = match node.content {
        Content::Mapping(entries) => entries.into_iter().find(|entry| entry.key == "items"),
        _ => None,
    };
    match items.map(|entry| (entry.key_at, entry.value.content)) {
        Some((_, Content::Sequence(items))) => items.into_iter().for_each(|item| unfold(file, item, readings)),
        Some((_, Content::Scalar(Value::Null))) | None => {}
        Some((at, _)) => {
            let message = "found something else, allowed: a list of objects";
            readings.push(Reading::Broken(at_place(file, at, "items", message.to_owned())));
        }
    }
}

fn is_list_kind(kind: &str) -> bool {
    kind == "List" || kind::all().iter().any(|known| known.list_kind == kind)
}

fn at_place(file: &Arc<str>, at: Position, path: &str, message: String) -> Diagnostic {
    let path = path.to_owned();
    Diagnostic { file: file.clone(), line: at.line, column: at.column, object: None, path, message }
}

fn object(file: &Arc<str>, node: Node) -> Reading {
    let (kind, api_version) = match kind_of(file, &node) {
        Ok(known) => known,
        Err(reading) => return *reading,
    };
    let value = node.to_value();
    let mut errors = unknown_fields(kind, &value);
    errors.extend(validate(kind, &value));
    let source = Source { file: file.clone(), line: node.at.line };
    Reading::Object(ParsedObject { kind, api_version, value, source, node }, errors)
}

/// The kind of a document and its `apiVersion`; what it is instead of an object of a known kind.
fn kind_of(file: &Arc<str>, node: &Node) -> Result<(&'static Kind, String), Box<Reading>> {
    if !matches!(node.content, Content::Mapping(_)) {
        let found = crate::error::json_type(&node.to_value());
        let message = format!("found {found}, allowed: an object with apiVersion, kind and metadata");
        return Err(Reading::Broken(at_place(file, node.at, "", message)).into());
    }
    for field in ["apiVersion", "kind"] {
        if node.text(field).is_none_or(str::is_empty) {
            let example = if field == "kind" { "Gateway" } else { "networking.istio.io/v1" };
            let message = format!("required value is missing: say what the object is, for example {field}: {example}");
            return Err(Reading::Broken(at_place(file, node.locate(field, false), field, message)).into());
        }
    }
    let (api_version, name) = (node.text("apiVersion").unwrap_or_default(), node.text("kind").unwrap_or_default());
    match kind::by_api_version_kind(api_version, name) {
        Some(kind) => Ok((kind, api_version.to_owned())),
        None => {
            let (field, message) = unknown_kind(api_version, name);
            Err(Reading::UnknownKind(at_place(file, node.locate(field, false), field, message)).into())
        }
    }
}

/// Which field names no known kind, and what is known instead.
fn unknown_kind(api_version: &str, name: &str) -> (&'static str, String) {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if let Some(kind) = kind::by_group_kind(group, name) {
        let served: Vec<String> = kind.versions.iter().map(|version| kind.api_version(version)).collect();
        return ("apiVersion", format!("found \"{api_version}\", allowed for {name}: {}", served.join(", ")));
    }
    let of_group: Vec<&str> = kind::all().iter().filter(|kind| kind.group == group).map(|kind| kind.kind).collect();
    if of_group.is_empty() {
        let mut known: Vec<String> = kind::all().iter().map(|kind| kind.preferred_api_version()).collect();
        known.dedup();
        let of: Vec<String> =
            kind::all().iter().filter(|kind| kind.kind == name).map(|kind| kind.preferred_api_version()).collect();
        let hint = if of.is_empty() { String::new() } else { format!("; {name} is of {}", of.join(" or ")) };
        return ("apiVersion", format!("found \"{api_version}\", allowed: {}{hint}", known.join(", ")));
    }
    let hint = match closest(name, of_group.iter().copied()) {
        Some(similar) => format!("; did you mean \"{similar}\"?"),
        None => String::new(),
    };
    ("kind", format!("found \"{name}\", allowed in {api_version}: {}{hint}", of_group.join(", ")))
}
