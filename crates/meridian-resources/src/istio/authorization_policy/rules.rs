//! What Istio's validation refuses in an AuthorizationPolicy, beyond the schema.

use super::{
    Action, AuthorizationPolicy, Condition, DRY_RUN, Operation, PolicyTargetReference, Rule, SourceMatch, values,
};
use crate::object::Object;
use crate::rules::Findings;
use crate::schema::path::Path;

/// Keys of sources that an external provider cannot be asked about.
const NOT_WITH_CUSTOM: [&str; 4] =
    ["source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"];

pub(super) fn check(object: &Object<AuthorizationPolicy>, findings: &mut Findings) {
    let (policy, path) = (&object.spec, &Path::Root.field("spec"));
    check_dry_run(object, findings);
    if let Some(selector) = &policy.selector
        && selector.match_labels.is_empty()
    {
        let detail = "workload selector specified without labels, will be applied to all services in namespace";
        findings.warn(&path.field("selector"), detail);
    }
    if let Some(target) = &policy.target_ref {
        check_target(findings, &path.field("targetRef"), target);
    }
    let targets = path.field("targetRefs");
    for (index, target) in policy.target_refs.iter().enumerate() {
        check_target(findings, &targets.index(index), target);
    }
    check_action(findings, path, policy);
    let rules = path.field("rules");
    for (index, rule) in policy.rules.iter().enumerate() {
        check_rule(findings, &rules.index(index), rule, index);
        if policy.action == Action::Deny && is_of_requests_only(rule) {
            let detail = "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the \
                          use of only HTTP attributes in a DENY rule; it is recommended to explicitly specify the port";
            findings.warn(&rules.index(index), detail);
        }
        if policy.action == Action::Custom {
            check_custom(findings, &rules.index(index), rule);
        }
    }
}

fn check_dry_run(object: &Object<AuthorizationPolicy>, findings: &mut Findings) {
    let Some(value) = object.meta.annotations.get(DRY_RUN) else { return };
    let metadata = Path::Root.field("metadata");
    let annotations = metadata.field("annotations");
    let path = &annotations.key(DRY_RUN);
    match object.spec.action {
        Action::Allow | Action::Deny if is_bool(value).is_some() => {}
        Action::Allow | Action::Deny => {
            findings.invalid(path, value.as_str(), format!("has annotation {DRY_RUN} with invalid value ({value})"));
        }
        other => {
            let detail = format!(
                "the annotation {DRY_RUN} currently only supports action ALLOW/DENY, found action {}",
                other.name()
            );
            findings.invalid(path, value.as_str(), detail);
        }
    }
}

/// A truth value as Go's `strconv.ParseBool` reads it.
pub(crate) fn is_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

