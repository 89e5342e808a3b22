//! The value of an expression.

use crate::parse::{Function, Node, Operator};
use crate::{Attributes, Value, value};
use std::cmp::Ordering;

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// There is no such attribute, entry or element.
    #[error("an attribute is missing")]
    Missing,
    /// Values of these types do not go together.
    #[error("the types of values do not go together")]
    Type,
    /// A number is out of range, or divided by zero.
    #[error("a number is out of range")]
    Range,
}

pub(crate) fn evaluate(node: &Node, attributes: &dyn Attributes) -> Result<Value, EvalError> {
    let of = |node: &Node| evaluate(node, attributes);
    match node {
        Node::Constant(value) => Ok(value.clone()),
        Node::Attribute(path) => get(path, None, attributes).ok_or(EvalError::Missing),
        Node::Entry(path, key) => match of(key)? {
            Value::Text(key) => get(path, Some(&key.to_ascii_lowercase()), attributes).ok_or(EvalError::Missing),
            _ => Err(EvalError::Type),
        },
        Node::Index(list, index) => match (of(list)?, of(index)?) {
            (Value::List(list), Value::Int(index)) => {
                let element = usize::try_from(index).ok().and_then(|index| list.get(index));
                element.cloned().ok_or(EvalError::Missing)
            }
            _ => Err(EvalError::Type),
        },
        Node::List(nodes) => nodes.iter().map(of).collect::<Result<_, _>>().map(Value::List),
        Node::Not(inner) => Ok(Value::Bool(!truth(of(inner)?)?)),
        Node::Negative(inner) => match of(inner)? {
            Value::Int(number) => number.checked_neg().map(Value::Int).ok_or(EvalError::Range),
            Value::Double(number) => Ok(Value::Double(-number)),
            _ => Err(EvalError::Type),
        },
        Node::Binary(Operator::Or, left, right) => either(left, right, true, attributes),
        Node::Binary(Operator::And, left, right) => either(left, right, false, attributes),
        Node::Binary(operator, left, right) => binary(*operator, &of(left)?, &of(right)?),
        Node::InMap(key, path) => match of(key)? {
            Value::Text(key) => Ok(Value::Bool(get(path, Some(&key.to_ascii_lowercase()), attributes).is_some())),
            _ => Err(EvalError::Type),
        },
        Node::Conditional(parts) => {
            let [condition, yes, no] = &**parts;
            of(if truth(of(condition)?)? { yes } else { no })
        }
        Node::Has(path) => Ok(Value::Bool(get(path, None, attributes).is_some())),
        Node::Matches(text, regex) => match of(text)? {
            Value::Text(text) => Ok(Value::Bool(regex.is_match(text.as_bytes()))),
            _ => Err(EvalError::Type),
        },
        Node::Call(function, arguments) => {
            let arguments = arguments.iter().map(of).collect::<Result<Vec<_>, _>>()?;
            call(*function, &arguments)
        }
    }
}

fn get(path: &[String], key: Option<&str>, attributes: &dyn Attributes) -> Option<Value> {
    let mut names = [""; 4];
    let count = path.len() + usize::from(key.is_some());
    for (place, name) in names.iter_mut().zip(path.iter().map(String::as_str).chain(key)) {
        *place = name;
    }
    attributes.get(names.get(..count)?)
}

fn truth(value: Value) -> Result<bool, EvalError> {
    if let Value::Bool(truth) = value { Ok(truth) } else { Err(EvalError::Type) }
}

/// `||` and `&&`: what one side decides, the other's error does not undo (cel-spec, "Logical Operators").
fn either(left: &Node, right: &Node, decides: bool, attributes: &dyn Attributes) -> Result<Value, EvalError> {
    let left = evaluate(left, attributes).and_then(truth);
    if left == Ok(decides) {
        return Ok(Value::Bool(decides));
    }
    let right = evaluate(right, attributes).and_then(truth);
    if right == Ok(decides) {
        return Ok(Value::Bool(decides));
    }
    left.and(right).map(Value::Bool)
}

