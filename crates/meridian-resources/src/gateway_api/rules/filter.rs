//! Rules of filters.

use serde_json::Value;

use super::{has, items, require, text};
use crate::error::FieldError;
use crate::schema::path::Path;

/// Each type of filter with the field that it has.
const TYPES: [(&str, &str); 8] = [
    ("RequestHeaderModifier", "requestHeaderModifier"),
    ("ResponseHeaderModifier", "responseHeaderModifier"),
    ("RequestMirror", "requestMirror"),
    ("RequestRedirect", "requestRedirect"),
    ("URLRewrite", "urlRewrite"),
    ("CORS", "cors"),
    ("ExternalAuth", "externalAuth"),
    ("ExtensionRef", "extensionRef"),
];

/// The types that a list of filters has at most once.
const ONCE: [&str; 5] = ["CORS", "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"];

/// A filter has the field of its type, and no other.
pub(super) fn route_filter(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let type_ = text(value, "type", "");
    for (name, field) in TYPES {
        let message = format!("filter.{field} must be nil if the filter.type is not {name}");
        require(!has(value, field) || type_ == name, value, path, &message, errors);
        let message = format!("filter.{field} must be specified for {name} filter.type");
        require(has(value, field) || type_ != name, value, path, &message, errors);
    }
}

/// Filters that exclude each other, or themselves.
pub(super) fn route_filters(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let count = |type_: &str| items(value).iter().filter(|filter| text(filter, "type", "") == type_).count();
    require(
        count("RequestRedirect") == 0 || count("URLRewrite") == 0,
        value,
        path,
        "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both",
        errors,
    );
    for type_ in ONCE {
        require(count(type_) <= 1, value, path, &format!("{type_} filter cannot be repeated"), errors);
    }
}

/// Which part of requests is copied.
pub(super) fn request_mirror(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let message = "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter";
    require(!(has(value, "percent") && has(value, "fraction")), value, path, message, errors);
}

/// A part is not more than all.
pub(super) fn fraction(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    let numerator = value.get("numerator").and_then(Value::as_i64).unwrap_or(0);
    let denominator = value.get("denominator").and_then(Value::as_i64).unwrap_or(100);
    let message = "numerator must be less than or equal to denominator";
    require(numerator <= denominator, value, path, message, errors);
}

/// Another path has the field of its type, and no other.
pub(super) fn path_modifier(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    belongs(value, path, "type", &[("ReplaceFullPath", "replaceFullPath")], errors);
    belongs(value, path, "type", &[("ReplacePrefixMatch", "replacePrefixMatch")], errors);
}

/// An authorization service has the settings of its protocol, and no others.
pub(super) fn external_auth(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    belongs(value, path, "protocol", &[("GRPC", "grpc"), ("HTTP", "http")], errors);
}

/// Each field is given exactly when the discriminator has its value.
fn belongs(
    value: &Value,
    path: &Path<'_>,
    discriminator: &str,
    members: &[(&str, &str)],
    errors: &mut Vec<FieldError>,
) {
    let chosen = text(value, discriminator, "");
    for (name, field) in members {
        let message = format!("{field} must be specified when {discriminator} is set to '{name}'");
        require(chosen != *name || has(value, field), value, path, &message, errors);
        let message = format!("{discriminator} must be '{name}' when {field} is set");
        require(!has(value, field) || chosen == *name, value, path, &message, errors);
    }
}

/// `*` says all.
pub(super) fn allow_headers(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    alone(value, path, "AllowHeaders cannot contain '*' alongside other methods", errors);
}

/// `*` says all.
pub(super) fn allow_methods(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    alone(value, path, "AllowMethods cannot contain '*' alongside other methods", errors);
}

/// `*` says all.
pub(super) fn allow_origins(value: &Value, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    alone(value, path, "AllowOrigins cannot contain '*' alongside other origins", errors);
}

fn alone(value: &Value, path: &Path<'_>, message: &str, errors: &mut Vec<FieldError>) {
    let items = items(value);
    require(items.len() <= 1 || !items.iter().any(|item| item == "*"), value, path, message, errors);
}
