//! The subresource `scale` (`autoscaling/v1 Scale`): how many pods there should be, in one form for all kinds.

use meridian_store::StoredObject;
use serde_json::{Value, json};

use super::write::Written;
use super::{Api, key};
use crate::error::ApiError;
use crate::managed::Tracking;
use crate::query::WriteOptions;
use crate::target::Objects;
use crate::version;

impl Api {
    /// The scale of an object.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn scale(&self, target: &Objects) -> Result<Value, ApiError> {
        let key = key(target)?;
        let object = self.store.get(&key).ok_or_else(|| ApiError::not_found(&key.resource, &key.name))?;
        Ok(scale_of(target, &object))
    }

    /// Lets `next` make the new scale out of the current one, and writes the number of replicas that it says.
    ///
    /// # Errors
    /// 404; 409 when the scale names an old `resourceVersion`; 422 when the number makes no sense.
    pub(crate) async fn set_scale(
        &self,
        target: &Objects,
        next: impl Fn(Value) -> Result<Value, ApiError>,
        options: &WriteOptions,
    ) -> Result<(Value, Written), ApiError> {
        let written = self
            .change(target, options, Tracking::Update(&options.manager), |current| {
                let scale = next(scale_of(target, current))?;
                let mut object = version::to_value(target.resource, &target.api_version(), current);
                let seen = &scale["metadata"]["resourceVersion"];
                if seen.as_str().is_some_and(|seen| !seen.is_empty()) {
                    object["metadata"]["resourceVersion"] = seen.clone();
                }
                object["spec"]["replicas"] = match &scale["spec"]["replicas"] {
                    Value::Null => 0.into(),
                    replicas => replicas.clone(),
                };
                Ok(object)
            })
            .await?;
        Ok((scale_of(target, &written.object), written))
    }

    /// Applies a configuration of a scale: who applies owns the number of replicas then, if it says one.
    ///
    /// # Errors
    /// 400 for a configuration of something else, 404, 409 when somebody else owns the number.
    pub(crate) async fn apply_scale(
        &self,
        target: &Objects,
        config: &Value,
        options: &WriteOptions,
    ) -> Result<(Value, Written), ApiError> {
        for (field, expected) in [("apiVersion", "autoscaling/v1"), ("kind", "Scale")] {
            if config[field] != expected {
                let found = &config[field];
                return Err(ApiError::bad_request(format!("{field}: found {found}, allowed: \"{expected}\"")));
            }
        }
        let (api_version, kind) = (target.api_version(), target.resource.kind);
        let mut of_object = json!({"apiVersion": api_version, "kind": kind, "metadata": config["metadata"]});
        if let Some(replicas) = config.pointer("/spec/replicas") {
            of_object["spec"] = json!({"replicas": replicas});
        }
        let written = self.apply(target, &of_object, options).await?;
        Ok((scale_of(target, &written.object), written))
    }
}

fn scale_of(target: &Objects, object: &StoredObject) -> Value {
    let object = version::to_value(target.resource, &target.api_version(), object);
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut metadata = serde_json::Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let mut status = json!({"replicas": count("/status/replicas")});
    let selector = selector(&object["spec"]["selector"]);
    if !selector.is_empty() {
        status["selector"] = selector.into();
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": count("/spec/replicas")},
        "status": status,
    })
}

/// A selector as `kubectl` takes it on its command line: `app=web,tier in (a,b)`. Older kinds select by labels alone.
fn selector(selector: &Value) -> String {
    let labels = if selector["matchLabels"].is_null() && selector["matchExpressions"].is_null() {
        selector
    } else {
        &selector["matchLabels"]
    };
    let pairs = labels.as_object().into_iter().flatten();
    let mut parts: Vec<String> =
        pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    for requirement in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = requirement["key"].as_str().unwrap_or_default();
        let values = requirement["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = values.collect::<Vec<&str>>().join(",");
        parts.push(match requirement["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::selector;
    use serde_json::json;

    #[test]
    fn selectors_are_written_as_they_are_typed() {
        assert_eq!(selector(&json!({"app": "web"})), "app=web");
        let both = json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "x", "operator": "DoesNotExist"},
            ],
        });
        assert_eq!(selector(&both), "app=web,tier in (a,b),!x");
        assert_eq!(selector(&json!(null)), "");
    }
}
