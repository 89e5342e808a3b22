//! From what schemars derives to Kubernetes' structural form.
//!
//! Kubernetes wants one `type` for every node, enumerations as `enum`, nullability as `nullable`, and numbers bounded
//! by `minimum` and `maximum`. Between the two steps of this module a schema carries keywords of our own:
//! `x-one-of` (groups of fields of which at most one is given), `x-rule` (a check by name), `x-sensitive` (a value
//! that is never shown) and `x-default` (as `default`, which schemars writes for every field).

use serde_json::{Map, Value, json};

const OWN_KEYWORDS: [&str; 3] = ["x-one-of", "x-rule", "x-sensitive"];

/// Rewrites schemars' output in place; our own keywords stay.
pub(super) fn normalise(schema: &mut Value) {
    let Value::Object(node) = schema else {
        // `true`, the schema of anything.
        *schema = json!({ "x-kubernetes-preserve-unknown-fields": true });
        return;
    };
    drop_null_alternative(node);
    consts_to_enum(node);
    node.remove("title");
    node.remove("default");
    if let Some(default) = node.remove("x-default") {
        node.insert("default".to_owned(), default);
    }
    bound_integers(node);
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(normalise);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = node.get_mut(keyword).filter(|child| child.is_object()) {
            normalise(child);
        }
    }
}

/// `Option<T>` comes as `type: [T, null]` or as `anyOf: [T, null]`; a field is nullable only where it says so.
fn drop_null_alternative(node: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = node.get_mut("type") {
        types.retain(|name| name != "null");
        if types.len() == 1 {
            let only = types.remove(0);
            node.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(mut alternatives)) = node.remove("anyOf") {
        alternatives.retain(|alternative| alternative.get("type") != Some(&Value::from("null")));
        if let Some(Value::Object(only)) = alternatives.into_iter().next() {
            for (keyword, value) in only {
                node.entry(keyword).or_insert(value);
            }
        }
    }
}

/// An enum with documented variants comes as `oneOf` of constants, each with its description.
fn consts_to_enum(node: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = node.get("oneOf") else { return };
    let mut names = Vec::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum")) {
            (Some(name), _) => names.push(name.clone()),
            (None, Some(Value::Array(several))) => names.extend(several.iter().cloned()),
            (None, _) => return,
        }
    }
    node.remove("oneOf");
    node.insert("type".to_owned(), "string".into());
    node.insert("enum".to_owned(), Value::Array(names));
}

/// Rust's unsigned widths are not OpenAPI formats; their ranges are.
fn bound_integers(node: &mut Map<String, Value>) {
    let maximum = match node.get("format").and_then(Value::as_str) {
        Some("uint32") => Some(u32::MAX),
        Some("uint64" | "uint") => None,
        _ => return,
    };
    node.remove("format");
    node.entry("minimum").or_insert(json!(0));
    if let Some(maximum) = maximum {
        node.entry("maximum").or_insert(json!(maximum));
    }
}

/// Turns our own keywords into standard ones or removes them.
pub(super) fn publish(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    if let Some(Value::Array(groups)) = node.get("x-one-of") {
        let mut groups: Vec<Value> = groups.iter().map(at_most_one).collect();
        if groups.len() == 1 {
            node.insert("oneOf".to_owned(), groups.remove(0));
        } else {
            let groups = groups.into_iter().map(|group| json!({ "oneOf": group })).collect();
            node.insert("allOf".to_owned(), Value::Array(groups));
        }
    }
    for keyword in OWN_KEYWORDS {
        node.remove(keyword);
    }
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(publish);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = node.get_mut(keyword) {
            publish(child);
        }
    }
}

/// None of the fields, or exactly one of them.
fn at_most_one(group: &Value) -> Value {
    let each: Vec<Value> = group.as_array().into_iter().flatten().map(|field| json!({ "required": [field] })).collect();
    let mut alternatives = vec![json!({ "not": { "anyOf": each } })];
    alternatives.extend(each);
    Value::Array(alternatives)
}
