//! The kubelet's probes of the workload, led to the sidecar, which asks the workload from within the pod: with strict mutual
//! TLS the kubelet could not, and with captured ports it would ask the sidecar.
//!
//! A probe of a container goes to `/app-health/CONTAINER/{readyz,livez,startupz}` on the sidecar's status port, a hook to
//! `/app-lifecycle/CONTAINER/{prestopz,poststartz}`; what is asked for then is in the proxy's environment.

use crate::{PROXY_CONTAINER, pod};
use serde_json::{Map, Value, json};

#[cfg(test)]
mod tests;

/// The environment variable with what each path stands for, as JSON.
pub const VARIABLE: &str = "ISTIO_KUBE_APP_PROBERS";

/// Where probes and hooks are in a container, and what their paths begin and end with.
const PLACES: [(&str, &str, &str); 5] = [
    ("/readinessProbe", "app-health", "readyz"),
    ("/livenessProbe", "app-health", "livez"),
    ("/startupProbe", "app-health", "startupz"),
    ("/lifecycle/preStop", "app-lifecycle", "prestopz"),
    ("/lifecycle/postStart", "app-lifecycle", "poststartz"),
];

/// Leads the probes of all other containers to the proxy. A probe of a port by a name that the container does not have
/// is left, and told.
pub(crate) fn rewrite(target: &mut Value, status_port: u16) -> Vec<String> {
    let (mut probers, mut warnings) = (Map::new(), Vec::new());
    for field in ["initContainers", "containers"] {
        if pod::list(target, field).is_empty() {
            continue;
        }
        for container in pod::list_mut(target, field).iter_mut().filter(|item| pod::name(item) != PROXY_CONTAINER) {
            let name = pod::name(container).to_owned();
            let ports = named_ports(container);
            for (place, prefix, suffix) in PLACES {
                let Some(probe) = container.pointer_mut(place).filter(|probe| probe.is_object()) else { continue };
                let path = format!("/{prefix}/{name}/{suffix}");
                match lead(probe, &path, status_port, &ports) {
                    Ok(Some(prober)) => _ = probers.insert(path, prober),
                    Ok(None) => {}
                    Err(port) => warnings.push(format!(
                        "container {name}: {}: port {port:?} is none of its ports by name; the probe stays as it is",
                        &place[1..].replace('/', ".")
                    )),
                }
            }
        }
    }
    if !probers.is_empty()
        && let Some(proxy) = pod::container_mut(target, PROXY_CONTAINER)
    {
        let variables = pod::items(proxy, "env");
        variables.retain(|variable| pod::name(variable) != VARIABLE);
        variables.push(json!({"name": VARIABLE, "value": Value::from(probers).to_string()}));
    }
    warnings
}

/// The container's ports by name.
fn named_ports(container: &Value) -> Vec<(String, Value)> {
    let ports = container.get("ports").and_then(Value::as_array).into_iter().flatten();
    ports
        .filter_map(|port| Some((port.get("name")?.as_str()?.to_owned(), port.get("containerPort")?.clone())))
        .collect()
}

/// Leads one probe to the sidecar and returns what it asked for; nothing for a command, or one that goes there already.
///
/// # Errors
/// The name of a port that there is not.
fn lead(probe: &mut Value, path: &str, status_port: u16, ports: &[(String, Value)]) -> Result<Option<Value>, String> {
    let Some(kind) = ["httpGet", "tcpSocket", "grpc"].into_iter().find(|kind| probe.get(kind).is_some()) else {
        return Ok(None);
    };
    let mut action = probe[kind].clone();
    if let Some(name) = action.get("port").and_then(Value::as_str) {
        let port = ports.iter().find(|(known, _)| known == name).map(|(_, port)| port.clone());
        // A number in quotes is a number.
        let port = port.or_else(|| name.parse::<u16>().ok().map(Value::from));
        action["port"] = port.ok_or_else(|| name.to_owned())?;
    }
    if action.get("port").and_then(Value::as_u64) == Some(u64::from(status_port)) {
        return Ok(None);
    }
    let mut led = probe.get("httpGet").cloned().unwrap_or_else(|| json!({}));
    led["path"] = path.into();
    led["port"] = status_port.into();
    // The kubelet asks the sidecar in plaintext, which asks the workload as it was said.
    if led.get("scheme").is_some_and(|scheme| scheme == "HTTPS") {
        led["scheme"] = "HTTP".into();
    }
    let mut prober = json!({});
    prober[kind] = action;
    if let Some(timeout) = probe.get("timeoutSeconds") {
        prober["timeoutSeconds"] = timeout.clone();
    }
    if let Some(fields) = probe.as_object_mut() {
        fields.remove(kind);
        fields.insert("httpGet".into(), led);
    }
    Ok(Some(prober))
}
