//! What happens to an object between the client and the store: checks, defaults, and what the server owns.

mod defaults;
mod immutable;
mod owners;
mod patched;
mod service;

use meridian_resources::kind::converted::deprecation;
use meridian_resources::networking::ingress::{self, CLASS_ANNOTATION};
use meridian_resources::{
    FieldError, Kind, Origin, apply_defaults, denial, drop_nulls, judge, of_server, prune, unknown_fields,
};
use meridian_store::StoredObject;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::kinds;
use crate::managed::{self, Tracking};
use crate::query::{FieldValidation, resource_version};
use crate::target::{Objects, Subresource};
use crate::values::absent;
use crate::version;

pub(crate) use patched::{check_name, check_patched};
pub(crate) use service::Allocator;

/// The characters from which generated names are made: no vowels and nothing that can be misread, as in Kubernetes.
const NAME_CHARACTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them are appended to `generateName`.
const NAME_SUFFIX: usize = 5;
/// The longest generated name before the suffix.
const LONGEST_PREFIX: usize = 63 - NAME_SUFFIX;

/// An object that may be stored.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) object: Value,
    /// For the client (`Warning` headers).
    pub(crate) warnings: Vec<String>,
}

/// Checks a new object, and fills what a client leaves out. Its name is in its metadata then.
pub(crate) fn admit_new(
    target: &Objects,
    mut object: Value,
    validation: FieldValidation,
    tracking: Tracking<'_>,
    allocator: &Allocator,
) -> Result<(Admitted, service::Reservation), ApiError> {
    envelope(target, &mut object)?;
    place(target, &mut object)?;
    let managed = managed::take(&mut object);
    managed::tidy(target, &mut object);
    let metadata = metadata_mut(&mut object)?;
    if !absent(metadata.get("resourceVersion")) {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    generate_name(metadata);
    let mut warnings = unknown(target, &mut object, validation)?;
    if let Some(first) = target.resource.first_status {
        object["status"] = first();
    } else if target.resource.status_subresource && !target.resource.built_in() {
        remove(&mut object, "status");
    }
    defaults::new_object(target.resource, &mut object);
    warnings.extend(check(target, &mut object)?);
    warnings.extend(kinds::warning(target.resource, &object));
    managed::track_new(target, &mut object, managed, tracking);
    kinds::observed(target.resource, None, &mut object);
    version::to_stored(target.resource, &mut object);
    let reservation = allocator.admit_new(target.resource, &mut object)?;
    Ok((Admitted { object, warnings }, reservation))
}

/// Checks what a review asks, and fills what a client leaves out. Returns it with warnings.
pub(crate) fn admit_review(
    target: &Objects,
    mut review: Value,
    validation: FieldValidation,
) -> Result<(Value, Vec<String>), ApiError> {
    envelope(target, &mut review)?;
    place(target, &mut review)?;
    managed::take(&mut review);
    metadata_mut(&mut review)?.retain(|_, value| !absent(Some(value)));
    let warnings = unknown(target, &mut review, validation)?;
    Ok((review, warnings))
}

/// Checks a changed object against the current one: the right name, the right version, and only what may be changed.
pub(crate) fn admit_update(
    target: &Objects,
    current: &StoredObject,
    mut object: Value,
    validation: FieldValidation,
    tracking: Tracking<'_>,
    allocator: &Allocator,
) -> Result<(Admitted, service::Reservation), ApiError> {
    envelope(target, &mut object)?;
    place(target, &mut object)?;
    let managed = managed::take(&mut object);
    managed::tidy(target, &mut object);
    let resource = target.resource;
    let (name, collection) = (&*current.key().name, &resource.collection);
    let metadata = metadata_mut(&mut object)?;
    let seen = resource_version(metadata.get("resourceVersion").and_then(Value::as_str).filter(|v| !v.is_empty()))?;
    match seen {
        Some(seen) if seen != current.revision() => return Err(ApiError::modified(collection, name)),
        None if !resource.built_in() => {
            let missing = FieldError::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            return Err(ApiError::invalid(resource, name, &[missing]));
        }
        _ => {}
    }
    let uid = current.metadata().uid;
    if let Some(claimed) = metadata.get("uid").and_then(Value::as_str)
        && !claimed.is_empty()
        && claimed != uid
    {
        let why = format!("Precondition failed: UID in precondition: {claimed}, UID in object meta: {uid}");
        return Err(ApiError::conflict(collection, name, &why));
    }
    metadata.remove("deletionTimestamp");
    let mut warnings = unknown(target, &mut object, validation)?;
    let old = version::to_value(resource, &target.api_version(), current);
    match target.subresource {
        Some(Subresource::Status) => {
            let status = object.get_mut("status").map(Value::take);
            object = old.clone();
            managed::take(&mut object);
            set_or_remove(&mut object, "status", status);
        }
        None | Some(Subresource::Scale) if resource.status_subresource => {
            set_or_remove(&mut object, "status", old.get("status").cloned())
        }
        None | Some(Subresource::Scale) => {}
        // The others are asked for, not written.
        Some(_) => return Err(ApiError::method_not_allowed()),
    }
    defaults::changed_object(resource, &old, &mut object);
    immutable::check(resource, &old, &object)?;
    warnings.extend(check(target, &mut object)?);
    managed::track_change(target, &old, &mut object, managed, tracking);
    kinds::observed(resource, Some(&old), &mut object);
    version::to_stored(resource, &mut object);
    let reservation = allocator.admit_update(resource, &old, &mut object)?;
    Ok((Admitted { object, warnings }, reservation))
}

/// `apiVersion` and `kind` are those of the URL. Kubernetes' own kinds may leave them out.
fn envelope(target: &Objects, object: &mut Value) -> Result<(), ApiError> {
    let resource = target.resource;
    let expected = target.api_version();
    let Value::Object(fields) = object else {
        return Err(ApiError::bad_request(format!(
            "the object provided is not a JSON object (must be a {})",
            resource.kind
        )));
    };
    for (field, value) in [("apiVersion", expected.as_str()), ("kind", resource.kind)] {
        if absent(fields.get(field)) {
            if !resource.built_in() {
                return Err(ApiError::bad_request(format!(
                    "the object provided is unrecognized (must be of type {}): its {field} is missing; add \
                     \"{field}\": \"{value}\"",
                    resource.kind
                )));
            }
            fields.insert(field.to_owned(), value.into());
        }
    }
    let found = fields["apiVersion"].as_str().unwrap_or_default();
    if found != expected {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({found}) does not match the expected API version ({expected})"
        )));
    }
    if fields["kind"] != resource.kind {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let error = FieldError::invalid("kind", &object["kind"], format!("must be {}", resource.kind));
        let found = object["kind"].as_str().unwrap_or_default();
        return Err(ApiError::invalid_kind(resource.group, found, name, &[error]));
    }
    if let Some(kind) = resource.typed {
        drop_nulls(kind, object);
    }
    Ok(())
}

