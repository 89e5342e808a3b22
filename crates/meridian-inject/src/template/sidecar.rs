//! The template `sidecar`.

use super::Inputs;
use crate::{INIT_CONTAINER, pod};
use meridian_redirect::settings::{INBOUND_PORT, OUTBOUND_PORT, PROXY_UID};
use serde_json::{Value, json};

/// The partial pod.
pub(super) fn render(inputs: &Inputs<'_>) -> Value {
    let native = inputs.own.native;
    let mut metadata = inputs.metadata();
    let mode = pod::label(inputs.pod, "security.istio.io/tlsMode").unwrap_or("istio");
    metadata["labels"]["security.istio.io/tlsMode"] = mode.into();
    let (mut first, mut beside) = (Vec::new(), Vec::new());
    if inputs.own.capture {
        first.push(init(inputs));
    }
    let mut proxy = proxy(inputs);
    if native {
        proxy["restartPolicy"] = "Always".into();
        first.push(proxy);
    } else {
        beside.push(proxy);
    }
    let mut spec = json!({"initContainers": first, "containers": beside});
    inputs.finish(&mut spec);
    json!({"metadata": metadata, "spec": spec})
}

/// `istio-init`: sets the kernel's rules and ends.
fn init(inputs: &Inputs<'_>) -> Value {
    let images = &inputs.settings.images;
    let mut init = json!({
        "name": INIT_CONTAINER,
        "image": inputs.own.image.clone().unwrap_or_else(|| images.reference(&images.init)),
        "args": redirect(inputs),
        "resources": inputs.resources(),
        "securityContext": {
            "allowPrivilegeEscalation": inputs.settings.privileged,
            "privileged": inputs.settings.privileged,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": false,
            "runAsGroup": 0,
            "runAsNonRoot": false,
            "runAsUser": 0,
        },
    });
    confine(inputs, &mut init);
    let metadata = &inputs.own.proxy.metadata;
    if !metadata.is_empty() {
        init["env"] = metadata.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    }
    if !images.pull_policy.is_empty() {
        init["imagePullPolicy"] = images.pull_policy.as_str().into();
    }
    init
}

/// `meridian redirect apply` with the options of `istio-iptables`.
fn redirect(inputs: &Inputs<'_>) -> Vec<String> {
    let capture = &inputs.settings.capture;
    let traffic = |name: &str| pod::annotation(inputs.pod, &format!("traffic.sidecar.istio.io/{name}"));
    let or = |name: &str, setting: &str| traffic(name).unwrap_or(setting).to_owned();
    let mut arguments = vec!["redirect".to_owned(), "apply".to_owned()];
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    option("-p", OUTBOUND_PORT.to_string());
    option("-z", INBOUND_PORT.to_string());
    option("-u", PROXY_UID.to_string());
    option("-m", "REDIRECT".to_owned());
    option("-i", or("includeOutboundIPRanges", &capture.include_ip_ranges));
    option("-x", or("excludeOutboundIPRanges", &capture.exclude_ip_ranges));
    option("-b", or("includeInboundPorts", &capture.include_inbound_ports));
    let excluded = or("excludeInboundPorts", &capture.exclude_inbound_ports);
    option("-d", own_ports(inputs.own.status_port, &excluded));
    for (name, flag, setting) in [
        ("includeOutboundPorts", "-q", &capture.include_outbound_ports),
        ("excludeOutboundPorts", "-o", &capture.exclude_outbound_ports),
    ] {
        if traffic(name).is_some() || !setting.is_empty() {
            option(flag, or(name, setting));
        }
    }
    let rerouted = pod::annotation(inputs.pod, "istio.io/reroute-virtual-interfaces");
    if let Some(interfaces) = rerouted.or_else(|| traffic("kubevirtInterfaces")) {
        option("-k", interfaces.to_owned());
    }
    if let Some(interfaces) = traffic("excludeInterfaces") {
        option("-c", interfaces.to_owned());
    }
    if inputs.own.proxy.captures_dns() {
        arguments.push("--redirect-dns".to_owned());
    }
    arguments
}

/// The ports on which nothing is captured: the sidecar's own, what the user wants, and the one for probes.
fn own_ports(status: u16, excluded: &str) -> String {
    let status = (status != 0).then(|| status.to_string());
    let mut ports = vec!["15090".to_owned(), "15021".to_owned()];
    ports.extend(excluded.split(',').map(str::trim).filter(|port| !port.is_empty()).map(str::to_owned));
    ports.extend(status.filter(|status| !ports.contains(status)));
    ports.join(",")
}

/// `istio-proxy`.
fn proxy(inputs: &Inputs<'_>) -> Value {
    let own = inputs.own;
    let mut proxy = inputs.proxy();
    let mut arguments = inputs.arguments("sidecar");
    if own.status_port != 0 {
        arguments.push(format!("--status-port={}", own.status_port));
        if let Some(failures) = own.readiness.startup {
            proxy["startupProbe"] = json!({
                "httpGet": {"path": "/healthz/ready", "port": 15021},
                "initialDelaySeconds": 0,
                "periodSeconds": 1,
                "timeoutSeconds": 3,
                "failureThreshold": failures,
            });
        }
        proxy["readinessProbe"] = inputs.readiness();
    }
    proxy["args"] = arguments.into();
    if proxy.get("lifecycle").is_none() && holds_application(inputs) && !own.native {
        proxy["lifecycle"] = json!({"postStart": {"exec": {"command": ["meridian", "wait"]}}});
    }
    proxy["securityContext"] = security(inputs);
    confine(inputs, &mut proxy);
    proxy
}

/// Whether the workload's containers begin when the proxy is ready. A proxy that is an init container always is by then.
pub(crate) fn holds_application(inputs: &Inputs<'_>) -> bool {
    inputs.own.proxy.hold_application.unwrap_or(false) || inputs.settings.hold_application
}

/// As little as the proxy needs: a user of its own, from whom the rules tell its connections.
fn security(inputs: &Inputs<'_>) -> Value {
    let mut security = json!({
        "allowPrivilegeEscalation": inputs.settings.privileged,
        "capabilities": {"drop": ["ALL"]},
        "privileged": inputs.settings.privileged,
        "readOnlyRootFilesystem": true,
        "runAsGroup": PROXY_UID,
        "runAsNonRoot": true,
        "runAsUser": PROXY_UID,
    });
    if inputs.own.low_ports {
        security["capabilities"]["add"] = json!(["NET_BIND_SERVICE"]);
        security["runAsNonRoot"] = false.into();
        security["runAsUser"] = 0.into();
    }
    security
}

fn confine(inputs: &Inputs<'_>, container: &mut Value) {
    if inputs.settings.seccomp.as_object().is_some_and(|profile| !profile.is_empty()) {
        container["securityContext"]["seccompProfile"] = inputs.settings.seccomp.clone();
    }
}
