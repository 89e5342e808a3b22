//! `--set PATH=VALUE`, as Helm and `istioctl` read it.

use serde_json::{Map, Value};
use std::str::FromStr;

/// One value at one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    path: Vec<String>,
    value: Value,
}

/// Why a setting cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no `=`, or a part of the path is empty.
    #[error("found {0:?}, allowed: PATH=VALUE, such as image.tag=v1 or podAnnotations.example\\.com/team=edge")]
    Form(String),
    /// A part of the path leads through something that has no parts.
    #[error("--set {path}: {at} is {found}, which has no parts")]
    NoParts {
        /// The whole path.
        path: String,
        /// The part that is no object.
        at: String,
        /// What it is.
        found: String,
    },
}

impl FromStr for Setting {
    type Err = SetError;

    /// Dots separate the parts of a path, but `\.` is a dot. `true`, `false`, `null` and whole numbers are what they
    /// look like, `{a,b}` is a list, everything else is text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || SetError::Form(text.to_owned());
        let (path, value) = text.split_once('=').ok_or_else(form)?;
        let path = parts(path);
        if path.iter().any(String::is_empty) {
            return Err(form());
        }
        Ok(Self { path, value: scalar_or_list(value) })
    }
}

impl Setting {
    /// Puts the value into `values`, with the objects around it where they are not there.
    ///
    /// # Errors
    /// Something on the way is no object.
    pub fn lay_over(&self, values: &mut Value) -> Result<(), SetError> {
        let mut at = values;
        for (depth, part) in self.path.iter().enumerate() {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            let found = at.to_string();
            let object = at.as_object_mut().ok_or_else(|| SetError::NoParts {
                path: self.path.join("."),
                at: self.path[..depth].join("."),
                found,
            })?;
            at = object.entry(part.clone()).or_insert(Value::Null);
        }
        *at = self.value.clone();
        Ok(())
    }
}

fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in path.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '.' if !escaped => parts.push(String::new()),
            _ => {
                escaped = false;
                // There is always a last part: the list begins with one and only grows.
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    parts
}

fn scalar_or_list(text: &str) -> Value {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some("") => Value::Array(Vec::new()),
        Some(items) => items.split(',').map(|item| scalar(item.trim())).collect(),
        None => scalar(text),
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => Value::Null,
        // A leading zero is a name, not a number: 007 stays 007.
        _ if text == "0" || !text.trim_start_matches('-').starts_with('0') => {
            text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(before: Value, settings: &[&str]) -> Result<Value, SetError> {
        let mut values = before;
        for setting in settings {
            setting.parse::<Setting>()?.lay_over(&mut values)?;
        }
        Ok(values)
    }

    #[test]
    fn values_go_where_their_paths_lead() {
        let values = set(
            json!({"image": {"tag": "a"}}),
            &[
                "image.tag=b",
                "replicas=2",
                "podAnnotations.example\\.com/team=edge",
                "a.b={x,1}",
                "version=007",
                "on=true",
                "text=a=b",
            ],
        )
        .unwrap();
        let wanted = json!({"image": {"tag": "b"}, "replicas": 2, "podAnnotations": {"example.com/team": "edge"},
            "a": {"b": ["x", 1]}, "version": "007", "on": true, "text": "a=b"});
        assert_eq!(values, wanted);
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        for text in ["", "a", "=1", "a..b=1", ".a=1"] {
            assert!(matches!(text.parse::<Setting>(), Err(SetError::Form(_))), "{text}");
        }
        let error = set(json!({"replicas": 2}), &["replicas.x=1"]).unwrap_err().to_string();
        assert_eq!(error, "--set replicas.x: replicas is 2, which has no parts");
    }
}
