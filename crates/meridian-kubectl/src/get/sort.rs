//! `--sort-by`.

use crate::error::{Result, message};
use crate::jsonpath::JsonPath;
use serde_json::Value;
use std::cmp::Ordering;

/// Orders items by what a path finds in the object of each; those without come first.
///
/// # Errors
/// The path is none, or finds nothing in any object.
pub(super) fn by(items: &mut Vec<Value>, path: &str, object: impl Fn(&Value) -> &Value) -> Result<()> {
    let parsed = JsonPath::relaxed(path)?;
    let mut keyed = Vec::new();
    for item in std::mem::take(items) {
        let key = parsed.find(object(&item))?.into_iter().next().map(std::borrow::Cow::into_owned);
        keyed.push((key, item));
    }
    if !keyed.is_empty() && keyed.iter().all(|(key, _)| key.is_none()) {
        return message(format!("couldn't find any field with path {path:?} in the list of objects"));
    }
    keyed.sort_by(|(left, _), (right, _)| match (left, right) {
        (Some(left), Some(right)) => compare(left, right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    });
    items.extend(keyed.into_iter().map(|(_, item)| item));
    Ok(())
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(left), Value::String(right)) => natural(left, right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => left.to_string().cmp(&right.to_string()),
    }
}

/// Numbers in texts count as numbers: `a2` comes before `a10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (left_digits, right_digits) = (digits(left), digits(right));
        if left_digits > 0 && right_digits > 0 {
            let number = |text: &str, digits: usize| text[..digits].trim_start_matches('0').to_owned();
            let (a, b) = (number(left, left_digits), number(right, right_digits));
            let order = a.len().cmp(&b.len()).then_with(|| a.cmp(&b)).then(left_digits.cmp(&right_digits));
            if order.is_ne() {
                return order;
            }
            (left, right) = (&left[left_digits..], &right[right_digits..]);
            continue;
        }
        let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len());
        };
        if a != b {
            return a.cmp(&b);
        }
        (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_in_texts_count() {
        let mut items: Vec<Value> = ["a10", "a2", "b", "a2b"].map(|name| json!({"n": name})).into();
        items.push(json!({}));
        by(&mut items, ".n", |item| item).unwrap();
        let names: Vec<&Value> = items.iter().map(|item| &item["n"]).collect();
        assert_eq!(names, [&Value::Null, &json!("a2"), &json!("a2b"), &json!("a10"), &json!("b")]);
        assert!(by(&mut items, ".missing", |item| item).is_err());
    }
}
