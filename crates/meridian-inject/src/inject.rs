//! One injection: the templates laid over the pod, the user's customisation laid over them, and what follows from both.

use crate::annotations::{self, PodSettings};
use crate::settings::Settings;
use crate::template::{Inputs, Template, sidecar};
use crate::workload::Workload;
use crate::{INIT_CONTAINER, PROXY_CONTAINER, STATUS_ANNOTATION, merge, overrides, pod, probes, prometheus};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

#[cfg(test)]
mod tests;

/// What is injected into what.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The pod, or the template of one: `metadata` and `spec`.
    pub pod: &'a Value,
    /// What it belongs to.
    pub workload: &'a Workload,
    /// The installation's settings.
    pub settings: &'a Settings,
    /// Environment variables of the proxy that the webhook's path sets.
    pub environment: &'a BTreeMap<String, String>,
}

/// A pod with its proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Injected {
    /// The pod.
    pub pod: Value,
    /// What of its annotations has no effect, a line each.
    pub warnings: Vec<String>,
}

/// Something that is wrong with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `annotation proxy.istio.io/config`; empty where `what` says it.
    pub place: String,
    /// What was found, and what is allowed.
    pub what: String,
}

impl Problem {
    pub(crate) fn annotation(name: &str, what: impl Into<String>) -> Self {
        Self { place: format!("annotation {name}"), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.place.is_empty() { "" } else { ": " };
        write!(f, "{}{between}{}", self.place, self.what)
    }
}

/// Everything that is wrong with a pod.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct InjectError(pub Vec<Problem>);

/// Puts a proxy into a pod. Whether it is to have one is [`crate::decide()`]'s to say.
///
/// # Errors
/// Annotations that are wrong, all of them.
pub fn inject(request: Request<'_>) -> Result<Injected, InjectError> {
    let Request { pod: original, workload, settings, environment } = request;
    let own = annotations::read(original, settings).map_err(InjectError)?;
    let written = overrides::read(original).map_err(|problem| InjectError(vec![problem]))?;
    let inputs = Inputs { pod: original, workload, settings, own: &own, environment };
    let mut pod = original.clone();
    let mut template = json!({"spec": {}});
    for name in own.templates.as_ref().unwrap_or(&settings.default_templates) {
        let patch = inputs.render(*name);
        merge::merge(&mut template, &patch);
        if pod::find(&template, "initContainers", PROXY_CONTAINER).is_some() {
            move_proxy(&mut pod);
        }
        merge::merge(&mut pod, &patch);
    }
    overrides::apply(&mut pod, original, &template, written);
    let mut warnings = own.warnings.clone();
    match has_sidecar(&own, settings) {
        true => beside(&mut pod, &own, &mut warnings).map_err(|problem| InjectError(vec![problem]))?,
        false if own.merge_metrics => prometheus::announce(&mut pod),
        false => {}
    }
    mark(&mut pod, &template, settings);
    order(&mut pod, sidecar::holds_application(&inputs));
    Ok(Injected { pod, warnings })
}

/// What only a sidecar does: metrics and probes of the workload go by way of it.
fn beside(pod: &mut Value, own: &PodSettings, warnings: &mut Vec<String>) -> Result<(), Problem> {
    if own.merge_metrics {
        prometheus::merge(pod, own.status_port)?;
    }
    if own.rewrite_probes && own.status_port != 0 {
        warnings.extend(probes::rewrite(pod, own.status_port));
    }
    Ok(())
}

/// Only a sidecar answers probes and serves metrics of others.
fn has_sidecar(own: &PodSettings, settings: &Settings) -> bool {
    own.templates.as_ref().unwrap_or(&settings.default_templates).contains(&Template::Sidecar)
}

/// A user's customisation stands among the containers, even where the proxy is an init container.
fn move_proxy(pod: &mut Value) {
    let containers = pod::list_mut(pod, "containers");
    let Some(index) = containers.iter().position(|container| pod::name(container) == PROXY_CONTAINER) else { return };
    let proxy = containers.remove(index);
    pod::list_mut(pod, "initContainers").push(proxy);
}

/// Says in an annotation what was put into the pod.
fn mark(pod: &mut Value, template: &Value, settings: &Settings) {
    let names = |field: &str| {
        let names: Vec<Value> = pod::list(template, field).iter().map(|item| pod::name(item).into()).collect();
        if names.is_empty() { Value::Null } else { names.into() }
    };
    let status = json!({
        "initContainers": names("initContainers"),
        "containers": names("containers"),
        "volumes": names("volumes"),
        "imagePullSecrets": names("imagePullSecrets"),
        "revision": settings.revision_name(),
    });
    let annotations = pod::annotations_mut(pod);
    annotations.insert(STATUS_ANNOTATION.into(), status.to_string().into());
    annotations.extend(settings.annotations.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
}

/// The proxy comes last among containers, so that `kubectl exec` goes to the workload; first where the workload waits for it.
/// As an init container it comes after the rules and before the workload's own, which are part of the mesh then;
/// otherwise the rules come last, so that these are not cut off.
fn order(pod: &mut Value, holds_application: bool) {
    move_to(pod, "containers", PROXY_CONTAINER, holds_application);
    if pod::find(pod, "initContainers", PROXY_CONTAINER).is_some() {
        move_to(pod, "initContainers", PROXY_CONTAINER, true);
        move_to(pod, "initContainers", INIT_CONTAINER, true);
    } else {
        move_to(pod, "initContainers", INIT_CONTAINER, false);
        if pod::list(pod, "initContainers").is_empty() {
            pod::object(pod, "spec").remove("initContainers");
        }
    }
}

fn move_to(pod: &mut Value, field: &str, name: &str, first: bool) {
    let items = pod::list_mut(pod, field);
    let Some(index) = items.iter().position(|item| pod::name(item) == name) else { return };
    let item = items.remove(index);
    if first { items.insert(0, item) } else { items.push(item) }
}
