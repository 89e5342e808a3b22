//! Checks that a schema names (`x-rule`): what Istio's CRDs say in CEL, with their messages.

use std::collections::BTreeSet;

use serde_json::Value;

use super::path::Path;
use crate::duration::Duration;
use crate::error::FieldError;
use crate::gateway_api::rules;

/// A check by name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// A duration of at least one millisecond.
    DurationAtLeast1ms,
    /// A duration.
    Duration,
    /// A port number.
    Port,
    /// `ServerTLSSettings`: one way to name the certificates.
    ServerTlsCredentials,
    /// `WorkloadEntry`: an address or a network; no ports on a Unix socket.
    WorkloadEntry,
    /// The address of a `WorkloadEntry`.
    WorkloadAddress,
    /// The ports of a `WorkloadEntry`: names and numbers.
    EndpointPorts,
    /// `ServiceEntry`: what goes together.
    ServiceEntry,
    /// A host of a `ServiceEntry`.
    ServiceEntryHost,
    /// The ports of a `ServiceEntry`: unique names and numbers.
    ServiceEntryPorts,
    /// The labels of a `ServiceEntry`'s selector.
    SelectorLabels,
    /// The labels of a selector of workloads.
    MatchLabels,
    /// `PeerAuthentication`: what goes together.
    PeerAuthentication,
    /// The ports of a `PeerAuthentication`.
    PortLevelMtls,
    /// `AuthorizationPolicy`: one way to name what it applies to.
    PolicyTarget,
    /// `Source`: service accounts, or what they are made of.
    PolicySource,
    /// `TagOverride`: a value where there is to be one.
    TagOverride,
    /// The namespace of a reference that must not leave its own.
    OwnNamespace,
    /// What Gateway API's CRDs say in CEL.
    GatewayApi(rules::Check),
}

impl Rule {
    /// The rule of a name that a type's schema gives.
    ///
    /// # Panics
    /// When there is no such rule: a mistake in the type's attributes, which building any schema shows.
    pub(crate) fn by_name(name: &str) -> Rule {
        match name {
            "duration-at-least-1ms" => Rule::DurationAtLeast1ms,
            "duration" => Rule::Duration,
            "port" => Rule::Port,
            "server-tls-credentials" => Rule::ServerTlsCredentials,
            "workload-entry" => Rule::WorkloadEntry,
            "workload-address" => Rule::WorkloadAddress,
            "endpoint-ports" => Rule::EndpointPorts,
            "service-entry" => Rule::ServiceEntry,
            "service-entry-host" => Rule::ServiceEntryHost,
            "service-entry-ports" => Rule::ServiceEntryPorts,
            "selector-labels" => Rule::SelectorLabels,
            "match-labels" => Rule::MatchLabels,
            "peer-authentication" => Rule::PeerAuthentication,
            "port-level-mtls" => Rule::PortLevelMtls,
            "policy-target" => Rule::PolicyTarget,
            "policy-source" => Rule::PolicySource,
            "tag-override" => Rule::TagOverride,
            "own-namespace" => Rule::OwnNamespace,
            other => match rules::by_name(other) {
                Some(check) => Rule::GatewayApi(check),
                None => panic!("a schema names the rule {other:?}, which does not exist"),
            },
        }
    }

    /// Appends the mistakes of a value that has the right type; what it holds may have not.
    pub(crate) fn check(self, value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
        match self {
            Rule::GatewayApi(check) => check(value, path, errors),
            Rule::DurationAtLeast1ms => duration(value, path, true, errors),
            Rule::Duration => duration(value, path, false, errors),
            Rule::Port => port(value, path, errors),
            Rule::ServerTlsCredentials => server_tls_credentials(value, path, errors),
            Rule::WorkloadEntry => workload_entry(value, path, errors),
            Rule::WorkloadAddress => workload_address(value, path, errors),
            Rule::EndpointPorts => endpoint_ports(value, path, errors),
            Rule::ServiceEntry => service_entry(value, path, errors),
            Rule::ServiceEntryHost => {
                if value == "*" {
                    errors.push(FieldError::invalid(path, value, "hostname cannot be wildcard"));
                }
            }
            Rule::ServiceEntryPorts => service_entry_ports(value, path, errors),
            Rule::SelectorLabels => {
                label_values(value, path, "wildcard is not supported in selector", errors);
            }
            Rule::MatchLabels => match_labels(value, path, errors),
            Rule::PeerAuthentication => peer_authentication(value, path, errors),
            Rule::PortLevelMtls => port_level_mtls(value, path, errors),
            Rule::PolicyTarget => policy_target(value, path, errors),
            Rule::PolicySource => policy_source(value, path, errors),
            Rule::TagOverride => tag_override(value, path, errors),
            Rule::OwnNamespace => {
                if value != "" {
                    let detail = "cross namespace referencing is not currently supported";
                    errors.push(FieldError::invalid(path, value, detail));
                }
            }
        }
    }
}

