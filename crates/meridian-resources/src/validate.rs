//! Checks, pruning and defaults of whole objects; the same for the API and for files.

use serde_json::Value;

use crate::error::{FieldError, Origin, Wording};
use crate::kind::{Kind, Nulls, converted};
use crate::rules::{Findings, metadata};
use crate::schema::node::Node;
use crate::schema::path::Path;
use crate::schema::{check, fields};
use crate::value;

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

/// Both at once: the mistakes, and what the author should know.
pub fn judge(kind: &Kind, object: &Value) -> (Vec<FieldError>, Vec<FieldError>) {
    let Findings { errors, warnings } = findings(kind, object);
    (errors, warnings)
}

fn findings(kind: &Kind, object: &Value) -> Findings {
    let mut findings = Findings { errors: type_meta(kind, object), warnings: Vec::new() };
    let root = schema(kind, object);
    // The `null` of a field is as good as none, of whatever type the field is.
    let present = value::has_nulls(object).then(|| {
        let mut object = object.clone();
        fields::drop_nulls(root, &mut object);
        object
    });
    let object = present.as_ref().unwrap_or(object);
    check::check(root, object, &Path::Root, &mut findings.errors);
    if !findings.errors.is_empty() {
        return findings;
    }
    metadata::check(kind.namespaced, metadata::name_rule(kind), kind.nulls, object, &mut findings);
    let of_server = findings.errors.len();
    let dry_run = refuse_dry_run(kind, object, &mut findings);
    match converted::of_object(kind, object) {
        None => (kind.rules)(object, &mut findings),
        // The rules know the preferred form; what they find is told in the object's own.
        Some(version) => {
            let mut preferred = object.clone();
            converted::convert(kind, &mut preferred, kind.versions[0]);
            (kind.rules)(&preferred, &mut findings);
            for error in findings.errors.iter_mut().chain(&mut findings.warnings) {
                error.path = (version.path)(&error.path);
            }
        }
    }
    if kind.group.ends_with(".istio.io") {
        if dry_run {
            // Istio says nothing else then.
            findings.unsaid_since(of_server + 1);
        }
        let of_rules = findings.errors[of_server..].iter_mut().chain(&mut findings.warnings);
        for error in of_rules.filter(|error| error.origin == Origin::Server) {
            error.origin = Origin::Istio(Wording::Detail);
        }
    }
    findings
}

/// Of Istio's kinds only policies can be tried out (`istio.io/dry-run`). Returns whether it was asked for elsewhere.
fn refuse_dry_run(kind: &Kind, object: &Value, findings: &mut Findings) -> bool {
    use crate::istio::authorization_policy;
    let given = object["metadata"]["annotations"].get(authorization_policy::DRY_RUN).is_some();
    if !given || !kind.group.ends_with(".istio.io") || *kind == authorization_policy::KIND {
        return false;
    }
    let text = |field: &str| object["metadata"][field].as_str().filter(|text| !text.is_empty());
    let (namespace, name) = (text("namespace").unwrap_or(crate::meta::DEFAULT_NAMESPACE), text("name").unwrap_or(""));
    let annotation = authorization_policy::DRY_RUN;
    let detail = format!("{namespace}/{name} has unsupported annotation {annotation}, please remove the annotation");
    findings.forbidden(&Path::Root.field("metadata").field("annotations").key(annotation), detail);
    true
}

/// The schema of the version that an object names.
fn schema(kind: &Kind, object: &Value) -> &'static Node {
    converted::of_object(kind, object).map_or_else(kind.compiled, |version| (version.compiled)())
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
    let root = schema(kind, object);
    fields::apply_defaults(root, object);
}

/// The fields that the schema does not have, each with the name that may have been meant.
pub fn unknown_fields(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    fields::unknown(schema(kind, object), object, &Path::Root, &mut errors);
    errors
}

/// Removes the fields that the schema does not have.
pub fn prune(kind: &Kind, object: &mut Value) {
    let root = schema(kind, object);
    fields::prune(root, object);
}

/// Removes what is `null`, where that means the same as nothing: in Kubernetes' own kinds.
pub fn drop_nulls(kind: &Kind, object: &mut Value) {
    if kind.nulls == Nulls::Absent {
        fields::drop_absent(schema(kind, object), object);
    }
}

#[cfg(test)]
mod tests;
