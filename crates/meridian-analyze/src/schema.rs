//! What the schema and the rules of its kind say of each object by itself.

use crate::message::{INEFFECTIVE_MATCH, SCHEMA_VALIDATION_ERROR, SCHEMA_WARNING, UNREACHABLE_RULE};
use crate::objects::Objects;
use crate::report::Report;
use meridian_resources::FieldError;
use meridian_resources::error::Topic;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for (object, (errors, warnings)) in &objects.findings {
        for error in errors {
            let text = format!("Schema validation error: {error}");
            report.add(object.clone(), &error.path, SCHEMA_VALIDATION_ERROR, text);
        }
        for warning in warnings {
            let (kind, text) = told(warning);
            report.add(object.clone(), &warning.path, kind, text);
        }
    }
}

/// A warning in the analyzers' words.
fn told(warning: &FieldError) -> (&'static crate::MessageType, String) {
    match &warning.topic {
        Topic::UnreachableRule { rule, reason } => {
            (UNREACHABLE_RULE, format!("VirtualService rule {rule} not used ({reason})."))
        }
        Topic::IneffectiveMatch { rule, matcher, earlier } => (
            INEFFECTIVE_MATCH,
            format!(
                "VirtualService rule {rule} match {matcher} is not used (duplicate/overlapping match in rule {earlier})."
            ),
        ),
        Topic::Other => (SCHEMA_WARNING, format!("Schema validation warning: {}", warning.detail)),
    }
}