fn duration(value: &Value, path: &Path<'_>, at_least_1ms: bool, errors: &mut Vec<FieldError>) {
    let text = value.as_str().unwrap_or_default();
    match Duration::parse(text) {
        Ok(duration) if at_least_1ms && duration < Duration::from_millis(1) => {
            errors.push(FieldError::invalid(path, value, "must be a valid duration greater than 1ms"));
        }
        Ok(_) => {}
        Err(error) if at_least_1ms => {
            errors.push(no_duration(path, value, "must be a valid duration greater than 1ms", &error.to_string()));
        }
        Err(error) => errors.push(no_duration(path, value, "must be a valid duration", &error.to_string())),
    }
}

/// A text that is none: Kubernetes says what its expression could not do with it, we what is wrong with it.
fn no_duration(path: &Path<'_>, value: &Value, rule: &str, error: &str) -> FieldError {
    let conversion = "type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule:";
    FieldError {
        found: Some("\"string\"".to_owned()),
        detail: format!("{conversion} {rule}"),
        ..FieldError::invalid(path, value, format!("{rule}: {error}"))
    }
}

fn tag_override(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let given = value.get("value").and_then(Value::as_str);
    match value.get("operation").and_then(Value::as_str) {
        Some("UPSERT") if given.unwrap_or_default().is_empty() => {
            errors.push(FieldError::invalid(path, value, "value must be set when operation is UPSERT"));
        }
        Some("REMOVE") if given.is_some() => {
            errors.push(FieldError::invalid(path, value, "value must not be set when operation is REMOVE"));
        }
        _ => {}
    }
}

fn port(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if !(1.0..=65535.0).contains(&value.as_f64().unwrap_or(0.0)) {
        errors.push(FieldError::invalid(path, value, "port must be between 1-65535"));
    }
}

fn server_tls_credentials(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    for (one, other) in [("credentialNames", "tlsCertificates"), ("credentialName", "credentialNames")] {
        if value.get(one).is_some() && value.get(other).is_some() {
            let detail = format!("only one of {one} or {other} can be set");
            errors.push(FieldError::invalid_hidden(path, detail));
        }
    }
}

fn workload_entry(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let address = value.get("address").and_then(Value::as_str);
    if address.is_none() && value.get("network").is_none() {
        errors.push(FieldError::invalid(path, value, "Address is required"));
    }
    if address.is_some_and(|address| address.starts_with("unix://")) && value.get("ports").is_some() {
        errors.push(FieldError::invalid(path, value, "UDS may not include ports"));
    }
}

fn workload_address(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let Some(socket) = value.as_str().and_then(|address| address.strip_prefix("unix://")) else { return };
    if !socket.starts_with(['/', '@']) {
        errors.push(FieldError::invalid(path, value, "UDS must be an absolute path or abstract socket"));
    }
    if socket.ends_with('/') {
        errors.push(FieldError::invalid(path, value, "UDS may not be a dir"));
    }
}

fn endpoint_ports(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let ports = entries(value);
    if !ports.clone().all(|(name, _)| is_port_name(name)) {
        errors.push(FieldError::invalid(path, value, "port name must be valid"));
    }
    for (name, number) in ports {
        port(number, &path.key(name), errors);
    }
}

