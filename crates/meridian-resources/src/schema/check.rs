//! Checks a value against a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::node::{Format, Node, Type, Unique};
use super::path::Path;
use crate::base64;
use crate::error::{FieldError, Origin, json_type};

/// Appends every mistake of `value`; unknown fields are not mistakes here (see [`super::fields`]).
pub(crate) fn check(node: &Node, value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if value.is_null() && node.nullable {
        return;
    }
    let has_type = match (node.type_, value) {
        (Type::Any, _)
        | (Type::Boolean, Value::Bool(_))
        | (Type::Object, Value::Object(_))
        | (Type::Array, Value::Array(_))
        | (Type::String | Type::IntOrString, Value::String(_))
        | (Type::Number, Value::Number(_)) => true,
        // Go's decoders refuse even 80.0; YAML's 80.0 is an integer before it comes here.
        (Type::Integer | Type::IntOrString, Value::Number(number)) => !number.is_f64(),
        _ => false,
    };
    if !has_type {
        errors.push(wrong_type(node, value, path));
        return;
    }
    if let Some(rule) = node.rule {
        let before = errors.len();
        rule.check(value, path, errors);
        errors[before..].iter_mut().for_each(|error| error.origin = Origin::Expression);
    }
    match (node.type_, value) {
        (Type::Object, Value::Object(fields)) => check_object(node, value, fields, path, errors),
        (Type::Array, Value::Array(items)) => check_array(node, items, path, errors),
        (Type::String, Value::String(text)) => check_string(node, value, text, path, errors),
        (Type::Integer | Type::Number, Value::Number(_)) => check_number(node, value, path, errors),
        _ => {}
    }
}

fn wrong_type(node: &Node, value: &Value, path: &Path<'_>) -> FieldError {
    if node.sensitive && !value.is_null() {
        let kind = json_type(value);
        return FieldError::invalid_hidden(path, format!("must be of type {}: \"{kind}\"", node.type_.name()));
    }
    FieldError::wrong_type(path, value, node.type_.name())
}

fn check_object(
    node: &Node,
    value: &Value,
    fields: &Map<String, Value>,
    path: &Path<'_>,
    errors: &mut Vec<FieldError>,
) {
    for name in &node.required {
        if fields.get(name).is_none_or(Value::is_null) {
            errors.push(FieldError::required(path.field(name), ""));
        }
    }
    for group in &node.one_of {
        let given: Vec<&str> = group.iter().filter(|name| fields.contains_key(*name)).map(String::as_str).collect();
        if given.len() > 1 {
            let detail = format!("at most one of {} may be set, found {}", group.join(", "), given.join(" and "));
            errors.push(FieldError::invalid(path, value, detail));
        }
    }
    if fields.len() > node.most {
        errors.push(FieldError::too_many(path, fields.len(), node.most));
    }
    if fields.len() < node.least {
        let limit = format!("should have at least {} properties", node.least);
        errors.push(FieldError::out_of_limits(path, &fields.len().into(), &limit));
    }
    for (name, value) in fields {
        if let Some(child) = node.properties.get(name) {
            check(child, value, &path.field(name), errors);
        } else if let Some(child) = &node.additional {
            check(child, value, &path.key(name), errors);
        }
    }
}

fn check_array(node: &Node, items: &[Value], path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if items.len() > node.most {
        errors.push(FieldError::too_many(path, items.len(), node.most));
        return;
    }
    if items.len() < node.least {
        let limit = format!("should have at least {} items", node.least);
        errors.push(FieldError::out_of_limits(path, &items.len().into(), &limit));
    }
    let Some(child) = &node.items else { return };
    for (index, item) in items.iter().enumerate() {
        check(child, item, &path.index(index), errors);
    }
    if let Some(unique) = &node.unique {
        check_unique(unique, items, path, errors);
    }
}

/// Each item that is there a second time.
fn check_unique(unique: &Unique, items: &[Value], path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let key = match unique {
            Unique::Items => item.clone(),
            Unique::Keys(names) => {
                let given = names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
                Value::Object(given.collect())
            }
        };
        if !seen.insert(key.to_string()) {
            errors.push(FieldError::duplicate(path.index(index), &key, ""));
        }
    }
}

fn check_string(node: &Node, value: &Value, text: &str, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let mut invalid = |detail: String| {
        errors.push(if node.sensitive {
            FieldError::invalid_hidden(path, detail)
        } else {
            FieldError::invalid(path, value, detail)
        });
    };
    match node.format {
        // An empty text is not base64 to Kubernetes' schemas, though it is to Go's decoder.
        Some(Format::Byte) if base64::decode(text).is_none() || (text.is_empty() && !node.nullable) => {
            invalid("must be base64".to_owned())
        }
        // Kubernetes' own kinds, where everything may be `null`, take an empty text for no time.
        Some(Format::DateTime) if !(text.is_empty() && node.nullable) && crate::meta::unix_seconds(text).is_none() => {
            invalid("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z".to_owned());
        }
        _ => {}
    }
    if !node.allowed.is_empty() && !node.allowed.iter().any(|allowed| allowed == text) {
        errors.push(FieldError::not_supported(path, value, &node.allowed));
    }
    if node.least > 0 && text.chars().count() < node.least {
        let limit = format!("should be at least {} chars long", node.least);
        errors.push(FieldError::out_of_limits(path, value, &limit));
    }
    if node.most != usize::MAX && text.chars().count() > node.most {
        errors.push(FieldError::too_long(path, node.most));
    }
    if let Some(pattern) = node.pattern.filter(|pattern| !pattern.is_match(text)) {
        let limit = format!("should match '{pattern}'");
        errors.push(FieldError::out_of_limits(path, value, &limit));
    }
}

fn check_number(node: &Node, value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let Some(number) = value.as_f64() else { return };
    if !node.allowed_numbers.is_empty() && !value.as_i64().is_some_and(|n| node.allowed_numbers.contains(&n)) {
        let allowed: Vec<String> = node.allowed_numbers.iter().map(i64::to_string).collect();
        errors.push(FieldError::not_supported(path, value, &allowed));
    }
    if let Some(minimum) = node.minimum.filter(|minimum| number < *minimum) {
        let limit = format!("should be greater than or equal to {minimum}");
        errors.push(FieldError::out_of_limits(path, value, &limit));
    }
    if let Some(maximum) = node.maximum.filter(|maximum| number > *maximum) {
        let limit = format!("should be less than or equal to {maximum}");
        errors.push(FieldError::out_of_limits(path, value, &limit));
    }
    let int32 = f64::from(i32::MIN)..=f64::from(i32::MAX);
    if node.format == Some(Format::Int32) && !int32.contains(&number) {
        let limit = format!("should be between {} and {}", i32::MIN, i32::MAX);
        errors.push(FieldError::out_of_limits(path, value, &limit));
    }
}
