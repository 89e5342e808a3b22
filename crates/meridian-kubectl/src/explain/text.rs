//! The text about a schema, as kubectl's template `plaintext` writes it.

use super::wrap::{indent, wrap};
use crate::discovery::Resource;
use crate::error::{Error, Result, message};
use crate::schema::is_kind;
use serde_json::Value;
use std::collections::BTreeSet;

/// How many values of an enumeration are listed beside its field.
const SHORT_ENUM: usize = 4;

/// What a document says about a kind, or about the field that `path` names.
///
/// # Errors
/// The document does not have the kind, or the kind not the field.
pub(super) fn of(document: &Value, resource: &Resource, path: &[String], recursive: bool) -> Result<String> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let schema = schemas.and_then(|schemas| schemas.values().find(|schema| is_kind(schema, resource)));
    let Some(schema) = schema else {
        let kind = format!("{}, Kind={}", resource.api_version(), resource.kind);
        return message(format!("GVK {kind} not found in OpenAPI schema"));
    };
    let explained = Explained { document, recursive };
    let Some(body) = explained.at(schema, path, &mut BTreeSet::new()) else {
        let field = path.last().map_or("", String::as_str);
        return Err(Error::Text(format!("error: field {field:?} does not exist")));
    };
    Ok(format!("{body}\n"))
}

/// What kind it is.
pub(super) fn head(resource: &Resource) -> String {
    let group = if resource.group.is_empty() { String::new() } else { format!("GROUP:      {}\n", resource.group) };
    format!("{group}KIND:       {}\nVERSION:    {}\n\n", resource.kind, resource.version)
}

/// A document of which something is explained.
struct Explained<'d> {
    document: &'d Value,
    recursive: bool,
}

/// The references that were followed on the way, so that a kind which holds itself ends.
type Followed<'d> = BTreeSet<&'d str>;

impl<'d> Explained<'d> {
    /// The text about the field at the end of a path; nothing where there is none.
    fn at(&self, schema: &'d Value, path: &[String], followed: &mut Followed<'d>) -> Option<String> {
        let reference = schema["$ref"].as_str();
        let resolved = self.resolved(schema);
        let Some((first, rest)) = path.split_first() else {
            return Some(self.whole(resolved));
        };
        if reference.is_some_and(|reference| followed.contains(reference)) {
            return None;
        }
        if let Some(field) = resolved.get("properties").and_then(|fields| fields.get(first)) {
            let mut text = String::new();
            if rest.is_empty() {
                text.push_str(&format!("FIELD: {first} <{}>\n{}\n\n", self.type_of(field), long_enum(field)));
            }
            text.push_str(&self.at(field, rest, &mut BTreeSet::new())?);
            return Some(text);
        }
        followed.extend(reference);
        let inner = filled(resolved, "items").or_else(|| filled(resolved, "additionalProperties"));
        match inner {
            Some(inner) => self.at(inner, path, followed),
            None => all_of(resolved).find_map(|part| self.at(part, path, &mut followed.clone())),
        }
    }

    /// The description of a schema, and its fields.
    fn whole(&self, schema: &'d Value) -> String {
        let description = self.description(schema);
        let description = if description.is_empty() { "<empty>" } else { &description };
        let mut text = format!("DESCRIPTION:\n{}\n", indent(&wrap(description, 76), 4));
        let mut fields = String::new();
        self.fields(&mut fields, schema, 1, &BTreeSet::new());
        if !fields.is_empty() {
            text.push_str("FIELDS:\n");
            text.push_str(&fields);
        }
        text
    }

    /// The descriptions of a schema and of what it consists of.
    fn description(&self, schema: &'d Value) -> String {
        let schema = self.resolved(schema);
        let mut text = match schema["description"].as_str() {
            Some(description) if !description.is_empty() => format!("{description}\n"),
            _ => String::new(),
        };
        all_of(schema).for_each(|part| text.push_str(&self.description(part)));
        for inner in ["items", "additionalProperties"].into_iter().filter_map(|inner| filled(schema, inner)) {
            text.push_str(&self.description(inner));
        }
        text
    }

