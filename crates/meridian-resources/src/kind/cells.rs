//! The cells of `kubectl get`, as the Kubernetes API server prints them.

use std::collections::BTreeMap;

use serde_json::Value;

const NONE: &str = "<none>";
/// As many endpoints are listed before "+ N more...".
const MOST_LISTED: usize = 3;

/// The value at a JSON pointer as a custom resource's column shows it: text as it is, anything else as JSON, nothing
/// when absent.
pub(crate) fn json_path(object: &Value, pointer: &str) -> Value {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Value::Null,
        Some(Value::String(text)) => text.as_str().into(),
        Some(other) => other.to_string().into(),
    }
}

/// The status of a condition as a custom resource's column shows it; nothing when there is no such condition.
pub(crate) fn condition(object: &Value, type_: &str) -> Value {
    let found = list(object, "/status/conditions").find(|condition| text(condition, "/type") == Some(type_));
    found.map_or(Value::Null, |condition| json_path(condition, "/status"))
}

/// The text at a JSON pointer, or a substitute when it is absent or empty.
pub(crate) fn text_or(object: &Value, pointer: &str, substitute: &str) -> Value {
    text(object, pointer).unwrap_or(substitute).into()
}

/// How many entries the maps at these pointers have together.
pub(crate) fn count(object: &Value, pointers: &[&str]) -> Value {
    let maps = pointers.iter().filter_map(|pointer| object.pointer(pointer)?.as_object());
    maps.map(serde_json::Map::len).sum::<usize>().into()
}

pub(crate) fn service_cluster_ip(service: &Value) -> Value {
    text(service, "/spec/clusterIP").or_else(|| text(service, "/spec/clusterIPs/0")).unwrap_or(NONE).into()
}

pub(crate) fn service_external_ip(service: &Value) -> Value {
    let external = texts(service, "/spec/externalIPs").collect::<Vec<_>>().join(",");
    match text(service, "/spec/type").unwrap_or("ClusterIP") {
        "ExternalName" => text_or(service, "/spec/externalName", ""),
        "LoadBalancer" => {
            let ingress = list(service, "/status/loadBalancer/ingress");
            let mut addresses: Vec<&str> =
                ingress.filter_map(|entry| text(entry, "/ip").or_else(|| text(entry, "/hostname"))).collect();
            if !external.is_empty() {
                addresses.push(&external);
            }
            if addresses.is_empty() { "<pending>".into() } else { addresses.join(",").into() }
        }
        _ if external.is_empty() => NONE.into(),
        _ => external.into(),
    }
}

pub(crate) fn service_ports(service: &Value) -> Value {
    let ports = list(service, "/spec/ports").map(|port| {
        let number = port.get("port").unwrap_or(&Value::Null);
        let protocol = text(port, "/protocol").unwrap_or("TCP");
        match port.get("nodePort").and_then(Value::as_i64).filter(|node_port| *node_port > 0) {
            Some(node_port) => format!("{number}:{node_port}/{protocol}"),
            None => format!("{number}/{protocol}"),
        }
    });
    joined(ports.collect(), NONE)
}

pub(crate) fn service_selector(service: &Value) -> Value {
    let labels = service.pointer("/spec/selector").and_then(Value::as_object).into_iter().flatten();
    let sorted: BTreeMap<_, _> = labels.collect();
    joined(sorted.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect(), NONE)
}

