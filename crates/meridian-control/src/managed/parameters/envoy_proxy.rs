//! Envoy Gateway's EnvoyProxies: pods, containers and Services in fields of their own, and patches over them.

use super::is_the_same;
use crate::managed::objects::{self, Objects};
use crate::managed::{Style, deployment, overlay};
use meridian_resources::envoy_gateway::EnvoyProxy;
use meridian_resources::envoy_gateway::envoy_proxy::{KubernetesPatch, PatchType, unsupported};
use meridian_resources::envoy_gateway::kubernetes::{
    KubernetesContainerSpec, KubernetesDeploymentSpec, KubernetesHpaSpec, KubernetesPdbSpec, KubernetesPodSpec,
    KubernetesServiceSpec,
};
use meridian_resources::gateway_api::common::duration;
use meridian_translate::ManagedGateway;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Lays its settings over.
///
/// # Errors
/// What is not supported, or cannot be laid over.
pub(super) fn lay(objects: &mut Objects, proxy: &EnvoyProxy, gateway: &ManagedGateway) -> Result<(), String> {
    let mut unsupported = unsupported(proxy);
    if proxy.telemetry.as_ref().is_some_and(|telemetry| telemetry.access_log.is_some()) {
        unsupported.push("spec.telemetry.accessLog (a Telemetry of telemetry.istio.io says what is logged)".to_owned());
    }
    if !unsupported.is_empty() {
        return Err(format!("{} is not supported: remove it", unsupported.join(", ")));
    }
    process(&mut objects.deployment, proxy)?;
    let Some(kubernetes) = proxy.provider.as_ref().and_then(|provider| provider.kubernetes.as_ref()) else {
        return Ok(());
    };
    if let Some(name) = kubernetes.envoy_service_account.as_ref().and_then(|account| account.name.as_ref()) {
        set(&mut objects.service_account, json!({"metadata": {"name": name}}))?;
        let pod = json!({"spec": {"template": {"spec": {"serviceAccountName": name}}}});
        set(&mut objects.deployment, pod)?;
    }
    if let Some(settings) = &kubernetes.envoy_deployment {
        lay_deployment(&mut objects.deployment, settings)?;
    }
    if let Some(settings) = &kubernetes.envoy_service {
        lay_service(&mut objects.service, settings)?;
    }
    if let Some(settings) = &kubernetes.envoy_hpa {
        let made = objects::autoscaler(gateway, Style::EnvoyGateway, &objects.deployment);
        lay_autoscaler(objects.autoscaler.get_or_insert(made), settings)?;
    }
    if let Some(settings) = &kubernetes.envoy_pdb {
        let made = || objects::budget(gateway, Style::EnvoyGateway);
        lay_budget(objects.budget.get_or_insert_with(made), settings)?;
    }
    Ok(())
}

/// What becomes arguments of the process.
fn process(object: &mut Value, proxy: &EnvoyProxy) -> Result<(), String> {
    let mut arguments: Vec<(&str, String)> = Vec::new();
    if let Some(threads) = proxy.concurrency {
        arguments.push(("--threads", threads.to_string()));
    }
    if let Some(logging) = &proxy.logging {
        if let Some(component) = logging.level.keys().find(|component| *component != "default") {
            return Err(format!("spec.logging.level: found the component {component:?}, allowed: default"));
        }
        if let Some(Value::String(level)) =
            logging.level.get("default").and_then(|level| serde_json::to_value(level).ok())
        {
            arguments.push(("--log-level", level));
        }
    }
    if let Some(shutdown) = &proxy.shutdown {
        for (option, field, text) in [
            ("--drain-time", "drainTimeout", &shutdown.drain_timeout),
            ("--drain-delay", "minDrainDuration", &shutdown.min_drain_duration),
        ] {
            let Some(text) = text else { continue };
            let duration = duration(text)
                .ok_or_else(|| format!("spec.shutdown.{field}: found {text:?}, allowed: a duration such as 60s"))?;
            arguments.push((option, duration.as_secs_f64().ceil().to_string()));
        }
    }
    deployment::set_arguments(object, &arguments);
    Ok(())
}

fn lay_deployment(object: &mut Value, settings: &KubernetesDeploymentSpec) -> Result<(), String> {
    let mut spec = Map::new();
    if let Some(replicas) = settings.replicas {
        spec.insert("replicas".into(), replicas.into());
    }
    let mut pod = settings.pod.as_ref().map_or_else(|| json!({"metadata": {}, "spec": {}}), pod_overlay);
    if let Some(container) = &settings.container {
        pod["spec"]["containers"] = json!([container_overlay(object, container)?]);
    }
    if !settings.init_containers.is_empty() {
        pod["spec"]["initContainers"] = settings.init_containers.clone().into();
    }
    spec.insert("template".into(), pod);
    set(object, json!({ "spec": spec }))?;
    if let Some(strategy) = &settings.strategy {
        object["spec"]["strategy"] = strategy.clone();
    }
    named(object, settings.name.as_ref(), settings.patch.as_ref())
}

