//! Messages that the user does not want to hear.

use anyhow::{Context, bail};
use meridian_analyze::{Message, MessageType};

/// Codes with the resources that they are not told of.
#[derive(Debug)]
pub(super) struct Suppressions(Vec<(String, String)>);

impl Suppressions {
    /// Reads values such as `IST0118=Service *.default`. A code that nothing here reports is said, and does nothing.
    ///
    /// # Errors
    /// A value has another form.
    pub(super) fn parse(values: &[String]) -> anyhow::Result<Self> {
        let one = |value: &String| -> anyhow::Result<(String, String)> {
            let (code, resource) = value.split_once('=').with_context(|| {
                format!("--suppress: found {value:?}, allowed: CODE=RESOURCE, such as \"IST0118=Service *.default\"")
            })?;
            if !resource.contains(' ') {
                bail!("--suppress: found {resource:?}, allowed: KIND NAME.NAMESPACE, such as \"Service *.default\"");
            }
            if MessageType::by_code(code).is_none() {
                eprintln!(
                    "Warning: Supplied message code '{code}' is an unknown message code and will not have any effect."
                );
            }
            Ok((code.to_owned(), resource.to_owned()))
        };
        values.iter().map(one).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Whether `message` is not to be told.
    pub(super) fn cover(&self, message: &Message) -> bool {
        let object = &message.object;
        let name = match &object.namespace {
            Some(namespace) => format!("{} {}.{namespace}", object.kind.kind, object.name),
            None => format!("{} {}", object.kind.kind, object.name),
        };
        self.0.iter().any(|(code, pattern)| code == message.kind.code && matches(pattern.as_bytes(), name.as_bytes()))
    }
}

/// Whether `pattern`, in which `*` stands for anything, covers all of `text`.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|start| matches(rest, &text[start..])),
        Some((byte, rest)) => text.split_first().is_some_and(|(first, text)| first == byte && matches(rest, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        assert!(matches(b"Service *.default", b"Service a.b.default"));
        assert!(matches(b"*", b""));
        assert!(!matches(b"Service *.default", b"Service a.other"));
        assert!(!matches(b"Service a", b"Service ab"));
    }

    #[test]
    fn a_value_of_another_form_is_refused() {
        let error = Suppressions::parse(&["IST0118".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("allowed: CODE=RESOURCE"), "{error}");
    }
}
