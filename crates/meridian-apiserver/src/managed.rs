//! Managed fields: who set which field of an object (`metadata.managedFields`), and server-side apply.
//!
//! `meridian-fields` knows the rules; here is what the API knows: the types of its kinds, their versions, and which
//! fields a way of writing leaves alone.

mod empty;
mod types;

use std::borrow::Cow;
use std::sync::LazyLock;

use meridian_fields::{Applied, ApplyError, Managed, Objects as _, Request, Set, TypeRef};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::resource::ApiResource;
use crate::target::{Objects, Subresource};
use crate::time;
use crate::version;

/// How the managers of a written object are found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tracking<'a> {
    /// What changes belongs to this manager from now on.
    Update(&'a str),
    /// The object says them already.
    Known,
}

/// A kind as `meridian-fields` asks for it.
struct Kind(&'static ApiResource);

impl meridian_fields::Objects for Kind {
    fn type_of(&self, api_version: &str) -> Option<TypeRef> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let served = self.0.versions.iter().find(|served| **served == version);
        served.filter(|_| group == self.0.group).map(|version| types::of(self.0, version))
    }

    fn convert<'a>(&self, object: &'a Value, from: &str, to: &str) -> Cow<'a, Value> {
        version::between(self.0, object, from, to)
    }
}

/// Takes the managers out of an object. What a client sends there counts for [`track_new`] and [`track_change`].
pub(crate) fn take(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata").and_then(Value::as_object_mut).and_then(|metadata| metadata.remove("managedFields"))
}

fn set(object: &mut Value, managed: Option<Value>) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        match managed {
            Some(managed) => metadata.insert("managedFields".to_owned(), managed),
            None => metadata.remove("managedFields"),
        };
    }
}

/// Writes the managers of a new object, which comes without them and with what the client sent as such.
pub(crate) fn track_new(target: &Objects, object: &mut Value, sent: Option<Value>, tracking: Tracking<'_>) {
    let manager = match tracking {
        Tracking::Update(manager) => manager,
        Tracking::Known => return set(object, sent),
    };
    let managed = Managed::from_json(sent.as_ref()).unwrap_or_default();
    let empty = empty::object(target.resource, &target.api_version());
    let new = as_read(target, object);
    let managed =
        in_request(target, manager, &empty, |request| meridian_fields::update(request, &empty, &new, managed, true));
    let managed = managed.to_json();
    set(object, managed);
}

/// Writes the managers of a changed object, which comes without them and with what the client sent as such.
pub(crate) fn track_change(
    target: &Objects,
    old: &Value,
    object: &mut Value,
    sent: Option<Value>,
    tracking: Tracking<'_>,
) {
    let mut bare = old.clone();
    let before = take(&mut bare);
    let new = as_read(target, object);
    let after = match tracking {
        Tracking::Known => sent,
        Tracking::Update(manager) => {
            let managed = asked(target, sent.as_ref(), before.as_ref());
            let empty = empty::object(target.resource, &target.api_version());
            let request = |request: Request<'_>| meridian_fields::update(request, &bare, &new, managed, false);
            in_request(target, manager, &empty, request).to_json()
        }
    };
    // A time alone is no change.
    let after = match (&before, &after) {
        (Some(before_entries), Some(after_entries))
            if differ_in_times(before_entries, after_entries) && same_content(&bare, &new) =>
        {
            before
        }
        _ => after,
    };
    set(object, after);
}

/// The managers from which a change starts: those that the client sent, if they can be read; nobody, if it asks for that.
fn asked(target: &Objects, sent: Option<&Value>, before: Option<&Value>) -> Managed {
    let stored = || Managed::from_json(before).unwrap_or_default();
    if target.subresource.is_some() {
        return stored();
    }
    if Managed::is_reset(sent) {
        return Managed::default();
    }
    Managed::from_json(sent).ok().filter(|managed| !managed.is_empty()).unwrap_or_else(stored)
}

/// Applies a configuration to an object, or makes a new one of it when there is none.
///
/// # Errors
/// 400 for a configuration of another kind or with managers in it, 409 for fields that others own, 500 (as in
/// Kubernetes) for a configuration that does not fit the schema.
pub(crate) fn apply(
    target: &Objects,
    live: Option<Value>,
    config: &Value,
    manager: &str,
    force: bool,
) -> Result<Value, ApiError> {
    check_config(target, config)?;
    let empty = empty::object(target.resource, &target.api_version());
    let is_new = live.is_none();
    let mut live = live.unwrap_or_else(|| empty.clone());
    let uid = config["metadata"]["uid"].as_str().unwrap_or_default();
    if is_new && !uid.is_empty() {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        let name = target.name.as_deref().unwrap_or_default();
        return Err(ApiError::conflict(&target.resource.collection, name, &why));
    }
    let managed = take(&mut live);
    let managed = Managed::from_json(managed.as_ref())
        .map_err(|why| ApiError::unknown(format!("failed to decode managed fields: {why}")))?;
    let applied =
        in_request(target, manager, &empty, |request| meridian_fields::apply(request, &live, config, managed, force));
    match applied {
        Ok(Applied { mut object, managed }) => {
            // What did not exist has no version that could be another.
            if is_new && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("resourceVersion");
            }
            set(&mut object, managed.to_json());
            Ok(object)
        }
        Err(error @ ApplyError::Conflicts(_)) => Err(ApiError::apply_conflict(&error)),
        Err(error @ ApplyError::Malformed(_)) => {
            let what = described(target, config);
            Err(ApiError::unknown(format!("failed to create typed patch object ({what}): {error}")))
        }
        Err(error) => Err(ApiError::unknown(error.to_string())),
    }
}

