//! Whom an object says to belong to (`ValidateOwnerReferences`).

use meridian_resources::FieldError;
use serde_json::Value;

const PATH: &str = "metadata.ownerReferences";
/// Kubernetes' order of the fields of a reference.
const FIELDS: [&str; 6] = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];

/// The mistakes of the owners of an object.
pub(super) fn check(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let owners = object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut controller: Option<String> = None;
    for owner in owners {
        let text = |field: &str| owner[field].as_str().unwrap_or_default();
        let version = text("apiVersion").rsplit('/').next().unwrap_or_default();
        let empty = |errors: &mut Vec<FieldError>, field: &str, found: &str, why: &str| {
            if found.is_empty() {
                errors.push(FieldError::invalid(format!("{PATH}.{field}"), &text(field).into(), why));
            }
        };
        empty(&mut errors, "apiVersion", version, "version must not be empty");
        for field in ["kind", "name", "uid"] {
            empty(&mut errors, field, text(field), "must not be empty");
        }
        if (text("apiVersion"), text("kind")) == ("v1", "Event") {
            errors.push(refused(shown(owner), "/v1, Kind=Event is disallowed from being an owner"));
        }
        if owner["controller"] != true {
            continue;
        }
        let name = format!("{}/{}", text("kind"), text("name"));
        match &controller {
            Some(first) => {
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                );
                let all = owners.iter().map(shown).collect::<Vec<_>>().join(",");
                errors.push(refused(format!("[{all}]"), &why));
            }
            None => controller = Some(name),
        }
    }
    errors
}

fn refused(found: String, why: &str) -> FieldError {
    FieldError { found: Some(found), ..FieldError::invalid_hidden(PATH, why) }
}

/// A reference as JSON, in the order in which Kubernetes writes it.
fn shown(owner: &Value) -> String {
    let field = |name: &&str| {
        let value = owner.get(*name).filter(|value| !value.is_null())?;
        Some(format!("\"{name}\":{value}"))
    };
    format!("{{{}}}", FIELDS.iter().filter_map(field).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::json;

    #[test]
    fn only_one_owner_controls() {
        let owner = |name: &str, controller: bool| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "u", "controller": controller});
        let object = |owners: serde_json::Value| json!({"metadata": {"ownerReferences": owners}});
        assert!(check(&object(json!([owner("a", true), owner("b", false)]))).is_empty());
        let errors = check(&object(json!([owner("a", true), owner("b", true)])));
        let expected = "metadata.ownerReferences: Invalid value: \
                        [{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"a\",\"uid\":\"u\",\"controller\":true},\
                        {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"b\",\"uid\":\"u\",\"controller\":true}]: Only one \
                        reference can have Controller set to true. Found \"true\" in references for ConfigMap/a and \
                        ConfigMap/b";
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn an_owner_says_who_it_is() {
        let errors = check(
            &json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/", "kind": "Deployment", "name": "a"}]}}),
        );
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["metadata.ownerReferences.apiVersion", "metadata.ownerReferences.uid"]);
    }
}
