//! Why a command failed, in kubectl's words.

use serde_json::Value;
use std::fmt;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The API has answered with a `Status`.
    Status(Box<Status>),
    /// What the user gave cannot be used, or the answer was none that can be shown.
    Message(String),
    /// An object of a file that cannot be used; the place of the object is still to be told.
    Object(String),
    /// The whole text, as it is to be told.
    Text(String),
    /// Several things failed; all others were done.
    Several(Vec<Error>),
    /// Whoever reads the output has gone; nothing is left to be said.
    Closed,
}

/// An answer of the API that is an error (meta/v1 `Status`).
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// The HTTP status.
    pub(crate) code: u16,
    /// Such as `NotFound`; empty when the API gave none.
    pub(crate) reason: String,
    /// What is wrong, with what was being done before it.
    pub(crate) message: String,
    /// `details`.
    pub(crate) details: Value,
}

/// The result of most functions here.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error with a text of our own.
pub(crate) fn message<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::Message(text.into()))
}

/// An error about an object of a file.
pub(crate) fn object<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::Object(text.into()))
}

impl Error {
    /// One error of several; `None` when there are none.
    pub(crate) fn all(mut errors: Vec<Error>) -> Result<()> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Error::Several(errors)),
        }
    }

    /// The HTTP status, if the API has answered.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Error::Status(status) => Some(status.code),
            _ => None,
        }
    }

    /// Whether the object, or its kind, does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Says first what was being done: `error when creating "f.yaml": ...`.
    pub(crate) fn doing(self, what: &str) -> Self {
        match self {
            Error::Status(mut status) => {
                status.message = format!("{what}: {}", status.message);
                Error::Status(status)
            }
            Error::Message(text) => Error::Message(format!("{what}: {text}")),
            Error::Object(text) => Error::Object(format!("{what}: {text}")),
            other => other,
        }
    }

    /// The paths of the fields that the API names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let Error::Status(status) = self else { return Vec::new() };
        let causes = status.details.get("causes").and_then(Value::as_array).into_iter().flatten();
        let mut fields: Vec<String> =
            causes.filter_map(|cause| cause.get("field")?.as_str()).map(str::to_owned).collect();
        fields.extend(unknown_fields(&status.message));
        fields.dedup();
        fields.retain(|field| !field.is_empty() && field != "<nil>");
        fields
    }
}

/// The fields of `strict decoding error: unknown field "spec.hots", unknown field "spec.x"`.
fn unknown_fields(message: &str) -> impl Iterator<Item = String> {
    message.split("unknown field \"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(field, _)| field.to_owned())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Status(status) => status.fmt(f),
            Error::Text(text) => f.write_str(text),
            Error::Message(text) | Error::Object(text) => write!(f, "error: {text}"),
            Error::Several(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    let end = if index > 0 { "\n" } else { "" };
                    write!(f, "{end}{error}")?;
                }
                Ok(())
            }
            Error::Closed => Ok(()),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "Invalid" => self.invalid(f),
            "Unauthorized" => {
                write!(f, "error: You must be logged in to the server ({})", self.message)
            }
            "" => write!(f, "Error from server: {}", self.message),
            reason => write!(f, "Error from server ({reason}): {}", self.message),
        }
    }
}

impl Status {
    /// An object that is not valid: a line for each reason.
    fn invalid(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |name: &str| self.details.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = (text("kind"), text("name"));
        if self.details.is_null() {
            return write!(f, "The request is invalid: {}", self.message);
        }
        if kind.is_empty() && name.is_empty() {
            f.write_str("The request is invalid")?;
        } else {
            write!(f, "The {kind} {name:?} is invalid")?;
        }
        let causes: Vec<String> = self
            .details
            .get("causes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|cause| {
                let text = |name: &str| cause.get(name).and_then(Value::as_str).unwrap_or_default();
                format!("{}: {}", text("field"), text("message"))
            })
            .collect();
        match &causes[..] {
            [] if kind.is_empty() && name.is_empty() => write!(f, ": {}", self.message),
            [] => Ok(()),
            [cause] => write!(f, ": {cause}"),
            causes => {
                f.write_str(": ")?;
                causes.iter().try_for_each(|cause| write!(f, "\n* {cause}"))
            }
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Error::Closed;
        }
        Error::Message(format!("cannot read or write: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(reason: &str, message: &str, details: Value) -> Error {
        let (reason, message) = (reason.to_owned(), message.to_owned());
        Error::Status(Box::new(Status { code: 400, reason, message, details }))
    }

    #[test]
    fn the_reason_comes_first() {
        let missing = status("NotFound", "gateways.networking.istio.io \"x\" not found", Value::Null);
        assert_eq!(missing.to_string(), "Error from server (NotFound): gateways.networking.istio.io \"x\" not found");
        let webhook = status("", "admission webhook denied the request: no", Value::Null);
        let text = webhook.doing("error when creating \"f.yaml\"").to_string();
        let expected = "Error from server: error when creating \"f.yaml\": admission webhook denied the request: no";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_invalid_object_has_a_line_for_each_reason() {
        let cause = |field: &str| json!({"field": field, "message": "Required value"});
        let one = status("Invalid", "long", json!({"kind": "Gateway", "name": "g", "causes": [cause("spec.a")]}));
        assert_eq!(one.to_string(), "The Gateway \"g\" is invalid: spec.a: Required value");
        let causes = [cause("spec.a"), cause("spec.b")];
        let two = status("Invalid", "long", json!({"kind": "Gateway", "name": "g", "causes": causes}));
        let expected = "The Gateway \"g\" is invalid: \n* spec.a: Required value\n* spec.b: Required value";
        assert_eq!(two.to_string(), expected);
        assert_eq!(two.fields(), ["spec.a", "spec.b"]);
    }

    #[test]
    fn unknown_fields_are_read_from_the_text() {
        let strict =
            status("BadRequest", "strict decoding error: unknown field \"spec.x\", unknown field \"y\"", Value::Null);
        assert_eq!(strict.fields(), ["spec.x", "y"]);
    }
}
