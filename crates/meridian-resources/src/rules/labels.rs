//! Labels, as Kubernetes and Istio allow them.

/// The longest name of a label.
const LONGEST: usize = 63;
/// The longest prefix of a label's key.
const LONGEST_PREFIX: usize = 253;

/// A key: a name, also after a DNS name and a slash.
pub(crate) fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_prefix(prefix) && is_qualified_name(name),
        None => is_qualified_name(key),
    }
}

fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(super::dns::is_label)
}

/// A value of any length: empty, or in the form of a name.
pub(crate) fn is_value(value: &str) -> bool {
    value.is_empty() || has_form_of_name(value)
}

/// At most 63 letters, digits, dashes, underscores and dots; a letter or digit at both ends.
pub(crate) fn is_qualified_name(name: &str) -> bool {
    name.len() <= LONGEST && has_form_of_name(name)
}

fn has_form_of_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let inner = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    inner && text.starts_with(edge) && text.ends_with(edge)
}
