//! Label and field selectors.
//!
//! Labels: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x,y)`, `a`, `!a`, `a>1`, `a<1`, joined by commas
//! (apimachinery `labels.Parse`). Fields: `path=value`, `path==value`, `path!=value`, joined by commas.

use std::collections::BTreeMap;

use meridian_resources::FieldError;
use meridian_resources::meta::{label_key, label_value};
use meridian_store::StoredObject;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::resource::ApiResource;

#[cfg(test)]
mod tests;

/// A conjunction of requirements on labels. The default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<LabelRequirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct LabelRequirement {
    key: String,
    operator: LabelOperator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LabelOperator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

impl LabelSelector {
    /// Reads a selector; the empty text selects everything.
    ///
    /// # Errors
    /// 400 that names the place where the text stops making sense.
    pub(crate) fn parse(text: &str) -> Result<LabelSelector, ApiError> {
        Parser { tokens: tokens(text), at: 0 }.selector().map(LabelSelector).map_err(ApiError::bad_request)
    }

    /// Whether it selects everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels satisfy every requirement.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels.get(&requirement.key)))
    }
}

impl LabelRequirement {
    fn matches(&self, value: Option<&String>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.operator {
            LabelOperator::In(values) => value.is_some_and(|value| values.contains(value)),
            LabelOperator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
            LabelOperator::GreaterThan(bound) => number().is_some_and(|number| number > *bound),
            LabelOperator::LessThan(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// Splits into operators, parentheses, commas and words.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let special = |c: char| "=!(),<>".contains(c);
        let length = if rest.starts_with("==") || rest.starts_with("!=") {
            2
        } else if rest.starts_with(special) {
            1
        } else {
            rest.find(|c: char| special(c) || c.is_whitespace()).unwrap_or(rest.len())
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a str {
        self.tokens.get(self.at).copied().unwrap_or_default()
    }

    fn take(&mut self) -> &'a str {
        self.at += 1;
        self.tokens.get(self.at - 1).copied().unwrap_or_default()
    }

    fn selector(&mut self) -> Result<Vec<LabelRequirement>, String> {
        let mut requirements = Vec::new();
        if self.tokens.is_empty() {
            return Ok(requirements);
        }
        loop {
            if !is_word(self.peek()) && self.peek() != "!" {
                return Err(format!("found '{}', expected: !, identifier, or 'end of string'", self.peek()));
            }
            let requirement = self.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?;
            requirements.push(requirement);
            match self.take() {
                "" => return Ok(requirements),
                "," if is_word(self.peek()) || self.peek() == "!" => {}
                "," => return Err(format!("found '{}', expected: identifier after ','", self.peek())),
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<LabelRequirement, String> {
        if self.peek() == "!" {
            self.at += 1;
            return Ok(LabelRequirement { key: self.key()?, operator: LabelOperator::DoesNotExist });
        }
        let key = self.key()?;
        let operator = match self.peek() {
            "" | "," => LabelOperator::Exists,
            "=" | "==" => {
                self.at += 1;
                LabelOperator::In(vec![self.label_value(&key)?])
            }
            "!=" => {
                self.at += 1;
                LabelOperator::NotIn(vec![self.label_value(&key)?])
            }
            "in" => {
                self.at += 1;
                LabelOperator::In(self.values(&key)?)
            }
            "notin" => {
                self.at += 1;
                LabelOperator::NotIn(self.values(&key)?)
            }
            ">" => {
                self.at += 1;
                LabelOperator::GreaterThan(self.bound()?)
            }
            "<" => {
                self.at += 1;
                LabelOperator::LessThan(self.bound()?)
            }
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        Ok(LabelRequirement { key, operator })
    }

    fn key(&mut self) -> Result<String, String> {
        let key = self.take().to_owned();
        if !is_word(&key) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        // It has no path, which Kubernetes writes like this.
        label_key(&key).map_err(|why| FieldError::invalid("<nil>", &json!(key), why).to_string())?;
        Ok(key)
    }

    /// One value; it may be empty.
    fn value(&mut self) -> String {
        if is_word(self.peek()) { self.take().to_owned() } else { String::new() }
    }

    /// The one value with which a label is compared.
    fn label_value(&mut self, key: &str) -> Result<String, String> {
        let value = self.value();
        check_value(key, 0, &value)?;
        Ok(value)
    }

    fn values(&mut self, key: &str) -> Result<Vec<String>, String> {
        if self.take() != "(" {
            self.at -= 1;
            return Err(format!("found '{}' expected: '('", self.peek()));
        }
        let mut values = vec![self.value()];
        loop {
            match self.take() {
                "," => values.push(self.value()),
                ")" => {
                    values.iter().enumerate().try_for_each(|(index, value)| check_value(key, index, value))?;
                    return Ok(values);
                }
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }

    fn bound(&mut self) -> Result<i64, String> {
        let value = self.value();
        let why = "for 'Gt', 'Lt' operators, the value must be an integer";
        value.parse().map_err(|_| FieldError::invalid("values[0]", &json!(value), why).to_string())
    }
}

fn check_value(key: &str, index: usize, value: &str) -> Result<(), String> {
    let path = format!("values[{index}][{key}]");
    label_value(value).map_err(|why| FieldError::invalid(path, &json!(value), why).to_string())
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(|c: char| "=!(),<>".contains(c))
}

/// A conjunction of requirements on single fields. The default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<FieldRequirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldRequirement {
    path: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Reads a selector; the empty text selects everything.
    ///
    /// # Errors
    /// 400 when a part has no operator.
    pub(crate) fn parse(text: &str) -> Result<FieldSelector, ApiError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let requirements: Result<_, _> = parts
            .map(|part| {
                let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
                    (path, value, false)
                } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                    (path, value, true)
                } else {
                    return Err(ApiError::bad_request(format!(
                        "invalid selector: '{part}'; can't understand '{part}'"
                    )));
                };
                Ok(FieldRequirement { path: path.to_owned(), value: value.to_owned(), equal })
            })
            .collect();
        Ok(FieldSelector(requirements?))
    }

    /// Checks that the resource can be selected by these fields.
    ///
    /// # Errors
    /// 400 that names the field.
    pub(crate) fn check(&self, resource: &ApiResource) -> Result<(), ApiError> {
        let supported = |path: &str| {
            matches!(path, "metadata.name" | "metadata.namespace") || extra_fields(resource).contains(&path)
        };
        match self.0.iter().find(|requirement| !supported(&requirement.path)) {
            // Kinds that can be selected by nothing else say so in other words.
            Some(FieldRequirement { path, .. }) if resource.built_in() && extra_fields(resource).is_empty() => {
                Err(ApiError::bad_request(format!(
                    "\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                )))
            }
            Some(FieldRequirement { path, .. }) => {
                Err(ApiError::bad_request(format!("field label not supported: {path}")))
            }
            None => Ok(()),
        }
    }

    /// The one name that it allows, when it asks for one.
    pub(crate) fn name(&self) -> Option<&str> {
        let named = self.0.iter().find(|requirement| requirement.equal && requirement.path == "metadata.name");
        named.map(|requirement| requirement.value.as_str())
    }

    /// Whether an object satisfies every requirement.
    pub(crate) fn matches(&self, object: &StoredObject) -> bool {
        self.0.iter().all(|requirement| requirement.matches(object))
    }
}

impl FieldRequirement {
    fn matches(&self, object: &StoredObject) -> bool {
        let equal = match self.path.as_str() {
            "metadata.name" => *object.key().name == *self.value,
            "metadata.namespace" => *object.key().namespace == *self.value,
            path => field(&object.to_value("", ""), path) == self.value,
        };
        equal == self.equal
    }
}

/// The text by which a stored object is selected.
fn field(object: &Value, path: &str) -> String {
    let path = match path {
        // Whoever reports an event names itself in one of two fields.
        "source" => "source.component".to_owned(),
        "reportingController" => "reportingComponent".to_owned(),
        // The stored form is that of the core group.
        path => path.replace("regarding.", "involvedObject."),
    };
    match object.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        _ if path == "status.replicas" || path == "status.successful" => "0".to_owned(),
        _ if path == "spec.unschedulable" || path == "spec.hostNetwork" => "false".to_owned(),
        _ => String::new(),
    }
}

/// The fields by which Kubernetes' own kinds can be selected, beside name and namespace.
fn extra_fields(resource: &ApiResource) -> &'static [&'static str] {
    match (resource.group, resource.plural) {
        ("", "secrets") => &["type"],
        ("", "namespaces") => &["status.phase"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "replicationcontrollers") => &["status.replicas"],
        ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &[],
    }
}
