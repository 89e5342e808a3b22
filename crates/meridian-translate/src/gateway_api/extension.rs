//! Policies of Envoy Gateway: none of their settings is supported so far. Each says which of its settings it is, and
//! what a policy that protects is about is answered with an error rather than left open.

use super::condition::{Said, conditions};
use super::policy::ancestors;
use super::reference::Problem;
use super::route::{RouteId, RouteKind};
use super::{CONTROLLER_NAME, GatewayApi};
use crate::key::Key;
use meridian_resources::envoy_gateway::policy::{
    PolicySpec, backend_traffic_policy, client_traffic_policy, envoy_extension_policy, envoy_patch_policy,
    security_policy,
};
use meridian_resources::gateway_api::GROUP;
use meridian_resources::gateway_api::backend_tls_policy::PolicyStatus;
use meridian_resources::{Kind, Meta, Resource, StringMap};
use serde_json::Value;
use std::collections::BTreeSet;

/// Settings that are to be supported next.
const NEXT: [&str; 2] = ["spec.oidc", "spec.rateLimit"];

/// A policy of Envoy Gateway.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extension {
    kind: &'static str,
    meta: Meta,
    spec: PolicySpec,
    status: PolicyStatus,
}

/// The kind of policies of this name.
pub(crate) fn kind_of(name: &str) -> Option<&'static Kind> {
    match name {
        "SecurityPolicy" => Some(&security_policy::KIND),
        "BackendTrafficPolicy" => Some(&backend_traffic_policy::KIND),
        "ClientTrafficPolicy" => Some(&client_traffic_policy::KIND),
        "EnvoyExtensionPolicy" => Some(&envoy_extension_policy::KIND),
        "EnvoyPatchPolicy" => Some(&envoy_patch_policy::KIND),
        _ => None,
    }
}

impl Extension {
    /// The policy that an object is, if it is one.
    pub(crate) fn of(resource: &Resource) -> Option<Self> {
        let (kind, meta) = (resource.kind().kind, resource.meta().clone());
        let (spec, status) = match resource {
            Resource::SecurityPolicy(object) => (object.spec.0.clone(), object.status.clone()),
            Resource::BackendTrafficPolicy(object) => (object.spec.0.clone(), object.status.clone()),
            Resource::ClientTrafficPolicy(object) => (object.spec.0.clone(), object.status.clone()),
            Resource::EnvoyExtensionPolicy(object) => (object.spec.0.clone(), object.status.clone()),
            Resource::EnvoyPatchPolicy(object) => (object.spec.0.clone(), object.status.clone()),
            _ => return None,
        };
        Some(Self { kind, meta, spec, status })
    }

    /// Kind and name.
    pub(crate) fn key(&self) -> (&'static str, Key) {
        (self.kind, Key::of(&self.meta))
    }

    /// Whether leaving it out would let somebody in who should not be.
    fn closes(&self) -> bool {
        matches!(self.kind, "SecurityPolicy" | "EnvoyExtensionPolicy") && !self.spec.unsupported().is_empty()
    }

    /// Whether it is about an object of its own namespace.
    fn is_about(&self, kind: &str, key: &Key, labels: &StringMap) -> bool {
        let by_name =
            || self.spec.targets().any(|one| one.group == GROUP && one.kind == kind && *one.name == *key.name);
        let by_labels = || {
            self.spec.target_selectors.iter().any(|one| {
                let has = |(name, value): (&String, &String)| labels.get(name) == Some(value);
                one.group.as_deref().is_none_or(|group| group == GROUP)
                    && one.kind == kind
                    && one.match_labels.iter().all(has)
            })
        };
        self.meta.namespace == key.namespace && (by_name() || by_labels())
    }

    fn is_about_gateway(&self, api: &GatewayApi, key: &Key) -> bool {
        api.states.get(key).is_some_and(|state| self.is_about("Gateway", key, &state.object.meta.labels))
    }