pub(crate) fn check_target(findings: &mut Findings, path: &Path<'_>, target: &PolicyTargetReference) {
    let label = |text: &str| {
        let edge = |c: char| c.is_ascii_alphanumeric();
        text.starts_with(edge) && text.ends_with(edge) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_group = |group: &str| !group.bytes().any(|byte| byte.is_ascii_uppercase()) && group.split('.').all(label);
    if !target.group.is_empty() && !is_group(&target.group) {
        findings.invalid(&path.field("group"), target.group.as_str(), "is not the name of an API group");
    }
    if !(label(&target.kind) && target.kind.starts_with(|c: char| c.is_ascii_alphabetic())) {
        findings.invalid(&path.field("kind"), target.kind.as_str(), "is not the name of a kind");
    }
    let known = matches!(
        (target.group.as_str(), target.kind.as_str()),
        ("gateway.networking.k8s.io", "Gateway" | "GatewayClass")
            | ("" | "core", "Service")
            | ("networking.istio.io", "ServiceEntry")
    );
    if !known {
        let detail = "target kind is not supported; it must be gateway.networking.k8s.io/Gateway, \
                      gateway.networking.k8s.io/GatewayClass, core/Service or networking.istio.io/ServiceEntry";
        findings.invalid(path, format!("{}/{}", target.group, target.kind), detail);
    }
}

fn check_action(findings: &mut Findings, path: &Path<'_>, policy: &AuthorizationPolicy) {
    let action = policy.action.name();
    let provider = path.field("provider");
    let without_rules = || {
        format!(
            "{action} action without `rules` is meaningless as it will never be triggered, add an empty rule `{{}}` if \
             you want it be triggered for every request"
        )
    };
    match policy.action {
        Action::Custom if policy.rules.is_empty() => findings.required(&path.field("rules"), without_rules()),
        Action::Custom => {
            if policy.provider.as_ref().is_none_or(|provider| provider.name.is_empty()) {
                findings.required(&provider.field("name"), "`provider.name` must not be empty");
            }
        }
        _ => {
            if policy.provider.is_some() {
                let detail = format!("`provider` must not be with non CUSTOM action, found {action}");
                findings.forbidden(&provider, detail);
            }
            if policy.action == Action::Deny && policy.rules.is_empty() {
                findings.required(&path.field("rules"), without_rules());
            }
        }
    }
}

fn check_custom(findings: &mut Findings, path: &Path<'_>, rule: &Rule) {
    let mut refuse = |path: &Path<'_>, name: &str| {
        findings.forbidden(path, format!("{name} is currently not supported with CUSTOM action"));
    };
    let list = path.field("from");
    for (index, source) in rule.from.iter().enumerate().filter_map(|(i, from)| Some((i, from.source.as_ref()?))) {
        let item = list.index(index);
        let path = item.field("source");
        for (field, values) in [
            ("namespaces", &source.namespaces),
            ("notNamespaces", &source.not_namespaces),
            ("serviceAccounts", &source.service_accounts),
            ("notServiceAccounts", &source.not_service_accounts),
            ("trustDomains", &source.trust_domains),
            ("notTrustDomains", &source.not_trust_domains),
            ("principals", &source.principals),
            ("notPrincipals", &source.not_principals),
            ("requestPrincipals", &source.request_principals),
            ("notRequestPrincipals", &source.not_request_principals),
        ] {
            if !values.is_empty() {
                refuse(&path.field(field), field);
            }
        }
    }
    let list = path.field("when");
    for (index, condition) in rule.when.iter().enumerate() {
        let key = condition.key.as_str();
        if NOT_WITH_CUSTOM.contains(&key) || key.starts_with("request.auth.") {
            refuse(&list.index(index).field("key"), key);
        }
    }
}

fn check_rule(findings: &mut Findings, path: &Path<'_>, rule: &Rule, number: usize) {
    let list = path.field("from");
    for (index, from) in rule.from.iter().enumerate() {
        let item = list.index(index);
        let path = item.field("source");
        match &from.source {
            None => findings.required(&path, format!("`from.source` must not be nil, found at rule {number}")),
            Some(source) => check_source(findings, &path, source, number),
        }
    }
    let list = path.field("to");
    for (index, to) in rule.to.iter().enumerate() {
        let item = list.index(index);
        let path = item.field("operation");
        match &to.operation {
            None => findings.required(&path, format!("`to.operation` must not be nil, found at rule {number}")),
            Some(operation) => check_operation(findings, &path, operation, number),
        }
    }
    let list = path.field("when");
    for (index, condition) in rule.when.iter().enumerate() {
        check_condition(findings, &list.index(index), condition);
    }
}

/// Values of one list, each checked by itself.
fn each(
    findings: &mut Findings,
    path: &Path<'_>,
    name: &str,
    values: &[String],
    check: fn(&str, &str) -> Result<(), String>,
) {
    for (index, value) in values.iter().enumerate() {
        findings.check(&path.index(index), value, check(name, value));
    }
}

