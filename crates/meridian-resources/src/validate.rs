//! Checks, pruning and defaults of whole objects; the same for the API and for files.

use serde_json::Value;

use crate::error::FieldError;
use crate::kind::Kind;
use crate::rules::{Findings, metadata};
use crate::schema::path::Path;
use crate::schema::{check, fields};

/// All mistakes of an object: `apiVersion` and `kind`, metadata, the schema, and the rules of the kind.
///
/// Unknown fields are not among them; what happens to these is the caller's choice (see [`unknown_fields`] and
/// [`prune`]). The rules of a kind are asked only of an object that agrees with the schema.
pub fn validate(kind: &Kind, object: &Value) -> Vec<FieldError> {
    findings(kind, object).errors
}

/// What the author of an object should know though it is accepted: deprecated or ineffective settings.
pub fn warnings(kind: &Kind, object: &Value) -> Vec<FieldError> {
    findings(kind, object).warnings
}

fn findings(kind: &Kind, object: &Value) -> Findings {
    let mut findings = Findings { errors: type_meta(kind, object), warnings: Vec::new() };
    check::check(&(kind.compiled)().root, object, &Path::Root, &mut findings.errors);
    if findings.errors.is_empty() {
        metadata::check(kind, object, &mut findings);
        (kind.rules)(object, &mut findings);
    }
    findings
}

fn type_meta(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match object.get("apiVersion") {
        None | Some(Value::Null) => errors.push(FieldError::required("apiVersion", "")),
        Some(found) => {
            let allowed: Vec<String> = kind.versions.iter().map(|version| kind.api_version(version)).collect();
            if !allowed.iter().any(|allowed| found == allowed) {
                errors.push(FieldError::not_supported("apiVersion", found, &allowed));
            }
        }
    }
    match object.get("kind") {
        None | Some(Value::Null) => errors.push(FieldError::required("kind", "")),
        Some(found) if found != kind.kind => errors.push(FieldError::not_supported("kind", found, &[kind.kind])),
        Some(_) => {}
    }
    errors
}

/// Fills the schema's defaults in place; what has the wrong type is left alone.
pub fn apply_defaults(kind: &Kind, object: &mut Value) {
    fields::apply_defaults(&(kind.compiled)().root, object);
}

/// The fields that the schema does not have, each with the name that may have been meant.
pub fn unknown_fields(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    fields::unknown(&(kind.compiled)().root, object, &Path::Root, &mut errors);
    errors
}

/// Removes the fields that the schema does not have.
pub fn prune(kind: &Kind, object: &mut Value) {
    fields::prune(&(kind.compiled)().root, object);
}

#[cfg(test)]
mod tests;
