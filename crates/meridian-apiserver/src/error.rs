//! Refusals in Kubernetes' shape: the `Status` object (`meta/v1`), which clients take apart.

use meridian_fields::{ApplyError, Conflict, PathText};
use meridian_resources::{Denial, FieldError};
use meridian_store::{GroupResource, StoreError, WatchError};
use serde_json::{Map, Value, json};

use crate::resource::ApiResource;

/// The machine-readable reasons of `metav1.StatusReason` that this server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 400: the request cannot be understood.
    BadRequest,
    /// 400: a webhook refuses the object; machines are given no reason.
    Denied,
    /// 401: nobody knows who asks.
    Unauthorized,
    /// 403: understood, but never allowed.
    Forbidden,
    /// 404: no such object or resource.
    NotFound,
    /// 405: the resource has no such operation.
    MethodNotAllowed,
    /// 406: the client accepts nothing that can be answered.
    NotAcceptable,
    /// 409: the name is taken.
    AlreadyExists,
    /// 409: the object is in another state than the client believes.
    Conflict,
    /// 410: the history that the client asks for is gone.
    Expired,
    /// 413: the body is too large.
    RequestEntityTooLarge,
    /// 415: the body's format is unknown.
    UnsupportedMediaType,
    /// 422: the object breaks rules.
    Invalid,
    /// 500: the server failed.
    InternalError,
    /// 503: not now.
    ServiceUnavailable,
    /// 504: did not become possible in time.
    Timeout,
    /// 500, for what Kubernetes gives no reason.
    Unknown,
}

impl Reason {
    /// The HTTP status code.
    pub fn code(self) -> u16 {
        match self {
            Reason::BadRequest | Reason::Denied => 400,
            Reason::Unauthorized => 401,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::MethodNotAllowed => 405,
            Reason::NotAcceptable => 406,
            Reason::AlreadyExists | Reason::Conflict => 409,
            Reason::Expired => 410,
            Reason::RequestEntityTooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::Invalid => 422,
            Reason::InternalError | Reason::Unknown => 500,
            Reason::ServiceUnavailable => 503,
            Reason::Timeout => 504,
        }
    }
}

/// A refusal. `Display` is the message for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Why, for machines.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
    /// `Status.details`, when there is something to say.
    details: Option<Box<Map<String, Value>>>,
}

impl ApiError {
    fn plain(reason: Reason, message: impl Into<String>) -> ApiError {
        ApiError { reason, message: message.into(), details: None }
    }

    fn with_details(mut self, details: Value) -> ApiError {
        if let Value::Object(details) = details {
            self.details = Some(Box::new(details));
        }
        self
    }

