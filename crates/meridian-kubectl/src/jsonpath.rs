//! JSONPath templates in kubectl's dialect: `{.items[*].metadata.name}`, `{range .items[*]}...{end}`, `[?(@.a=="b")]`,
//! slices, unions, `..`, and texts in quotes. What it does not know is refused.
//!
//! See <https://kubernetes.io/docs/reference/kubectl/jsonpath/>.

mod eval;
mod parse;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::json;
use serde_json::Value;
use std::borrow::Cow;

/// A template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath {
    text: String,
    parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// Outside braces.
    Text(String),
    /// `{...}`
    Action(Vec<Step>),
    /// `{range ...}` to `{end}`
    Range(Vec<Step>, Vec<Part>),
}

/// What is done with the values that the step before has found.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// The value is this one: a text, a number, a boolean.
    Literal(Value),
    /// `.name`, `['name']`
    Field(String),
    /// `.*`
    Wildcard,
    /// `..`
    Recursive,
    /// `[1]`, `[0:2]`, `[::2]`, `[*]`
    Slice(Slice),
    /// `[0,2]`, `['a','b']`
    Union(Vec<Vec<Step>>),
    /// `[?(@.a)]`
    Exists(Vec<Step>),
    /// `[?(@.a==1)]`
    Compare(Vec<Step>, Comparison, Vec<Step>),
}

/// `[from:to:step]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    from: Option<i64>,
    to: Option<i64>,
    step: Option<i64>,
    /// One item, which `from` names.
    one: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl JsonPath {
    /// Reads a template.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match parse::template(text) {
            Ok(parts) => Ok(Self { text: text.to_owned(), parts }),
            Err(error) => Err(Error::Message(format!("error parsing jsonpath {text}, {error}"))),
        }
    }

    /// Reads a path with or without its braces and first dot: `metadata.name`, `.metadata.name`, `{.metadata.name}`.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn relaxed(text: &str) -> Result<Self> {
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let inner = inner.strip_prefix('.').unwrap_or(inner);
        if inner.is_empty() || inner.contains(['{', '}']) {
            return Err(Error::Message(
                "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or \
                 '{.name1.name2}'"
                    .to_owned(),
            ));
        }
        Self::parse(&format!("{{.{inner}}}"))
    }

    /// The text of the template for an object.
    ///
    /// # Errors
    /// An index is out of bounds, or values cannot be compared.
    pub(crate) fn print(&self, object: &Value) -> Result<String> {
        let mut out = String::new();
        for values in self.results(object)? {
            let texts: Vec<String> = values.iter().map(|value| print(value)).collect();
            out.push_str(&texts.join(" "));
        }
        Ok(out)
    }

    /// The values that each part of the template finds, as JSON.
    ///
    /// # Errors
    /// See [`JsonPath::print`].
    pub(crate) fn print_json(&self, object: &Value) -> Result<String> {
        let results = self.results(object)?.into_iter();
        let lists = results.map(|values| Value::Array(values.into_iter().map(Cow::into_owned).collect()));
        Ok(lists.map(|list| json::pretty(&list)).collect())
    }

    /// All values that the template finds.
    ///
    /// # Errors
    /// See [`JsonPath::print`].
    pub(crate) fn find<'v>(&self, object: &'v Value) -> Result<Vec<Cow<'v, Value>>> {
        Ok(self.results(object)?.into_iter().flatten().collect())
    }

    fn results<'v>(&self, object: &'v Value) -> Result<Vec<Vec<Cow<'v, Value>>>> {
        let mut results = Vec::new();
        eval::parts(&self.parts, Cow::Borrowed(object), &mut results).map_err(|error| {
            Error::Message(format!("error executing jsonpath {:?}: Error executing template: {error}", self.text))
        })?;
        Ok(results)
    }
}

fn print(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        other => json::plain(other),
    }
}
