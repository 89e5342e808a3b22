//! Proxies that come and go: who is let in, what is told to each, and what each rejects.

use meridian_discovery::server::{Arrival, Outcome, Refusal, Rejected};
use meridian_discovery::{Node, NodeType};
use meridian_identity::SpiffeId;
use meridian_identity::mesh::Mesh;
use meridian_ir::{Name, Origin, ProxyConfig};
use meridian_translate::ProxyNode;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A proxy that is connected, for whoever shows it.
#[derive(Debug, Clone)]
pub struct Connected {
    /// Who it says it is.
    pub node: Node,
    /// The newest configuration for it.
    pub wanted: watch::Receiver<Arc<ProxyConfig>>,
    /// What it has made of what it was sent.
    pub outcome: watch::Receiver<Outcome>,
}

/// The proxies that are connected now. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Connected>>>);

impl Registry {
    /// All of them, by node id.
    #[must_use]
    pub fn all(&self) -> Vec<Connected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn insert(&self, connected: Connected) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(connected.node.id.clone(), connected);
    }

    fn remove(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// A stream of a proxy that was let in.
#[derive(Debug)]
struct Stream {
    node: Node,
    sender: watch::Sender<Arc<ProxyConfig>>,
    rejected: Vec<Rejected>,
}

/// The proxies that are connected now, as the control plane's loop knows them.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    registry: Registry,
    streams: HashMap<u64, Stream>,
    /// The stream of each node id; a proxy that comes back takes the place of itself.
    by_id: HashMap<Name, u64>,
}

impl Proxies {
    pub(crate) fn new(registry: Registry) -> Proxies {
        Proxies { registry, ..Proxies::default() }
    }

    /// Lets a proxy in. An older stream of the same proxy ends; the objects are returned that it rejected.
    pub(crate) fn arrive(&mut self, arrival: &Arrival) -> Vec<Origin> {
        let id: Name = arrival.node.id.as_str().into();
        let (sender, wanted) = watch::channel(Arc::default());
        let older = self.by_id.insert(id, arrival.stream).and_then(|older| self.streams.remove(&older));
        self.registry.insert(Connected { node: arrival.node.clone(), wanted, outcome: arrival.outcome.clone() });
        self.streams.insert(arrival.stream, Stream { node: arrival.node.clone(), sender, rejected: Vec::new() });
        older.map(|older| origins(&older.rejected)).unwrap_or_default()
    }

    /// A stream has ended. The proxy is returned, unless it has come back meanwhile, and the objects that it rejected.
    pub(crate) fn depart(&mut self, stream: u64) -> Option<(Name, Vec<Origin>)> {
        let gone = self.streams.remove(&stream)?;
        let id: Name = gone.node.id.as_str().into();
        self.by_id.remove(&id);
        self.registry.remove(&id);
        Some((id, origins(&gone.rejected)))
    }

    /// What a proxy rejects now; the objects of which something else is to be said are returned.
    pub(crate) fn reject(&mut self, stream: u64, rejected: Vec<Rejected>) -> Vec<Origin> {
        let Some(stream) = self.streams.get_mut(&stream) else { return Vec::new() };
        let before = std::mem::replace(&mut stream.rejected, rejected);
        let mut concerned = origins(&before);
        concerned.extend(origins(&stream.rejected));
        concerned
    }

    /// The configurations of a proxy.
    pub(crate) fn subscribe(&self, stream: u64) -> Option<watch::Receiver<Arc<ProxyConfig>>> {
        Some(self.streams.get(&stream)?.sender.subscribe())
    }

    /// Hands a proxy its new configuration. Whether it is one of these.
    pub(crate) fn feed(&self, id: &str, config: &Arc<ProxyConfig>) -> bool {
        let stream = self.by_id.get(id).and_then(|stream| self.streams.get(stream));
        stream.map(|stream| stream.sender.send_replace(config.clone())).is_some()
    }

