//! The compiled form of a schema.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use serde_json::{Map, Value};

use super::rule::Rule;

/// What JSON type a value must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

impl Type {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Type::Any => "any",
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
            Type::IntOrString => "integer or string",
        }
    }
}

/// A format that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Int32,
    Byte,
    DateTime,
}

/// What tells the items of a list apart.
#[derive(Debug)]
pub(crate) enum Unique {
    /// The items themselves (`x-kubernetes-list-type: set`).
    Items,
    /// Fields of them (`x-kubernetes-list-type: map`).
    Keys(Vec<String>),
}

impl Unique {
    fn of(schema: &Map<String, Value>) -> Option<Unique> {
        match schema.get("x-kubernetes-list-type")?.as_str()? {
            "set" => Some(Unique::Items),
            "map" => Some(Unique::Keys(strings(schema.get("x-kubernetes-list-map-keys")))),
            _ => None,
        }
    }
}

/// One node of a schema.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) type_: Type,
    /// `null` is allowed, and means absent.
    pub(crate) nullable: bool,
    pub(crate) properties: BTreeMap<String, Node>,
    pub(crate) additional: Option<Box<Node>>,
    pub(crate) preserve_unknown: bool,
    pub(crate) required: Vec<String>,
    pub(crate) items: Option<Box<Node>>,
    pub(crate) allowed: Vec<String>,
    /// The integers that are allowed; all when empty.
    pub(crate) allowed_numbers: Vec<i64>,
    pub(crate) pattern: Option<&'static Regex>,
    pub(crate) unique: Option<Unique>,
    pub(crate) format: Option<Format>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    /// Least and most characters, items or properties.
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) one_of: Vec<Vec<String>>,
    pub(crate) rule: Option<Rule>,
    pub(crate) sensitive: bool,
    pub(crate) default: Option<Value>,
}

impl Node {
    /// Compiles a normalised schema; `nulls_absent` makes every node nullable.
    pub(crate) fn compile(schema: &Value, nulls_absent: bool) -> Node {
        Self::compile_within(schema, nulls_absent, false)
    }

    /// What is below a value that must not be shown must not be shown either.
    fn compile_within(schema: &Value, nulls_absent: bool, sensitive: bool) -> Node {
        let none = Map::new();
        let schema = schema.as_object().unwrap_or(&none);
        let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
        let count = |names: [&str; 3]| names.iter().find_map(|name| schema.get(*name)?.as_u64()).map(|n| n as usize);
        let sensitive = sensitive || flag("x-sensitive");
        let child = |name: &str| {
            let child = schema.get(name).filter(|child| child.is_object())?;
            Some(Box::new(Node::compile_within(child, nulls_absent, sensitive)))
        };
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        Node {
            type_: type_of(schema),
            nullable: nulls_absent || flag("nullable"),
            properties: properties
                .iter()
                .map(|(name, property)| (name.clone(), Node::compile_within(property, nulls_absent, sensitive)))
                .collect(),
            additional: child("additionalProperties"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            required: strings(schema.get("required")),
            items: child("items"),
            allowed: strings(schema.get("enum")),
            allowed_numbers: numbers(schema.get("enum")),
            pattern: schema.get("pattern").and_then(Value::as_str).map(interned),
            unique: Unique::of(schema),
            format: format_of(schema),
            minimum: schema.get("minimum").and_then(Value::as_f64),
            maximum: schema.get("maximum").and_then(Value::as_f64),
            least: count(["minLength", "minItems", "minProperties"]).unwrap_or(0),
            most: count(["maxLength", "maxItems", "maxProperties"]).unwrap_or(usize::MAX),
            one_of: schema.get("x-one-of").and_then(Value::as_array).into_iter().flatten().map(list).collect(),
            rule: schema.get("x-rule").and_then(Value::as_str).map(Rule::by_name),
            sensitive,
            default: schema.get("default").cloned(),
        }
    }

    /// The node of a field of an object, declared or by `additionalProperties`.
    pub(crate) fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// Whether the names of fields are the user's own, as in labels.
    pub(crate) fn is_map(&self) -> bool {
        self.additional.is_some()
    }
}

fn type_of(schema: &Map<String, Value>) -> Type {
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return Type::IntOrString;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        _ => Type::Any,
    }
}

fn format_of(schema: &Map<String, Value>) -> Option<Format> {
    match schema.get("format")?.as_str()? {
        "int32" => Some(Format::Int32),
        "byte" => Some(Format::Byte),
        "date-time" => Some(Format::DateTime),
        _ => None,
    }
}

fn list(value: &Value) -> Vec<String> {
    strings(Some(value))
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn numbers(value: Option<&Value>) -> Vec<i64> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// The compiled form of a pattern: one for all nodes that have the same. Schemas live as long as the process.
///
/// # Panics
/// When it is none: a mistake in a type's attributes, which building any schema shows.
fn interned(pattern: &str) -> &'static Regex {
    static KNOWN: Mutex<BTreeMap<String, &'static Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known.get(pattern) {
        return regex;
    }
    let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("a schema has the pattern {pattern:?}: {error}"));
    let regex: &'static Regex = Box::leak(Box::new(regex));
    known.insert(pattern.to_owned(), regex);
    regex
}
