//! The mesh configuration: ConfigMap `istio` in `istio-system`, key `mesh`, under the names of Istio's MeshConfig.

use meridian_ir::format::Format;
use meridian_ir::http::PathNormalization;
use meridian_resources::core::ConfigMap;
use meridian_resources::{Duration, Object, ObjectRef, yaml};
use meridian_translate::MeshConfig;
use serde_json::Value;
use std::sync::Arc;

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
        None => Some((MeshConfig::default(), Vec::new())),
        Some(Ok(value)) => Some(read(&value)),
        Some(Err(diagnostic)) => {
            tracing::error!("{diagnostic}; the last good mesh configuration stays");
            None
        }
    }
}

fn read(value: &Value) -> (MeshConfig, Vec<String>) {
    let mut mesh = MeshConfig::default();
    let mut problems = Vec::new();
    let Some(fields) = value.as_object() else {
        return (mesh, vec!["found something else than a mapping of settings".to_owned()]);
    };
    for (name, value) in fields {
        if let Err(problem) = set(&mut mesh, name, value) {
            problems.push(format!("{name}: {problem}"));
        }
    }
    (mesh, problems)
}

/// Sets one field, or says what was found and what is allowed.
fn set(mesh: &mut MeshConfig, name: &str, value: &Value) -> Result<(), String> {
    match name {
        "accessLogFile" => mesh.access_log_file = text(value)?.into(),
        "accessLogFormat" => mesh.access_log_format = format(text(value)?)?,
        "accessLogEncoding" if value == "TEXT" => {}
        "accessLogEncoding" => return Err(format!("found {value}, allowed: TEXT; JSON is not supported yet")),
        "connectTimeout" => mesh.connect_timeout = duration(value)?,
        "rootNamespace" => mesh.root_namespace = text(value)?.into(),
        "pathNormalization" => mesh.path_normalization = path_normalization(&value["normalization"])?,
        "defaultConfig" => return default_config(mesh, value),
        // What Meridian does anyway, so that common installations read without complaint.
        "trustDomain" | "enablePrometheusMerge" | "enableTracing" if is_harmless(name, value) => {}
        _ => return Err("not supported yet; this setting has no effect".to_owned()),
    }
    Ok(())
}

/// Settings that ask for what is so without them.
fn is_harmless(name: &str, value: &Value) -> bool {
    if name == "trustDomain" { value == "cluster.local" } else { value == false }
}

fn default_config(mesh: &mut MeshConfig, value: &Value) -> Result<(), String> {
    let fields = value.as_object().ok_or("found something else than a mapping")?;
    for (name, value) in fields {
        match name.as_str() {
            "gatewayTopology" => gateway_topology(mesh, value)?,
            _ => return Err(format!("{name}: not supported yet; this setting has no effect")),
        }
    }
    Ok(())
}

fn gateway_topology(mesh: &mut MeshConfig, value: &Value) -> Result<(), String> {
    let fields = value.as_object().ok_or("gatewayTopology: found something else than a mapping")?;
    for (name, value) in fields {
        if name != "numTrustedProxies" {
            return Err(format!("gatewayTopology.{name}: not supported yet; this setting has no effect"));
        }
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        mesh.num_trusted_proxies =
            count.ok_or_else(|| format!("gatewayTopology.{name}: found {value}, allowed: a number from 0"))?;
    }
    Ok(())
}

fn path_normalization(value: &Value) -> Result<PathNormalization, String> {
    match value.as_str().unwrap_or("DEFAULT") {
        "DEFAULT" | "BASE" => Ok(PathNormalization::Base),
        "NONE" => Ok(PathNormalization::None),
        "MERGE_SLASHES" => Ok(PathNormalization::MergeSlashes),
        "DECODE_AND_MERGE_SLASHES" => Ok(PathNormalization::DecodeAndMergeSlashes),
        found => Err(format!(
            "normalization: found {found:?}, allowed: DEFAULT, NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES"
        )),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("found {value}, allowed: text"))
}

fn duration(value: &Value) -> Result<std::time::Duration, String> {
    let parsed = Duration::parse(text(value)?).map_err(|error| error.to_string())?;
    if parsed.as_nanos() > 0 { Ok(parsed.to_std()) } else { Err(format!("found {value}, allowed: more than zero")) }
}

/// Istio adds the newline that a format lacks.
fn format(text: &str) -> Result<Arc<Format>, String> {
    let line = if text.is_empty() {
        return Ok(MeshConfig::default().access_log_format);
    } else if text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    };
    Format::parse(&line).map(Arc::new).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_that_are_understood() {
        let (mesh, problems) = read(&json!({
            "accessLogFile": "/dev/stdout",
            "accessLogFormat": "%REQ(:PATH)%",
            "connectTimeout": "2s",
            "pathNormalization": {"normalization": "MERGE_SLASHES"},
            "defaultConfig": {"gatewayTopology": {"numTrustedProxies": 2}},
        }));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(&*mesh.access_log_file, "/dev/stdout");
        assert_eq!(mesh.access_log_format, Arc::new(Format::parse("%REQ(:PATH)%\n").unwrap()));
        assert_eq!(mesh.connect_timeout, std::time::Duration::from_secs(2));
        assert_eq!(mesh.path_normalization, PathNormalization::MergeSlashes);
        assert_eq!(mesh.num_trusted_proxies, 2);
    }

    #[test]
    fn a_setting_that_is_not_is_named_and_the_others_count() {
        let (mesh, problems) = read(&json!({
            "accessLogFile": "/dev/stdout",
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "connectTimeout": "soon",
            "accessLogFormat": "%NOPE%",
        }));
        assert_eq!(&*mesh.access_log_file, "/dev/stdout");
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|p| p.starts_with("outboundTrafficPolicy: not supported yet")), "{problems:?}");
        assert!(problems.iter().any(|p| p.starts_with("connectTimeout:")), "{problems:?}");
        assert!(problems.iter().any(|p| p.starts_with("accessLogFormat: column 1")), "{problems:?}");
    }
}
