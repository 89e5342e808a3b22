//! Expressions over requests and connections in the Common Expression Language (cel-spec), with Envoy's attributes: read,
//! checked, evaluated.
//!
//! The part of the language that filters of access logs use: literals, attributes, operators, `in`, `has`, functions on
//! texts and durations. Macros over lists (`all`, `exists`, `map`, `filter`), maps and messages are refused, with the
//! column. An attribute that does not exist is refused too, so that a slip of the pen is found when it is written, and
//! not when a line is missing.
#![forbid(unsafe_code)]

mod attribute;
mod evaluate;
mod parse;
mod token;
mod value;

use std::fmt;
use std::sync::Arc;

pub use attribute::Attributes;
pub use evaluate::EvalError;
pub use parse::ParseError;
pub use value::Value;

/// An expression that was read and checked. Two are the same when their texts are.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    root: Arc<parse::Node>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, with the column.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { text: text.into(), root: Arc::new(parse::parse(text)?) })
    }

    /// The value of the expression.
    ///
    /// # Errors
    /// An attribute is missing, or values do not go together.
    pub fn evaluate(&self, attributes: &dyn Attributes) -> Result<Value, EvalError> {
        evaluate::evaluate(&self.root, attributes)
    }

    /// Whether the expression is true. One that cannot be evaluated is not, as in Envoy's filter of access logs.
    pub fn is_true(&self, attributes: &dyn Attributes) -> bool {
        matches!(self.evaluate(attributes), Ok(Value::Bool(true)))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.text)
    }
}

#[cfg(test)]
mod tests;
