//! GatewayClasses: which are ours, and what is said of them.

use super::condition::{Said, conditions};
use super::features::FEATURES;
use super::reference::Problem;
use super::{CONTROLLER_NAME, GatewayApi};
use crate::key::Key;
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_resources::envoy_gateway;
use meridian_resources::gateway_api::GatewayClass;
use meridian_resources::{Meta, Object};
use serde_json::{Value, json};

/// The version of the CRDs that translation was written for.
const BUNDLE: &str = "v1.6";

impl GatewayApi {
    /// Whether a class is this controller's.
    pub(crate) fn is_ours(&self, class: &str) -> bool {
        self.classes.get(class).is_some_and(|class| class.spec.controller_name == CONTROLLER_NAME)
    }

    /// The status of a class of ours.
    pub(crate) fn class_status(&self, class: &Object<GatewayClass>, resources: &Resources) -> Value {
        let problem = class.spec.parameters_ref.as_ref().and_then(|reference| {
            let namespace = reference.namespace.as_deref().unwrap_or_default();
            let key = Key { namespace: namespace.into(), name: reference.name.as_str().into() };
            self.parameters_problem("spec.parametersRef", &reference.group, &reference.kind, &key, resources)
        });
        let mut said = vec![Said::of("Accepted", "Accepted", problem)];
        if let Some(bundle) = &self.bundle {
            let problem = (!bundle.starts_with(BUNDLE)).then(|| {
                let message = format!(
                    "the CRDs of Gateway API are of version {bundle}; Meridian was made for {BUNDLE}, and fields of \
                     other versions may have no effect"
                );
                Problem::new("UnsupportedVersion", message)
            });
            said.push(Said::of("SupportedVersion", "SupportedVersion", problem));
        }
        let features: Vec<Value> = FEATURES.iter().map(|name| json!({"name": name})).collect();
        json!({"conditions": conditions(&said, class.meta.generation), "supportedFeatures": features})
    }

    /// Why parameters cannot be used: their kind is not known, or they do not exist.
    pub(crate) fn parameters_problem(
        &self,
        path: &str,
        group: &str,
        kind: &str,
        key: &Key,
        resources: &Resources,
    ) -> Option<Problem> {
        let exists = match (group, kind) {
            ("" | "core", "ConfigMap") => resources.config_maps.contains_key(key),
            (envoy_gateway::GROUP, "EnvoyProxy") => self.envoy_proxies.contains_key(key),
            _ => {
                let message = format!(
                    "{path}: {kind:?} of group {group:?} is not supported; name a ConfigMap (group \"\") or an \
                     EnvoyProxy (group {:?})",
                    envoy_gateway::GROUP
                );
                return Some(Problem::new("InvalidParameters", message));
            }
        };
        (!exists).then(|| Problem::new("InvalidParameters", format!("{path}: {kind} {key} does not exist")))
    }

    /// The Gateways of a class.
    pub(crate) fn gateways_of_class(&self, class: &str) -> Vec<Key> {
        let of_class = self.gateways.iter().filter(|(_, gateway)| gateway.spec.gateway_class_name == class);
        of_class.map(|(key, _)| key.clone()).collect()
    }

    /// Notes that an object which parameters may be was changed.
    pub(crate) fn parameters_changed(&mut self, kind: &str, meta: &Meta) {
        let named = |reference: &str, name: &str| reference == kind && *name == *meta.name;
        let gateways = self.gateways.iter().filter(|(key, gateway)| {
            let reference = gateway.spec.infrastructure.as_ref().and_then(|one| one.parameters_ref.as_ref());
            key.namespace == meta.namespace && reference.is_some_and(|one| named(&one.kind, &one.name))
        });
        self.stale.touched.extend(gateways.map(|(key, _)| key.clone()));
        let classes = self
            .classes
            .iter()
            .filter(|(_, class)| class.spec.parameters_ref.as_ref().is_some_and(|one| named(&one.kind, &one.name)));
        let classes: Vec<Name> = classes.map(|(name, _)| name.clone()).collect();
        self.stale.classes.extend(classes);
    }
}
