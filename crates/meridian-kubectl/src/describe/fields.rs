//! The fields of an object, one on each line.

use crate::columns::go_text;
use serde_json::Value;

/// Longer annotations get lines of their own, and are cut.
const LONGEST_ANNOTATION: usize = 140;

/// `Labels:` and its lines.
pub(super) fn labels(text: &mut String, labels: &Value) {
    text.push_str("Labels:\t");
    let labels = labels.as_object().filter(|labels| !labels.is_empty());
    let Some(labels) = labels else {
        text.push_str("<none>\n");
        return;
    };
    for (index, (name, value)) in labels.iter().enumerate() {
        let indent = if index > 0 { "\t" } else { "" };
        text.push_str(&format!("{indent}{name}={}\n", go_text(value)));
    }
}

/// `Annotations:` and its lines, without that of `apply`.
pub(super) fn annotations(text: &mut String, annotations: &Value) {
    text.push_str("Annotations:\t");
    let shown = annotations.as_object().into_iter().flatten();
    let shown: Vec<_> = shown.filter(|(name, _)| *name != crate::apply::LAST_APPLIED).collect();
    if shown.is_empty() {
        text.push_str("<none>\n");
    }
    for (index, (name, value)) in shown.into_iter().enumerate() {
        let indent = if index > 0 { "\t" } else { "" };
        let value = go_text(value);
        let value = value.strip_suffix('\n').unwrap_or(&value);
        if value.len() + name.len() + 2 <= LONGEST_ANNOTATION && !value.contains('\n') {
            text.push_str(&format!("{indent}{name}: {value}\n"));
            continue;
        }
        text.push_str(&format!("{indent}{name}:\n"));
        for line in value.split('\n') {
            text.push_str(&format!("\t  {}\n", shortened(line)));
        }
    }
}

fn shortened(line: &str) -> String {
    let longest = LONGEST_ANNOTATION - 2;
    if line.len() <= longest {
        return line.to_owned();
    }
    let end = (0..=longest).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", &line[..end])
}

/// All fields of an object but those whose paths are hidden.
pub(super) fn all(text: &mut String, level: usize, object: &Value, path: &str, hidden: &[&str]) {
    let indent = "  ".repeat(level);
    for (name, value) in object.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if hidden.contains(&path.as_str()) {
            continue;
        }
        let label = label(name);
        match value {
            Value::Object(_) => {
                text.push_str(&format!("{indent}{label}:\n"));
                all(text, level + 1, value, &path, hidden);
            }
            Value::Array(items) => {
                text.push_str(&format!("{indent}{label}:\n"));
                for item in items {
                    if item.is_object() {
                        all(text, level + 1, item, &path, hidden);
                    } else {
                        text.push_str(&format!("{indent}  {}\n", go_text(item)));
                    }
                }
            }
            other => text.push_str(&format!("{indent}{label}:\t{}\n", go_text(other))),
        }
    }
}

/// A field's name in words: `creationTimestamp` becomes `Creation Timestamp`.
fn label(field: &str) -> String {
    if field.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return field.to_owned();
    }
    let words = words(field);
    let words = words.iter().map(|word| {
        let capitals = word.to_uppercase();
        if ["API", "URL", "UID", "OSB", "GUID"].contains(&capitals.as_str()) {
            return capitals;
        }
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
    });
    words.collect::<Vec<String>>().join(" ")
}

/// Cuts before capitals that begin a word: `apiVersion` into `api`, `Version`; `serverTLSKey` into `server`, `TLS`,
/// `Key`.
fn words(field: &str) -> Vec<String> {
    let chars: Vec<char> = field.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (index, c) in chars.iter().copied().enumerate() {
        let before = index.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(index + 1);
        let begins = match before {
            None => true,
            Some(before) if c.is_uppercase() => {
                before.is_lowercase() || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            }
            // Signs are words of their own.
            Some(before) => before.is_alphabetic() != c.is_alphabetic(),
        };
        match words.last_mut() {
            Some(word) if !begins => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_become_words() {
        let cases = [
            ("apiVersion", "API Version"),
            ("creationTimestamp", "Creation Timestamp"),
            ("uid", "UID"),
            ("httpsRedirect", "Https Redirect"),
            ("serverTLSKey", "Server TLS Key"),
            ("app.kubernetes.io/name", "app.kubernetes.io/name"),
        ];
        for (field, expected) in cases {
            assert_eq!(label(field), expected);
        }
    }

    #[test]
    fn nested_fields() {
        let mut text = String::new();
        let object = json!({"kind": "A", "spec": {"hosts": ["a", "b"], "http": [{"n": 1}]}, "metadata": {"name": "x"}});
        all(&mut text, 0, &object, "", &[".metadata.name"]);
        let expected = "Kind:\tA\nMetadata:\nSpec:\n  Hosts:\n    a\n    b\n  Http:\n    N:\t1\n";
        assert_eq!(text, expected);
    }
}
