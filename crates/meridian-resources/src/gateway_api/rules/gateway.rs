//! Rules of Gateways and ListenerSets.

use std::net::IpAddr;

use serde_json::Value;

use super::{all_differ, has, is_subdomain, items, list, require, text};
use crate::error::FieldError;
use crate::schema::path::Path;

/// Listeners differ, and have what goes with their protocols.
pub(super) fn listeners(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let listeners = items(value);
    let is = |listener: &Value, protocols: &[&str]| protocols.contains(&text(listener, "protocol", ""));
    let mut require = |holds: bool, message: &str| require(holds, value, path, message, errors);
    require(
        !listeners.iter().any(|listener| is(listener, &["HTTP", "TCP", "UDP"]) && has(listener, "tls")),
        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    );
    let passes =
        |listener: &Value| listener.get("tls").is_some_and(|tls| text(tls, "mode", "Terminate") != "Terminate");
    require(
        !listeners.iter().any(|listener| is(listener, &["HTTPS"]) && passes(listener)),
        "tls mode must be Terminate for protocol HTTPS",
    );
    require(
        !listeners.iter().any(|listener| is(listener, &["TLS"]) && !has(listener, "tls")),
        "tls mode must be set for protocol TLS",
    );
    require(
        !listeners.iter().any(|listener| is(listener, &["TCP", "UDP"]) && !text(listener, "hostname", "").is_empty()),
        "hostname must not be specified for protocols ['TCP', 'UDP']",
    );
    let same = |fields: &[&str], one: &Value, other: &Value| fields.iter().all(|f| one.get(f) == other.get(f));
    require(
        all_differ(listeners, |one, other| same(&["name"], one, other)),
        "Listener name must be unique within the Gateway",
    );
    require(
        all_differ(listeners, |one, other| same(&["port", "protocol", "hostname"], one, other)),
        "Combination of port, protocol and hostname must be unique for each listener",
    );
}

/// A listener that ends TLS has certificates, or options that say of them.
pub(super) fn listener_tls(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let options = value.get("options").and_then(Value::as_object).is_some_and(|options| !options.is_empty());
    let holds =
        text(value, "mode", "Terminate") != "Terminate" || !list(value, "certificateRefs").is_empty() || options;
    require(holds, value, path, "certificateRefs or options must be specified when mode is Terminate", errors);
}

/// An address is asked for once.
pub(super) fn addresses(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    for type_ in ["IPAddress", "Hostname"] {
        let of_type: Vec<&Value> = items(value)
            .iter()
            .filter(|address| text(address, "type", "IPAddress") == type_ && has(address, "value"))
            .collect();
        let unique = all_differ(&of_type, |one, other| one.get("value") == other.get("value"));
        require(unique, value, path, &format!("{type_} values must be unique"), errors);
    }
}

/// An address that is asked for; any of its type when it has no value.
pub(super) fn spec_address(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    address(value, path, "Hostname value must be empty or contain only valid characters", errors);
}

/// An address where a Gateway is reached.
pub(super) fn status_address(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    address(value, path, "Hostname value must only contain valid characters", errors);
}

fn address(value: &Value, path: &Path<'_>, message: &str, errors: &mut Vec<FieldError>) {
    let Some(given) = value.get("value").and_then(Value::as_str) else { return };
    match text(value, "type", "IPAddress") {
        "IPAddress" if given.parse::<IpAddr>().is_err() => {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            errors.push(FieldError::invalid(path.field("value"), &given.into(), detail));
        }
        "Hostname" => {
            let host = given.strip_prefix("*.").unwrap_or(given);
            let pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
            let message = format!("{message} (matching {pattern})");
            require(is_subdomain(host), value, path, &message, errors);
        }
        _ => {}
    }
}

/// Keys of labels.
pub(super) fn labels(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    keys(value, path, "Label", errors);
}

/// Keys of annotations.
pub(super) fn annotations(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    keys(value, path, "Annotation", errors);
}

fn keys(value: &Value, path: &Path<'_>, what: &str, errors: &mut Vec<FieldError>) {
    let names = || value.as_object().into_iter().flat_map(|entries| entries.keys());
    let message = format!(
        "{what} keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of \
         up to 63 characters."
    );
    require(names().all(|name| is_qualified(name)), value, path, &message, errors);
    let message = format!(
        "If specified, the {} key's prefix must be a DNS subdomain not longer than 253 characters in total.",
        what.to_lowercase()
    );
    let short = |name: &String| name.split('/').next().unwrap_or_default().chars().count() < 253;
    require(names().all(short), value, path, &message, errors);
}

/// A name, also after a DNS subdomain and a slash.
fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let inner = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let ends = [name.bytes().next(), name.bytes().next_back()];
    let ends = ends.into_iter().all(|byte| byte.is_some_and(|byte| byte.is_ascii_alphanumeric()));
    prefix.is_none_or(is_subdomain) && inner && ends && name.len() <= 63
}
