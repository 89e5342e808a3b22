//! Laying a partial pod over a pod as a strategic merge patch: lists of things with names are merged by name, other lists
//! are replaced, `null` takes a field away.

use serde_json::Value;

#[cfg(test)]
mod tests;

/// The field by which the entries of a list are told apart; nothing where a list is one value.
fn merge_key(field: &str) -> Option<&'static str> {
    Some(match field {
        "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "imagePullSecrets" | "env" => "name",
        "ports" => "containerPort",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "hostAliases" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        "ownerReferences" => "uid",
        _ => return None,
    })
}

/// Lays `patch` over `target`.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (field, value) in fields {
        match (value, merge_key(field)) {
            (Value::Null, _) => {
                target.as_object_mut().map(|members| members.remove(field));
            }
            (Value::Array(items), Some(key)) => {
                let below = target.get_mut(field).and_then(Value::as_array_mut).map(std::mem::take);
                target[field] = merge_lists(below.unwrap_or_default(), items, key);
            }
            _ => merge(&mut target[field], value),
        }
    }
}

/// The merged entries, those of the patch first and in its order, as far as the order of `below` does not say otherwise:
/// an entry that stands in `below` before one of the patch stays before it.
fn merge_lists(below: Vec<Value>, patch: &[Value], key: &str) -> Value {
    let of = |item: &Value| item.get(key).cloned().unwrap_or_default();
    let order: Vec<Value> = below.iter().map(of).collect();
    let place = |item: &Value| order.iter().position(|known| *known == of(item));
    let (mut patched, mut others) = (Vec::new(), Vec::new());
    for item in patch {
        let mut merged = below.iter().find(|known| of(known) == of(item)).cloned().unwrap_or_default();
        merge(&mut merged, item);
        patched.push(merged);
    }
    for item in below {
        if !patch.iter().any(|known| of(known) == of(&item)) {
            others.push(item);
        }
    }
    let mut all = Vec::with_capacity(patched.len() + others.len());
    let mut patched = patched.into_iter().peekable();
    for other in others {
        // Entries that only the patch has have no place in the order, and go first.
        while let Some(next) = patched.next_if(|next| place(next).is_none_or(|next| Some(next) < place(&other))) {
            all.push(next);
        }
        all.push(other);
    }
    all.extend(patched);
    Value::Array(all)
}
