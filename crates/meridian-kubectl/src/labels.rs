//! Label selectors, for objects that are still in files.

use crate::error::{Result, message};
use serde_json::Value;

/// `a=b,c!=d,e in (f,g),h,!i`, see
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>.
#[derive(Debug)]
pub(crate) struct Selector {
    terms: Vec<Term>,
}

#[derive(Debug)]
struct Term {
    label: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut terms = Vec::new();
        let mut depth = 0_i32;
        let of_list = |c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        };
        for term in text.split(of_list).map(str::trim).filter(|term| !term.is_empty()) {
            terms.push(Self::term(term)?);
        }
        Ok(Self { terms })
    }

    fn term(text: &str) -> Result<Term> {
        let one = |value: &str| vec![value.trim().to_owned()];
        let (label, test) = if let Some((label, value)) = text.split_once("!=") {
            (label, Test::NotIn(one(value)))
        } else if let Some((label, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            (label, Test::In(one(value)))
        } else if let Some((label, values)) = text.split_once(" notin ") {
            (label, Test::NotIn(set(values)?))
        } else if let Some((label, values)) = text.split_once(" in ") {
            (label, Test::In(set(values)?))
        } else if let Some(label) = text.strip_prefix('!') {
            (label, Test::Missing)
        } else {
            (text, Test::Exists)
        };
        let label = label.trim();
        if label.is_empty() || label.contains([' ', '(', ')']) {
            return message(format!(
                "unable to parse requirement {text:?}: allowed: key=value, key!=value, key in (a,b)"
            ));
        }
        Ok(Term { label: label.to_owned(), test })
    }

    /// Whether an object has such labels.
    pub(crate) fn selects(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        self.terms.iter().all(|term| {
            let value = labels.and_then(|labels| labels.get(&term.label)).and_then(Value::as_str);
            match &term.test {
                Test::In(values) => value.is_some_and(|value| values.iter().any(|known| known == value)),
                Test::NotIn(values) => !value.is_some_and(|value| values.iter().any(|known| known == value)),
                Test::Exists => value.is_some(),
                Test::Missing => value.is_none(),
            }
        })
    }
}

fn set(text: &str) -> Result<Vec<String>> {
    match text.trim().strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(values) => Ok(values.split(',').map(|value| value.trim().to_owned()).collect()),
        None => message(format!("unable to parse {text:?}: allowed: values in parentheses, such as (a,b)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn terms() {
        let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
        let selects = |text: &str| Selector::parse(text).unwrap().selects(&object);
        for text in ["a=1", "a==1,b=2", "a!=2", "c!=1", "a in (0,1),b", "a notin (2)", "!c", ""] {
            assert!(selects(text), "{text}");
        }
        for text in ["a=2", "a", "c"].into_iter().filter(|text| *text != "a") {
            assert!(!selects(text), "{text}");
        }
        assert!(Selector::parse("a b").is_err());
    }
}