    /// 400 with a message.
    pub fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::plain(Reason::BadRequest, message)
    }

    /// 401: the credentials do not count.
    pub fn unauthorized() -> ApiError {
        ApiError::plain(Reason::Unauthorized, "Unauthorized")
    }

    /// 403: `secrets "x" is forbidden: why`, or `secrets is forbidden: why` without a name.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> ApiError {
        let what = if name.is_empty() { resource.to_string() } else { format!("{resource} {name:?}") };
        ApiError::plain(Reason::Forbidden, format!("{what} is forbidden: {why}"))
            .with_details(object_details(resource, name))
    }

    /// 403 for what is no object: `forbidden: why`.
    pub fn forbidden_path(why: &str) -> ApiError {
        ApiError::plain(Reason::Forbidden, format!("forbidden: {why}")).with_details(json!({}))
    }

    /// 404 for an object.
    pub fn not_found(resource: &GroupResource, name: &str) -> ApiError {
        ApiError::plain(Reason::NotFound, format!("{resource} \"{name}\" not found"))
            .with_details(object_details(resource, name))
    }

    /// 404 for a resource or subresource that is not served.
    pub fn no_such_resource() -> ApiError {
        ApiError::plain(Reason::NotFound, "the server could not find the requested resource").with_details(json!({}))
    }

    /// 405.
    pub fn method_not_allowed() -> ApiError {
        let message = "the server does not allow this method on the requested resource";
        ApiError::plain(Reason::MethodNotAllowed, message).with_details(json!({}))
    }

    /// 406.
    pub fn not_acceptable() -> ApiError {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml";
        ApiError::plain(Reason::NotAcceptable, message).with_details(json!({}))
    }

    /// 406 for a watch.
    pub fn not_streamable() -> ApiError {
        let message = "only the following media types are accepted: application/json;stream=watch";
        ApiError::plain(Reason::NotAcceptable, message)
    }

    /// 409 for a name that is taken.
    pub fn already_exists(resource: &GroupResource, name: &str) -> ApiError {
        ApiError::plain(Reason::AlreadyExists, format!("{resource} \"{name}\" already exists"))
            .with_details(object_details(resource, name))
    }

    /// 409 for an object in another state.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> ApiError {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        ApiError::plain(Reason::Conflict, message).with_details(object_details(resource, name))
    }

    /// 409 for an old `resourceVersion`.
    pub fn modified(resource: &GroupResource, name: &str) -> ApiError {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        ApiError::conflict(resource, name, why)
    }

    /// 413.
    pub fn too_large(limit: usize) -> ApiError {
        let message = format!("Request entity too large: limit is {limit}");
        ApiError::plain(Reason::RequestEntityTooLarge, message).with_details(json!({}))
    }

    /// 415, naming what can be read.
    pub fn unsupported_media_type(accepted: &str) -> ApiError {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        ApiError::plain(Reason::UnsupportedMediaType, message)
    }

    /// 422: the object breaks rules; every error is a cause.
    pub fn invalid(resource: &ApiResource, name: &str, errors: &[FieldError]) -> ApiError {
        ApiError::invalid_kind(resource.group, resource.kind, name, errors)
    }

    pub(crate) fn invalid_kind(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> ApiError {
        let texts: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        let text = if let [one] = &texts[..] { one.clone() } else { format!("[{}]", texts.join(", ")) };
        let causes: Vec<Value> = errors
            .iter()
            .map(|error| json!({"reason": error.kind.reason(), "message": error.body(), "field": error.path}))
            .collect();
        let mut details = json!({"name": name, "group": group, "kind": kind, "causes": causes});
        drop_empty(&mut details);
        let dot = if group.is_empty() { "" } else { "." };
        ApiError::plain(Reason::Invalid, format!("{kind}{dot}{group} \"{name}\" is invalid: {text}"))
            .with_details(details)
    }

    /// 400: a validating webhook refuses the object. Kubernetes passes on what the webhook says, and no reason.
    pub fn denied(denial: &Denial) -> ApiError {
        ApiError::plain(Reason::Denied, denial.to_string())
    }

    /// 422 for a patch that cannot be applied.
    pub fn unprocessable(message: impl Into<String>) -> ApiError {
        ApiError::plain(Reason::Invalid, message).with_details(json!({}))
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> ApiError {
        let message = message.into();
        let causes = json!({"causes": [{"message": &message}]});
        ApiError::plain(Reason::InternalError, format!("Internal error occurred: {message}")).with_details(causes)
    }

    /// 500 without a reason.
    pub fn unknown(message: impl Into<String>) -> ApiError {
        ApiError::plain(Reason::Unknown, message)
    }

    /// 409: others own fields that an apply would change; every field is a cause.
    pub(crate) fn apply_conflict(error: &ApplyError) -> ApiError {
        let conflicts = match error {
            ApplyError::Conflicts(conflicts) => conflicts.as_slice(),
            _ => &[],
        };
        let cause = |conflict: &Conflict| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {}", conflict.manager),
                "field": PathText(&conflict.path).to_string(),
            })
        };
        let causes: Vec<Value> = conflicts.iter().map(cause).collect();
        ApiError::plain(Reason::Conflict, error.to_string()).with_details(json!({"causes": causes}))
    }

    /// 422 for the parameters of a request: `PatchOptions.meta.k8s.io "" is invalid: ...`.
    pub(crate) fn invalid_options(kind: &str, errors: &[FieldError]) -> ApiError {
        ApiError::invalid_kind("meta.k8s.io", kind, "", errors)
    }

    /// 410.
    pub fn expired(message: impl Into<String>) -> ApiError {
        ApiError::plain(Reason::Expired, message)
    }

    /// The error of a store operation on an object of `resource`.
    pub(crate) fn from_store(error: StoreError) -> ApiError {
        match error {
            StoreError::NotFound(key) => ApiError::not_found(&key.resource, &key.name),
            StoreError::AlreadyExists(key) => ApiError::already_exists(&key.resource, &key.name),
            StoreError::RequiredMissing { required } => ApiError::not_found(&required.resource, &required.name),
            StoreError::Conflict { key, expected, found } => {
                let why = format!("the precondition ({expected}) does not match the record ({found})");
                ApiError::conflict(&key.resource, &key.name, &why)
            }
            StoreError::Finalizers(key) => {
                ApiError::conflict(&key.resource, &key.name, "its finalizers have not been removed")
            }
            error @ (StoreError::Disk(_) | StoreError::Malformed { .. }) => ApiError::internal(error.to_string()),
            StoreError::Closed => ApiError::plain(Reason::ServiceUnavailable, "the server is stopping"),
        }
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": format!("{:?}", self.reason),
            "code": self.reason.code(),
        });
        if matches!(self.reason, Reason::Unknown | Reason::Denied) {
            status.as_object_mut().map(|status| status.remove("reason"));
        }
        if let Some(details) = &self.details {
            status["details"] = Value::Object((**details).clone());
        }
        status
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::from_store(error)
    }
}

impl From<WatchError> for ApiError {
    fn from(error: WatchError) -> ApiError {
        match error {
            WatchError::Expired { .. } => ApiError::expired(error.to_string()),
            // Clients know by this cause that their revision belongs to another store, and list anew.
            WatchError::Future { .. } => {
                ApiError::plain(Reason::Timeout, format!("Timeout: {error}")).with_details(json!({
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retryAfterSeconds": 1,
                }))
            }
            WatchError::Closed => ApiError::plain(Reason::ServiceUnavailable, "the server is stopping"),
        }
    }
}

/// `details` of an object: its name, and kind and group of its collection.
fn object_details(resource: &GroupResource, name: &str) -> Value {
    let (plural, group) = resource.as_str().split_once('.').unwrap_or((resource.as_str(), ""));
    let mut details = json!({"name": name, "group": group, "kind": plural});
    drop_empty(&mut details);
    details
}

fn drop_empty(details: &mut Value) {
    if let Value::Object(fields) = details {
        fields.retain(|_, value| value.as_str() != Some(""));
    }
}

/// The `Status` of a deletion that is complete.
pub(crate) fn deleted_status(resource: &GroupResource, name: &str, uid: &str) -> Value {
    let mut details = object_details(resource, name);
    details["uid"] = uid.into();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
