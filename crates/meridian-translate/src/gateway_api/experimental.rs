//! XBackends and XBackendTrafficPolicies: what is said of them, for each Gateway through which they are used.

use super::condition::{Said, conditions};
use super::policy::{ancestors, read_validation};
use super::reference::{Credentials, Problem, key_of};
use super::update::listed;
use super::{CONTROLLER_NAME, GatewayApi};
use crate::key::Key;
use crate::resources::Resources;
use meridian_resources::Object;
use meridian_resources::gateway_api::x_backend::{XBackendTls, XBackendTlsMode};
use meridian_resources::gateway_api::{GROUP, XBackend, XBackendTrafficPolicy};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl GatewayApi {
    /// The Gateways whose routes send to an object of this kind.
    fn gateways_to(&self, kind: &str, key: &Key) -> BTreeSet<Key> {
        let routes = self.index.routes_to(key).filter_map(|id| self.routes.get(id));
        let names_it = |state: &&super::RouteState| {
            let namespace = &state.route.meta().namespace;
            state.route.references().iter().any(|(_, reference)| {
                reference.kind == kind && key_of(reference.namespace, reference.name, namespace) == *key
            })
        };
        routes.filter(names_it).flat_map(|state| state.gateways.keys().cloned()).collect()
    }

    /// What is to be said of an XBackend; `None`: nothing, and nothing was.
    pub(crate) fn backend_status(
        &self,
        key: &Key,
        credentials: &mut Credentials,
        resources: &Resources,
    ) -> Option<Value> {
        let object = self.backends.get(key)?;
        let gateways = self.gateways_to("XBackend", key);
        let was_said = object.status.parents.iter().any(|one| one.controller_name == CONTROLLER_NAME);
        if gateways.is_empty() && !was_said && !self.said.contains_key(&object.object_ref()) {
            return None;
        }
        let (refused, unresolved) = judge(object, credentials, resources);
        let said = [Said::of("Accepted", "Accepted", refused), Said::of("ResolvedRefs", "ResolvedRefs", unresolved)];
        let conditions = conditions(&said, object.meta.generation);
        let entry = |gateway: &Key| {
            let reference =
                json!({"group": GROUP, "kind": "Gateway", "namespace": *gateway.namespace, "name": *gateway.name});
            json!({"parentRef": reference, "controllerName": CONTROLLER_NAME, "conditions": conditions})
        };
        Some(listed("parents", gateways.iter().map(entry).collect()))
    }

    /// What is to be said of an XBackendTrafficPolicy; `None`: nothing, and nothing was.
    pub(crate) fn traffic_policy_status(&self, key: &Key) -> Option<Value> {
        let object = self.traffic_policies.get(key)?;
        let services = targets_of(object);
        let gateways: BTreeSet<Key> =
            services.iter().flat_map(|service| self.gateways_to("Service", service)).collect();
        let was_said = object.status.ancestors.iter().any(|one| one.controller_name == CONTROLLER_NAME);
        if gateways.is_empty() && !was_said && !self.said.contains_key(&object.object_ref()) {
            return None;
        }
        let mut fields = Vec::new();
        fields.extend(object.spec.retry_constraint.as_ref().map(|_| "spec.retryConstraint"));
        fields.extend(object.spec.session_persistence.as_ref().map(|_| "spec.sessionPersistence"));
        let refused = (!fields.is_empty()).then(|| {
            let message = format!(
                "{}: not supported, and has no effect; sessions are kept by sessionPersistence of a route's rule",
                fields.join(", ")
            );
            Problem::new("Invalid", message)
        });
        let said = [Said::of("Accepted", "Accepted", refused)];
        Some(ancestors(&gateways, &conditions(&said, object.meta.generation)))
    }
}

/// The Services of a policy.
pub(crate) fn targets_of(policy: &Object<XBackendTrafficPolicy>) -> Vec<Key> {
    let of_service = policy.spec.target_refs.iter().filter(|target| target.kind == "Service");
    of_service.map(|target| key_of(None, &target.name, &policy.meta.namespace)).collect()
}

/// Why an XBackend is not accepted, and which of its references leads nowhere.
fn judge(
    object: &Object<XBackend>,
    credentials: &mut Credentials,
    resources: &Resources,
) -> (Option<Problem>, Option<Problem>) {
    if object.spec.external_hostname.is_none() {
        let message = "spec.externalHostname: is missing; no other type is supported";
        return (Some(Problem::new("Invalid", message)), None);
    }
    let Some(tls) = object.spec.tls.as_ref().filter(|tls| tls.mode != XBackendTlsMode::None) else {
        return (None, None);
    };
    let Some(validation) = &tls.validation else {
        let message = "spec.tls.validation: is missing, and without it nobody could tell who answers";
        return (Some(Problem::new("Invalid", message)), None);
    };
    let read = read_validation(&object.meta, validation, "spec.tls.validation", credentials, resources);
    match client_certificate(object, tls, credentials, resources) {
        Some(problem) => (read.refused.or(Some(problem.clone())), Some(problem)),
        None => (read.refused, read.unresolved),
    }
}

/// Why the certificate that is shown to the backend cannot be used.
fn client_certificate(
    object: &Object<XBackend>,
    tls: &XBackendTls,
    credentials: &mut Credentials,
    resources: &Resources,
) -> Option<Problem> {
    if tls.mode != XBackendTlsMode::ClientAndServer {
        return None;
    }
    let path = "spec.tls.clientCertificateRef";
    let invalid = |message: String| Some(Problem::new("InvalidClientCertificateRef", format!("{path}: {message}")));
    let Some(reference) = &tls.client_certificate_ref else {
        return invalid("is missing, and mode ClientAndServer needs it".to_owned());
    };
    if !reference.group.is_empty() || reference.kind != "Secret" {
        let found = format!("{:?} of group {:?}", reference.kind, reference.group);
        return invalid(format!("{found} is not supported; name a Secret (group \"\")"));
    }
    let key = key_of(reference.namespace.as_deref(), &reference.name, &object.meta.namespace);
    if key.namespace != object.meta.namespace {
        let message = format!("{path}: Secret {key} is in another namespace, which nothing can grant an XBackend");
        return Some(Problem::new("RefNotPermitted", message));
    }
    credentials.certificate(resources, &key).err().and_then(invalid)
}
