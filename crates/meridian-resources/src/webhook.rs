//! What a validating webhook answers about an object that the API server itself has no objection to.
//!
//! Istio's webhook prints its errors with `hashicorp/go-multierror`: one as it is, several as a list.

use std::fmt::Write;

use crate::error::{FieldError, FieldErrorKind, Origin, Wording};
use crate::kind::Kind;

/// The name of Istio's webhook in `ValidatingWebhookConfiguration`.
pub const ISTIO: &str = "validation.istio.io";
/// The name in denials that Istio would not make.
pub const MERIDIAN: &str = "validation.meridian.dev";

/// A webhook's refusal. `Display` is what Kubernetes' API server says of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("admission webhook \"{webhook}\" denied the request: {message}")]
pub struct Denial {
    /// The webhook: [`ISTIO`], or [`MERIDIAN`] where the object is one that Istio accepts.
    pub webhook: &'static str,
    /// Why.
    pub message: String,
}

/// The refusal by webhooks, when one of the mistakes is for them.
///
/// Istio's own mistakes are told first and by themselves, in Istio's words; ours, when there is none of Istio's, with
/// their fields.
pub fn denial(errors: &[FieldError]) -> Option<Denial> {
    let said = |error: &&FieldError| match &error.origin {
        Origin::Istio(wording) => *wording != Wording::Unsaid,
        Origin::Server | Origin::Expression | Origin::Meridian => false,
    };
    let istios: Vec<&FieldError> = errors.iter().filter(said).collect();
    if !istios.is_empty() {
        let texts: Vec<String> = istios.iter().map(|error| error.webhook_message().to_owned()).collect();
        let text = match (&istios[..], &texts[..]) {
            ([error], [only]) if !matches!(error.origin, Origin::Istio(Wording::Listed(_))) => only.clone(),
            _ => listed(&texts),
        };
        return Some(Denial { webhook: ISTIO, message: format!("configuration is invalid: {text}") });
    }
    let ours = errors.iter().filter(|error| error.origin == Origin::Meridian);
    let ours: Vec<String> = ours.map(ToString::to_string).collect();
    let text = if let [only] = &ours[..] { only.clone() } else { listed(&ours) };
    (!ours.is_empty()).then(|| Denial { webhook: MERIDIAN, message: format!("not supported: {text}") })
}

/// The mistakes for which the API server itself refuses an object, before any webhook is asked: those against the schema,
/// and those that its expressions find in an object that is complete and has the right types.
pub fn of_server(kind: &Kind, errors: &[FieldError]) -> Vec<FieldError> {
    const UNCHECKED: &str = "some validation rules were not checked because the object was invalid; correct the existing \
                             errors to complete validation";
    let of = |origin: &Origin| errors.iter().filter(|error| error.origin == *origin).cloned().collect::<Vec<_>>();
    let (mut found, expressions) = (of(&Origin::Server), of(&Origin::Expression));
    let blocking = |error: &FieldError| {
        matches!(
            error.kind,
            FieldErrorKind::Required
                | FieldErrorKind::TooLong
                | FieldErrorKind::TooMany
                | FieldErrorKind::Type
                | FieldErrorKind::NotSupported
        )
    };
    // The schemas of all of these kinds have expressions.
    let has_expressions = kind.group.ends_with(".istio.io") || kind.group.starts_with("gateway.networking.");
    if has_expressions && found.iter().any(blocking) {
        let unchecked = FieldError::invalid("<nil>", &serde_json::Value::Null, UNCHECKED);
        found.push(unchecked);
    } else {
        found.extend(expressions);
    }
    found
}

/// Errors as `go-multierror` lists them.
pub(crate) fn listed(errors: &[String]) -> String {
    let mut text = match errors.len() {
        1 => "1 error occurred:".to_owned(),
        count => format!("{count} errors occurred:"),
    };
    for error in errors {
        let _ = write!(text, "\n\t* {error}");
    }
    text + "\n\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origin: Origin, detail: &str) -> FieldError {
        FieldError { origin, ..FieldError::required("spec.hosts", detail) }
    }

    #[test]
    fn one_error_is_said_as_it_is_and_several_as_a_list() {
        let words = Wording::Words("2nd".into());
        let (first, second) = (of(Origin::Istio(Wording::Detail), "first"), of(Origin::Istio(words), "second"));
        let only = denial(std::slice::from_ref(&first)).map(|denial| denial.to_string());
        let expected = "admission webhook \"validation.istio.io\" denied the request: configuration is invalid: first";
        assert_eq!(only.as_deref(), Some(expected));
        let unsaid = of(Origin::Istio(Wording::Unsaid), "later");
        let both = denial(&[first, second, unsaid]).map(|denial| denial.message);
        assert_eq!(both.as_deref(), Some("configuration is invalid: 2 errors occurred:\n\t* first\n\t* 2nd\n\n"));
        let alone = denial(&[of(Origin::Istio(Wording::Listed(None)), "a")]).map(|denial| denial.message);
        assert_eq!(alone.as_deref(), Some("configuration is invalid: 1 error occurred:\n\t* a\n\n"));
    }

    #[test]
    fn what_istio_accepts_is_not_denied_in_its_name() {
        let (ours, istios) = (of(Origin::Meridian, "not here"), of(Origin::Istio(Wording::Detail), "wrong"));
        let denied = denial(std::slice::from_ref(&ours)).unwrap();
        assert_eq!(denied.webhook, MERIDIAN);
        assert_eq!(denied.message, "not supported: spec.hosts: Required value: not here");
        assert_eq!(denial(&[ours, istios]).unwrap().message, "configuration is invalid: wrong");
        assert_eq!(denial(&[of(Origin::Server, "schema")]), None);
    }
}
