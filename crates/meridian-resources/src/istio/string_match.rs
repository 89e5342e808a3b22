//! `StringMatch`: exact, prefix, regular expression, or merely present.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a string is matched (Istio `StringMatch`); compared with regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(from = "StringMatchFields", into = "StringMatchFields")]
#[schemars(with = "StringMatchFields")]
pub enum StringMatch {
    /// `{}`: anything, as long as there is something.
    #[default]
    Present,
    /// The whole string.
    Exact(String),
    /// The beginning of the string.
    Prefix(String),
    /// An expression in RE2 syntax that the whole string must match.
    Regex(String),
}

/// A string that is matched exactly, by prefix, or by a regular expression (RE2) over the whole string.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-one-of" = [["exact", "prefix", "regex"]]))]
struct StringMatchFields {
    /// The whole string.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<String>,
    /// The beginning of the string.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// An expression in RE2 syntax that the whole string must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<String>,
}

impl From<StringMatchFields> for StringMatch {
    fn from(fields: StringMatchFields) -> Self {
        match fields {
            StringMatchFields { exact: Some(exact), .. } => StringMatch::Exact(exact),
            StringMatchFields { prefix: Some(prefix), .. } => StringMatch::Prefix(prefix),
            StringMatchFields { regex: Some(regex), .. } => StringMatch::Regex(regex),
            StringMatchFields { .. } => StringMatch::Present,
        }
    }
}

impl From<StringMatch> for StringMatchFields {
    fn from(value: StringMatch) -> Self {
        match value {
            StringMatch::Present => StringMatchFields::default(),
            StringMatch::Exact(exact) => StringMatchFields { exact: Some(exact), ..Default::default() },
            StringMatch::Prefix(prefix) => StringMatchFields { prefix: Some(prefix), ..Default::default() },
            StringMatch::Regex(regex) => StringMatchFields { regex: Some(regex), ..Default::default() },
        }
    }
}
