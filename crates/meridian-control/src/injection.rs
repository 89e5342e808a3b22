//! What injection is told by the API: ConfigMap `istio-sidecar-injector` (keys `config` and `values`), and the mesh
//! configuration.

use crate::mesh::NAMESPACE;
use meridian_inject::Settings;
use meridian_inject::settings::{Remarks, SettingError};
use meridian_resources::core::ConfigMap;
use meridian_resources::{Object, ObjectRef, yaml};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;

/// The name of the ConfigMap.
const NAME: &str = "istio-sidecar-injector";

/// Whether this is the ConfigMap.
pub(crate) fn is_injector_config_map(object: &ObjectRef) -> bool {
    object.kind.kind == "ConfigMap" && object.namespace.as_deref() == Some(NAMESPACE) && &*object.name == NAME
}

/// Where the settings of injection come from, and who is told of them.
#[derive(Debug, Default)]
pub struct InjectionSources {
    /// The lowest layer: what the process was started with.
    base: Settings,
    config: Option<Value>,
    values: Option<Value>,
    mesh: Option<Value>,
    settings: watch::Sender<Arc<Settings>>,
}

impl InjectionSources {
    /// Those of a process that is started with `base`.
    #[must_use]
    pub fn new(base: Settings) -> Self {
        let settings = watch::Sender::new(Arc::new(base.clone()));
        Self { base, settings, ..Self::default() }
    }

    /// The settings as they are and will be.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// Takes a ConfigMap in; others than the one of this name are passed over.
    pub(crate) fn put(&mut self, map: &Object<ConfigMap>) {
        if is_injector_config_map(&map.object_ref()) {
            self.config = document(map, "config").or(self.config.take());
            self.values = document(map, "values").or(self.values.take());
            self.tell();
        }
    }

    /// Forgets the ConfigMap.
    pub(crate) fn forget(&mut self) {
        (self.config, self.values) = (None, None);
        self.tell();
    }

    /// Takes the mesh configuration in.
    pub(crate) fn set_mesh(&mut self, document: Value) {
        if self.mesh.as_ref() != Some(&document) {
            self.mesh = Some(document);
            self.tell();
        }
    }

    /// Lays the documents over one another. One that is wrong is left out, and logged; so is what has no effect.
    fn tell(&self) {
        type Lay = fn(Settings, &Value) -> Result<(Settings, Remarks), SettingError>;
        let layers: [(&str, Option<&Value>, Lay); 3] = [
            ("key values", self.values.as_ref(), Settings::with_values),
            ("key config", self.config.as_ref(), Settings::with_config),
            ("mesh configuration", self.mesh.as_ref(), Settings::with_mesh),
        ];
        let mut settings = self.base.clone();
        for (name, document, lay) in layers {
            let Some(document) = document else { continue };
            match lay(settings.clone(), document) {
                Ok((laid, remarks)) => {
                    settings = laid;
                    remarks.iter().for_each(|remark| tracing::warn!("injection: {name}: {remark}"));
                }
                Err(error) => tracing::error!("injection: {name}: {error}; nothing of it counts"),
            }
        }
        self.settings.send_if_modified(|known| {
            let is_new = **known != settings;
            *known = Arc::new(settings);
            is_new
        });
    }
}

/// The document of a key; `None` where it is no YAML, for the last good one to stay.
fn document(map: &Object<ConfigMap>, key: &str) -> Option<Value> {
    let text = map.spec.data.get(key).map_or("", String::as_str);
    match yaml::values(text, &format!("ConfigMap {NAMESPACE}/{NAME}, key {key}")).into_iter().next() {
        None => Some(Value::Object(serde_json::Map::new())),
        Some(Ok(value)) => Some(value),
        Some(Err(diagnostic)) => {
            tracing::error!("{diagnostic}; the last good one stays");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{InjectionSources, NAME};
    use meridian_inject::Settings;
    use meridian_resources::Resource;
    use serde_json::json;

    fn put(sources: &mut InjectionSources, name: &str, data: serde_json::Value) {
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "istio-system"}, "data": data,
        });
        match meridian_resources::decode(&meridian_resources::core::config_map::KIND, &value) {
            Ok(Resource::ConfigMap(map)) => sources.put(&map),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_follow_the_config_map_and_the_mesh() {
        let mut sources = InjectionSources::new(Settings { cluster: "east".into(), ..Settings::default() });
        let mut settings = sources.subscribe();
        put(&mut sources, "other", json!({"values": "global: {hub: x}"}));
        assert!(!settings.has_changed().unwrap());
        put(&mut sources, NAME, json!({"values": "global: {hub: registry.test}", "config": "policy: disabled"}));
        sources.set_mesh(json!({"trustDomain": "mesh.test"}));
        let now = settings.borrow_and_update().clone();
        assert_eq!((&*now.images.hub, &*now.mesh.trust_domain, &*now.cluster), ("registry.test", "mesh.test", "east"));
        // What is wrong leaves what was there.
        put(&mut sources, NAME, json!({"values": "{", "config": "policy: disabled"}));
        assert_eq!(settings.borrow_and_update().images.hub, "registry.test");
        sources.forget();
        assert_eq!(settings.borrow_and_update().images.hub, "");
    }
}
