//! Whom workloads are to trust: ConfigMap `istio-ca-root-cert` in every namespace, as Istio distributes it.

use crate::cluster::{Cluster, ClusterError};
use meridian_resources::core::{config_map, namespace};
use meridian_resources::{ObjectRef, Resource};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The name of the ConfigMaps.
const NAME: &str = "istio-ca-root-cert";

/// The key in them.
const KEY: &str = "root-cert.pem";

/// The pauses before what failed is tried again: the first, doubled up to the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];

/// Keeps the ConfigMaps at the roots of the mesh's authority: knows what each namespace has, and has a task write what
/// it lacks.
pub(crate) struct RootCertificates {
    /// The namespaces that are not on their way out.
    namespaces: HashMap<Arc<str>, Distributed>,
    /// The roots in ConfigMaps of namespaces that are not known yet.
    early: HashMap<Arc<str>, String>,
    queue: Arc<Queue>,
}

/// What is known of one namespace.
#[derive(Debug, Default)]
struct Distributed {
    /// The roots that its ConfigMap has; `None`: it has none.
    roots: Option<String>,
    /// Others have been queued since.
    queued: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<BTreeMap<Arc<str>, Arc<str>>>,
    filled: Notify,
}

impl RootCertificates {
    /// Starts the task that writes, on the current runtime.
    pub(crate) fn spawn(cluster: Cluster) -> Self {
        let queue = Arc::new(Queue::default());
        tokio::spawn(drain(cluster, queue.clone()));
        Self { namespaces: HashMap::new(), early: HashMap::new(), queue }
    }

    /// Takes in a Namespace, or a ConfigMap of that name.
    pub(crate) fn put(&mut self, resource: &Resource) {
        match resource {
            Resource::Namespace(namespace) => {
                let name = &namespace.meta.name;
                if namespace.meta.deletion_timestamp.is_empty() {
                    let early = self.early.remove(name);
                    let known = self.namespaces.entry(name.clone()).or_default();
                    known.roots = early.or_else(|| known.roots.take());
                } else {
                    self.namespaces.remove(name);
                }
            }
            Resource::ConfigMap(map) if &*map.meta.name == NAME => {
                let roots = map.spec.data.get(KEY).cloned().unwrap_or_default();
                match self.namespaces.get_mut(&map.meta.namespace) {
                    Some(known) => *known = Distributed { roots: Some(roots), queued: false },
                    None => {
                        self.early.insert(map.meta.namespace.clone(), roots);
                    }
                }
            }
            _ => {}
        }
    }

    /// Forgets an object.
    pub(crate) fn forget(&mut self, object: &ObjectRef) {
        if *object.kind == namespace::KIND {
            self.namespaces.remove(&object.name);
        } else if *object.kind == config_map::KIND
            && &*object.name == NAME
            && let Some(namespace) = &object.namespace
        {
            self.early.remove(namespace);
            if let Some(known) = self.namespaces.get_mut(namespace) {
                *known = Distributed::default();
            }
        }
    }

    /// What was queued by a control plane that did not lead has not been written.
    pub(crate) fn start_over(&mut self) {
        self.namespaces.values_mut().for_each(|known| known.queued = false);
    }

    /// Has the ConfigMaps written that say something else than `roots`.
    pub(crate) fn write(&mut self, roots: &str) {
        let lacking = |known: &Distributed| !known.queued && known.roots.as_deref() != Some(roots);
        let lacking = self.namespaces.iter_mut().filter(|(_, known)| lacking(known));
        let roots: Arc<str> = roots.into();
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (namespace, known) in lacking {
            known.queued = true;
            waiting.insert(namespace.clone(), roots.clone());
        }
        if !waiting.is_empty() {
            self.queue.filled.notify_one();
        }
    }
}

async fn drain(cluster: Cluster, queue: Arc<Queue>) {
    let leads = cluster.leadership();
    let mut pause = PAUSES[0];
    loop {
        queue.filled.notified().await;
        loop {
            let batch = std::mem::take(&mut *queue.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                break;
            }
            let failed = write_all(&cluster, &leads, batch).await;
            if failed.is_empty() {
                pause = PAUSES[0];
                continue;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for (namespace, roots) in failed {
                waiting.entry(namespace).or_insert(roots);
            }
        }
    }
}

/// Writes ConfigMaps; what is to be tried again is returned.
async fn write_all(
    cluster: &Cluster,
    leads: &watch::Receiver<bool>,
    batch: BTreeMap<Arc<str>, Arc<str>>,
) -> Vec<(Arc<str>, Arc<str>)> {
    let mut failed = Vec::new();
    for (namespace, roots) in batch {
        // Who leads next finds again what is lacking.
        if !*leads.borrow() {
            return Vec::new();
        }
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": namespace, "labels": {"istio.io/config": "true"}},
            "data": {KEY: roots},
        });
        match cluster.apply(&map).await {
            Ok(()) => {}
            // The namespace went meanwhile, or is about to.
            Err(ClusterError::NotFound(_) | ClusterError::Forbidden(_)) => {}
            Err(error) => {
                tracing::error!(%namespace, "ConfigMap {NAME}: {error}");
                if error.is_transient() {
                    failed.push((namespace, roots));
                }
            }
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(certificates: &mut RootCertificates, text: &str) {
        for document in meridian_resources::yaml::parse(text, "test.yaml") {
            certificates.put(&document.object.unwrap().decode().unwrap());
        }
    }

    fn namespace(name: &str, more: &str) -> String {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}{more}}}\n")
    }

    fn map(namespace: &str, roots: &str) -> String {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio-ca-root-cert, namespace: {namespace}}}\n\
             data: {{root-cert.pem: {roots}}}\n"
        )
    }

    /// What is queued, which is taken away.
    fn queued(certificates: &RootCertificates) -> Vec<String> {
        let waiting = std::mem::take(&mut *certificates.queue.waiting.lock().unwrap());
        waiting.into_keys().map(|namespace| namespace.to_string()).collect()
    }

    #[test]
    fn what_a_namespace_lacks_is_written_once() {
        let queue = Arc::default();
        let mut certificates = RootCertificates { namespaces: HashMap::new(), early: HashMap::new(), queue };
        // The ConfigMap may be told before its namespace.
        put(&mut certificates, &map("has", "new"));
        put(&mut certificates, &namespace("has", ""));
        put(&mut certificates, &namespace("lacks", ""));
        put(&mut certificates, &namespace("goes", ", deletionTimestamp: \"2026-01-01T00:00:00Z\""));
        put(&mut certificates, &namespace("other", ""));
        put(&mut certificates, &map("other", "old"));
        certificates.write("new");
        assert_eq!(queued(&certificates), ["lacks", "other"]);
        certificates.write("new");
        assert!(queued(&certificates).is_empty(), "it is on its way");

        // Somebody writes something else, or deletes it.
        put(&mut certificates, &map("has", "wrong"));
        let kind = &config_map::KIND;
        let gone = ObjectRef { kind, namespace: Some("other".into()), name: NAME.into() };
        certificates.forget(&gone);
        certificates.write("new");
        assert_eq!(queued(&certificates), ["has", "other"]);

        // Who leads next does not know what was written.
        put(&mut certificates, &map("has", "new"));
        certificates.start_over();
        certificates.write("new");
        assert_eq!(queued(&certificates), ["lacks", "other"]);
    }
}