/// Name and namespace agree with the URL; what is left out is taken from there.
fn place(target: &Objects, object: &mut Value) -> Result<(), ApiError> {
    check_name(target, object)?;
    let metadata = metadata_mut(object)?;
    if let Some(name) = &target.name {
        metadata.insert("name".to_owned(), name.as_str().into());
    }
    let found = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
    match &target.namespace {
        Some(namespace) if found.is_empty() => {
            metadata.insert("namespace".to_owned(), namespace.as_str().into());
        }
        Some(namespace) if found != namespace => {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        None if !found.is_empty() => {
            let error = FieldError::forbidden("metadata.namespace", "not allowed on this type");
            let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
            return Err(ApiError::invalid(target.resource, name, &[error]));
        }
        _ => {}
    }
    Ok(())
}

/// `generateName` becomes a name.
fn generate_name(metadata: &mut Map<String, Value>) {
    if !absent(metadata.get("name")) {
        return;
    }
    let Some(prefix) = metadata.get("generateName").and_then(Value::as_str).filter(|prefix| !prefix.is_empty()) else {
        return;
    };
    let mut name: String = prefix.chars().take(LONGEST_PREFIX).collect();
    for _ in 0..NAME_SUFFIX {
        name.push(char::from(NAME_CHARACTERS[fastrand::usize(..NAME_CHARACTERS.len())]));
    }
    metadata.insert("name".to_owned(), name.into());
}

/// Deals with fields that the schema does not have. Returns warnings.
fn unknown(target: &Objects, object: &mut Value, validation: FieldValidation) -> Result<Vec<String>, ApiError> {
    // Kubernetes' own kinds have fields that the types here do not look at.
    let structure = target.resource.native(target.version).map(|native| native.structure());
    let found = match (structure, target.resource.typed) {
        _ if validation == FieldValidation::Ignore => Vec::new(),
        (Some(structure), _) => structure.unknown_fields(object),
        (None, Some(kind)) => unknown_fields(kind, object),
        (None, None) => Vec::new(),
    };
    let mut unknown: Vec<String> = found.iter().map(ToString::to_string).collect();
    if validation == FieldValidation::Strict && !unknown.is_empty() {
        let message = format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: strict decoding error: {unknown}",
            kind = target.resource.kind,
            version = target.version,
            unknown = unknown.join(", ")
        );
        return Err(ApiError::bad_request(message));
    }
    match (structure, target.resource.typed) {
        (Some(structure), _) => structure.prune(object),
        (None, Some(kind)) => prune(kind, object),
        (None, None) => {}
    }
    if let Some(kind) = target.resource.typed {
        unknown.extend(deprecations(target, kind, object));
    }
    Ok(unknown)
}

