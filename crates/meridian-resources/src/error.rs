//! What is wrong with an object: by field path for the API, with file, line and column for people.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::object::ObjectRef;

/// What kind of mistake a field holds; the kinds are those of Kubernetes' `field.Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// The schema has no such field.
    Unknown,
    /// A field that must be given is absent.
    Required,
    /// A value of the wrong JSON type.
    Type,
    /// A value of the right type that is not allowed.
    Invalid,
    /// A value that is not among those that are known.
    NotSupported,
    /// The same value twice where values must be unique.
    Duplicate,
    /// Something that may not be given here.
    Forbidden,
    /// Too many characters.
    TooLong,
    /// Too many items.
    TooMany,
    /// A name that nothing has.
    NotFound,
}

impl FieldErrorKind {
    /// The words with which Kubernetes begins the description of such an error.
    pub const fn phrase(self) -> &'static str {
        match self {
            FieldErrorKind::Unknown => "Unknown field",
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Type | FieldErrorKind::Invalid => "Invalid value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::Forbidden => "Forbidden",
            FieldErrorKind::TooLong => "Too long",
            FieldErrorKind::TooMany => "Too many",
            FieldErrorKind::NotFound => "Not found",
        }
    }

    /// The reason in the causes of a Kubernetes `Status` (`FieldValueInvalid` and its relatives).
    pub const fn reason(self) -> &'static str {
        match self {
            FieldErrorKind::Unknown | FieldErrorKind::Invalid => "FieldValueInvalid",
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Type => "FieldValueTypeInvalid",
            FieldErrorKind::NotSupported => "FieldValueNotSupported",
            FieldErrorKind::Duplicate => "FieldValueDuplicate",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany => "FieldValueTooMany",
            FieldErrorKind::NotFound => "FieldValueNotFound",
        }
    }
}

/// How Istio's webhook says a mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wording {
    /// With the [`detail`](FieldError::detail).
    #[default]
    Detail,
    /// With these words.
    Words(String),
    /// With these words, or the detail, as a list of errors also when it is the only one.
    Listed(Option<String>),
    /// Not at all: it stops at an earlier mistake.
    Unsaid,
}

/// One mistake in one field of an object.
///
/// `Display` is Kubernetes' wording (`spec.ports: Invalid value: 99999: port must be between 1-65535`), as the API
/// answers it; [`FieldError::message`] is the wording for people who look at their file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field, such as `spec.servers[0].port.number`; empty for the object as a whole.
    pub path: String,
    /// What kind of mistake it is.
    pub kind: FieldErrorKind,
    /// The offending value as JSON, shortened; absent when there is none or it must not be shown.
    pub found: Option<String>,
    /// What is allowed, or what is wrong: the end of Kubernetes' message.
    pub detail: String,
    /// What was found and what is allowed, in one sentence without the path.
    pub message: String,
    /// What it is about, where that has a name of its own.
    pub topic: Topic,
    /// Who refuses the object for it when it is brought to an API server.
    pub origin: Origin,
}

/// Whose rule a mistake breaks. An API server looks first for the mistakes of the first kind, and asks the others only
/// about an object without these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The API server's own: the schema, names and labels, and Kubernetes' rules for its own kinds.
    #[default]
    Server,
    /// The API server's own too, by an expression of the schema, which is asked only of an object whose fields are there
    /// and have the right types.
    Expression,
    /// That of Istio's validating webhook, and how it says it.
    Istio(Wording),
    /// Ours alone: Istio accepts what is not supported here.
    Meridian,
}

/// What a warning is about; [`istioctl analyze`](https://istio.io/latest/docs/reference/config/analysis/) has codes for
/// these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Topic {
    /// Anything.
    #[default]
    Other,
    /// A rule that no request reaches.
    UnreachableRule {
        /// The rule: its quoted name, or `#` and its position.
        rule: String,
        /// Why.
        reason: String,
    },
    /// A match that an earlier one takes everything from.
    IneffectiveMatch {
        /// The rule.
        rule: String,
        /// The match: its quoted name, or `#` and its position.
        matcher: String,
        /// The earlier rule, with the match where that matters.
        earlier: String,
    },
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == FieldErrorKind::Unknown {
            return write!(f, "unknown field \"{}\"", self.path);
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.body())
    }
}

impl std::error::Error for FieldError {}

/// The longest rendering of an offending value, in characters.
const LONGEST_FOUND: usize = 120;

impl FieldError {
    /// The same, about `topic`.
    pub(crate) fn on(self, topic: Topic) -> Self {
        FieldError { topic, ..self }
    }

