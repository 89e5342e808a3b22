//! PeerAuthentications: which of them speak for a workload, and what they add up to.

use crate::condition::{Finding, Topic};
use crate::key::{Age, Key};
use crate::proxy::node::selects;
use meridian_ir::Name;
use meridian_resources::istio::PeerAuthentication;
use meridian_resources::istio::peer_authentication::{MutualTls, MutualTlsMode};
use meridian_resources::{Object, StringMap};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Which connections a port of a workload takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// All as they are; nothing is terminated.
    Disable,
    /// Mutual TLS of the mesh, and everything else. Istio's default.
    Permissive,
    /// Mutual TLS of the mesh only.
    Strict,
}

/// The modes of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Modes {
    /// Of the ports that are not in `ports`.
    pub(crate) general: Mode,
    /// By the workload's own ports.
    pub(crate) ports: BTreeMap<u16, Mode>,
}

impl Modes {
    /// The mode of a port of the workload.
    pub(crate) fn of_port(&self, port: u16) -> Mode {
        self.ports.get(&port).copied().unwrap_or(self.general)
    }
}

/// All PeerAuthentications, by namespace and oldest first.
#[derive(Debug, Default)]
pub(crate) struct PeerAuthentications {
    by_namespace: HashMap<Name, BTreeMap<Age, Arc<Object<PeerAuthentication>>>>,
}

impl PeerAuthentications {
    /// Adds an object, or puts it in the place of the one with its name; whether something is different now.
    pub(crate) fn put(&mut self, object: Arc<Object<PeerAuthentication>>) -> bool {
        let key = Key::of(&object.meta);
        if let Some(before) = self.get(&key)
            && before.spec == object.spec
            && Age::of(&before.meta) == Age::of(&object.meta)
        {
            return false;
        }
        self.remove(&key);
        self.by_namespace.entry(key.namespace).or_default().insert(Age::of(&object.meta), object);
        true
    }

    /// Removes an object; whether it was there.
    pub(crate) fn remove(&mut self, key: &Key) -> bool {
        let Some(objects) = self.by_namespace.get_mut(&key.namespace) else { return false };
        let count = objects.len();
        objects.retain(|age, _| !age.is_of(key));
        let removed = objects.len() < count;
        if objects.is_empty() {
            self.by_namespace.remove(&key.namespace);
        }
        removed
    }

    /// The object of this name.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object<PeerAuthentication>>> {
        let objects = self.by_namespace.get(&key.namespace)?;
        objects.iter().find(|(age, _)| age.is_of(key)).map(|(_, object)| object)
    }

    /// Objects of a namespace, oldest first.
    pub(crate) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Object<PeerAuthentication>>> {
        self.by_namespace.get(namespace).into_iter().flat_map(BTreeMap::values)
    }

    /// What the workload with `labels` in `namespace` takes: the oldest object of each scope counts, and what a
    /// narrower scope leaves unset the next wider one says (Istio's `ComposePeerAuthentication`).
    pub(crate) fn modes(&self, root_namespace: &str, namespace: &str, labels: &StringMap) -> Modes {
        let (general, of_workload) = self.general(root_namespace, namespace, Some(labels));
        let ports = of_workload.into_iter().flat_map(|object| &object.spec.port_level_mtls);
        Modes { general, ports: ports.map(|(port, settings)| (*port, mode(Some(*settings), general))).collect() }
    }

    /// The mode of one port of a workload; without labels that of its namespace.
    pub(crate) fn mode(&self, root_namespace: &str, namespace: &str, labels: Option<&StringMap>, port: u16) -> Mode {
        if self.by_namespace.is_empty() {
            return Mode::Permissive;
        }
        let (general, of_workload) = self.general(root_namespace, namespace, labels);
        let of_port = of_workload.and_then(|object| object.spec.port_level_mtls.get(&port));
        of_port.map_or(general, |settings| mode(Some(*settings), general))
    }

    /// The mode of ports that have none of their own, and the object that may give them one.
    fn general(
        &self,
        root_namespace: &str,
        namespace: &str,
        labels: Option<&StringMap>,
    ) -> (Mode, Option<&Arc<Object<PeerAuthentication>>>) {
        let general = |namespace: &str| self.in_namespace(namespace).find(|object| !object.spec.is_selective());
        let of_mesh = general(root_namespace);
        let of_namespace = general(namespace).filter(|_| namespace != root_namespace);
        let selecting = |object: &&Arc<Object<PeerAuthentication>>| {
            let wanted = object.spec.selector.as_ref().map(|selector| &selector.match_labels);
            let wanted = wanted.filter(|wanted| !wanted.is_empty());
            wanted.zip(labels).is_some_and(|(wanted, labels)| selects(wanted, labels))
        };
        let of_workload = self.in_namespace(namespace).find(selecting).filter(|_| namespace != root_namespace);
        let layers = [of_mesh, of_namespace, of_workload].into_iter().flatten();
        (layers.fold(Mode::Permissive, |parent, object| mode(object.spec.mtls, parent)), of_workload)
    }

    /// What is to be said of an object because of others and because of where it is.
    pub(crate) fn findings(&self, key: &Key, root_namespace: &str) -> Vec<Finding> {
        let Some(object) = self.get(key) else { return Vec::new() };
        if *key.namespace == *root_namespace && object.spec.is_selective() {
            let message = format!(
                "has no effect in the root namespace {root_namespace}, as in Istio: objects there are about the whole \
                 mesh; write it in the namespace of the workloads, or leave the selector out"
            );
            return vec![Finding::at(Topic::Unsupported, "spec.selector", message)];
        }
        let labels = |object: &Object<PeerAuthentication>| {
            object.spec.selector.as_ref().map(|selector| selector.match_labels.clone()).unwrap_or_default()
        };
        let own = labels(object);
        let older = self.in_namespace(&key.namespace).take_while(|older| older.meta.name != object.meta.name);
        // What an older one selects with fewer labels, it selects too.
        let covers = |older: &StringMap| older.is_empty() == own.is_empty() && selects(older, &own);
        let rival = older.into_iter().find(|older| covers(&labels(older)));
        let conflict = rival.map(|rival| {
            let scope = match (own.is_empty(), *key.namespace == *root_namespace) {
                (false, _) => "all of these workloads",
                (true, true) => "the mesh",
                (true, false) => "the namespace",
            };
            let message = format!(
                "has no effect: PeerAuthentication {} is older and about {scope} too; only the oldest counts",
                Key::of(&rival.meta)
            );
            Finding::at(Topic::Conflicted, "spec.selector", message)
        });
        conflict.into_iter().collect()
    }
}

/// The mode that `settings` ask for; what they leave unset is `parent`.
fn mode(settings: Option<MutualTls>, parent: Mode) -> Mode {
    match settings.unwrap_or_default().mode {
        MutualTlsMode::Unset => parent,
        MutualTlsMode::Disable => Mode::Disable,
        MutualTlsMode::Permissive => Mode::Permissive,
        MutualTlsMode::Strict => Mode::Strict,
    }
}

#[cfg(test)]
mod tests;
