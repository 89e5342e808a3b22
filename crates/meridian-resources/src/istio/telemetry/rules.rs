//! What Istio's validation refuses in a Telemetry, beyond the schema.

use super::Telemetry;
use crate::istio::authorization_policy::rules::check_target;
use crate::object::Object;
use crate::rules::Findings;
use crate::schema::path::Path;

pub(super) fn check(object: &Object<Telemetry>, findings: &mut Findings) {
    let (telemetry, path) = (&object.spec, &Path::Root.field("spec"));
    if let Some(selector) = &telemetry.selector
        && selector.match_labels.is_empty()
    {
        let detail = "workload selector specified without labels, will be applied to all services in namespace";
        findings.warn(&path.field("selector"), detail);
        findings.warning_in_istios_words("workload selector specified without labels");
    }
    if let Some(target) = &telemetry.target_ref {
        check_target(findings, &path.field("targetRef"), target);
    }
    let targets = path.field("targetRefs");
    for (index, target) in telemetry.target_refs.iter().enumerate() {
        check_target(findings, &targets.index(index), target);
    }
    let logs = path.field("accessLogging");
    for (index, entry) in telemetry.access_logging.iter().enumerate() {
        if let Some(filter) = &entry.filter
            && let Err(error) = meridian_cel::Expression::parse(&filter.expression)
        {
            let entry = logs.index(index);
            let field = entry.field("filter");
            findings.invalid(
                &field.field("expression"),
                filter.expression.as_str(),
                format!("invalid filter: {error}"),
            );
            // Istio's library knows more of the language than is supported here.
            findings.not_istios();
        }
    }
    let tracing = path.field("tracing");
    if telemetry.tracing.len() > 1 {
        findings.warn(&tracing, "multiple tracing is not currently supported");
    }
    for (index, entry) in telemetry.tracing.iter().enumerate() {
        if entry.providers.len() > 1 {
            findings.warn(&tracing.index(index).field("providers"), "multiple providers is not currently supported");
        }
        if entry.custom_tags.contains_key("") {
            findings.required(&tracing.index(index).field("customTags"), "tag name may not be empty");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::istio::telemetry::KIND;
    use serde_json::json;

    #[test]
    fn a_filter_that_is_none_is_refused_with_its_column() {
        let with = |expression: &str| {
            json!({
                "apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "metadata": {"name": "t", "namespace": "default"},
                "spec": {"accessLogging": [{"filter": {"expression": expression}}]},
            })
        };
        assert_eq!(crate::validate(&KIND, &with("response.code >= 400")), []);
        let errors = crate::validate(&KIND, &with("response.cod >= 400"));
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let [only] = &shown[..] else { panic!("{shown:?}") };
        assert!(only.starts_with("spec.accessLogging[0].filter.expression: "), "{only}");
        assert!(only.contains("invalid filter: column 10: found response.cod, allowed: response."), "{only}");
    }
}
