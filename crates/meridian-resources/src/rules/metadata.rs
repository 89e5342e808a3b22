//! Kubernetes' rules for metadata, with Kubernetes' wording.

use serde_json::Value;

use super::{Findings, labels};
use crate::kind::{Kind, Nulls};
use crate::schema::path::Path;
use crate::structure::NameRule;

/// The longest subdomain (RFC 1123).
const LONGEST_SUBDOMAIN: usize = 253;
/// The longest label (RFC 1123, RFC 1035).
const LONGEST_LABEL: usize = 63;
/// The most bytes of all annotations together.
const LARGEST_ANNOTATIONS: usize = 256 * 1024;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
    '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
    with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
    used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// The mistakes of an object's `metadata`, which agrees with the schema.
pub(crate) fn check(namespaced: bool, rule: NameRule, nulls: Nulls, object: &Value, findings: &mut Findings) {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
    let path = &Path::Root.field("metadata");
    match (text("name"), text("generateName")) {
        ("", "") => findings.required(&path.field("name"), "name or generateName is required"),
        ("", prefix) => {
            // The server appends letters and digits.
            findings.check(&path.field("generateName"), prefix, rule.check(&format!("{prefix}a")));
        }
        (name, _) => findings.check(&path.field("name"), name, rule.check(name)),
    }
    match text("namespace") {
        "" => {}
        _ if !namespaced => {
            findings.forbidden(&path.field("namespace"), "not allowed on this type");
        }
        namespace => findings.check(&path.field("namespace"), namespace, label(namespace)),
    }
    check_labels(findings, &path.field("labels"), metadata.get("labels"));
    check_annotations(findings, &path.field("annotations"), metadata.get("annotations"));
    check_finalizers(findings, nulls, &path.field("finalizers"), metadata.get("finalizers"));
}

/// Finalizers that Kubernetes itself knows by a single word.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Names as those of labels; those of Kubernetes' own kinds say whose they are (`ValidateFinalizerName`).
fn check_finalizers(findings: &mut Findings, nulls: Nulls, path: &Path<'_>, names: Option<&Value>) {
    let names = names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for (index, name) in names.enumerate() {
        let path = &path.index(index);
        findings.check(path, name, label_key(name));
        let is_short = !name.contains('/') && !STANDARD_FINALIZERS.contains(&name);
        if is_short && nulls == Nulls::Absent {
            findings.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

/// Services and namespaces become parts of DNS names; all else may have dots.
pub(crate) fn name_rule(kind: &Kind) -> NameRule {
    match (kind.group, kind.kind) {
        ("", "Service") => NameRule::Label1035,
        ("", "Namespace") => NameRule::Label,
        _ => NameRule::Subdomain,
    }
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

/// Of keys and values of labels, Kubernetes counts bytes.
fn too_many_bytes(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

fn is_lower_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    inner && text.starts_with(edge) && text.ends_with(edge)
}

/// A subdomain of RFC 1123.
pub(crate) fn subdomain(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_SUBDOMAIN {
        return Err(too_long(LONGEST_SUBDOMAIN));
    }
    if name.split('.').all(is_lower_label) { Ok(()) } else { Err(SUBDOMAIN.to_owned()) }
}

/// A label of RFC 1123.
pub(crate) fn label(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_LABEL {
        return Err(too_long(LONGEST_LABEL));
    }
    if is_lower_label(name) { Ok(()) } else { Err(LABEL.to_owned()) }
}

/// A label of RFC 1035.
pub(crate) fn label_1035(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_LABEL {
        return Err(too_long(LONGEST_LABEL));
    }
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    if first && is_lower_label(name) { Ok(()) } else { Err(LABEL_1035.to_owned()) }
}

/// The key of a label or annotation: a name, also after a prefix and a slash.
///
/// # Errors
/// What is wrong with it, in Kubernetes' words.
pub fn label_key(key: &str) -> Result<(), String> {
    let name = match key.split_once('/') {
        None => key,
        Some((_, name)) if name.contains('/') => {
            return Err(format!(
                "{} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                NAME_PART.replacen("name part", "a qualified name", 1)
            ));
        }
        Some(("", _)) => return Err("prefix part must be non-empty".to_owned()),
        Some((prefix, name)) => {
            subdomain(prefix).map_err(|detail| format!("prefix part {detail}"))?;
            name
        }
    };
    match name.len() {
        0 => Err("name part must be non-empty".to_owned()),
        64.. => Err(format!("name part {}", too_many_bytes(LONGEST_LABEL))),
        _ if labels::is_qualified_name(name) => Ok(()),
        _ => Err(NAME_PART.to_owned()),
    }
}

/// The value of a label: empty, or at most 63 letters, digits, dashes, underscores and dots.
///
/// # Errors
/// What is wrong with it, in Kubernetes' words.
pub fn label_value(value: &str) -> Result<(), String> {
    if value.len() > LONGEST_LABEL {
        Err(too_many_bytes(LONGEST_LABEL))
    } else if labels::is_value(value) {
        Ok(())
    } else {
        Err(LABEL_VALUE.to_owned())
    }
}

fn check_labels(findings: &mut Findings, path: &Path<'_>, values: Option<&Value>) {
    for (name, value) in entries(values) {
        findings.check(path, name, label_key(name));
        findings.check(path, value, label_value(value));
    }
}

fn check_annotations(findings: &mut Findings, path: &Path<'_>, values: Option<&Value>) {
    let mut size = 0;
    for (name, value) in entries(values) {
        size += name.len() + value.len();
        // Kubernetes takes capitals in the keys of annotations for small letters.
        findings.check(path, name, label_key(&name.to_lowercase()));
    }
    if size > LARGEST_ANNOTATIONS {
        findings.errors.push(crate::error::FieldError::too_long(path, LARGEST_ANNOTATIONS));
    }
}

fn entries(values: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    let fields = values.and_then(Value::as_object).into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
}