    /// A field that the schema does not have; `suggestion` is a name that it does have and that is written similarly.
    pub fn unknown(path: impl Into<String>, suggestion: Option<&str>) -> Self {
        let path = path.into();
        let name = path.rsplit('.').next().unwrap_or_default();
        let detail = match suggestion {
            Some(suggestion) => format!("did you mean \"{suggestion}\"?"),
            None => "remove it, or correct its name".to_owned(),
        };
        let message = format!("unknown field \"{name}\"; {detail}");
        FieldError {
            path,
            kind: FieldErrorKind::Unknown,
            found: None,
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// A field that must be given; `detail` may say more, or be empty.
    pub fn required(path: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let message = if detail.is_empty() {
            "required value is missing".to_owned()
        } else {
            format!("required value is missing: {detail}")
        };
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::Required,
            found: None,
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// A value of the wrong JSON type.
    pub fn wrong_type(path: impl Into<String>, found: &Value, expected: &str) -> Self {
        let (path, kind) = (path.into(), json_type(found));
        FieldError {
            kind: FieldErrorKind::Type,
            found: Some(format!("\"{kind}\"")),
            detail: format!("{path} in body must be of type {expected}: \"{kind}\""),
            message: format!("found {kind}{}, allowed: {expected}", scalar_suffix(found)),
            path,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// A value outside of the limits that the schema sets.
    pub fn out_of_limits(path: impl Into<String>, found: &Value, limit: &str) -> Self {
        let (path, found) = (path.into(), render(found));
        FieldError {
            kind: FieldErrorKind::Invalid,
            detail: format!("{path} in body {limit}"),
            message: format!("found {found}: {limit}"),
            found: Some(found),
            path,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// A value that is not allowed; `detail` says why. Objects and lists are not shown, as Kubernetes does not either.
    pub fn invalid(path: impl Into<String>, found: &Value, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let (found, message) = match found {
            Value::Object(_) | Value::Array(_) => (None, detail.clone()),
            scalar => {
                let found = render(scalar);
                let message = format!("found {found}: {detail}");
                (Some(found), message)
            }
        };
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::Invalid,
            found,
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// A mistake that the value as a whole holds, where showing the value would not help or would reveal a secret.
    pub fn invalid_hidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let message = detail.clone();
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::Invalid,
            found: None,
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// A value that is not among those that are known.
    pub fn not_supported<S: AsRef<str>>(path: impl Into<String>, found: &Value, supported: &[S]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|value| format!("\"{}\"", value.as_ref())).collect();
        let plain: Vec<&str> = supported.iter().map(AsRef::as_ref).collect();
        let found = render(found);
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::NotSupported,
            detail: format!("supported values: {}", quoted.join(", ")),
            message: format!("found {found}, allowed: {}", plain.join(", ")),
            found: Some(found),
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// The same value a second time; `detail` may say among what it must be unique, or be empty.
    pub fn duplicate(path: impl Into<String>, found: &Value, detail: impl Into<String>) -> Self {
        let (found, detail) = (render(found), detail.into());
        let message = if detail.is_empty() {
            format!("duplicate value {found}")
        } else {
            format!("duplicate value {found}: {detail}")
        };
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::Duplicate,
            found: Some(found),
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// Something that may not be given here.
    pub fn forbidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let message = detail.clone();
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::Forbidden,
            found: None,
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// More characters than `most`.
    pub fn too_long(path: impl Into<String>, most: usize) -> Self {
        let detail = format!("may not be more than {most} bytes");
        let message = format!("too long: {detail}");
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::TooLong,
            found: None,
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// More items than `most`.
    pub fn too_many(path: impl Into<String>, found: usize, most: usize) -> Self {
        let detail = format!("must have at most {most} items");
        let message = format!("found {found} items: {detail}");
        FieldError {
            path: path.into(),
            kind: FieldErrorKind::TooMany,
            found: Some(found.to_string()),
            detail,
            message,
            topic: Topic::Other,
            origin: Origin::Server,
        }
    }

    /// What the webhook that refuses it says: Istio's words, without the path.
    pub fn webhook_message(&self) -> &str {
        match &self.origin {
            Origin::Istio(Wording::Words(words) | Wording::Listed(Some(words))) => words,
            _ => &self.detail,
        }
    }

    /// A value of any type that is not allowed, shown as a whole, as Kubernetes does with its own kinds.
    pub fn invalid_value(path: impl Into<String>, found: &Value, detail: impl Into<String>) -> Self {
        FieldError { found: Some(found.to_string()), ..Self::invalid(path, found, detail) }
    }

    /// A name that nothing has.
    pub fn not_found(path: impl Into<String>, found: &Value) -> Self {
        let error = Self::invalid(path, found, "");
        FieldError { kind: FieldErrorKind::NotFound, message: format!("nothing has the name {found}"), ..error }
    }

    /// Kubernetes' wording without the path (`Invalid value: 99999: port must be between 1-65535`), as the causes of
    /// a `Status` carry it.
    pub fn body(&self) -> String {
        let mut body = self.kind.phrase().to_owned();
        if let Some(found) = &self.found {
            body.push_str(": ");
            body.push_str(found);
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

/// The JSON type of a value, by the name that OpenAPI gives it.
pub(crate) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn scalar_suffix(value: &Value) -> String {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        scalar => format!(" {}", render(scalar)),
    }
}

/// A value as JSON, cut to a length that a message can bear.
fn render(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_FOUND) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A mistake with its place in a file.
///
/// `Display` is one line: `gateway.yaml:7:15: Gateway default/web: spec.servers[0].port.protocol: found "HTP",
/// allowed: HTTP, HTTPS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as it was named to the parser.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The object, as far as it could be told.
    pub object: Option<ObjectRef>,
    /// The field, such as `spec.servers[0].port.number`; empty for the object or the text as a whole.
    pub path: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}