/// What Kubernetes warns of, beside unknown fields: versions that are no more, and the old way to name a class.
fn deprecations(target: &Objects, kind: &Kind, object: &Value) -> Vec<String> {
    let mut warnings: Vec<String> = deprecation(kind, target.version).map(str::to_owned).into_iter().collect();
    let annotated = !object["metadata"]["annotations"][CLASS_ANNOTATION].is_null();
    if warnings.is_empty() && annotated && *kind == ingress::KIND && object["spec"]["ingressClassName"].is_null() {
        warnings.push(format!(
            "annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
        ));
    }
    warnings
}

/// Fills the schema's defaults and asks the validator, as an API server with Istio's webhook does: first the server's own
/// rules (422), then the webhook (400), which does not look at subresources. Returns the webhook's warnings.
fn check(target: &Objects, object: &mut Value) -> Result<Vec<String>, ApiError> {
    let resource = target.resource;
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let Some(kind) = resource.typed else {
        let mut found = stored_kind_errors(target, object);
        found.extend(owners::check(object));
        return if found.is_empty() { Ok(Vec::new()) } else { Err(ApiError::invalid(resource, &name, &found)) };
    };
    apply_defaults(kind, object);
    let (errors, warnings) = judge(kind, object);
    let mut refused = of_server(kind, &errors);
    refused.extend(owners::check(object));
    if refused.is_empty() && resource.group.is_empty() && resource.kind == "Pod" {
        kinds::rules::pod("spec", &object["spec"], &mut refused);
    }
    if !refused.is_empty() {
        return Err(ApiError::invalid(resource, &name, &refused));
    }
    if target.subresource.is_some() {
        return Ok(Vec::new());
    }
    match denial(&errors) {
        Some(denial) => Err(ApiError::denied(&denial)),
        None => {
            let of_webhook = warnings.iter().filter(|warning| matches!(warning.origin, Origin::Istio(_)));
            Ok(of_webhook.map(|warning| warning.webhook_message().to_owned()).collect())
        }
    }
}

/// The mistakes of an object of a kind that is only stored.
fn stored_kind_errors(target: &Objects, object: &Value) -> Vec<FieldError> {
    let resource = target.resource;
    let Some(native) = resource.native(target.version) else { return Vec::new() };
    let errors = native.structure().validate(object, resource.namespaced, resource.name);
    if errors.is_empty() { kinds::rules::check(resource, object) } else { errors }
}

fn metadata_mut(object: &mut Value) -> Result<&mut Map<String, Value>, ApiError> {
    let metadata = &mut object["metadata"];
    if metadata.is_null() {
        *metadata = json!({});
    }
    metadata.as_object_mut().ok_or_else(|| ApiError::bad_request("metadata: found a value that is not an object"))
}

fn remove(object: &mut Value, field: &str) {
    if let Value::Object(fields) = object {
        fields.remove(field);
    }
}

fn set_or_remove(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => object[field] = value,
        None => remove(object, field),
    }
}
