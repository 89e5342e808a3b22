//! Objects in the version that a client asked for.
//!
//! All versions of a resource share one stored form, that of the preferred version. Where a version has another form,
//! objects are converted on their way in and out.

use std::borrow::Cow;

use meridian_resources::Kind;
use meridian_resources::kind::converted::{convert, is_converted};
use meridian_store::StoredObject;
use serde_json::Value;

use crate::resource::{ApiResource, Conversion};

/// The kind, when objects of `api_version` have another form than the stored one.
fn converted(resource: &ApiResource, api_version: &str) -> Option<(&'static Kind, String)> {
    let version = api_version.rsplit('/').next().unwrap_or(api_version);
    resource.typed.filter(|kind| is_converted(kind, version)).map(|kind| (kind, version.to_owned()))
}

/// The same for a kind that is only stored.
fn conversion(resource: &ApiResource, api_version: &str) -> Option<&'static Conversion> {
    let version = api_version.rsplit('/').next().unwrap_or(api_version);
    resource.conversions.iter().find(|conversion| conversion.version == version)
}

/// The object as `api_version` shows it.
pub(crate) fn to_value(resource: &ApiResource, api_version: &str, object: &StoredObject) -> Value {
    if let Some(conversion) = conversion(resource, api_version) {
        let mut value = object.to_value(api_version, resource.kind);
        (conversion.from_stored)(&mut value);
        return value;
    }
    match converted(resource, api_version) {
        None => object.to_value(api_version, resource.kind),
        Some((kind, version)) => {
            let mut value = object.to_value(&kind.preferred_api_version(), resource.kind);
            convert(kind, &mut value, &version);
            value
        }
    }
}

/// Appends the object as `api_version` shows it.
pub(crate) fn write_json(resource: &ApiResource, api_version: &str, object: &StoredObject, out: &mut Vec<u8>) {
    if conversion(resource, api_version).is_some() {
        return out.extend_from_slice(to_value(resource, api_version, object).to_string().as_bytes());
    }
    match converted(resource, api_version) {
        None => object.write_json(api_version, resource.kind, out),
        Some(_) => out.extend_from_slice(to_value(resource, api_version, object).to_string().as_bytes()),
    }
}

/// An object of one version in another; itself, where they have the same form.
pub(crate) fn between<'a>(resource: &ApiResource, object: &'a Value, from: &str, to: &str) -> Cow<'a, Value> {
    let (Some(kind), true) = (resource.typed, from != to) else { return Cow::Borrowed(object) };
    if converted(resource, from).is_none() && converted(resource, to).is_none() {
        return Cow::Borrowed(object);
    }
    let mut object = object.clone();
    object["apiVersion"] = from.into();
    convert(kind, &mut object, to.rsplit('/').next().unwrap_or(to));
    Cow::Owned(object)
}

/// Rewrites an object of any version to the stored form.
pub(crate) fn to_stored(resource: &ApiResource, object: &mut Value) {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(conversion) = conversion(resource, &api_version) {
        (conversion.to_stored)(object);
    }
    if let Some((kind, _)) = converted(resource, &api_version) {
        convert(kind, object, kind.versions[0]);
    }
}
