//! BackendTLSPolicies: what they ask for, which of several counts, and what is said of them.

use super::CONTROLLER_NAME;
use super::condition::{Said, conditions};
use super::index::{Index, targets_of};
use super::model::BackendTls;
use super::reference::{Credentials, Problem};
use super::update::listed;
use crate::key::Key;
use crate::resources::Resources;
use meridian_resources::Object;
use meridian_resources::gateway_api::backend_tls_policy::SubjectAltNameType;
use meridian_resources::gateway_api::{BackendTlsPolicy, GROUP};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a policy asks for, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Read {
    /// TLS as it asks for.
    pub(crate) tls: BackendTls,
    /// Why it cannot be accepted.
    refused: Option<Problem>,
    /// A reference that does not lead to authorities.
    unresolved: Option<Problem>,
}

/// Reads a policy.
pub(crate) fn read(policy: &Object<BackendTlsPolicy>, credentials: &mut Credentials, resources: &Resources) -> Read {
    let validation = &policy.spec.validation;
    let mut authorities = Vec::new();
    let (mut refused, mut unresolved) = (None, None);
    for (index, reference) in validation.ca_certificate_refs.iter().enumerate() {
        let path = format!("spec.validation.caCertificateRefs[{index}]");
        if !(reference.group.is_empty() || reference.group == "core") || reference.kind != "ConfigMap" {
            let found = format!("{:?} of group {:?}", reference.kind, reference.group);
            let message = format!("{path}: {found} is not supported; name a ConfigMap (group \"\")");
            unresolved = Some(Problem::new("InvalidKind", message));
            continue;
        }
        let key = Key { namespace: policy.meta.namespace.clone(), name: reference.name.as_str().into() };
        match credentials.authority(resources, &key) {
            Ok(()) => authorities.push(key),
            Err(message) => unresolved = Some(Problem::new("InvalidCACertificateRef", format!("{path}: {message}"))),
        }
    }
    let system = match validation.well_known_ca_certificates.as_deref() {
        None | Some("") => false,
        Some("System") => true,
        Some(other) => {
            let message = format!("spec.validation.wellKnownCACertificates: {other:?} is not supported; System is");
            refused = Some(Problem::new("Invalid", message));
            false
        }
    };
    if let Some(option) = policy.spec.options.keys().next() {
        refused = Some(Problem::new("Invalid", format!("spec.options: {option:?} is not supported; none is")));
    }
    if refused.is_none() && authorities.is_empty() && !system {
        let message = match &unresolved {
            Some(problem) => problem.message.clone(),
            None => "spec.validation: neither caCertificateRefs nor wellKnownCACertificates".to_owned(),
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
        policy: Key::of(&policy.meta),
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
