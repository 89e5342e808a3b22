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
    let before = findings.errors.len();
    check_dry_run(object, findings);
    let dry_run = findings.errors.len();
    if let Some(selector) = &policy.selector
        && selector.match_labels.is_empty()
    {
        let detail = "workload selector specified without labels, will be applied to all services in namespace";
        findings.warn(&path.field("selector"), detail);
        findings.warning_in_istios_words("workload selector specified without labels");
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
    if dry_run > before {
        findings.unsaid_since(dry_run);
    }
    // Istio says with each mistake of which policy it is.
    let prefix = format!("invalid policy {}.{}: ", object.meta.name, object.meta.namespace);
    findings.prefix_istios_words_since(dry_run, &prefix);
}

fn check_dry_run(object: &Object<AuthorizationPolicy>, findings: &mut Findings) {
    let Some(value) = object.meta.annotations.get(DRY_RUN) else { return };
    let metadata = Path::Root.field("metadata");
    let annotations = metadata.field("annotations");
    let path = &annotations.key(DRY_RUN);
    let whose = format!("{}/{}", object.meta.namespace, object.meta.name);
    match object.spec.action {
        Action::Allow | Action::Deny if is_bool(value).is_some() => {}
        Action::Allow | Action::Deny => {
            findings.invalid(path, value.as_str(), format!("has annotation {DRY_RUN} with invalid value ({value})"));
            findings.in_istios_words(format!(
                "{whose} has annotation {DRY_RUN} with invalid value ({value}): strconv.ParseBool: parsing {value:?}: \
                 invalid syntax"
            ));
        }
        other => {
            let detail = format!(
                "the annotation {DRY_RUN} currently only supports action ALLOW/DENY, found action {}",
                other.name()
            );
            findings.invalid(path, value.as_str(), detail.as_str());
            findings.in_istios_words(format!("{detail} in {whose}"));
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
    let before = findings.errors.len();
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
        findings.unsaid_since(before);
        findings.invalid(path, format!("{}/{}", target.group, target.kind), detail);
        findings.in_istios_words(format!(
            "targetRef must be to one of [core/v1/Service networking.istio.io/v1/ServiceEntry \
             gateway.networking.k8s.io/v1/Gateway gateway.networking.k8s.io/v1/GatewayClass] but was {}/{}",
            target.group, target.kind
        ));
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
    let mut refuse = |path: &Path<'_>, name: &str, is_source: bool| {
        findings.forbidden(path, format!("{name} is currently not supported with CUSTOM action"));
        if is_source {
            let words = format!("From.{} is currently not supported with CUSTOM action", capital(name));
            findings.in_istios_words(words);
        }
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
                refuse(&path.field(field), field, true);
            }
        }
    }
    let list = path.field("when");
    for (index, condition) in rule.when.iter().enumerate() {
        let key = condition.key.as_str();
        if NOT_WITH_CUSTOM.contains(&key) || key.starts_with("request.auth.") {
            refuse(&list.index(index).field("key"), key, false);
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
        let Err(detail) = check(name, value) else { continue };
        findings.invalid(&path.index(index), value.as_str(), detail);
        if let Err(words) = check(&capital(name), value) {
            findings.in_istios_words(words);
        }
    }
}

/// The field as Istio's messages name it: as in Go.
fn capital(field: &str) -> String {
    let mut letters = field.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Addresses, ranges and ports: Istio collects what it finds in one list of them in a list of its own, and then looks for
/// values that are empty.
fn each_parsed(
    findings: &mut Findings,
    path: &Path<'_>,
    name: &str,
    values: &[String],
    parse: fn(&str) -> Result<(), String>,
    istios: fn(&str) -> String,
) {
    for (index, value) in values.iter().enumerate() {
        let path = path.index(index);
        let Err(detail) = parse(value) else { continue };
        findings.invalid(&path, value.as_str(), detail);
        if value.contains('%') {
            // Go knows zones of addresses.
            findings.not_istios();
            continue;
        }
        findings.in_istios_words(istios(value));
        findings.list_last();
        if value.is_empty() {
            findings.invalid(&path, "", format!("empty value not allowed, found in {name}"));
            findings.in_istios_words(format!("empty value not allowed, found in {}", capital(name)));
        }
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
        let parse = |value: &str| values::ip_block(value).map(drop);
        each_parsed(findings, &path.field(name), name, values, parse, values::istio_says_of_block);
    }
    for (name, values) in domains {
        each(findings, &path.field(name), name, values, values::trust_domain);
    }
    for (name, values) in accounts {
        if let Err(detail) = values::service_accounts(name, values) {
            findings.invalid(&path.field(name), values.join(", "), detail);
            if let Err(words) = values::service_accounts(&capital(name), values) {
                findings.in_istios_words(words);
            }
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
        let parse = |value: &str| values::port(value).map(drop);
        each_parsed(findings, &path.field(name), name, values, parse, values::istio_says_of_port);
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
            let words = values::istio_says_of_attribute(key, values).unwrap_or(detail);
            findings.in_istios_words(format!("invalid `{name}` for `key` {key}: {words}"));
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