fn pod_overlay(settings: &KubernetesPodSpec) -> Value {
    let mut spec = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec.insert(name.to_owned(), value);
        }
    };
    add("affinity", settings.affinity.clone());
    add("imagePullSecrets", list(&settings.image_pull_secrets));
    add("nodeSelector", Some(json!(settings.node_selector)).filter(|_| !settings.node_selector.is_empty()));
    add("priorityClassName", settings.priority_class_name.clone().map(Value::from));
    add("securityContext", settings.security_context.clone());
    add("tolerations", list(&settings.tolerations));
    add("topologySpreadConstraints", list(&settings.topology_spread_constraints));
    add("volumes", list(&settings.volumes));
    json!({"metadata": metadata(&settings.labels, &settings.annotations), "spec": spec})
}

fn container_overlay(object: &Value, settings: &KubernetesContainerSpec) -> Result<Value, String> {
    let current = &object["spec"]["template"]["spec"]["containers"][0];
    let mut overlay = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            overlay.insert(name.to_owned(), value);
        }
    };
    add("name", Some(current["name"].clone()));
    let image = match (&settings.image, &settings.image_repository) {
        (Some(_), Some(_)) => return Err("container: image and imageRepository exclude each other".to_owned()),
        (Some(image), None) => Some(image.clone()),
        (None, Some(repository)) => {
            let image = current["image"].as_str().unwrap_or_default();
            let tag = image.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'));
            Some(tag.map_or_else(|| repository.clone(), |tag| format!("{repository}:{tag}")))
        }
        (None, None) => None,
    };
    add("image", image.map(Value::from));
    add("imagePullPolicy", settings.image_pull_policy.clone().map(Value::from));
    add("env", list(&settings.env));
    add("resources", settings.resources.clone());
    add("securityContext", settings.security_context.clone());
    add("volumeMounts", list(&settings.volume_mounts));
    Ok(Value::Object(overlay))
}

fn lay_service(object: &mut Value, settings: &KubernetesServiceSpec) -> Result<(), String> {
    let mut spec = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec.insert(name.to_owned(), value);
        }
    };
    add("allocateLoadBalancerNodePorts", settings.allocate_load_balancer_node_ports.map(Value::from));
    add("externalTrafficPolicy", settings.external_traffic_policy.map(|policy| policy.as_str().into()));
    add("loadBalancerClass", settings.load_balancer_class.clone().map(Value::from));
    add("loadBalancerIP", settings.load_balancer_ip.clone().map(Value::from));
    let ranges = &settings.load_balancer_source_ranges;
    add("loadBalancerSourceRanges", Some(json!(ranges)).filter(|_| !ranges.is_empty()));
    let kind = settings.type_.as_ref().map(|kind| json!(kind));
    let is_internal = kind.as_ref().is_some_and(|kind| kind == "ClusterIP");
    add("type", kind);
    set(object, json!({"metadata": metadata(&settings.labels, &settings.annotations), "spec": spec}))?;
    if is_internal && settings.external_traffic_policy.is_none() {
        // Kubernetes refuses the field where nothing comes from outside.
        set(object, json!({"spec": {"externalTrafficPolicy": null}}))?;
    }
    named(object, settings.name.as_ref(), settings.patch.as_ref())
}

fn lay_autoscaler(object: &mut Value, settings: &KubernetesHpaSpec) -> Result<(), String> {
    let mut spec = Map::new();
    spec.insert("maxReplicas".into(), settings.max_replicas.into());
    if let Some(least) = settings.min_replicas {
        spec.insert("minReplicas".into(), least.into());
    }
    if let Some(behavior) = &settings.behavior {
        spec.insert("behavior".into(), behavior.clone());
    }
    let target = json!({"type": "Utilization", "averageUtilization": 80});
    let by_cpu = || json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    spec.insert("metrics".into(), list(&settings.metrics).unwrap_or_else(by_cpu));
    set(object, json!({ "spec": spec }))?;
    named(object, settings.name.as_ref(), settings.patch.as_ref())
}

fn lay_budget(object: &mut Value, settings: &KubernetesPdbSpec) -> Result<(), String> {
    let mut spec = Map::new();
    for (name, value) in [("minAvailable", &settings.min_available), ("maxUnavailable", &settings.max_unavailable)] {
        if let Some(value) = value {
            spec.insert(name.into(), json!(value));
        }
    }
    set(object, json!({ "spec": spec }))?;
    named(object, settings.name.as_ref(), settings.patch.as_ref())
}

/// The name that an object gets, and the patch over all of it.
fn named(object: &mut Value, name: Option<&String>, patch: Option<&KubernetesPatch>) -> Result<(), String> {
    if let Some(name) = name {
        set(object, json!({"metadata": {"name": name}}))?;
    }
    let Some(patch) = patch else { return Ok(()) };
    let before = object.clone();
    match patch.type_ {
        PatchType::StrategicMerge => overlay::lay(object, &patch.value).map_err(|error| format!("patch: {error}"))?,
        PatchType::JsonMerge => overlay::json_merge(object, &patch.value),
    }
    is_the_same(&before, object).map_err(|error| format!("patch: {error}"))
}

fn set(object: &mut Value, overlay: Value) -> Result<(), String> {
    overlay::lay(object, &overlay).map_err(|error| error.to_string())
}

fn list(values: &[Value]) -> Option<Value> {
    (!values.is_empty()).then(|| values.to_vec().into())
}

fn metadata(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Value {
    json!({"labels": labels, "annotations": annotations})
}