pub(crate) fn endpoints(endpoints: &Value) -> Value {
    let mut all = Vec::new();
    for subset in list(endpoints, "/subsets") {
        let addresses = || list(subset, "/addresses").filter_map(|address| text(address, "/ip"));
        let mut ports = list(subset, "/ports").peekable();
        if ports.peek().is_none() {
            // A headless Service may have no ports.
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            let number = port.get("port").unwrap_or(&Value::Null);
            all.extend(
                addresses()
                    .map(|ip| if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") }),
            );
        }
    }
    shortened(all, NONE)
}

pub(crate) fn endpoint_slice_ports(slice: &Value) -> Value {
    let number = |port: &Value| match port.get("port") {
        None | Some(Value::Null) => "*".to_owned(),
        Some(number) => number.to_string(),
    };
    shortened(list(slice, "/ports").map(number).collect(), "<unset>")
}

pub(crate) fn endpoint_slice_endpoints(slice: &Value) -> Value {
    let addresses = list(slice, "/endpoints").flat_map(|endpoint| texts(endpoint, "/addresses"));
    shortened(addresses.map(str::to_owned).collect(), "<unset>")
}

pub(crate) fn pod_ready(pod: &Value) -> Value {
    let ready = list(pod, "/status/containerStatuses").filter(|status| status.get("ready") == Some(&Value::Bool(true)));
    format!("{}/{}", ready.count(), list(pod, "/spec/containers").count()).into()
}

/// The pod's phase, or what keeps a container from running.
pub(crate) fn pod_status(pod: &Value) -> Value {
    if pod.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        return "Terminating".into();
    }
    let mut reason = text(pod, "/status/reason").or_else(|| text(pod, "/status/phase")).unwrap_or("").to_owned();
    let mut running = false;
    let statuses: Vec<&Value> = list(pod, "/status/containerStatuses").collect();
    for status in statuses.into_iter().rev() {
        if let Some(stopped) = stopped_reason(status) {
            reason = stopped;
        } else if status.get("ready") == Some(&Value::Bool(true)) && status.pointer("/state/running").is_some() {
            running = true;
        }
    }
    if reason == "Completed" && running {
        reason = if has_condition(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
    }
    reason.into()
}

/// The hosts of an Ingress's rules; `*` when none has one.
pub(crate) fn ingress_hosts(ingress: &Value) -> Value {
    shortened(list(ingress, "/spec/rules").filter_map(|rule| text(rule, "/host")).map(str::to_owned).collect(), "*")
}

/// Where an Ingress's load balancer is reached.
pub(crate) fn ingress_address(ingress: &Value) -> Value {
    let entries = list(ingress, "/status/loadBalancer/ingress");
    let addresses: Vec<&str> =
        entries.filter_map(|entry| text(entry, "/ip").or_else(|| text(entry, "/hostname"))).collect();
    addresses.join(",").into()
}

/// 443 besides 80 where an Ingress has certificates.
pub(crate) fn ingress_ports(ingress: &Value) -> Value {
    if list(ingress, "/spec/tls").next().is_some() { "80, 443".into() } else { "80".into() }
}

/// `Kind.group/name` of an IngressClass's parameters.
pub(crate) fn ingress_class_parameters(class: &Value) -> Value {
    let Some(parameters) = class.pointer("/spec/parameters").filter(|value| value.is_object()) else {
        return NONE.into();
    };
    let part = |pointer: &str| text(parameters, pointer).unwrap_or_default();
    let group = text(parameters, "/apiGroup").map(|group| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}", part("/kind"), part("/name")).into()
}

/// Why a container does not run, when it says so.
fn stopped_reason(status: &Value) -> Option<String> {
    let said = text(status, "/state/waiting/reason").or_else(|| text(status, "/state/terminated/reason"));
    if let Some(reason) = said {
        return Some(reason.to_owned());
    }
    let terminated = status.pointer("/state/terminated").filter(|state| state.is_object())?;
    let number = |name: &str| terminated.get(name).and_then(Value::as_i64).unwrap_or(0);
    Some(match number("signal") {
        0 => format!("ExitCode:{}", number("exitCode")),
        signal => format!("Signal:{signal}"),
    })
}

pub(crate) fn pod_restarts(pod: &Value) -> Value {
    let counts = list(pod, "/status/containerStatuses").filter_map(|status| status.get("restartCount")?.as_i64());
    counts.sum::<i64>().to_string().into()
}

/// How many of the readiness gates are open, of how many.
pub(crate) fn pod_readiness_gates(pod: &Value) -> Value {
    let gates: Vec<&str> = list(pod, "/spec/readinessGates").filter_map(|gate| text(gate, "/conditionType")).collect();
    if gates.is_empty() {
        return NONE.into();
    }
    let open = gates.iter().filter(|gate| has_condition(pod, gate));
    format!("{}/{}", open.count(), gates.len()).into()
}

fn has_condition(object: &Value, type_: &str) -> bool {
    list(object, "/status/conditions")
        .any(|condition| text(condition, "/type") == Some(type_) && text(condition, "/status") == Some("True"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn texts<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    list(value, pointer).filter_map(Value::as_str)
}

fn joined(items: Vec<String>, empty: &str) -> Value {
    if items.is_empty() { empty.into() } else { items.join(",").into() }
}

fn shortened(mut items: Vec<String>, empty: &str) -> Value {
    let more = items.len().saturating_sub(MOST_LISTED);
    items.truncate(MOST_LISTED);
    match (more, joined(items, empty)) {
        (1.., Value::String(listed)) => format!("{listed} + {more} more...").into(),
        (_, cell) => cell,
    }
}
