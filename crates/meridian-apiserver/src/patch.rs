//! Patches: JSON patch (RFC 6902), merge patch (RFC 7396), strategic merge patch for Kubernetes' own kinds, and
//! server-side apply.

pub(crate) mod merge_keys;
mod strategic;

use serde_json::Value;

use crate::decode;
use crate::error::ApiError;
use crate::media;
use crate::resource::ApiResource;

/// A patch as the client sent it.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7396.
    Merge(Value),
    /// Kubernetes' merge that knows lists of named items.
    Strategic(Value),
}

/// The body of a `PATCH`.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// What changes.
    Patch(Patch),
    /// Server-side apply: what the object shall be, as far as this manager cares.
    Apply(Value),
}

/// The media type of server-side apply.
const APPLY: &str = "application/apply-patch+yaml";

/// The formats of patches, by the resource: only Kubernetes' own kinds have strategic merge patches.
pub(crate) fn media_types(resource: &ApiResource) -> &'static [&'static str] {
    const BUILT_IN: &[&str] = &[
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        APPLY,
    ];
    const CUSTOM: &[&str] = &["application/json-patch+json", "application/merge-patch+json", APPLY];
    if resource.built_in() { BUILT_IN } else { CUSTOM }
}

/// Whether a content type means server-side apply.
pub(crate) fn is_apply(content_type: Option<&str>) -> bool {
    media::media_type(content_type) == APPLY
}

impl Body {
    /// Reads a patch for a resource.
    ///
    /// # Errors
    /// 415 for a format that this resource does not know, naming those that it does; 400 for a body that is no patch.
    pub(crate) fn read(resource: &ApiResource, content_type: Option<&str>, body: &[u8]) -> Result<Body, ApiError> {
        let media_type = media::media_type(content_type);
        let known = media_types(resource);
        if !known.contains(&media_type) {
            return Err(ApiError::unsupported_media_type(&known.join(", ")));
        }
        if media_type == APPLY {
            let value = media::read_yaml(body)?;
            if !value.is_object() {
                return Err(ApiError::bad_request("the body of an apply patch must be one object in YAML or JSON"));
            }
            return Ok(Body::Apply(value));
        }
        let is_strategic = media_type == "application/strategic-merge-patch+json";
        let undecoded = |why: &str| {
            let prefix = if is_strategic { "" } else { "error decoding patch: " };
            ApiError::bad_request(format!("{prefix}{why}"))
        };
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| undecoded(&decode::syntax_error(body).unwrap_or_else(|| error.to_string())))?;
        let other_than = |go: &str| {
            let found = decode::type_name(&value).unwrap_or("null");
            undecoded(&format!("json: cannot unmarshal {found} into Go value of type {go}"))
        };
        if media_type == "application/json-patch+json" {
            if !value.is_array() {
                return Err(other_than("[]handlers.jsonPatchOp"));
            }
            let patch = serde_json::from_value(value).map_err(|error| rejected(&error))?;
            return Ok(Body::Patch(Patch::Json(patch)));
        }
        if !value.is_object() {
            return Err(other_than("map[string]interface {}"));
        }
        Ok(Body::Patch(if is_strategic { Patch::Strategic(value) } else { Patch::Merge(value) }))
    }
}

/// A JSON patch that does not fit. Kubernetes does not say why; the log does.
fn rejected(error: &dyn std::fmt::Display) -> ApiError {
    tracing::debug!(%error, "a JSON patch was rejected");
    ApiError::unprocessable("the server rejected our request due to an error in our request")
}

impl Patch {
    /// Applies the patch.
    ///
    /// # Errors
    /// 422 when the patch does not fit the object.
    pub(crate) fn apply(&self, resource: &ApiResource, mut object: Value) -> Result<Value, ApiError> {
        match self {
            Patch::Json(patch) => {
                json_patch::patch(&mut object, patch).map_err(|error| rejected(&error))?;
                Ok(object)
            }
            Patch::Merge(patch) => {
                json_patch::merge(&mut object, patch);
                Ok(object)
            }
            Patch::Strategic(patch) => strategic::apply(resource, object, patch).map_err(ApiError::bad_request),
        }
    }
}
