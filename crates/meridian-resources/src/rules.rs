//! Rules that many kinds share: names, hosts, ports, headers; and how rules report.

pub(crate) mod dns;
pub(crate) mod headers;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod net;

use serde_json::Value;

use crate::error::{FieldError, Topic};
use crate::object::{Object, Spec, decode_object};
use crate::schema::path::Path;

/// What the rules of a kind find in an object.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Why the object is refused.
    pub(crate) errors: Vec<FieldError>,
    /// What its author should know, though the object is accepted.
    pub(crate) warnings: Vec<FieldError>,
}

impl Findings {
    /// A value that is not allowed.
    pub(crate) fn invalid(&mut self, path: &Path<'_>, found: impl Into<Value>, detail: impl Into<String>) {
        self.errors.push(FieldError::invalid(path, &found.into(), detail));
    }

    /// A field that must be given here.
    pub(crate) fn required(&mut self, path: &Path<'_>, detail: impl Into<String>) {
        self.errors.push(FieldError::required(path, detail));
    }

    /// Something that may not be given here, or not together with something else.
    pub(crate) fn forbidden(&mut self, path: &Path<'_>, detail: impl Into<String>) {
        self.errors.push(FieldError::forbidden(path, detail));
    }

    /// The same value a second time.
    pub(crate) fn duplicate(&mut self, path: &Path<'_>, found: impl Into<Value>, detail: impl Into<String>) {
        self.errors.push(FieldError::duplicate(path, &found.into(), detail));
    }

    /// The outcome of a check of one text.
    pub(crate) fn check(&mut self, path: &Path<'_>, found: &str, outcome: Result<(), String>) {
        if let Err(detail) = outcome {
            self.invalid(path, found, detail);
        }
    }

    /// Something that the author should know.
    pub(crate) fn warn(&mut self, path: &Path<'_>, detail: impl Into<String>) {
        self.warn_on(path, detail, Topic::Other);
    }

    /// The same, about something that has a name of its own.
    pub(crate) fn warn_on(&mut self, path: &Path<'_>, detail: impl Into<String>, topic: Topic) {
        self.warnings.push(FieldError::invalid_hidden(path, detail).on(topic));
    }
}

/// Applies rules to the typed form of an object that agrees with its schema.
pub(crate) fn typed<T: Spec>(object: &Value, findings: &mut Findings, rules: fn(&Object<T>, &mut Findings)) {
    match decode_object::<T>(object) {
        Ok(object) => rules(&object, findings),
        Err(errors) => findings.errors.extend(errors),
    }
}
