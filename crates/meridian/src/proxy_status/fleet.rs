//! All proxies of a control plane: those of its own process, and those that are connected to it.

use super::sync::{Progress, versions};
use meridian_control::{Connected, Registry};
use meridian_discovery::{Kind, NodeType};
use meridian_ir::ProxyConfig;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The name of the one cluster of a process without Kubernetes, which is Istio's default.
const CLUSTER: &str = "Kubernetes";

/// The types as `/debug/syncz` calls them.
const KINDS: [(&str, Kind); 4] =
    [("cluster", Kind::Cluster), ("listener", Kind::Listener), ("route", Kind::Route), ("endpoint", Kind::Endpoints)];

/// The proxies.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    /// Those of this process.
    pub(crate) local: Arc<[Progress]>,
    /// Those that are connected.
    pub(crate) registry: Registry,
}

impl Fleet {
    /// Every proxy as `/debug/syncz` of istiod shows it: for each type the version that was sent, and the one that was
    /// acknowledged. What was never sent is empty.
    pub(crate) fn syncz(&self) -> Value {
        let local = self.local.iter().map(|one| {
            let wanted = one.wanted.borrow().clone();
            let acknowledged = one.acknowledged.borrow().clone();
            shown(versions(&wanted, acknowledged.as_ref()), &one.proxy, NodeType::Router, CLUSTER)
        });
        let remote = self.registry.all();
        let remote = remote.iter().map(|one| {
            let node = &one.node;
            shown(versions_of(one), &node.proxy_id(), node.node_type, &node.cluster)
        });
        local.chain(remote).collect::<Vec<_>>().into()
    }

    /// What is wanted of the proxy `name.namespace`.
    pub(crate) fn wanted(&self, proxy: &str) -> Option<Arc<ProxyConfig>> {
        if let Some(found) = self.local.iter().find(|one| one.proxy == proxy) {
            return Some(found.wanted.borrow().clone());
        }
        let found = self.registry.all().into_iter().find(|one| one.node.proxy_id() == proxy)?;
        let wanted = found.wanted.borrow().clone();
        Some(wanted)
    }

    /// The names of all, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let local = self.local.iter().map(|one| one.proxy.clone());
        let remote = self.registry.all().into_iter().map(|one| one.node.proxy_id());
        let mut names: Vec<String> = local.chain(remote).collect();
        names.sort_unstable();
        names
    }
}

fn shown(mut versions: Map<String, Value>, proxy: &str, node_type: NodeType, cluster: &str) -> Value {
    for (field, value) in [
        ("cluster_id", cluster),
        ("proxy", proxy),
        ("proxy_type", node_type.as_str()),
        ("istio_version", env!("CARGO_PKG_VERSION")),
        ("control_plane", "meridian"),
    ] {
        versions.insert(field.to_owned(), value.into());
    }
    Value::Object(versions)
}

/// Versions of each type, of a proxy that is connected.
fn versions_of(connected: &Connected) -> Map<String, Value> {
    let outcome = connected.outcome.borrow();
    let mut shown = Map::new();
    let text = |version: u64| if version == 0 { String::new() } else { version.to_string() };
    for (name, kind) in KINDS {
        let progress = outcome.progress(kind);
        shown.insert(format!("{name}_sent"), text(progress.sent).into());
        shown.insert(format!("{name}_acked"), text(progress.acknowledged).into());
        if progress.is_rejected {
            shown.insert(format!("{name}_rejected"), true.into());
        }
    }
    // Extensions are never sent.
    for name in ["extensionconfig_sent", "extensionconfig_acked"] {
        shown.insert(name.to_owned(), "".into());
    }
    let rejected = outcome.rejected();
    if !rejected.is_empty() {
        let line =
            |one: &meridian_discovery::server::Rejected| format!("{} {}: {}", one.kind.short(), one.name, one.reason);
        shown.insert("rejected".to_owned(), rejected.iter().map(line).collect::<Vec<_>>().into());
    }
    shown
}
