//! What Istio's validation refuses in several of its kinds.

use std::collections::BTreeSet;

use regex::Regex;

use super::StringMatch;
use super::virtual_service::{Destination, PortSelector};
use crate::object::StringMap;
use crate::rules::{Findings, dns, labels, net};
use crate::schema::path::Path;

/// The longest regular expression.
const LONGEST_REGEX: usize = 1024;

/// Which kind's `exportTo` is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportTo {
    /// Of a VirtualService, or a DestinationRule for all clients.
    Config,
    /// Of a DestinationRule for selected clients.
    SelectedClients,
    /// Of a ServiceEntry, which may be visible to nobody (`~`).
    ServiceEntry,
}

/// Namespaces to which an object is visible: distinct, and neither everybody nor nobody together with others.
pub(crate) fn export_to(findings: &mut Findings, path: &Path<'_>, of: ExportTo, namespace: &str, entries: &[String]) {
    let mut seen = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = path.index(index);
        let meant = if entry == "." { namespace } else { entry };
        let nobody = entry == "~";
        if nobody && of != ExportTo::ServiceEntry {
            findings.invalid(&path, entry.as_str(), "exportTo ~ (none) is not allowed for Istio configuration objects");
        } else if !nobody && !matches!(entry.as_str(), "." | "*") && !dns::is_label(entry) {
            let detail = "only .,*, or a valid DNS 1123 label is allowed as exportTo entry";
            findings.invalid(&path, entry.as_str(), detail);
        } else if !seen.insert(meant) {
            findings.duplicate(&path, entry.as_str(), format!("duplicate entries in exportTo for entry {meant}"));
        }
    }
    if of == ExportTo::SelectedClients && !seen.is_empty() {
        if !seen.contains(namespace) {
            let detail = "destination rule with workload selector cannot have exportTo beyond current namespace";
            findings.forbidden(path, detail);
        } else if seen.len() > 1 {
            let detail = "destination rule with workload selector cannot have multiple entries in exportTo";
            findings.forbidden(path, detail);
        }
    }
    if seen.contains("*") && entries.len() > 1 {
        findings.forbidden(path, "cannot have both public (*) and non-public exportTo values for a resource");
    }
    if seen.contains("~") && entries.len() > 1 {
        findings.forbidden(path, "cannot export service entry to no one (~) and someone");
    }
}

/// Names of gateways: `mesh`, `name`, or `namespace/name`.
pub(crate) fn gateway_names(findings: &mut Findings, path: &Path<'_>, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        let path = path.index(index);
        let Some((namespace, gateway)) = name.split_once('/') else {
            if let [gateway, namespace, ..] = name.split('.').collect::<Vec<_>>()[..] {
                let detail = format!(
                    "using legacy gatewayName format {name:?}; prefer the <namespace>/<name> format: \"{namespace}/{gateway}\""
                );
                findings.warn(&path, detail);
            }
            findings.check(&path, name, dns::fqdn(name));
            continue;
        };
        if namespace.is_empty() || gateway.is_empty() {
            findings.invalid(&path, name.as_str(), "config namespace and gateway name cannot be empty");
        } else if !dns::is_label(namespace) {
            findings.invalid(&path, name.as_str(), format!("invalid value for namespace: {namespace:?}"));
        } else if !dns::is_label(gateway) {
            findings.invalid(&path, name.as_str(), format!("invalid value for gateway name: {gateway:?}"));
        }
    }
}

/// Labels that select workloads.
pub(crate) fn tags(findings: &mut Findings, path: &Path<'_>, tags: &StringMap) {
    for (key, value) in tags {
        if !labels::is_key(key) {
            findings.invalid(&path.key(key), key.as_str(), format!("invalid tag key: {key:?}"));
        }
        if !labels::is_value(value) {
            findings.invalid(&path.key(key), value.as_str(), format!("invalid tag value: {value:?}"));
        }
    }
}

/// The port of a match; 0 is absent.
pub(crate) fn match_port(findings: &mut Findings, path: &Path<'_>, port: u32) {
    if port != 0
        && let Err(detail) = net::port(port.into())
    {
        findings.invalid(path, port, detail);
    }
}

/// A destination of a route.
pub(crate) fn destination(findings: &mut Findings, path: &Path<'_>, destination: &Destination) {
    let host = &path.field("host");
    match destination.host.as_str() {
        "*" => findings.invalid(host, "*", "invalid destination host *"),
        name => findings.check(host, name, dns::wildcard_domain(name)),
    }
    if !destination.subset.is_empty() {
        subset_name(findings, &path.field("subset"), &destination.subset);
    }
    if let Some(PortSelector { number }) = destination.port
        && let Err(detail) = net::port(number.into())
    {
        findings.invalid(&path.field("port").field("number"), number, detail);
    }
}

/// The name of a subset.
pub(crate) fn subset_name(findings: &mut Findings, path: &Path<'_>, name: &str) {
    if name.is_empty() {
        findings.required(path, "subset name cannot be empty");
    } else if !dns::is_label(name) {
        findings.invalid(path, name, format!("subset name is invalid: {name}"));
    }
}

/// A match of a text, whose prefix must not be empty.
pub(crate) fn string_match(findings: &mut Findings, path: &Path<'_>, matcher: &StringMatch, subject: &str) {
    match matcher {
        StringMatch::Prefix(prefix) if prefix.is_empty() => {
            let detail = format!("{subject:?}: prefix string match should not be empty");
            findings.invalid(&path.field("prefix"), "", detail);
        }
        _ => regex_match(findings, path, matcher, subject),
    }
}

/// A match of a text, as far as it is an expression.
pub(crate) fn regex_match(findings: &mut Findings, path: &Path<'_>, matcher: &StringMatch, subject: &str) {
    let StringMatch::Regex(expression) = matcher else { return };
    let path = &path.field("regex");
    if expression.is_empty() {
        findings.invalid(path, "", format!("{subject:?}: regex string match should not be empty"));
    } else {
        regex(findings, path, expression, subject);
    }
}

/// An expression in RE2 syntax.
pub(crate) fn regex(findings: &mut Findings, path: &Path<'_>, expression: &str, subject: &str) {
    if expression.len() > LONGEST_REGEX {
        let detail = format!("{subject:?}: regex is too large, max length allowed is {LONGEST_REGEX}");
        findings.invalid(path, expression, detail);
    } else if let Err(error) = Regex::new(expression) {
        // The library's message is a drawing of several lines; its last says what is wrong.
        let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let detail = format!(
            "{subject:?}: {reason}; Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"
        );
        findings.invalid(path, expression, detail);
    }
}