    fn is_about_route(&self, kind: RouteKind, meta: &Meta) -> bool {
        self.is_about(kind.name(), &Key::of(meta), &meta.labels)
    }
}

impl GatewayApi {
    /// Takes in a policy, or forgets one: what it is about must be looked at.
    pub(crate) fn extension_changed(&mut self, key: (&'static str, Key), now: Option<Extension>) {
        let before = self.extensions.get(&key);
        let same = |before: &Extension, now: &Extension| {
            before.spec == now.spec
                && before.meta.uid == now.meta.uid
                && before.meta.generation == now.meta.generation
                && before.meta.labels == now.meta.labels
        };
        if let (Some(before), Some(now)) = (before, &now)
            && same(before, now)
        {
            return;
        }
        let concerned: Vec<&Extension> = before.into_iter().chain(now.as_ref()).collect();
        let routes = self.routes.iter().filter(|(id, state)| {
            concerned.iter().any(|one| {
                one.is_about_route(id.kind, state.route.meta())
                    || state.gateways.keys().any(|gateway| one.is_about_gateway(self, gateway))
            })
        });
        let routes: Vec<RouteId> = routes.map(|(id, _)| id.clone()).collect();
        self.stale.routes.extend(routes);
        self.stale.extensions = true;
        match now {
            Some(now) => drop(self.extensions.insert(key, now)),
            None => drop(self.extensions.remove(&key)),
        }
    }

    /// Whether requests that a route takes are answered with an error, because a policy protects it that is not
    /// supported.
    pub(crate) fn is_closed<'k>(
        &self,
        kind: RouteKind,
        meta: &Meta,
        gateways: impl Iterator<Item = &'k Key> + Clone,
    ) -> bool {
        self.extensions.values().filter(|one| one.closes()).any(|one| {
            one.is_about_route(kind, meta) || gateways.clone().any(|gateway| one.is_about_gateway(self, gateway))
        })
    }

    /// What is to be said of all policies: kind, name and status.
    pub(crate) fn extension_statuses(&self) -> Vec<(&'static str, Key, Value)> {
        let one = |extension: &Extension| {
            let gateways = self.gateways_of_extension(extension);
            let was_said = extension.status.ancestors.iter().any(|one| one.controller_name == CONTROLLER_NAME);
            let (kind, key) = extension.key();
            let object = kind_of(kind)?;
            let reference = super::update::reference(object, &key);
            if gateways.is_empty() && !was_said && !self.said.contains_key(&reference) {
                return None;
            }
            let said = [Said::of("Accepted", "Accepted", problem(extension))];
            let conditions = conditions(&said, extension.meta.generation);
            Some((kind, key, ancestors(&gateways, &conditions)))
        };
        self.extensions.values().filter_map(one).collect()
    }

    /// The Gateways of ours that a policy is about, by itself or by routes.
    fn gateways_of_extension(&self, extension: &Extension) -> BTreeSet<Key> {
        let of_routes = self.routes.iter().filter(|(id, state)| extension.is_about_route(id.kind, state.route.meta()));
        let of_routes = of_routes.flat_map(|(_, state)| state.gateways.keys().cloned());
        let own = self.states.keys().filter(|key| extension.is_about_gateway(self, key)).cloned();
        own.chain(of_routes).collect()
    }
}

fn problem(extension: &Extension) -> Option<Problem> {
    let unsupported = extension.spec.unsupported();
    if unsupported.is_empty() {
        return None;
    }
    let next: Vec<&str> = NEXT.into_iter().filter(|one| unsupported.iter().any(|found| found == one)).collect();
    let next = if next.is_empty() { String::new() } else { format!("; {} comes next", next.join(" and ")) };
    let closed = match extension.closes() {
        true => "; what it is about is answered with 500 meanwhile, and never left open",
        false => "; it has no effect",
    };
    let message = format!("{}: not supported{next}{closed}; remove it", unsupported.join(", "));
    Some(Problem::new("Invalid", message))
}
