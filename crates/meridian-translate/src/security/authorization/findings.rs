//! What is to be said of an AuthorizationPolicy.

use super::{applies, targets};
use crate::condition::{Finding, Topic};
use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use meridian_resources::Object;
use meridian_resources::istio::AuthorizationPolicy;
use meridian_resources::istio::authorization_policy::{Action, Rule};

/// What of a policy is not supported, and whether it applies to any of `nodes`.
pub(crate) fn findings<'n>(
    policy: &Object<AuthorizationPolicy>,
    mesh: &MeshConfig,
    nodes: impl Iterator<Item = &'n ProxyNode>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if policy.spec.action == Action::Custom {
        let message = "external authorization is not supported: what the rules match is denied, because nobody can be \
                       asked about it; use ALLOW or DENY";
        findings.push(Finding::at(Topic::Unsupported, "spec.action", message));
    }
    for (index, rule) in policy.spec.rules.iter().enumerate() {
        of_rule(&format!("spec.rules[{index}]"), rule, &mut findings);
    }
    let mut nodes = nodes.peekable();
    let is_any = nodes.peek().is_some();
    if !nodes.any(|node| applies(policy, mesh, node)) {
        findings.push(applies_to_nobody(policy, mesh, is_any));
    }
    findings
}

/// Tokens of requests are not checked, and no filter notes metadata: what is said of these never matches.
fn of_rule(path: &str, rule: &Rule, findings: &mut Vec<Finding>) {
    const TOKENS: &str = "is about the tokens of requests, which are not checked (no RequestAuthentication): no value \
                          matches, and every value that must not match does not";
    const NOTES: &str = "is about what an EnvoyFilter notes, which is not supported: no value matches, and every value \
                         that must not match does not";
    for (index, source) in rule.from.iter().enumerate().filter_map(|(i, from)| Some((i, from.source.as_ref()?))) {
        for (field, values) in [
            ("requestPrincipals", &source.request_principals),
            ("notRequestPrincipals", &source.not_request_principals),
        ] {
            if !values.is_empty() {
                let path = format!("{path}.from[{index}].source.{field}");
                findings.push(Finding::at(Topic::Unsupported, &path, TOKENS));
            }
        }
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let path = format!("{path}.when[{index}]");
        if condition.key.starts_with("request.auth.") {
            findings.push(Finding::at(Topic::Unsupported, &path, TOKENS));
        } else if condition.key.starts_with("experimental.") {
            findings.push(Finding::at(Topic::Unsupported, &path, NOTES));
        }
    }
}

fn applies_to_nobody(policy: &Object<AuthorizationPolicy>, mesh: &MeshConfig, is_any: bool) -> Finding {
    let not_programmed = |path: &str, message: String| Finding::at(Topic::NotProgrammed, path, message);
    if !is_any {
        return not_programmed("spec", "there is no proxy".to_owned());
    }
    let names: Vec<String> = targets(&policy.spec).map(|target| format!("{} {}", target.kind, target.name)).collect();
    if !names.is_empty() {
        let message = format!(
            "{} is no Gateway of the Gateway API that a proxy of namespace {} serves; select proxies by their labels \
             with spec.selector",
            names.join(", "),
            policy.meta.namespace
        );
        return not_programmed("spec.targetRefs", message);
    }
    let whose = if policy.meta.namespace == mesh.root_namespace {
        "any namespace".to_owned()
    } else {
        format!("namespace {}", policy.meta.namespace)
    };
    match &policy.spec.selector {
        Some(selector) if !selector.match_labels.is_empty() => {
            let labels: Vec<String> =
                selector.match_labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            let message = format!("{{{}}} are the labels of no proxy of {whose}", labels.join(", "));
            not_programmed("spec.selector", message)
        }
        _ => not_programmed("metadata.namespace", format!("there is no proxy of {whose}")),
    }
}
