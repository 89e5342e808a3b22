//! Objects checked by a schema alone, for kinds that have no type here: the structure of Kubernetes' own kinds that are
//! only stored.

use serde_json::Value;

use crate::error::FieldError;
use crate::kind::Nulls;
use crate::rules::{Findings, metadata};
use crate::schema::check;
use crate::schema::fields;
use crate::schema::node::Node;
use crate::schema::path::Path;

/// What the name of an object may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// A subdomain of RFC 1123, as most names.
    Subdomain,
    /// A label of RFC 1123.
    Label,
    /// A label of RFC 1035.
    Label1035,
    /// Anything that can be a part of a URL's path, as the names of roles.
    PathSegment,
}

impl NameRule {
    /// Whether a name is one of these.
    ///
    /// # Errors
    /// Why not, in Kubernetes' words.
    pub fn check(self, name: &str) -> Result<(), String> {
        match self {
            NameRule::Subdomain => metadata::subdomain(name),
            NameRule::Label => metadata::label(name),
            NameRule::Label1035 => metadata::label_1035(name),
            NameRule::PathSegment => path_segment(name),
        }
    }
}

/// `path.IsValidPathSegmentName`.
fn path_segment(name: &str) -> Result<(), String> {
    if matches!(name, "." | "..") {
        return Err(format!("may not be '{name}'"));
    }
    match ['/', '%'].into_iter().find(|illegal| name.contains(*illegal)) {
        Some(illegal) => Err(format!("may not contain '{illegal}'")),
        None => Ok(()),
    }
}

/// The structure of a kind, compiled from its structural schema. A `null` is as good as no value.
#[derive(Debug)]
pub struct Structure {
    root: Node,
}

impl Structure {
    /// Compiles a structural OpenAPI v3 schema without references.
    pub fn compile(schema: &Value) -> Structure {
        Structure { root: Node::compile(schema, true) }
    }

    /// The fields that the schema does not have, each with the name that may have been meant.
    pub fn unknown_fields(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        fields::unknown(&self.root, object, &Path::Root, &mut errors);
        errors
    }

    /// Removes the fields that the schema does not have.
    pub fn prune(&self, object: &mut Value) {
        fields::prune(&self.root, object);
    }

    /// The mistakes of an object: its structure, then its metadata.
    pub fn validate(&self, object: &Value, namespaced: bool, name: NameRule) -> Vec<FieldError> {
        let mut findings = Findings::default();
        check::check(&self.root, object, &Path::Root, &mut findings.errors);
        if findings.errors.is_empty() {
            metadata::check(namespaced, name, Nulls::Absent, object, &mut findings);
        }
        findings.errors
    }
}

#[cfg(test)]
mod tests {
    use super::{NameRule, Structure};
    use serde_json::json;

    #[test]
    fn structure_is_checked_and_pruned() {
        let structure = Structure::compile(&json!({
            "type": "object",
            "properties": {
                "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
                "spec": {"type": "object", "required": ["replicas"], "properties": {"replicas": {"type": "integer"}}},
            },
        }));
        let mut object = json!({"metadata": {"name": "A"}, "spec": {"replica": 1}});
        let unknown: Vec<String> = structure.unknown_fields(&object).iter().map(ToString::to_string).collect();
        assert_eq!(unknown.len(), 1);
        assert!(unknown[0].starts_with("unknown field \"spec.replica\""), "{unknown:?}");
        structure.prune(&mut object);
        let missing = structure.validate(&object, true, NameRule::Subdomain);
        assert_eq!(missing[0].to_string(), "spec.replicas: Required value");
        object["spec"]["replicas"] = 1.into();
        assert_eq!(structure.validate(&object, true, NameRule::Subdomain)[0].path, "metadata.name");
        assert!(structure.validate(&object, true, NameRule::PathSegment).is_empty());
    }

    #[test]
    fn names_of_roles_may_have_colons() {
        assert_eq!(NameRule::PathSegment.check("system:node"), Ok(()));
        assert_eq!(NameRule::PathSegment.check("a/b"), Err("may not contain '/'".to_owned()));
        assert_eq!(NameRule::PathSegment.check(".."), Err("may not be '..'".to_owned()));
    }
}