    /// The proxies whose Pod has this name.
    pub(crate) fn of_pod(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Node> {
        let is_meant = move |node: &&Node| node.namespace == namespace && node.name == name;
        self.streams.values().map(|stream| &stream.node).filter(is_meant)
    }

    /// What proxies reject of an object, a line for each; `None`: nothing.
    pub(crate) fn rejections(&self, kind: &str, namespace: &str, name: &str) -> Option<String> {
        let is_meant =
            |origin: &Origin| origin.kind == kind && *origin.namespace == *namespace && *origin.name == *name;
        let mut lines: Vec<String> = Vec::new();
        for stream in self.streams.values() {
            for rejected in stream.rejected.iter().filter(|rejected| rejected.origins.iter().any(is_meant)) {
                let proxy = stream.node.proxy_id();
                lines.push(format!(
                    "Rejected by proxy {proxy}: {} {}: {}",
                    rejected.kind.short(),
                    rejected.name,
                    rejected.reason
                ));
            }
        }
        lines.sort_unstable();
        lines.dedup();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn origins(rejected: &[Rejected]) -> Vec<Origin> {
    rejected.iter().flat_map(|rejected| &rejected.origins).cloned().collect()
}

/// Whether a proxy may be who it says it is. Without TLS it may: such connections come from this machine only, whose
/// users can read all objects at the API.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn authorize(arrival: &Arrival, mesh: &Mesh) -> Result<(), Refusal> {
    if arrival.peer.is_tls { judge(&arrival.node, arrival.peer.spiffe_ids(), mesh) } else { Ok(()) }
}

/// Whether one of the identities that were found in a certificate is what the node says.
fn judge(node: &Node, found: Vec<String>, mesh: &Mesh) -> Result<(), Refusal> {
    if found.is_empty() {
        return Err(Refusal::Unauthenticated);
    }
    let is_same = |id: &SpiffeId| {
        mesh.trusts(&id.trust_domain) && id.namespace == node.namespace && id.service_account == node.service_account
    };
    if found.iter().filter_map(|id| id.parse().ok()).any(|id: SpiffeId| is_same(&id)) {
        return Ok(());
    }
    let (namespace, service_account) = (node.namespace.clone(), node.service_account.clone());
    Err(Refusal::Impersonation { namespace, service_account, found })
}

/// The proxy as it is translated for; `labels` are those of its Pod, where there is one.
pub(crate) fn translated(node: &Node, labels: Option<BTreeMap<String, String>>) -> ProxyNode {
    let labels = labels.unwrap_or_else(|| node.labels.clone());
    let (name, namespace) = (node.name.as_str(), node.namespace.as_str());
    let made = match node.node_type {
        NodeType::Router => ProxyNode::gateway(name, namespace, labels),
        NodeType::Sidecar => ProxyNode::sidecar(name, namespace, labels, Vec::new()),
    };
    let locality = if node.locality.is_empty() { made.locality.clone() } else { node.locality.as_str().into() };
    ProxyNode {
        id: node.id.as_str().into(),
        service_account: node.service_account.as_str().into(),
        ip_addresses: node.addresses.clone(),
        locality,
        dns_capture: node.dns_capture,
        ..made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_of_its_certificate_s_namespace_and_account() {
        let mut node = Node::new(NodeType::Sidecar, "sleep", "default", [10, 0, 0, 1].into());
        node.service_account = "sleeper".to_owned();
        let mesh = Mesh {
            authority: None,
            trust_domain: "cluster.local".to_owned(),
            trust_domain_aliases: vec!["old.example.com".to_owned()],
        };
        for (found, expected) in [
            (vec!["spiffe://cluster.local/ns/default/sa/sleeper"], true),
            (vec!["spiffe://old.example.com/ns/default/sa/sleeper"], true),
            (vec!["spiffe://a/b", "spiffe://cluster.local/ns/default/sa/sleeper"], true),
            (vec!["spiffe://other.example.com/ns/default/sa/sleeper"], false),
            (vec!["spiffe://cluster.local/ns/other/sa/sleeper"], false),
            (vec!["spiffe://cluster.local/ns/default/sa/sleep"], false),
            (vec!["spiffe://cluster.local/ns/default/sa/sleeper/more"], false),
            (vec![], false),
        ] {
            let judged = judge(&node, found.iter().map(|id| (*id).to_owned()).collect(), &mesh);
            assert_eq!(judged.is_ok(), expected, "{found:?}: {judged:?}");
        }
    }

    #[test]
    fn the_labels_of_the_pod_win() {
        let mut node = Node::new(NodeType::Router, "edge", "istio-system", [10, 0, 0, 1].into());
        let labels = |value: &str| BTreeMap::from([("istio".to_owned(), value.to_owned())]);
        node.labels = labels("said");
        assert_eq!(translated(&node, None).labels, labels("said"));
        let proxy = translated(&node, Some(labels("pod")));
        assert_eq!(proxy.labels, labels("pod"));
        assert_eq!((&*proxy.id, &*proxy.name), (node.id.as_str(), "edge"));
    }
}
