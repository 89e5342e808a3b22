//! Rules that many kinds share: names, hosts, ports, headers; and how rules report.

pub(crate) mod dns;
pub(crate) mod headers;
pub(crate) mod labels;
pub(crate) mod metadata;
pub(crate) mod net;

use serde_json::Value;

use crate::error::{FieldError, Origin, Topic, Wording};
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

    /// Says the mistake that was reported last in Istio's words, where these are not its detail.
    pub(crate) fn in_istios_words(&mut self, words: impl Into<String>) {
        if let Some(last) = self.errors.last_mut() {
            last.origin = Origin::Istio(Wording::Words(words.into()));
        }
    }

    /// The mistakes since the first `seen` ones are among those that Istio prints as a list even when there is one.
    pub(crate) fn listed_since(&mut self, seen: usize) {
        for error in self.errors.iter_mut().skip(seen).filter(|error| error.origin == Origin::Server) {
            error.origin = Origin::Istio(Wording::Listed(None));
        }
    }

    /// The mistakes since the first `seen` ones are not said by Istio, which stops before them.
    pub(crate) fn unsaid_since(&mut self, seen: usize) {
        for error in self.errors.iter_mut().skip(seen) {
            error.origin = Origin::Istio(Wording::Unsaid);
        }
    }

    /// Says the warning that was given last in Istio's words, where these are not its detail.
    pub(crate) fn warning_in_istios_words(&mut self, words: impl Into<String>) {
        if let Some(last) = self.warnings.last_mut() {
            last.origin = Origin::Istio(Wording::Words(words.into()));
        }
    }

    /// The mistake that was reported last may be none to Istio.
    pub(crate) fn not_istios(&mut self) {
        if let Some(last) = self.errors.last_mut() {
            last.origin = Origin::Meridian;
        }
    }

    /// The mistake that was reported last, with its words, is one of those that Istio always lists.
    pub(crate) fn list_last(&mut self) {
        if let Some(last) = self.errors.last_mut() {
            last.origin = Origin::Istio(Wording::Listed(Some(last.webhook_message().to_owned())));
        }
    }

    /// Istio begins what it says of the mistakes after the first `seen` ones with `prefix`.
    pub(crate) fn prefix_istios_words_since(&mut self, seen: usize, prefix: &str) {
        for error in self.errors.iter_mut().skip(seen) {
            let words = format!("{prefix}{}", error.webhook_message());
            error.origin = match error.origin {
                Origin::Istio(Wording::Unsaid) => Origin::Istio(Wording::Unsaid),
                Origin::Meridian => Origin::Meridian,
                Origin::Istio(Wording::Listed(_)) => Origin::Istio(Wording::Listed(Some(words))),
                _ => Origin::Istio(Wording::Words(words)),
            };
        }
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
        // What the schema allows and the type does not hold is not supported here.
        Err(errors) => {
            findings.errors.extend(errors.into_iter().map(|error| FieldError { origin: Origin::Meridian, ..error }));
        }
    }
}
