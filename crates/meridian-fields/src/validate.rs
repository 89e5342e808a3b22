//! Whether a value fits its type, in the words of Kubernetes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::element::Element;
use crate::item::{self, Form};
use crate::schema::{ItemsBy, ListType, MapType, Scalar, TypeRef};

/// Whether a list may name an item twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// As in objects that were stored.
    Allowed,
    /// As in objects that are applied.
    Refused,
}

/// What does not fit, each with its path: `.spec.ports: field not declared in schema`.
pub fn validate(type_: &TypeRef, value: &Value, duplicates: Duplicates) -> Vec<String> {
    let mut walk = Walk { duplicates, path: Vec::new(), errors: Vec::new() };
    walk.value(type_, value);
    walk.errors
}

struct Walk {
    duplicates: Duplicates,
    path: Vec<Element>,
    errors: Vec<String>,
}

impl Walk {
    fn error(&mut self, message: impl std::fmt::Display) {
        let path: String = self.path.iter().map(ToString::to_string).collect();
        let colon = if path.is_empty() { "" } else { ": " };
        self.errors.push(format!("{path}{colon}{message}"));
    }

    fn value(&mut self, type_: &TypeRef, value: &Value) {
        let Some(type_) = type_.resolve() else { return };
        match item::form(type_, value) {
            Some(Form::Scalar(scalar)) => self.scalar(scalar, value),
            Some(Form::Map(map)) => match value {
                Value::Object(fields) => fields.iter().for_each(|(name, value)| self.field(map, name, value)),
                Value::Null => {}
                other => self.error(format!("expected map, got &{{{}}}", shown(other))),
            },
            Some(Form::List(list)) => match value {
                Value::Array(items) => self.items(list, items),
                Value::Null => {}
                other => self.error(format!("expected list, got &{{{}}}", shown(other))),
            },
            None => {}
        }
    }

    fn field(&mut self, map: &MapType, name: &str, value: &Value) {
        self.path.push(Element::field(name));
        match map.field(name) {
            TypeRef::Unknown => self.error("field not declared in schema"),
            type_ => self.value(&type_, value),
        }
        self.path.pop();
    }

    fn items(&mut self, list: &ListType, items: &[Value]) {
        let mut seen = BTreeSet::new();
        for (i, item) in items.iter().enumerate() {
            let element = match list.items_by {
                ItemsBy::Atomic => Element::Index(i64::try_from(i).unwrap_or(i64::MAX)),
                _ => match item::element(list, item) {
                    Ok(element) => element,
                    Err(why) => return self.error(format!("element {i}: {why}")),
                },
            };
            if !seen.insert(element.clone()) && self.duplicates == Duplicates::Refused {
                self.error(format!("duplicate entries for key {element}"));
            }
            self.path.push(element);
            self.value(&list.items, item);
            self.path.pop();
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Value) {
        let (fits, wanted) = match scalar {
            Scalar::Numeric => (value.is_number(), "numeric (int or float)"),
            Scalar::String => (value.is_string(), "string"),
            Scalar::Boolean => (value.is_boolean(), "boolean"),
            Scalar::Untyped => (!value.is_object() && !value.is_array(), "any scalar"),
        };
        if !fits && !value.is_null() {
            let got = match scalar {
                Scalar::Numeric => go_type(value).to_owned(),
                Scalar::String => format!("&value.valueUnstructured{{Value:{}}}", go_syntax(value)),
                _ => format!("&{{{}}}", shown(value)),
            };
            self.error(format!("expected {wanted}, got {got}"));
        }
    }
}

/// A value as Go's `%#v` writes it in Kubernetes' messages.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name:?}:{}", go_syntax(value))).collect();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// A value as Go's `%v` writes it in Kubernetes' messages.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", shown(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(" "))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The name of a value's type in those messages.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
