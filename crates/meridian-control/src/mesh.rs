//! The mesh configuration: ConfigMap `istio` in `istio-system`, key `mesh`, under the names of Istio's MeshConfig.

use meridian_resources::core::ConfigMap;
use meridian_resources::{Object, ObjectRef, yaml};
use meridian_translate::MeshConfig;

/// The namespace and name of the ConfigMap.
pub(crate) const NAMESPACE: &str = "istio-system";
pub(crate) const NAME: &str = "istio";

/// Whether this is the ConfigMap with the mesh configuration.
pub(crate) fn is_mesh_config_map(object: &ObjectRef) -> bool {
    object.kind.kind == "ConfigMap" && object.namespace.as_deref() == Some(NAMESPACE) && &*object.name == NAME
}

/// The mesh configuration that a ConfigMap says, with what of it is not understood or not supported, a line each.
/// `None` when this is another ConfigMap, or when its text is no YAML: then the last good configuration stays.
pub(crate) fn from_config_map(map: &Object<ConfigMap>) -> Option<(MeshConfig, Vec<String>)> {
    if !is_mesh_config_map(&map.object_ref()) {
        return None;
    }
    let text = map.spec.data.get("mesh").map_or("", String::as_str);
    match yaml::values(text, "ConfigMap istio-system/istio, key mesh").into_iter().next() {
        None => Some((base(), Vec::new())),
        Some(Ok(value)) => Some(base().with_document(&value)),
        Some(Err(diagnostic)) => {
            tracing::error!("{diagnostic}; the last good mesh configuration stays");
            None
        }
    }
}

/// The settings before any document. HTTP/1.0 is switched on as at istiod: by an environment variable.
pub(crate) fn base() -> MeshConfig {
    let http10 = std::env::var("PILOT_HTTP10").is_ok_and(|value| matches!(&*value, "1" | "t" | "T" | "true" | "TRUE"));
    MeshConfig { http10, ..MeshConfig::default() }
}
