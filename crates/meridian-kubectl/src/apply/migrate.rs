//! From objects that were applied by patches computed here to objects that the API merges.
//!
//! What the old way has set would stay for ever, because two managers hold it. So the fields of the old manager are
//! given to the new one, as kubectl does.

use super::CLIENT_SIDE_MANAGER;
use crate::discovery::Resource;
use crate::error::Result;
use crate::session::{Session, place_of};
use serde_json::{Value, json};

/// Gives the fields of the old way to `manager`, if there are any; whether there were. `dry_run` is the parameter.
pub(super) async fn to_server_side(
    session: &mut Session<'_>,
    resource: &Resource,
    object: &Value,
    manager: &str,
    dry_run: &str,
) -> Result<bool> {
    let Some(fields) = migrated(object, manager).filter(|_| dry_run.is_empty()) else { return Ok(false) };
    let (namespace, name) = place_of(object);
    let patch = json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": fields},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": object["metadata"]["resourceVersion"]},
    ]);
    let target = resource.target(namespace, Some(name));
    let written = session.api.patch(&target, "application/json-patch+json", &patch).await;
    if let Err(error) = written {
        session.io.warn(&format!("server-side apply migration failed for {name}: {error}"));
        return Ok(false);
    }
    Ok(true)
}

/// The managed fields in which `manager` has those of the old way; nothing when there is no old way.
fn migrated(object: &Value, manager: &str) -> Option<Vec<Value>> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let of_object = |entry: &Value| entry["subresource"].as_str().unwrap_or_default().is_empty();
    let is_old =
        |entry: &&Value| entry["manager"] == CLIENT_SIDE_MANAGER && entry["operation"] == "Update" && of_object(entry);
    let is_new = |entry: &&Value| entry["manager"] == manager && entry["operation"] == "Apply" && of_object(entry);
    let old: Vec<&Value> = entries.iter().filter(is_old).collect();
    if old.is_empty() || !entries.iter().any(|entry| is_new(&entry)) {
        return None;
    }
    let mut result: Vec<Value> = entries.iter().filter(|entry| !is_old(entry)).cloned().collect();
    let new = result.iter_mut().find(|entry| is_new(&&**entry))?;
    old.iter().for_each(|old| unite(&mut new["fieldsV1"], &old["fieldsV1"]));
    Some(result)
}

/// Adds the fields of one set to another (both are trees of `FieldsV1`).
fn unite(into: &mut Value, other: &Value) {
    let (Some(into), Some(other)) = (into.as_object_mut(), other.as_object()) else { return };
    for (name, below) in other {
        unite(into.entry(name.clone()).or_insert_with(|| json!({})), below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_old_way_go_to_the_new_one() {
        let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "fieldsV1": fields});
        let object = json!({"metadata": {"managedFields": [
            entry("kubectl", "Apply", json!({"f:spec": {"f:a": {}}})),
            entry(CLIENT_SIDE_MANAGER, "Update", json!({"f:spec": {"f:b": {}}})),
            entry("other", "Update", json!({"f:status": {}})),
        ]}});
        let expected = vec![
            entry("kubectl", "Apply", json!({"f:spec": {"f:a": {}, "f:b": {}}})),
            entry("other", "Update", json!({"f:status": {}})),
        ];
        assert_eq!(migrated(&object, "kubectl"), Some(expected));
        assert_eq!(migrated(&object, "somebody"), None);
        assert_eq!(migrated(&json!({"metadata": {}}), "kubectl"), None);
    }
}
