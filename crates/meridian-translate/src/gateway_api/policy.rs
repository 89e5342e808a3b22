//! BackendTLSPolicies: what they ask for, which of several counts, and what is said of them.

use super::CONTROLLER_NAME;
use super::condition::{Said, conditions};
use super::index::{Index, targets_of};
use super::model::BackendTls;
use super::reference::{Credentials, Problem};
use super::update::listed;
use crate::key::Key;
use crate::resources::Resources;
use meridian_resources::gateway_api::backend_tls_policy::{BackendTlsPolicyValidation, SubjectAltNameType};
use meridian_resources::gateway_api::{BackendTlsPolicy, GROUP};
use meridian_resources::{Meta, Object};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a policy asks for, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Read {
    /// TLS as it asks for.
    pub(crate) tls: BackendTls,
    /// Why it cannot be accepted.
    pub(crate) refused: Option<Problem>,
    /// A reference that does not lead to authorities.
    pub(crate) unresolved: Option<Problem>,
}

/// Reads a policy.
pub(crate) fn read(policy: &Object<BackendTlsPolicy>, credentials: &mut Credentials, resources: &Resources) -> Read {
    let mut read = read_validation(&policy.meta, &policy.spec.validation, "spec.validation", credentials, resources);
    if let Some(option) = policy.spec.options.keys().next() {
        let message = format!("spec.options: {option:?} is not supported; none is");
        read.refused = Some(Problem::new("Invalid", message));
        read.tls.usable = false;
    }
    read
}

/// Reads how an object of this metadata has certificates verified.
pub(crate) fn read_validation(
    meta: &Meta,
    validation: &BackendTlsPolicyValidation,
    field: &str,
    credentials: &mut Credentials,
    resources: &Resources,
) -> Read {
    let mut authorities = Vec::new();
    let (mut refused, mut unresolved) = (None, None);
    for (index, reference) in validation.ca_certificate_refs.iter().enumerate() {
        let path = format!("{field}.caCertificateRefs[{index}]");
        if !(reference.group.is_empty() || reference.group == "core") || reference.kind != "ConfigMap" {
            let found = format!("{:?} of group {:?}", reference.kind, reference.group);
            let message = format!("{path}: {found} is not supported; name a ConfigMap (group \"\")");
            unresolved = Some(Problem::new("InvalidKind", message));
            continue;
        }
        let key = Key { namespace: meta.namespace.clone(), name: reference.name.as_str().into() };
        match credentials.authority(resources, &key) {
            Ok(()) => authorities.push(key),
            Err(message) => unresolved = Some(Problem::new("InvalidCACertificateRef", format!("{path}: {message}"))),
        }
    }
    let system = match validation.well_known_ca_certificates.as_deref() {
        None | Some("") => false,
        Some("System") => true,
        Some(other) => {
            let message = format!("{field}.wellKnownCACertificates: {other:?} is not supported; System is");
            refused = Some(Problem::new("Invalid", message));
            false
        }
    };
    if refused.is_none() && authorities.is_empty() && !system {
        let message = match &unresolved {
            Some(problem) => problem.message.clone(),
            None => format!("{field}: neither caCertificateRefs nor wellKnownCACertificates"),
        };
        refused = Some(Problem::new("NoValidCACertificate", message));
    }
    let names = |type_: SubjectAltNameType| {
        let of_type = validation.subject_alt_names.iter().filter(move |name| name.type_ == type_);
        let text = of_type.filter_map(move |name| match type_ {
            SubjectAltNameType::Hostname => name.hostname.as_deref(),
            SubjectAltNameType::Uri => name.uri.as_deref(),
        });
        text.map(Into::into).collect()
    };
    let tls = BackendTls {
        policy: Key::of(meta),
        usable: refused.is_none(),
        hostname: validation.hostname.as_str().into(),
        authorities,
        dns_names: names(SubjectAltNameType::Hostname),
        uris: names(SubjectAltNameType::Uri),
    };
    Read { tls, refused, unresolved }
}

/// The status of a policy that has an effect through these Gateways.
pub(crate) fn status(policy: &Object<BackendTlsPolicy>, read: &Read, gateways: &BTreeSet<Key>, index: &Index) -> Value {
    let refused = read.refused.clone().or_else(|| conflict(policy, index));
    let said =
        [Said::of("Accepted", "Accepted", refused), Said::of("ResolvedRefs", "ResolvedRefs", read.unresolved.clone())];
    ancestors(gateways, &conditions(&said, policy.meta.generation))
}

/// The status of a policy of which the same is said for each of these Gateways.
pub(crate) fn ancestors(gateways: &BTreeSet<Key>, conditions: &[Value]) -> Value {
    let entry = |gateway: &Key| {
        json!({
            "ancestorRef": {
                "group": GROUP, "kind": "Gateway", "namespace": *gateway.namespace, "name": *gateway.name,
            },
            "controllerName": CONTROLLER_NAME,
            "conditions": conditions,
        })
    };
    listed("ancestors", gateways.iter().map(entry).collect())
}

/// Older policies about all that this one is about.
fn conflict(policy: &Object<BackendTlsPolicy>, index: &Index) -> Option<Problem> {
    let own = Key::of(&policy.meta);
    let mut lost = Vec::new();
    for (service, section) in targets_of(policy) {
        let section = (!section.is_empty()).then_some(&*section);
        let winner = index.policies_of(&service)?.of_section(section)?;
        if *winner == own {
            return None;
        }
        let port = section.map_or(String::new(), |section| format!(", port {section}"));
        lost.push(format!("BackendTLSPolicy {winner} is older and about Service {service}{port}, too"));
    }
    (!lost.is_empty()).then(|| Problem::new("Conflicted", lost.join("; ")))
}
