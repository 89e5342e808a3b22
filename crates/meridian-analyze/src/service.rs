//! Port names of Services that tell no protocol.

use crate::message::{EXTERNAL_NAME_PORT_NAME, PORT_NAME_CONVENTION};
use crate::objects::Objects;
use crate::report::Report;
use meridian_resources::Meta;
use meridian_resources::core::Protocol as Transport;
use meridian_resources::core::service::{ServicePort, ServiceType};
use meridian_resources::istio::protocol::Protocol;

pub(crate) fn analyze(objects: &Objects, report: &mut Report<'_>) {
    for service in objects.services.values().filter(|service| !is_exempt(&service.meta)) {
        for (index, port) in service.spec.ports.iter().enumerate() {
            let field = format!("spec.ports[{index}].name");
            let is_alias = service.spec.type_ == ServiceType::ExternalName;
            if is_alias && (port.name == "tcp" || !tells_protocol(port)) {
                let text = "Port name for ExternalName service is invalid. Proxy may prevent tcp named ports and unmatched \
                            traffic for ports serving TCP protocol from being forwarded correctly";
                report.about(service, &field, EXTERNAL_NAME_PORT_NAME, text);
            } else if !tells_protocol(port) {
                let target = port.target_port.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
                let text = format!(
                    "Port name {} (port: {}, targetPort: {target}) doesn't follow the naming convention of Istio port.",
                    port.name, port.port
                );
                report.about(service, &field, PORT_NAME_CONVENTION, text);
            }
        }
    }
}

/// Services that no user wrote: of system namespaces, of the control plane, of gateways that a controller manages.
fn is_exempt(meta: &Meta) -> bool {
    const SYSTEM: [&str; 4] = ["istio-system", "kube-node-lease", "kube-public", "kube-system"];
    SYSTEM.contains(&&*meta.namespace)
        || meta.labels.contains_key("operator.istio.io/component")
        || meta.labels.contains_key("gateway.istio.io/managed")
}

/// Whether the protocol is known without looking at the bytes: by `appProtocol`, by the name, or by the port.
fn tells_protocol(port: &ServicePort) -> bool {
    const SERVER_FIRST: [i32; 4] = [25, 53, 3306, 27017];
    let by_name = |name: &str| {
        let prefix = name.split('-').next().unwrap_or_default();
        Protocol::parse(prefix).is_some() || name.to_ascii_lowercase().starts_with("grpc-web")
    };
    let app = port.app_protocol.as_deref().unwrap_or_default();
    port.protocol == Transport::Udp
        || matches!(app, "kubernetes.io/h2c" | "kubernetes.io/ws" | "kubernetes.io/wss")
        || by_name(app)
        || by_name(&port.name)
        || SERVER_FIRST.contains(&port.port)
}
