//! Sidecars: which of them is about a proxy, and what is to be said of each.

use crate::condition::{Finding, Topic};
use crate::istio::server_tls;
use crate::key::{Age, Key};
use crate::mesh::MeshConfig;
use crate::proxy::node::{ProxyKind, ProxyNode, selects};
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::istio::gateway::ServerTlsMode;
use meridian_resources::istio::sidecar::{EgressListener, IngressListener};
use meridian_resources::istio::{Protocol, Sidecar};
use std::sync::Arc;

/// The one that is about `node`: the oldest that selects its labels, else the oldest of its namespace without a selector,
/// else the oldest of the root namespace without one.
pub(crate) fn for_node<'r>(
    resources: &'r Resources,
    node: &ProxyNode,
    mesh: &MeshConfig,
) -> Option<&'r Arc<Object<Sidecar>>> {
    let oldest = |namespace: &Name, wanted: &dyn Fn(&Sidecar) -> bool| {
        let of_namespace = resources.sidecars.values().filter(|object| object.meta.namespace == *namespace);
        of_namespace.filter(|object| wanted(&object.spec)).min_by_key(|object| Age::of(&object.meta))
    };
    let selecting = |sidecar: &Sidecar| {
        sidecar.workload_selector.as_ref().is_some_and(|selector| selects(&selector.labels, &node.labels))
    };
    let general = |sidecar: &Sidecar| sidecar.workload_selector.is_none();
    oldest(&node.namespace, &selecting)
        .or_else(|| oldest(&node.namespace, &general))
        .or_else(|| oldest(&mesh.root_namespace, &general))
}

/// Why a part of `egress` is not served; `None` when it is.
pub(crate) fn unsupported(listener: &EgressListener) -> Option<(&'static str, String)> {
    if listener.bind.starts_with("unix://") {
        return Some(("bind", format!("{:?}: Unix sockets are not supported", listener.bind)));
    }
    let port = listener.port.as_ref()?;
    if Protocol::parse(&port.protocol) == Some(Protocol::HttpProxy) {
        return Some(("port.protocol", "HTTP_PROXY is not supported: name the services' own ports".to_owned()));
    }
    None
}

/// What is to be said of a listener of what comes to the workload.
fn ingress_findings(listener: &IngressListener, path: &str, mesh: &MeshConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    if listener.default_endpoint.starts_with("unix://") {
        let message = format!(
            "{:?}: Unix sockets are not supported; connections to this port are closed",
            listener.default_endpoint
        );
        findings.push(Finding::at(Topic::Unsupported, &format!("{path}.defaultEndpoint"), message));
    }
    if let Some(tls) = listener.tls.as_ref().filter(|tls| tls.mode != ServerTlsMode::Passthrough) {
        findings.extend(server_tls::of_sidecar(tls, &format!("{path}.tls"), mesh).1);
    }
    findings
}

/// What is to be said of a Sidecar, with these proxies.
pub(crate) fn findings<'p>(
    object: &Object<Sidecar>,
    resources: &Resources,
    mesh: &MeshConfig,
    proxies: impl Iterator<Item = &'p ProxyNode>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = (object.spec.egress.iter().enumerate())
        .filter_map(|(index, listener)| {
            let (field, message) = unsupported(listener)?;
            let path = format!("spec.egress[{index}].{field}");
            Some(Finding::at(Topic::Unsupported, &path, format!("{message}; this listener is left out")))
        })
        .collect();
    for (index, listener) in object.spec.ingress.iter().enumerate() {
        findings.extend(ingress_findings(listener, &format!("spec.ingress[{index}]"), mesh));
    }
    let key = Key::of(&object.meta);
    let mut used = false;
    let mut winners: Vec<Key> = Vec::new();
    for node in proxies.filter(|node| node.kind == ProxyKind::Sidecar && is_about(object, node, mesh)) {
        match for_node(resources, node, mesh).map(|winner| Key::of(&winner.meta)) {
            Some(winner) if winner != key && !winners.contains(&winner) => winners.push(winner),
            Some(winner) => used |= winner == key,
            None => {}
        }
    }
    if !used {
        let names: Vec<String> = winners.iter().map(|winner| winner.to_string()).collect();
        let message = match &names[..] {
            [] => {
                "is about no sidecar that is connected: none of them is in this namespace with these labels".to_owned()
            }
            names => format!(
                "has no effect: Sidecar {} is about the same workloads, and is older or selects them by labels; only one \
                 counts",
                names.join(", ")
            ),
        };
        let topic = if names.is_empty() { Topic::NotProgrammed } else { Topic::Conflicted };
        findings.push(Finding::at(topic, "spec.workloadSelector", message));
    }
    findings
}

/// Whether a Sidecar could be the one of `node`.
fn is_about(object: &Object<Sidecar>, node: &ProxyNode, mesh: &MeshConfig) -> bool {
    let namespace = &object.meta.namespace;
    match &object.spec.workload_selector {
        Some(selector) => *namespace == node.namespace && selects(&selector.labels, &node.labels),
        None => *namespace == node.namespace || *namespace == mesh.root_namespace,
    }
}
