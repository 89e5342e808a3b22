//! Whom workloads are to trust: ConfigMap `istio-ca-root-cert` in every namespace, as Istio distributes it.

use meridian_apiserver::{Api, ApiError, Reason};
use meridian_identity::MeshAuthority;
use meridian_resources::core::{config_map, namespace};
use meridian_store::{EventType, GroupResource, Key, Selection, WatchError};
use serde_json::json;

/// The name of the ConfigMaps.
const NAME: &str = "istio-ca-root-cert";

/// The key in them.
const KEY: &str = "root-cert.pem";

/// Keeps the ConfigMaps at the roots of the mesh's authority.
#[derive(Debug)]
pub struct RootCertificates {
    api: Api,
    mesh: MeshAuthority,
}

impl RootCertificates {
    /// Those of an API's namespaces.
    pub fn new(api: Api, mesh: MeshAuthority) -> Self {
        Self { api, mesh }
    }

    /// Follows the namespaces and the authority until the store closes.
    pub async fn run(self) {
        while let Err(error) = self.follow().await {
            if error == WatchError::Closed {
                return;
            }
            tracing::warn!(%error, "too many changes at once: looking at all namespaces again");
        }
    }

    async fn follow(&self) -> Result<(), WatchError> {
        let mut mesh = self.mesh.subscribe();
        let collection = GroupResource::of(&namespace::KIND);
        let namespaces = self.api.store().list(&collection, None);
        let selection = Selection { resource: Some(collection.clone()), ..Selection::default() };
        let mut changes = self.api.store().watch(selection, namespaces.revision)?;
        for namespace in &namespaces.objects {
            self.put(&namespace.key().name).await;
        }
        loop {
            tokio::select! {
                event = changes.next() => {
                    let event = event?;
                    if event.event_type == EventType::Added {
                        self.put(&event.object.key().name).await;
                    }
                }
                changed = mesh.changed() => {
                    // This task has a handle itself, so the sender is never gone.
                    if changed.is_err() {
                        return Err(WatchError::Closed);
                    }
                    for namespace in self.api.store().list(&collection, None).objects {
                        self.put(&namespace.key().name).await;
                    }
                }
            }
        }
    }

    /// Writes the ConfigMap of one namespace, unless it says the same already.
    async fn put(&self, namespace: &str) {
        let Some(authority) = self.mesh.current().authority else { return };
        let key = Key::new(GroupResource::of(&config_map::KIND), namespace, NAME);
        let current = self.api.store().get(&key).map(|map| map.to_value("v1", "ConfigMap"));
        if current.is_some_and(|map| map["data"][KEY] == authority.roots()) {
            return;
        }
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": namespace, "labels": {"istio.io/config": "true"}},
            "data": {KEY: authority.roots()},
        });
        match self.api.put(&config_map::KIND, map).await {
            Ok(_) => {}
            // The namespace went meanwhile, or is about to.
            Err(ApiError { reason: Reason::NotFound | Reason::Forbidden, .. }) => {}
            Err(error) => tracing::error!(namespace, "ConfigMap {NAME}: {error}"),
        }
    }
}
