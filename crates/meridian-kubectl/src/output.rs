//! How objects are printed: `-o`.

use crate::columns::Columns;
use crate::discovery::prefix;
use crate::error::{Result, message};
use crate::json;
use crate::jsonpath::JsonPath;
use meridian_resources::yaml;
use serde_json::{Value, json};
use std::str::FromStr;

/// The value of `-o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// With more columns.
    Wide,
    /// `kind.group/name`.
    Name,
    /// As JSON.
    Json,
    /// As YAML.
    Yaml,
    /// The text of a JSONPath template.
    JsonPath(String),
    /// What a JSONPath template finds, as JSON.
    JsonPathAsJson(String),
    /// `HEADER:PATH,...`, and whether the headers are printed.
    Columns(String, bool),
}

const ALLOWED: &str = "name, wide, yaml, json, jsonpath=..., jsonpath-file=..., jsonpath-as-json=..., custom-columns=..., custom-columns-file=...";

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, rest) = text.split_once('=').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let rest = |what: &str| match rest {
            Some(rest) if !rest.is_empty() => Ok(rest.to_owned()),
            _ => Err(format!("{name} format specified but no {what} given")),
        };
        let file = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"));
        match name {
            "wide" => Ok(Output::Wide),
            "name" => Ok(Output::Name),
            "json" => Ok(Output::Json),
            "yaml" => Ok(Output::Yaml),
            "jsonpath" => Ok(Output::JsonPath(rest("template")?)),
            "jsonpath-as-json" => Ok(Output::JsonPathAsJson(rest("template")?)),
            "jsonpath-file" => Ok(Output::JsonPath(file(&rest("file")?)?)),
            "custom-columns" => Ok(Output::Columns(rest("columns")?, true)),
            "custom-columns-file" => Ok(Output::Columns(of_lines(&file(&rest("file")?)?)?, true)),
            "go-template" | "go-template-file" | "template" | "templatefile" => {
                Err(format!("{name} is not supported; kubectl has it, here are allowed: {ALLOWED}"))
            }
            other => Err(format!("found {other:?}, allowed: {ALLOWED}")),
        }
    }
}

/// Custom columns from a file: a line of headers, and one of paths.
fn of_lines(text: &str) -> std::result::Result<String, String> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>());
    let (Some(headers), Some(paths)) = (lines.next(), lines.next()) else {
        return Err("a file of columns has a line of headers and a line of paths".to_owned());
    };
    if headers.len() != paths.len() {
        return Err(format!("found {} headers and {} paths, allowed: as many of each", headers.len(), paths.len()));
    }
    Ok(headers.iter().zip(paths).map(|(header, path)| format!("{header}:{path}")).collect::<Vec<_>>().join(","))
}

impl Output {
    /// The same without the line of headers.
    pub(crate) fn without_headers(self) -> Self {
        match self {
            Output::Columns(columns, _) => Output::Columns(columns, false),
            other => other,
        }
    }

    /// The text of an object, or of a List of them.
    ///
    /// # Errors
    /// The template does not fit.
    pub(crate) fn print(&self, object: &Value) -> Result<String> {
        Ok(match self {
            Output::Json => json::pretty(object),
            Output::Yaml => yaml::emit_as_go(object),
            Output::Name => match object["items"].as_array() {
                Some(items) => items.iter().map(name).collect(),
                None => name(object),
            },
            Output::JsonPath(template) => JsonPath::parse(template)?.print(object)?,
            Output::JsonPathAsJson(template) => JsonPath::parse(template)?.print_json(object)?,
            Output::Columns(columns, headers) => Columns::parse(columns)?.print(object, *headers)?,
            Output::Wide => return message("wide is a form of `get` only"),
        })
    }
}

fn name(object: &Value) -> String {
    let api_version = json::text(object, "/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    format!("{}/{}\n", prefix(group, json::text(object, "/kind")), json::text(object, "/metadata/name"))
}

/// What several objects are printed as.
pub(crate) fn list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}

/// Takes away what only servers look at.
pub(crate) fn hide_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten().for_each(hide_managed_fields);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_are_not_known_are_refused() {
        let refused = |text: &str| text.parse::<Output>().unwrap_err();
        assert!(
            refused("go-template={{.x}}")
                .starts_with("go-template is not supported; kubectl has it, here are allowed: name")
        );
        assert!(refused("xml").starts_with("found \"xml\", allowed: name"));
        assert_eq!(refused("jsonpath"), "jsonpath format specified but no template given");
        assert_eq!("jsonpath={.a=b}".parse(), Ok(Output::JsonPath("{.a=b}".into())));
    }
}
