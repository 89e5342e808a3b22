//! What Istio's validation refuses in several of its kinds.

use std::collections::BTreeSet;

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
            let detail = match entry.as_str() {
                "." => format!("duplicate entries in exportTo: . and current namespace {namespace}"),
                entry => format!("duplicate entries in exportTo for entry {entry}"),
            };
            findings.duplicate(&path, entry.as_str(), detail);
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
///
/// Istio ends its check at the first name without a namespace. What is wrong behind it refers to no gateway, and the
/// others work: it is reported as a warning.
pub(crate) fn gateway_names(findings: &mut Findings, path: &Path<'_>, names: &[String]) {
    let checked = names.iter().position(|name| !name.contains('/')).map_or(names.len(), |first| first + 1);
    check_gateway_names(findings, path, names[..checked].iter().enumerate());
    let mut behind = Findings::default();
    check_gateway_names(&mut behind, path, names.iter().enumerate().skip(checked));
    findings.warnings.extend(behind.errors.into_iter().chain(behind.warnings));
}

fn check_gateway_names<'n>(findings: &mut Findings, path: &Path<'_>, names: impl Iterator<Item = (usize, &'n String)>) {
    for (index, name) in names {
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
    let before = findings.errors.len();
    for (key, value) in tags {
        if !labels::is_key(key) {
            findings.invalid(&path.key(key), key.as_str(), format!("invalid tag key: {key:?}"));
        }
        if !labels::is_value(value) {
            findings.invalid(&path.key(key), value.as_str(), format!("invalid tag value: {value:?}"));
        }
    }
    findings.listed_since(before);
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

/// Why RE2 would refuse an expression.
fn refusal(expression: &str) -> Option<String> {
    if let Some(count) = excessive_repetition(expression) {
        return Some(format!("error parsing regexp: invalid repeat count: `{count}`"));
    }
    // The library's message is a drawing of several lines; its last says what is wrong.
    let error = meridian_re2::anywhere(expression).err()?.to_string();
    let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    Some(format!("error parsing regexp: {reason}"))
}

/// A repetition of more than a thousand times, which RE2 refuses and other libraries do not.
fn excessive_repetition(expression: &str) -> Option<&str> {
    const MOST: u32 = 1000;
    let mut rest = expression;
    while let Some(start) = rest.find(['{', '\\', '[']) {
        let (opener, tail) = rest[start..].split_at(1);
        rest = match opener {
            // What is escaped is a character of its own.
            "\\" => tail.get(tail.chars().next().map_or(0, char::len_utf8)..)?,
            // In a class a brace is a character too.
            "[" => tail.trim_start_matches('^').trim_start_matches(']').split_once(']').map_or("", |(_, tail)| tail),
            _ => {
                let (counts, _) = tail.split_once('}')?;
                let numbers = counts.split(',').filter_map(|number| number.parse::<u32>().ok());
                if numbers.max().is_some_and(|most| most > MOST) {
                    return rest.get(start..start + counts.len() + 2);
                }
                tail
            }
        };
    }
    None
}

/// An expression in RE2 syntax.
pub(crate) fn regex(findings: &mut Findings, path: &Path<'_>, expression: &str, subject: &str) {
    if expression.len() > LONGEST_REGEX {
        let detail = format!("{subject:?}: regex is too large, max length allowed is {LONGEST_REGEX}");
        findings.invalid(path, expression, detail);
    } else if let Some(reason) = refusal(expression) {
        let detail = format!(
            "{subject:?}: {reason}; Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)"
        );
        findings.invalid(path, expression, detail);
    }
}