/// Fewer than 63 letters, digits and inner dashes.
fn is_port_name(name: &str) -> bool {
    let inner = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !name.is_empty() && name.len() < 63 && inner && !name.starts_with('-') && !name.ends_with('-')
}

fn service_entry(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let mut refuse = |detail: &str| errors.push(FieldError::invalid(path, value, detail));
    let endpoints = value.get("endpoints").and_then(Value::as_array);
    let resolution = value.get("resolution").and_then(Value::as_str).unwrap_or("NONE");
    if value.get("workloadSelector").is_some() && endpoints.is_some() {
        refuse("only one of WorkloadSelector or Endpoints can be set");
    }
    let mut addresses = value.get("addresses").and_then(Value::as_array).into_iter().flatten();
    let has_range = addresses.any(|address| address.as_str().is_some_and(|address| address.contains('/')));
    if has_range && !matches!(resolution, "NONE" | "STATIC") {
        refuse("CIDR addresses are allowed only for NONE/STATIC resolution types");
    }
    if resolution == "NONE" && endpoints.is_some() {
        refuse("NONE mode cannot set endpoints");
    }
    if resolution == "DNS_ROUND_ROBIN" && endpoints.is_some_and(|endpoints| endpoints.len() > 1) {
        refuse("DNS_ROUND_ROBIN mode cannot have multiple endpoints");
    }
}

fn service_entry_ports(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut repeated_number = false;
    for (index, port) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(name) = port.get("name").and_then(Value::as_str)
            && !names.insert(name)
        {
            errors.push(FieldError::duplicate(path.index(index), &serde_json::json!({ "name": name }), ""));
        }
        repeated_number |= port.get("number").and_then(Value::as_u64).is_some_and(|number| !numbers.insert(number));
    }
    if repeated_number {
        errors.push(FieldError::invalid(path, value, "port number cannot be duplicated"));
    }
}

fn match_labels(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if entries(value).any(|(name, _)| name.contains('*')) {
        errors.push(FieldError::invalid(path, value, "wildcard not allowed in label key match"));
    }
    if entries(value).any(|(name, _)| name.is_empty()) {
        errors.push(FieldError::invalid(path, value, "key must not be empty"));
    }
    label_values(value, path, "wildcard not allowed in label value match", errors);
}

fn peer_authentication(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let labels = value.pointer("/selector/matchLabels").and_then(Value::as_object);
    if value.get("portLevelMtls").is_some() && labels.is_none_or(|labels| labels.is_empty()) {
        errors.push(FieldError::invalid(path, value, "portLevelMtls requires selector"));
    }
}

fn port_level_mtls(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    for (port, _) in entries(value) {
        match port.parse::<i64>() {
            Ok(1..=65535) => {}
            Ok(_) => {
                errors.push(FieldError::invalid(path.key(port), &port.into(), "port must be between 1-65535"));
            }
            Err(_) => {
                let detail = "type conversion error from \"string\" to \"int\": port must be between 1-65535";
                errors.push(FieldError::invalid(path.key(port), &port.into(), detail));
            }
        }
    }
}

fn policy_target(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if ["selector", "targetRef", "targetRefs"].iter().filter(|field| value.get(field).is_some()).count() > 1 {
        errors.push(FieldError::invalid(path, value, "only one of targetRefs or selector can be set"));
    }
}

fn policy_source(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let has = |fields: &[&str]| fields.iter().any(|field| value.get(field).is_some());
    if has(&["serviceAccounts", "notServiceAccounts"])
        && has(&["principals", "notPrincipals", "namespaces", "notNamespaces"])
    {
        let detail = "Cannot set serviceAccounts with namespaces or principals";
        errors.push(FieldError::invalid(path, value, detail));
    }
}

fn label_values(value: &Value, path: &Path<'_>, wildcard: &str, errors: &mut Vec<FieldError>) {
    for (name, value) in entries(value) {
        if value.as_str().is_some_and(|text| text.contains('*')) {
            errors.push(FieldError::invalid(path.key(name), value, wildcard));
        }
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> + Clone {
    value.as_object().into_iter().flat_map(|fields| fields.iter().map(|(name, value)| (name.as_str(), value)))
}
