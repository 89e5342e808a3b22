//! Rules of policies and of experimental kinds.

use std::time::Duration;

use serde_json::Value;

use super::{all_differ, has, items, list, require, text};
use crate::error::FieldError;
use crate::gateway_api::common::duration;
use crate::schema::path::Path;

/// References to the same object name different parts of it.
pub(super) fn target_refs(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let targets = items(value);
    let section = |target: &Value| text(target, "sectionName", "").to_owned();
    let same = |one: &Value, other: &Value| ["group", "kind", "name"].iter().all(|f| one.get(f) == other.get(f));
    require(
        all_differ(targets, |one, other| same(one, other) && section(one).is_empty() != section(other).is_empty()),
        value,
        path,
        "sectionName must be specified when targetRefs includes 2 or more references to the same target",
        errors,
    );
    require(
        all_differ(targets, |one, other| same(one, other) && section(one) == section(other)),
        value,
        path,
        "sectionName must be unique when targetRefs includes 2 or more references to the same target",
        errors,
    );
}

/// Authorities are named in one way.
pub(super) fn backend_tls_validation(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let named = !list(value, "caCertificateRefs").is_empty();
    let well_known = !text(value, "wellKnownCACertificates", "").is_empty();
    let message = "must not contain both CACertificateRefs and WellKnownCACertificates";
    require(!(named && well_known), value, path, message, errors);
    let message = "must specify either CACertificateRefs or WellKnownCACertificates";
    require(named || well_known, value, path, message, errors);
}

/// An identity has the field of its type, and no other.
pub(super) fn subject_alt_name(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let type_ = text(value, "type", "");
    for (name, label, field) in [("Hostname", "Hostname", "hostname"), ("URI", "URI", "uri")] {
        let given = !text(value, field, "").is_empty();
        let message = format!("SubjectAltName element must contain {label}, if Type is set to {name}");
        require(type_ != name || given, value, path, &message, errors);
        let message = format!("SubjectAltName element must not contain {label}, if Type is not set to {name}");
        require(type_ == name || !given, value, path, &message, errors);
    }
}

/// A backend has the field of its type.
pub(super) fn x_backend(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let external = text(value, "type", "") == "ExternalHostname";
    let message = "externalHostname must be set when type is ExternalHostname and must be unset otherwise";
    require(external == has(value, "externalHostname"), value, path, message, errors);
}

/// A certificate is shown exactly when both show one.
pub(super) fn x_backend_tls(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let both = text(value, "mode", "") == "ClientAndServer";
    let message = "clientCertificateRef must be set if and only if mode is ClientAndServer";
    require(both == has(value, "clientCertificateRef"), value, path, message, errors);
}

/// A host outside the cluster.
pub(super) fn external_hostname(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let inside = value.as_str().is_some_and(|host| host.ends_with(".cluster.local"));
    let message = "hostname must not be an IP address or end with .cluster.local";
    require(!inside, value, path, message, errors);
}

/// The name of a port: none at all. The expression of the CRD (v1.6.1) wants a DNS label, and holds for no label; who
/// gives one is refused by every cluster, and so here.
pub(super) fn port_label(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    require(value == "", value, path, "Name must be a valid DNS label", errors);
}

/// Over how long a budget counts.
pub(super) fn budget_interval(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let message = "interval cannot be greater than one hour or less than one second";
    interval(value, path, Duration::from_secs(1), message, errors);
}

/// In how long a rate counts.
pub(super) fn rate_interval(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    interval(value, path, Duration::from_nanos(1), "interval cannot be greater than one hour", errors);
}

fn interval(value: &Value, path: &Path<'_>, least: Duration, message: &str, errors: &mut Vec<FieldError>) {
    let Some(given) = value.as_str().and_then(duration) else { return };
    require((least..=Duration::from_secs(3600)).contains(&given), value, path, message, errors);
}
