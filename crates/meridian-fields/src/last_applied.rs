//! The annotation in which kubectl's client-side apply keeps what it applied.

use serde_json::Value;

/// The manager of `kubectl apply --server-side`.
pub(crate) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The most bytes of all annotations.
const MOST_BYTES: usize = 256 << 10;

/// What client-side apply last applied.
pub(crate) fn read(object: &Value) -> Option<Value> {
    let text = object["metadata"]["annotations"][ANNOTATION].as_str().filter(|text| !text.is_empty())?;
    serde_json::from_str(text).ok()
}

/// Keeps the annotation of an object that has it up to date, so that client-side apply can go on from there.
pub(crate) fn refresh(object: &mut Value, applied: &Value) {
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    if annotations.get(ANNOTATION).and_then(Value::as_str).is_none_or(str::is_empty) {
        return;
    }
    annotations.insert(ANNOTATION.to_owned(), text(applied).into());
    let bytes: usize = annotations.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MOST_BYTES {
        annotations.remove(ANNOTATION);
    }
}

/// An object as the annotation holds it.
fn text(applied: &Value) -> String {
    let mut applied = applied.clone();
    if let Some(Value::Object(annotations)) = applied.pointer_mut("/metadata/annotations") {
        annotations.remove(ANNOTATION);
    }
    let mut text = String::new();
    // As Go's encoder writes it, which is safe inside HTML.
    for character in applied.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => text.push(other),
        }
    }
    text.push('\n');
    text
}
