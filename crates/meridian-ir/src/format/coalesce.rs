//! `%COALESCE({"operators": [...]})%`: the first of several operators that has a value.

use super::parse::Command;
use super::{FormatError, Operator};

/// An element of `operators`.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Element {
    /// `"REQUESTED_SERVER_NAME"`
    Plain(String),
    /// `{"command": "REQ", "param": ":authority", "max_length": 5}`
    Command(Details),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    command: String,
    param: Option<String>,
    max_length: Option<usize>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    operators: Vec<Element>,
}

impl Command<'_> {
    pub(super) fn coalesce(&self) -> Result<Operator, FormatError> {
        let json = self.required()?;
        let argument: Argument = match serde_json::from_str(json) {
            Ok(argument) => argument,
            Err(error) => {
                return self.fail(format!(
                    "the argument of `%COALESCE%` is not JSON of the form {{\"operators\": [\"NAME\", {{\"command\": \
                     \"NAME\", \"param\": \"...\", \"max_length\": 5}}]}}: {error}"
                ));
            }
        };
        if argument.operators.is_empty() {
            return self.fail("`%COALESCE%` names no operators".to_owned());
        }
        let operators = argument.operators.iter().map(|element| {
            let (name, arguments, max) = match element {
                Element::Plain(name) => (name, None, None),
                Element::Command(details) => (&details.command, details.param.as_deref(), details.max_length),
            };
            Command { column: self.column, name, arguments, max }.operator()
        });
        Ok(Operator::Coalesce { operators: operators.collect::<Result<_, _>>()?, json: json.into(), max: self.max })
    }
}
