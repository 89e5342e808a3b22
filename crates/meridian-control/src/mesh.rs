//! The mesh configuration, under the names of Istio's MeshConfig, from three places: a file that the process is started
//! with, ConfigMap `istio` in `istio-system` (key `mesh`), and single settings of the command line. Each is laid over
//! the one before.

mod file;
mod setting;

use meridian_resources::core::ConfigMap;
use meridian_resources::{Object, ObjectRef, yaml};
use meridian_translate::MeshConfig;
use serde_json::{Map, Value};
use std::sync::Arc;

pub use file::{MeshFile, MeshFileError};
pub use setting::{Setting, SettingError};

/// The namespace of the control plane, unless it is told another one.
pub(crate) const NAMESPACE: &str = "istio-system";

/// The name of the ConfigMap.
pub(crate) const NAME: &str = "istio";

/// Where the mesh configuration comes from.
#[derive(Debug)]
pub struct MeshSources {
    /// The control plane's namespace, where the ConfigMap is, and the Secrets with the authority.
    pub namespace: Arc<str>,
    /// The lowest layer.
    pub file: Option<MeshFile>,
    /// The highest one.
    pub settings: Vec<Setting>,
    config_map: Option<Value>,
}

impl MeshSources {
    /// Those that a process is started with.
    pub fn new(file: Option<MeshFile>, settings: Vec<Setting>) -> Self {
        Self { namespace: NAMESPACE.into(), file, settings, config_map: None }
    }

    /// Whether this is the ConfigMap with the mesh configuration.
    pub(crate) fn is_config_map(&self, object: &ObjectRef) -> bool {
        object.kind.kind == "ConfigMap" && object.namespace.as_ref() == Some(&self.namespace) && &*object.name == NAME
    }

    /// Takes the ConfigMap in; whether that changes anything. When its text is no YAML, the last good one stays.
    pub(crate) fn put(&mut self, map: &Object<ConfigMap>) -> bool {
        if !self.is_config_map(&map.object_ref()) {
            return false;
        }
        let text = map.spec.data.get("mesh").map_or("", String::as_str);
        match yaml::values(text, &format!("ConfigMap {}/{NAME}, key mesh", self.namespace)).into_iter().next() {
            None => self.config_map = None,
            Some(Ok(value)) => self.config_map = Some(value),
            Some(Err(diagnostic)) => {
                tracing::error!("{diagnostic}; the last good mesh configuration stays");
                return false;
            }
        }
        true
    }

    /// Forgets the ConfigMap.
    pub(crate) fn forget(&mut self) {
        self.config_map = None;
    }

    /// What all layers add up to. What of them is not understood or not supported is logged.
    pub(crate) fn read(&self) -> MeshConfig {
        let base = MeshConfig { root_namespace: (&*self.namespace).into(), ..base() };
        let (mesh, problems) = base.with_document(&self.document());
        for problem in problems {
            tracing::warn!("mesh configuration: {problem}");
        }
        mesh
    }

    /// All layers as one document.
    pub(crate) fn document(&self) -> Value {
        let mut document = Value::Object(Map::new());
        if let Some(file) = &self.file {
            merge(&mut document, file.current());
        }
        if let Some(map) = &self.config_map {
            merge(&mut document, map.clone());
        }
        for setting in &self.settings {
            setting.apply(&mut document);
        }
        document
    }

    /// Waits until the file is another one; for ever where there is none.
    pub(crate) async fn changed(&mut self) {
        match &mut self.file {
            Some(file) => file.changed().await,
            None => std::future::pending().await,
        }
    }
}

impl Default for MeshSources {
    fn default() -> Self {
        Self::new(None, Vec::new())
    }
}

/// Lays `upper` over `lower`: mappings are merged, everything else is replaced.
fn merge(lower: &mut Value, upper: Value) {
    match (lower, upper) {
        (Value::Object(lower), Value::Object(upper)) => {
            for (name, value) in upper {
                merge(lower.entry(name).or_insert(Value::Null), value);
            }
        }
        (lower, upper) => *lower = upper,
    }
}

/// The settings before any document. HTTP/1.0 is switched on as at istiod: by an environment variable.
pub(crate) fn base() -> MeshConfig {
    let http10 = std::env::var("PILOT_HTTP10").is_ok_and(|value| matches!(&*value, "1" | "t" | "T" | "true" | "TRUE"));
    MeshConfig { http10, ..MeshConfig::default() }
}

#[cfg(test)]
mod tests;