fn binary(operator: Operator, left: &Value, right: &Value) -> Result<Value, EvalError> {
    let ordered = |wanted: fn(Ordering) -> bool| {
        left.compare(right).map(|order| Value::Bool(wanted(order))).ok_or(EvalError::Type)
    };
    match operator {
        Operator::Equal => Ok(Value::Bool(left.is_equal(right))),
        Operator::NotEqual => Ok(Value::Bool(!left.is_equal(right))),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::In => match right {
            Value::List(list) => Ok(Value::Bool(list.iter().any(|element| element.is_equal(left)))),
            _ => Err(EvalError::Type),
        },
        // `Or` and `And` were taken before their right side was evaluated.
        _ => arithmetic(operator, left, right),
    }
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Result<Value, EvalError> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let result = match operator {
                Operator::Add => a.checked_add(*b),
                Operator::Subtract => a.checked_sub(*b),
                Operator::Multiply => a.checked_mul(*b),
                Operator::Divide => a.checked_div(*b),
                Operator::Remainder => a.checked_rem(*b),
                _ => return Err(EvalError::Type),
            };
            result.map(Value::Int).ok_or(EvalError::Range)
        }
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
            _ => return Err(EvalError::Type),
        })),
        (Value::Text(a), Value::Text(b)) if operator == Operator::Add => Ok(Value::Text(format!("{a}{b}"))),
        (Value::Duration(a), Value::Duration(b)) => {
            let result = match operator {
                Operator::Add => a.checked_add(*b),
                Operator::Subtract => a.checked_sub(*b),
                _ => return Err(EvalError::Type),
            };
            result.map(Value::Duration).ok_or(EvalError::Range)
        }
        _ => Err(EvalError::Type),
    }
}

fn call(function: Function, arguments: &[Value]) -> Result<Value, EvalError> {
    match (function, arguments) {
        (Function::StartsWith, [Value::Text(text), Value::Text(part)]) => Ok(Value::Bool(text.starts_with(&**part))),
        (Function::EndsWith, [Value::Text(text), Value::Text(part)]) => Ok(Value::Bool(text.ends_with(&**part))),
        (Function::Contains, [Value::Text(text), Value::Text(part)]) => Ok(Value::Bool(text.contains(&**part))),
        (Function::Size, [Value::Text(text)]) => Ok(Value::from(text.chars().count() as u64)),
        (Function::Size, [Value::List(list)]) => Ok(Value::from(list.len() as u64)),
        (Function::Int, [Value::Text(text)]) => text.parse().map(Value::Int).map_err(|_| EvalError::Range),
        (Function::Int, [number @ Value::Int(_)]) => Ok(number.clone()),
        // What is out of range is the nearest number that is in it.
        (Function::Int, [Value::Double(number)]) => Ok(Value::Int(*number as i64)),
        (Function::Double, [Value::Text(text)]) => text.parse().map(Value::Double).map_err(|_| EvalError::Range),
        (Function::Double, [Value::Int(number)]) => Ok(Value::Double(*number as f64)),
        (Function::Double, [number @ Value::Double(_)]) => Ok(number.clone()),
        (Function::String, [text @ Value::Text(_)]) => Ok(text.clone()),
        (Function::String, [Value::Int(number)]) => Ok(Value::Text(number.to_string())),
        (Function::String, [Value::Double(number)]) => Ok(Value::Text(number.to_string())),
        (Function::String, [Value::Bool(truth)]) => Ok(Value::Text(truth.to_string())),
        (Function::Duration, [Value::Text(text)]) => value::duration(text).map(Value::Duration).ok_or(EvalError::Range),
        (Function::Duration, [duration @ Value::Duration(_)]) => Ok(duration.clone()),
        _ => Err(EvalError::Type),
    }
}
