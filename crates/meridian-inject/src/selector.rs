//! Label selectors, as Kubernetes has them (`metav1.LabelSelector`).

use serde_json::Value;
use std::collections::BTreeMap;

/// The labels of an object.
pub type Labels = BTreeMap<String, String>;

/// The labels of a namespace or pod in JSON form; what is no text is left out.
#[must_use]
pub fn labels(object: &Value) -> Labels {
    let members = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// A selector that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: found {found}, allowed: {allowed}")]
pub struct SelectorError {
    path: String,
    found: String,
    allowed: &'static str,
}

/// One expression over a label.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

/// What the label has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

/// All of its expressions have to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

impl Selector {
    /// Reads `matchLabels` and `matchExpressions`; `path` is where they were written, for the error.
    ///
    /// # Errors
    /// An operator that there is not, or something of another form.
    pub fn read(value: &Value, path: &str) -> Result<Self, SelectorError> {
        let wrong = |path: String, found: &Value, allowed| SelectorError { path, found: found.to_string(), allowed };
        let mut requirements = Vec::new();
        for (key, value) in value.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let Some(text) = value.as_str() else {
                return Err(wrong(format!("{path}.matchLabels[{key}]"), value, "a text"));
            };
            requirements.push(Requirement { key: key.clone(), test: Test::In(vec![text.to_owned()]) });
        }
        let expressions = value.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
        for (index, expression) in expressions.enumerate() {
            let path = format!("{path}.matchExpressions[{index}]");
            let Some(key) = expression.get("key").and_then(Value::as_str) else {
                return Err(wrong(path, expression, "key, operator and values"));
            };
            let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            let test = match expression.get("operator").and_then(Value::as_str) {
                Some("In") => Test::In(values),
                Some("NotIn") => Test::NotIn(values),
                Some("Exists") => Test::Exists,
                Some("DoesNotExist") => Test::DoesNotExist,
                _ => {
                    let found = expression.get("operator").unwrap_or(&Value::Null);
                    return Err(wrong(format!("{path}.operator"), found, "In, NotIn, Exists, DoesNotExist"));
                }
            };
            requirements.push(Requirement { key: key.to_owned(), test });
        }
        Ok(Self { requirements })
    }

    /// Whether it says nothing, which selects everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the labels are as it wants them.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|Requirement { key, test }| {
            let value = labels.get(key);
            match test {
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Test::Exists => value.is_some(),
                Test::DoesNotExist => value.is_none(),
            }
        })
    }
}