fn check_source(findings: &mut Findings, path: &Path<'_>, source: &SourceMatch, number: usize) {
    let texts = [
        ("principals", &source.principals),
        ("requestPrincipals", &source.request_principals),
        ("namespaces", &source.namespaces),
        ("notPrincipals", &source.not_principals),
        ("notRequestPrincipals", &source.not_request_principals),
        ("notNamespaces", &source.not_namespaces),
    ];
    let blocks = [
        ("ipBlocks", &source.ip_blocks),
        ("notIpBlocks", &source.not_ip_blocks),
        ("remoteIpBlocks", &source.remote_ip_blocks),
        ("notRemoteIpBlocks", &source.not_remote_ip_blocks),
    ];
    let domains = [("trustDomains", &source.trust_domains), ("notTrustDomains", &source.not_trust_domains)];
    let accounts =
        [("serviceAccounts", &source.service_accounts), ("notServiceAccounts", &source.not_service_accounts)];
    if texts.iter().chain(&blocks).chain(&domains).chain(&accounts).all(|(_, values)| values.is_empty()) {
        findings.required(path, format!("`from.source` must not be empty, found at rule {number}"));
    }
    for (name, values) in texts {
        each(findings, &path.field(name), name, values, values::not_empty);
    }
    for (name, values) in blocks {
        each(findings, &path.field(name), name, values, |_, value| values::ip_block(value).map(drop));
    }
    for (name, values) in domains {
        each(findings, &path.field(name), name, values, values::trust_domain);
    }
    for (name, values) in accounts {
        if let Err(detail) = values::service_accounts(name, values) {
            findings.invalid(&path.field(name), values.join(", "), detail);
        }
    }
}

fn check_operation(findings: &mut Findings, path: &Path<'_>, operation: &Operation, number: usize) {
    let texts = [
        ("methods", &operation.methods),
        ("hosts", &operation.hosts),
        ("notMethods", &operation.not_methods),
        ("notHosts", &operation.not_hosts),
    ];
    let ports = [("ports", &operation.ports), ("notPorts", &operation.not_ports)];
    let paths = [("paths", &operation.paths), ("notPaths", &operation.not_paths)];
    if texts.iter().chain(&ports).chain(&paths).all(|(_, values)| values.is_empty()) {
        findings.required(path, format!("`to.operation` must not be empty, found at rule {number}"));
    }
    for (name, values) in texts {
        each(findings, &path.field(name), name, values, values::not_empty);
    }
    for (name, values) in ports {
        each(findings, &path.field(name), name, values, |_, value| values::port(value).map(drop));
    }
    for (name, values) in paths {
        each(findings, &path.field(name), name, values, |name, value| {
            values::not_empty(name, value).and_then(|()| values::path(name, value))
        });
    }
}

fn check_condition(findings: &mut Findings, path: &Path<'_>, condition: &Condition) {
    let key = condition.key.as_str();
    if key.is_empty() {
        findings.required(&path.field("key"), "`key` must not be empty");
        return;
    }
    if condition.values.is_empty() && condition.not_values.is_empty() {
        findings.required(path, format!("at least one of `values` or `notValues` must be set for key {key}"));
        return;
    }
    for (field, name, values) in
        [("values", "value", &condition.values), ("notValues", "notValue", &condition.not_values)]
    {
        if let Err(detail) = values::attribute(key, values) {
            findings.invalid(&path.field(field), key, format!("invalid `{name}` for `key` {key}: {detail}"));
        }
    }
}

/// Whether a rule says nothing that could be known of a connection that is not HTTP.
fn is_of_requests_only(rule: &Rule) -> bool {
    let from_connection = rule.from.iter().filter_map(|from| from.source.as_ref()).any(|source| {
        [
            &source.principals,
            &source.not_principals,
            &source.namespaces,
            &source.not_namespaces,
            &source.ip_blocks,
            &source.not_ip_blocks,
            &source.remote_ip_blocks,
            &source.not_remote_ip_blocks,
            &source.service_accounts,
            &source.not_service_accounts,
        ]
        .iter()
        .any(|values| !values.is_empty())
    });
    let to_port = (rule.to.iter().filter_map(|to| to.operation.as_ref()))
        .any(|operation| !operation.ports.is_empty() || !operation.not_ports.is_empty());
    match (rule.from.is_empty(), rule.to.is_empty()) {
        (_, false) => !to_port,
        (false, true) => !from_connection,
        (true, true) => false,
    }
}
