//! From a template and an object to values.

use super::{Comparison, Part, Slice, Step};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

type Values<'v> = Vec<Cow<'v, Value>>;

/// Appends what each part finds in `value`.
pub(super) fn parts<'v>(parts: &[Part], value: Cow<'v, Value>, results: &mut Vec<Values<'v>>) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Text(text) => results.push(vec![Cow::Owned(Value::String(text.clone()))]),
            Part::Action(steps) => results.push(walk(steps, vec![value.clone()])?),
            Part::Range(steps, body) => {
                for value in walk(steps, vec![value.clone()])? {
                    self::parts(body, value, results)?;
                }
            }
        }
    }
    Ok(())
}

fn walk<'v>(steps: &[Step], mut values: Values<'v>) -> Result<Values<'v>, String> {
    for step in steps {
        values = self::step(step, values)?;
    }
    Ok(values)
}

fn step<'v>(step: &Step, values: Values<'v>) -> Result<Values<'v>, String> {
    let mut found = Vec::new();
    match step {
        Step::Literal(value) => found.extend(values.iter().map(|_| Cow::Owned(value.clone()))),
        Step::Field(name) => found.extend(values.into_iter().filter_map(|value| field(value, name))),
        Step::Wildcard => values.into_iter().for_each(|value| found.extend(children(value))),
        Step::Recursive => values.into_iter().for_each(|value| descend(value, &mut found)),
        Step::Slice(slice) => {
            for value in values.into_iter().filter(|value| !value.is_null()) {
                found.extend(self::slice(*slice, items(value, " is not array or slice")?)?);
            }
        }
        Step::Union(branches) => {
            for branch in branches {
                found.extend(walk(branch, values.clone())?);
            }
        }
        Step::Exists(steps) => {
            for value in values {
                let items = items(value, " is not array or slice and cannot be filtered")?;
                let exists =
                    |item: &Cow<'v, Value>| walk(steps, vec![Cow::Borrowed(item)]).is_ok_and(|found| !found.is_empty());
                found.extend(items.into_iter().filter(exists));
            }
        }
        Step::Compare(left, comparison, right) => {
            for value in values {
                for item in items(value, " is not array or slice and cannot be filtered")? {
                    if compared(left, *comparison, right, &item)? {
                        found.push(item);
                    }
                }
            }
        }
    }
    Ok(found)
}

fn field<'v>(value: Cow<'v, Value>, name: &str) -> Option<Cow<'v, Value>> {
    match value {
        Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(name).cloned().map(Cow::Owned),
    }
}

fn children(value: Cow<'_, Value>) -> Values<'_> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(fields)) => fields.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(fields)) => fields.into_iter().map(|(_, value)| Cow::Owned(value)).collect(),
        _ => Vec::new(),
    }
}

/// The value and all in it that have fields or items.
fn descend<'v>(value: Cow<'v, Value>, found: &mut Values<'v>) {
    let children = children(value.clone());
    if !children.is_empty() {
        found.push(value);
        children.into_iter().for_each(|child| descend(child, found));
    }
}

fn items<'v>(value: Cow<'v, Value>, otherwise: &str) -> Result<Values<'v>, String> {
    if value.is_array() { Ok(children(value)) } else { Err(format!("{}{otherwise}", type_of(&value))) }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn slice(slice: Slice, items: Values<'_>) -> Result<Values<'_>, String> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let from = from_end(slice.from.unwrap_or(0));
    let to = if slice.one { from.saturating_add(1) } else { from_end(slice.to.unwrap_or(length)) };
    if from == to {
        return Ok(Vec::new());
    }
    let out_of_bounds = |index: i64| Err(format!("array index out of bounds: index {index}, length {length}"));
    if from >= length || from < 0 {
        return out_of_bounds(from);
    }
    if to > length || to < 0 {
        return out_of_bounds(to.saturating_sub(1));
    }
    if from > to {
        return Err(format!("starting index {from} is greater than ending index {to}"));
    }
    let step = slice.step.unwrap_or(1);
    if step <= 0 {
        return Err("step must be > 0".to_owned());
    }
    // The bounds are within the list, so these are small numbers.
    let (from, to, step) = (from as usize, to as usize, step as usize);
    Ok(items.into_iter().take(to).skip(from).step_by(step).collect())
}

fn compared(left: &[Step], comparison: Comparison, right: &[Step], item: &Value) -> Result<bool, String> {
    let one = |steps| -> Result<Option<Value>, String> {
        let found = walk(steps, vec![Cow::Borrowed(item)])?;
        match &found[..] {
            [] => Ok(None),
            [only] => Ok(Some(only.clone().into_owned())),
            _ => Err("can only compare one element at a time".to_owned()),
        }
    };
    let (Some(left), Some(right)) = (one(left)?, one(right)?) else { return Ok(false) };
    let order = match (&left, &right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64().partial_cmp(&right.as_f64()),
        },
        (Value::Bool(left), Value::Bool(right)) => {
            let equal = left == right;
            return match comparison {
                Comparison::Equal => Ok(equal),
                Comparison::NotEqual => Ok(!equal),
                _ => Err("invalid type for comparison".to_owned()),
            };
        }
        _ => return Err("incompatible types for comparison".to_owned()),
    };
    Ok(match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterEqual => order.is_some_and(Ordering::is_ge),
    })
}
