//! Laying a user's part of an object over ours: Kubernetes' strategic merge patch.
//!
//! Mappings are merged, `null` removes a field, lists are replaced, but for those whose entries Kubernetes tells apart
//! by a key: containers by name, mounts by path. `$patch: delete` removes an entry or a mapping, `$patch: replace`
//! replaces it. Other directives are refused.

use serde_json::{Map, Value};

/// The directive of an entry or a mapping.
const DIRECTIVE: &str = "$patch";

/// Why an overlay cannot be laid over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OverlayError {
    /// A list of keyed entries has something else in it.
    #[error("{path}: entries of this list need the field {key:?}")]
    NoKey {
        /// Where.
        path: String,
        /// The field that tells entries apart.
        key: &'static str,
    },
    /// A directive that is not known.
    #[error("{path}: found {found:?}, allowed: $patch with \"merge\", \"replace\" or \"delete\"")]
    Directive {
        /// Where.
        path: String,
        /// The directive.
        found: String,
    },
    /// A mapping stands where the object has a list, or the other way round.
    #[error("{path}: found {found}, allowed: {allowed}")]
    Type {
        /// Where.
        path: String,
        /// What was found.
        found: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// Lays `overlay` over `base`. When it fails, `base` is of no use any more.
///
/// # Errors
/// See [`OverlayError`].
pub(crate) fn lay(base: &mut Value, overlay: &Value) -> Result<(), OverlayError> {
    merge(base, overlay, "")
}

/// Lays `overlay` over `base` as RFC 7396 says: lists are replaced as a whole.
pub(crate) fn json_merge(base: &mut Value, overlay: &Value) {
    let Value::Object(upper) = overlay else {
        *base = overlay.clone();
        return;
    };
    if !base.is_object() {
        *base = Value::Object(Map::new());
    }
    for (name, value) in upper {
        if value.is_null() {
            base.as_object_mut().and_then(|lower| lower.remove(name));
        } else {
            json_merge(&mut base[name.as_str()], value);
        }
    }
}

fn merge(base: &mut Value, overlay: &Value, path: &str) -> Result<(), OverlayError> {
    match overlay {
        Value::Object(upper) => match directive(upper, path)? {
            Directive::Delete => *base = Value::Null,
            Directive::Replace => *base = Value::Object(without_directive(upper)),
            Directive::Merge => {
                if base.is_null() {
                    *base = Value::Object(Map::new());
                }
                let found = "a mapping";
                let Value::Object(lower) = base else {
                    return Err(OverlayError::Type { path: path.to_owned(), found, allowed: kind_of(base) });
                };
                merge_fields(lower, upper, path)?;
            }
        },
        Value::Array(upper) => match key_of(path) {
            Some(key) => merge_entries(base, upper, key, path)?,
            None if base.is_object() => {
                return Err(OverlayError::Type { path: path.to_owned(), found: "a list", allowed: "a mapping" });
            }
            None => *base = overlay.clone(),
        },
        scalar => *base = scalar.clone(),
    }
    Ok(())
}

fn merge_fields(lower: &mut Map<String, Value>, upper: &Map<String, Value>, path: &str) -> Result<(), OverlayError> {
    for (name, value) in upper {
        if name == DIRECTIVE {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if name.starts_with('$') {
            return Err(OverlayError::Directive { path, found: name.clone() });
        }
        if value.is_null() {
            lower.remove(name);
            continue;
        }
        let field = lower.entry(name.as_str()).or_insert(Value::Null);
        merge(field, value, &path)?;
        if field.is_null() {
            lower.remove(name);
        }
    }
    Ok(())
}

/// Merges entries of the same key, and adds the others after them.
fn merge_entries(base: &mut Value, upper: &[Value], key: &'static str, path: &str) -> Result<(), OverlayError> {
    if base.is_null() {
        *base = Value::Array(Vec::new());
    }
    let Value::Array(lower) = base else {
        return Err(OverlayError::Type { path: path.to_owned(), found: "a list", allowed: kind_of(base) });
    };
    for (index, entry) in upper.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let no_key = || OverlayError::NoKey { path: path.clone(), key };
        let wanted = entry.get(key).filter(|value| !value.is_null()).ok_or_else(no_key)?;
        let position = lower.iter().position(|known| known.get(key) == Some(wanted));
        let mut merged = position.map_or(Value::Null, |position| lower[position].clone());
        merge(&mut merged, entry, &path)?;
        match position {
            Some(position) if merged.is_null() => drop(lower.remove(position)),
            Some(position) => lower[position] = merged,
            None if merged.is_null() => {}
            None => lower.push(merged),
        }
    }
    Ok(())
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(mapping: &Map<String, Value>, path: &str) -> Result<Directive, OverlayError> {
    match mapping.get(DIRECTIVE) {
        None => Ok(Directive::Merge),
        Some(value) => match value.as_str() {
            Some("merge") => Ok(Directive::Merge),
            Some("replace") => Ok(Directive::Replace),
            Some("delete") => Ok(Directive::Delete),
            _ => Err(OverlayError::Directive { path: path.to_owned(), found: format!("{DIRECTIVE}: {value}") }),
        },
    }
}

fn without_directive(mapping: &Map<String, Value>) -> Map<String, Value> {
    mapping.iter().filter(|(name, _)| *name != DIRECTIVE).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a mapping",
        Value::Array(_) => "a list",
        _ => "a single value",
    }
}

/// The field that tells the entries of a list apart (`patchMergeKey` of Kubernetes' types), of the kinds that are made
/// for Gateways; `None`: the list is replaced as a whole.
fn key_of(path: &str) -> Option<&'static str> {
    let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
    Some(match name {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "imagePullSecrets" | "secrets" => "name",
        // Of a pod; those of a container's `resources.claims` are another list.
        "volumes" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "topologySpreadConstraints" => "topologyKey",
        "hostAliases" => "ip",
        "ownerReferences" => "uid",
        "ports" if above.contains("ontainers[") => "containerPort",
        "ports" => "port",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn laid(mut base: Value, overlay: Value) -> Result<Value, String> {
        lay(&mut base, &overlay).map(|()| base).map_err(|error| error.to_string())
    }

    #[test]
    fn mappings_are_merged_and_null_removes() {
        let base = json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"x": 1}});
        let overlay = json!({"metadata": {"labels": {"b": "3", "a": null}}, "spec": {"y": [1, 2]}});
        let expected = json!({"metadata": {"labels": {"b": "3"}}, "spec": {"x": 1, "y": [1, 2]}});
        assert_eq!(laid(base, overlay), Ok(expected));
    }

    #[test]
    fn entries_with_keys_are_merged() {
        let base = json!({"spec": {"containers": [{
            "name": "istio-proxy", "image": "a", "args": ["x"],
            "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80, "name": "http"}],
        }]}});
        let overlay = json!({"spec": {"containers": [
            {"name": "istio-proxy", "args": ["y"], "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}],
             "ports": [{"containerPort": 81}]},
            {"name": "other", "image": "b"},
        ]}});
        let expected = json!({"spec": {"containers": [
            {"name": "istio-proxy", "image": "a", "args": ["y"],
             "env": [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}],
             "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]},
            {"name": "other", "image": "b"},
        ]}});
        assert_eq!(laid(base, overlay), Ok(expected));
    }

    #[test]
    fn the_ports_of_a_service_have_another_key() {
        let base = json!({"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 443, "name": "b"}]}});
        let overlay = json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 443, "$patch": "delete"}]}});
        let expected = json!({"spec": {"ports": [{"port": 80, "name": "a", "nodePort": 30080}]}});
        assert_eq!(laid(base, overlay), Ok(expected));
    }

    #[test]
    fn directives() {
        let base = || json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let replaced = json!({"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}});
        assert_eq!(laid(base(), replaced), Ok(json!({"spec": {"strategy": {"type": "Recreate"}}})));
        assert_eq!(laid(base(), json!({"spec": {"strategy": {"$patch": "delete"}}})), Ok(json!({"spec": {}})));
        for (overlay, expected) in [
            (json!({"spec": {"$retainKeys": ["a"]}}), "spec.$retainKeys: found \"$retainKeys\", allowed: $patch"),
            (json!({"spec": {"$patch": "remove"}}), "spec: found \"$patch: \\\"remove\\\"\", allowed"),
            (json!({"spec": {"containers": [{"image": "a"}]}}), "spec.containers[0]: entries of this list need"),
            (json!({"spec": ["a"]}), "spec: found a list, allowed: a mapping"),
        ] {
            let error = laid(base(), overlay).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