    /// The fields of a schema, of its items and of what it consists of.
    fn fields(&self, text: &mut String, schema: &'d Value, level: usize, followed: &Followed<'d>) {
        let reference = schema["$ref"].as_str();
        if reference.is_some_and(|reference| followed.contains(reference)) {
            return;
        }
        let mut followed = followed.clone();
        followed.extend(reference);
        let schema = self.resolved(schema);
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|required| required.iter().any(|of| of == name));
            self.field(text, name, field, required, level * 2);
            if self.recursive {
                self.fields(text, field, level + 1, &followed);
            }
        }
        all_of(schema).for_each(|part| self.fields(text, part, level, &followed));
        for inner in ["items", "additionalProperties"].into_iter().filter_map(|inner| filled(schema, inner)) {
            self.fields(text, inner, level, &followed);
        }
    }

    /// A line about a field, and its description unless all fields below are told, too.
    fn field(&self, text: &mut String, name: &str, field: &'d Value, required: bool, margin: usize) {
        let required = if required { " -required-" } else { "" };
        text.push_str(&format!(
            "{}\t<{}>{required}{}\n",
            indent(name, margin),
            self.type_of(field),
            short_enum(field, margin)
        ));
        if !self.recursive {
            let description =
                field["description"].as_str().filter(|text| !text.is_empty()).unwrap_or("<no description>");
            text.push_str(&format!("{}\n\n", indent(&wrap(description, 78 - margin.min(77)), margin + 2)));
        }
    }

    /// What a value is: `string`, `[]Object`, `map[string]string`, or the last name of the schema of an object.
    fn type_of(&self, schema: &'d Value) -> String {
        if let Some(items) = filled(schema, "items") {
            return format!("[]{}", self.type_of(items));
        }
        if let Some(values) = filled(schema, "additionalProperties") {
            return format!("map[string]{}", self.type_of(values));
        }
        if filled(schema, "properties").is_none()
            && let [only] = &all_of(schema).collect::<Vec<_>>()[..]
        {
            return self.type_of(only);
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let of = self.resolve(reference).and_then(|schema| schema["type"].as_str()).filter(|of| !of.is_empty());
            return match of {
                Some(of) if of != "object" => of.to_owned(),
                _ => match reference.rsplit(['/', '.']).next() {
                    Some(name) if !name.is_empty() => name.to_owned(),
                    _ => "Object".to_owned(),
                },
            };
        }
        match schema["type"].as_str() {
            None | Some("object" | "") => "Object".to_owned(),
            Some(of) => of.to_owned(),
        }
    }

    fn resolved(&self, schema: &'d Value) -> &'d Value {
        schema["$ref"].as_str().and_then(|reference| self.resolve(reference)).unwrap_or(schema)
    }

    fn resolve(&self, reference: &str) -> Option<&'d Value> {
        self.document.pointer(reference.strip_prefix('#')?)
    }
}

/// A part of a schema that is an object with something in it.
fn filled<'d>(schema: &'d Value, part: &str) -> Option<&'d Value> {
    schema.get(part).filter(|part| part.as_object().is_some_and(|part| !part.is_empty()))
}

fn all_of(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["allOf"].as_array().into_iter().flatten()
}

/// The values of an enumeration, each on its line.
fn long_enum(schema: &Value) -> String {
    match schema["enum"].as_array() {
        Some(values) if !values.is_empty() => {
            values.iter().fold("ENUM:".to_owned(), |text, value| format!("{text}\n    {}", shown(value)))
        }
        _ => String::new(),
    }
}

/// The first values of an enumeration, on a line of their own.
fn short_enum(schema: &Value, margin: usize) -> String {
    match schema["enum"].as_array() {
        Some(values) if !values.is_empty() => {
            let first: Vec<String> = values.iter().take(SHORT_ENUM).map(shown).collect();
            let more = if values.len() > SHORT_ENUM { ", ...." } else { "" };
            format!("\n{}enum: {}{more}", " ".repeat(margin), first.join(", "))
        }
        _ => String::new(),
    }
}

fn shown(value: &Value) -> String {
    match value.as_str() {
        Some("") => "\"\"".to_owned(),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn explained(path: &[&str], recursive: bool) -> Result<String> {
        let document = json!({"components": {"schemas": {
            "io.example.Tree": {
                "description": "A tree.",
                "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Tree"}],
                "required": ["spec"],
                "properties": {"spec": {"description": "What is wanted.", "allOf": [{"$ref": "#/components/schemas/io.example.Node"}]}},
            },
            "io.example.Node": {
                "type": "object",
                "properties": {
                    "color": {"type": "string", "enum": ["", "a", "b", "c", "d"]},
                    "children": {"type": "array", "items": {"$ref": "#/components/schemas/io.example.Node"}},
                },
            },
        }}});
        let resource = Resource {
            group: "example.com".to_owned(),
            version: "v1".to_owned(),
            kind: "Tree".to_owned(),
            plural: "trees".to_owned(),
            singular: "tree".to_owned(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            verbs: Vec::new(),
            subresources: Vec::new(),
        };
        let path: Vec<String> = path.iter().map(|field| (*field).to_owned()).collect();
        Ok(head(&resource) + &of(&document, &resource, &path, recursive)?)
    }

    #[test]
    fn a_kind_and_its_fields() {
        let expected = "GROUP:      example.com\nKIND:       Tree\nVERSION:    v1\n\nDESCRIPTION:\n    A tree.\n    \n\
                        FIELDS:\n  spec\t<Node> -required-\n    What is wanted.\n\n\n";
        assert_eq!(explained(&[], false).unwrap(), expected);
        let expected = "GROUP:      example.com\nKIND:       Tree\nVERSION:    v1\n\nFIELD: color <string>\nENUM:\n    \
                        \"\"\n    a\n    b\n    c\n    d\n\nDESCRIPTION:\n    <empty>\n\n";
        assert_eq!(explained(&["spec", "children", "color"], false).unwrap(), expected);
    }

    #[test]
    fn what_holds_itself_ends() {
        let text = explained(&[], true).unwrap();
        let expected = "FIELDS:\n  spec\t<Node> -required-\n    children\t<[]Node>\n    color\t<string>\n    enum: \"\", a, \
                        b, c, ....\n\n";
        assert!(text.ends_with(expected), "{text}");
        assert_eq!(
            explained(&["spec", "leaf"], false).unwrap_err().to_string(),
            "error: field \"leaf\" does not exist"
        );
    }
}