fn check_config(target: &Objects, config: &Value) -> Result<(), ApiError> {
    let (group, version) = group_version(config["apiVersion"].as_str().unwrap_or_default());
    let kind = config["kind"].as_str().unwrap_or_default();
    if (group, version, kind) != (target.resource.group, target.version, target.resource.kind) {
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    if !config["metadata"]["managedFields"].is_null() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(())
}

fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// An object as Kubernetes' messages name it: `default/web; /v1, Kind=Service`.
fn described(target: &Objects, config: &Value) -> String {
    let text = |field: &str| config["metadata"][field].as_str().unwrap_or_default();
    let resource = target.resource;
    format!("{}/{}; {}/{}, Kind={}", text("namespace"), text("name"), resource.group, target.version, resource.kind)
}

/// Lets `work` do a write with the circumstances of this request.
fn in_request<T>(target: &Objects, manager: &str, empty: &Value, work: impl FnOnce(Request<'_>) -> T) -> T {
    let objects = Kind(target.resource);
    let now = time::now();
    work(Request {
        objects: &objects,
        api_version: &target.api_version(),
        manager,
        subresource: target.subresource.map_or("", Subresource::name),
        now: &now,
        ignored: ignored(target),
        empty,
    })
}

/// The fields that this way of writing leaves as they are.
fn ignored(target: &Objects) -> &'static Set {
    static NOTHING: LazyLock<Set> = LazyLock::new(Set::default);
    static STATUS: LazyLock<Set> = LazyLock::new(|| Set::of_fields(&[&["status"]]));
    static SPEC: LazyLock<Set> = LazyLock::new(|| Set::of_fields(&[&["spec"]]));
    static NAMESPACE: LazyLock<Set> = LazyLock::new(|| Set::of_fields(&[&["spec"], &["status"]]));
    static BUT_STATUS: LazyLock<Set> = LazyLock::new(|| Set::of_fields(&[&["metadata"], &["spec"]]));
    match target.subresource {
        Some(Subresource::Status) if target.resource.built_in() => &SPEC,
        Some(Subresource::Status) => &BUT_STATUS,
        None if target.resource.is_namespaces() => &NAMESPACE,
        None if target.resource.status_subresource => &STATUS,
        _ => &NOTHING,
    }
}

/// Removes what means nothing: in Kubernetes' own kinds all that is empty, in custom ones such metadata.
pub(crate) fn tidy(target: &Objects, object: &mut Value) {
    let Some(type_) = Kind(target.resource).type_of(&target.api_version()) else { return };
    if target.resource.built_in() {
        return meridian_fields::drop_empty(&type_, object);
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| match value {
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
    }
}

/// An object as it will read once it is stored: with what a conversion fills in.
fn as_read<'a>(target: &Objects, object: &'a Value) -> Cow<'a, Value> {
    let resource = target.resource;
    let (own, stored) = (target.api_version(), resource.api_version(resource.versions[0]));
    match version::between(resource, object, &own, &stored) {
        Cow::Owned(converted) => Cow::Owned(version::between(resource, &converted, &stored, &own).into_owned()),
        unchanged => unchanged,
    }
}

/// Whether entries differ in nothing but their times.
fn differ_in_times(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_array(), after.as_array()) else { return false };
    let same = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::Object(a), Value::Object(b)) => timeless(a).eq(timeless(b)),
        _ => false,
    };
    before.len() == after.len() && before != after && before.iter().zip(after).all(same)
}

fn timeless(entry: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    entry.iter().filter(|(field, _)| *field != "time")
}

/// Whether two objects without managers are the same, apart from what the server writes into the metadata.
fn same_content(old: &Value, new: &Value) -> bool {
    let stripped = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for owned in ["resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp"]
            {
                metadata.remove(owned);
            }
        }
        object
    };
    stripped(old) == stripped(new)
}

#[cfg(test)]
mod tests {
    use meridian_fields::Objects as _;

    use super::Kind;
    use crate::resource;

    #[test]
    fn every_version_of_every_kind_has_a_type() {
        for resource in resource::all() {
            for version in resource.versions {
                assert!(
                    Kind(resource).type_of(&resource.api_version(version)).is_some(),
                    "{} {version}",
                    resource.kind
                );
            }
            assert!(Kind(resource).type_of("v0").is_none(), "{}", resource.kind);
        }
    }
}
