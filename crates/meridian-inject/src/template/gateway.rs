//! The template `gateway`.

use super::Inputs;
use meridian_redirect::settings::PROXY_UID;
use serde_json::{Value, json};

/// The partial pod.
pub(super) fn render(inputs: &Inputs<'_>) -> Value {
    let mut proxy = inputs.proxy();
    proxy["args"] = inputs.arguments("gateway").into();
    proxy["readinessProbe"] = inputs.readiness();
    proxy["securityContext"] = json!({"runAsUser": PROXY_UID, "runAsGroup": PROXY_UID});
    let own = &inputs.settings.gateway_security_context;
    let security = match own.as_object() {
        Some(fields) if !fields.is_empty() => own.clone(),
        // Ports 80 and 443 without root.
        _ => json!({"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}),
    };
    let mut spec = json!({"securityContext": security, "containers": [proxy]});
    inputs.finish(&mut spec);
    json!({"metadata": inputs.metadata(), "spec": spec})
}
