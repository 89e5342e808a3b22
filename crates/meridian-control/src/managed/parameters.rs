//! The settings that a Gateway and its class refer to: ConfigMaps as Istio has them, EnvoyProxies as Envoy Gateway has
//! them.
//!
//! Settings of the class come first, those of the Gateway over them. Of two EnvoyProxies the Gateway's counts alone,
//! unless its `mergeType` says that they are merged.

mod config_map;
mod envoy_proxy;

use super::objects::Objects;
use super::{Installation, NamespacedName, Style};
use meridian_resources::Object;
use meridian_resources::core::ConfigMap;
use meridian_resources::envoy_gateway::{self, EnvoyProxy};
use meridian_resources::gateway_api::common::ObjectReference;
use meridian_translate::{GATEWAY_NAME_LABEL, ManagedGateway};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The objects that settings may be in.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) config_maps: HashMap<NamespacedName, Arc<Object<ConfigMap>>>,
    pub(crate) envoy_proxies: HashMap<NamespacedName, Arc<Object<EnvoyProxy>>>,
}

/// Why settings cannot be used; a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ParametersError(pub(crate) String);

/// Settings, and the field that refers to them.
enum Source<'a> {
    ConfigMap(&'a Object<ConfigMap>),
    EnvoyProxy(&'a Object<EnvoyProxy>),
}

/// Makes the objects of a Gateway as its settings say.
///
/// # Errors
/// A reference leads nowhere, or what is there cannot be used.
pub(crate) fn objects(
    gateway: &ManagedGateway,
    installation: &Installation,
    settings: &Settings,
) -> Result<Objects, ParametersError> {
    let sources = sources(gateway, settings)?;
    let is_envoy = sources.iter().any(|(_, source)| matches!(source, Source::EnvoyProxy(_)));
    let style = if is_envoy { Style::EnvoyGateway } else { Style::Istio };
    let mut objects = Objects::of(gateway, installation, style);
    for (field, source) in &sources {
        let (what, laid) = match source {
            Source::ConfigMap(map) => {
                let what = format!("ConfigMap {}/{}", map.meta.namespace, map.meta.name);
                (what, config_map::lay(&mut objects, map, gateway, style))
            }
            Source::EnvoyProxy(proxy) => {
                let what = format!("EnvoyProxy {}/{}", proxy.meta.namespace, proxy.meta.name);
                (what, envoy_proxy::lay(&mut objects, &proxy.spec, gateway))
            }
        };
        laid.map_err(|error| ParametersError(format!("{field}: {what}: {error}")))?;
    }
    // A Deployment that an autoscaler scales has no number of its own.
    if objects.autoscaler.is_some() && objects.deployment.pointer("/spec/replicas").is_some() {
        let message = "settings: a number of replicas and a HorizontalPodAutoscaler exclude each other";
        return Err(ParametersError(message.to_owned()));
    }
    Ok(objects)
}

/// The settings that count, lowest first.
fn sources<'a>(gateway: &ManagedGateway, settings: &'a Settings) -> Result<Vec<(String, Source<'a>)>, ParametersError> {
    let mut sources = Vec::new();
    if let Some(reference) = &gateway.class_parameters {
        let field = format!("GatewayClass {}: spec.parametersRef", gateway.class);
        let Some(namespace) = &reference.namespace else {
            return Err(ParametersError(format!("{field}.namespace is missing: a class is in no namespace")));
        };
        sources.push((field.clone(), find(reference, namespace, &field, settings)?));
    }
    if let Some(reference) = &gateway.parameters {
        let field = "spec.infrastructure.parametersRef".to_owned();
        let source = find(reference, &gateway.namespace, &field, settings)?;
        if matches!(&source, Source::EnvoyProxy(proxy) if proxy.spec.merge_type.is_none()) {
            sources.retain(|(_, source)| !matches!(source, Source::EnvoyProxy(_)));
        }
        sources.push((field, source));
    }
    Ok(sources)
}

/// The object that a reference leads to.
fn find<'a>(
    reference: &ObjectReference,
    namespace: &str,
    field: &str,
    settings: &'a Settings,
) -> Result<Source<'a>, ParametersError> {
    let (group, kind, name) = (&*reference.group, &*reference.kind, &*reference.name);
    let key: NamespacedName = (namespace.into(), name.into());
    let found = match (group, kind) {
        ("" | "core", "ConfigMap") => settings.config_maps.get(&key).map(|map| Source::ConfigMap(map)),
        (envoy_gateway::GROUP, "EnvoyProxy") => settings.envoy_proxies.get(&key).map(|one| Source::EnvoyProxy(one)),
        _ => {
            let found = if group.is_empty() { kind.to_owned() } else { format!("{kind} of {group}") };
            let allowed = format!("ConfigMap, or EnvoyProxy of {}", envoy_gateway::GROUP);
            return Err(ParametersError(format!("{field}: found {found}, allowed: {allowed}")));
        }
    };
    found.ok_or_else(|| ParametersError(format!("{field}: there is no {kind} {namespace}/{name}")))
}

/// Settings change what an object is like, not which one it is, and pods stay those of the Gateway. `before` and `after`
/// are the object without and with them.
fn is_the_same(before: &Value, after: &Value) -> Result<(), String> {
    let label = format!("/spec/template/metadata/labels/{}", GATEWAY_NAME_LABEL.replace('/', "~1"));
    let own_label = format!("/metadata/labels/{}", GATEWAY_NAME_LABEL.replace('/', "~1"));
    let fixed = [
        "/apiVersion",
        "/kind",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/ownerReferences",
        &own_label,
        "/spec/selector",
        "/spec/scaleTargetRef",
        &label,
    ];
    match fixed.iter().find(|pointer| before.pointer(pointer) != after.pointer(pointer)) {
        None => Ok(()),
        Some(pointer) => {
            let field = pointer[1..].replace('/', ".").replace("~1", "/");
            Err(format!("{field} is the controller's and cannot be set"))
        }
    }
}
