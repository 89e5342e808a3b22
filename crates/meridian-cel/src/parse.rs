//! From words to a tree, by the precedence of cel-spec's grammar.

use crate::Value;
use crate::attribute::{KNOWN, is_map};
use crate::token::{Token, tokens};
use regex::bytes::Regex;

/// The longest text that is read, and the deepest nesting.
const MAX_LENGTH: usize = 16 << 10;
const MAX_DEPTH: usize = 64;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ParseError {
    /// Counted in bytes, from 1.
    pub column: usize,
    /// What was found, and what is allowed.
    pub message: String,
}

impl ParseError {
    pub(crate) fn new(column: usize, message: impl Into<String>) -> Self {
        Self { column, message: message.into() }
    }
}

/// A part of an expression.
#[derive(Debug)]
pub(crate) enum Node {
    Constant(Value),
    /// An attribute; a map's is asked for by a key.
    Attribute(Vec<String>),
    /// An entry of a map, by a key that is not a constant.
    Entry(Vec<String>, Box<Node>),
    Index(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// `key in map`
    InMap(Box<Node>, Vec<String>),
    Conditional(Box<[Node; 3]>),
    Has(Vec<String>),
    Matches(Box<Node>, Regex),
    Call(Function, Vec<Node>),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A function; what it is called on is its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    StartsWith,
    EndsWith,
    Contains,
    Size,
    Int,
    Double,
    String,
    Duration,
}

const FUNCTIONS: [(&str, Function, usize); 9] = [
    ("startsWith", Function::StartsWith, 2),
    ("endsWith", Function::EndsWith, 2),
    ("contains", Function::Contains, 2),
    ("size", Function::Size, 1),
    ("int", Function::Int, 1),
    ("uint", Function::Int, 1),
    ("double", Function::Double, 1),
    ("string", Function::String, 1),
    ("duration", Function::Duration, 1),
];

/// The operators by how tightly they bind, loosest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

/// The level of comparisons, which `in` is one of.
const COMPARISONS: usize = 2;

pub(crate) fn parse(text: &str) -> Result<Node, ParseError> {
    if text.len() > MAX_LENGTH {
        return Err(ParseError::new(MAX_LENGTH, format!("found more than {MAX_LENGTH} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let node = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(node),
        other => Err(parser.error(format!("found {}, allowed: an operator or the end", shown(other)))),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn column(&self) -> usize {
        self.tokens[self.at].1
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.column(), message)
    }

    /// The last word is the end, which stays.
    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        let found = *self.peek() == Token::Sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), ParseError> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(self.error(format!("found {}, allowed: {sign:?}", shown(self.peek()))))
    }

    fn expression(&mut self) -> Result<Node, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("found more than {MAX_DEPTH} parts within each other")));
        }
        let condition = self.level(0)?;
        let node = if self.takes("?") {
            let yes = self.level(0)?;
            self.expect(":")?;
            Node::Conditional(Box::new([condition, yes, self.expression()?]))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(node)
    }

    fn level(&mut self, level: usize) -> Result<Node, ParseError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        loop {
            let operator = match self.peek() {
                Token::Sign(sign) => operators.iter().find(|(known, _)| known == sign).map(|(_, operator)| *operator),
                Token::Name(name) if name == "in" && level == COMPARISONS => Some(Operator::In),
                _ => None,
            };
            let Some(operator) = operator else { return Ok(left) };
            self.advance();
            let right = self.level(level + 1)?;
            left = match (operator, right) {
                (Operator::In, Node::Attribute(path)) if path.len() == 2 && is_map(&path[0], &path[1]) => {
                    Node::InMap(Box::new(left), path)
                }
                (operator, right) => Node::Binary(operator, Box::new(left), Box::new(right)),
            };
        }
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        let sign = self.peek().clone();
        let wrap: fn(Box<Node>) -> Node = match sign {
            Token::Sign("!") => Node::Not,
            Token::Sign("-") => Node::Negative,
            _ => return self.member(),
        };
        self.advance();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("found more than {MAX_DEPTH} parts within each other")));
        }
        let inner = self.unary()?;
        self.depth -= 1;
        Ok(wrap(Box::new(inner)))
    }

    fn member(&mut self) -> Result<Node, ParseError> {
        let mut node = self.primary()?;
        loop {
            let column = self.column();
            if self.takes(".") {
                let Token::Name(name) = self.advance() else {
                    return Err(ParseError::new(column + 1, "found no name behind the dot"));
                };
                node = if self.takes("(") {
                    self.call(&name, Some(node), column + 1)?
                } else {
                    select(node, name, column + 1)?
                };
            } else if self.takes("[") {
                let index = self.expression()?;
                self.expect("]")?;
                node = self.index(node, index, column)?;
            } else {
                return self.whole(node, column);
            }
        }
    }

    /// A whole attribute; a first name alone is none, and neither is a map but behind `in`, `has` and `size`.
    fn whole(&self, node: Node, column: usize) -> Result<Node, ParseError> {
        match &node {
            Node::Attribute(path) if path.len() == 1 => {
                Err(ParseError::new(column, format!("found {0:?} alone, allowed: {0}.NAME", path[0])))
            }
            _ => Ok(node),
        }
    }

    fn index(&self, node: Node, index: Node, column: usize) -> Result<Node, ParseError> {
        match (node, index) {
            (Node::Attribute(path), Node::Constant(Value::Text(name))) if path.len() == 1 => {
                select(Node::Attribute(path), name, column)
            }
            (Node::Attribute(mut path), index) if path.len() == 2 && is_map(&path[0], &path[1]) => Ok(match index {
                Node::Constant(Value::Text(name)) => {
                    path.push(name.to_ascii_lowercase());
                    Node::Attribute(path)
                }
                key => Node::Entry(path, Box::new(key)),
            }),
            (node, index) => Ok(Node::Index(Box::new(node), Box::new(index))),
        }
    }

    fn primary(&mut self) -> Result<Node, ParseError> {
        let column = self.column();
        Ok(match self.advance() {
            Token::Int(number) => Node::Constant(Value::Int(number)),
            Token::Double(number) => Node::Constant(Value::Double(number)),
            Token::Text(text) => Node::Constant(Value::Text(text)),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                inner
            }
            Token::Sign("[") => Node::List(self.arguments("]")?),
            Token::Name(name) => match name.as_str() {
                "true" => Node::Constant(Value::Bool(true)),
                "false" => Node::Constant(Value::Bool(false)),
                "null" => Node::Constant(Value::Null),
                "has" if self.takes("(") => self.has(column)?,
                _ if self.takes("(") => self.call(&name, None, column)?,
                _ if KNOWN.iter().any(|(known, _)| *known == name) => Node::Attribute(vec![name]),
                _ => {
                    let known = KNOWN.map(|(known, _)| known).join(", ");
                    return Err(ParseError::new(column, format!("found {name:?}, allowed: {known}")));
                }
            },
            other => return Err(ParseError::new(column, format!("found {}, allowed: a value", shown(&other)))),
        })
    }

    fn arguments(&mut self, end: &'static str) -> Result<Vec<Node>, ParseError> {
        let mut found = Vec::new();
        while !self.takes(end) {
            found.push(self.expression()?);
            if !self.takes(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(found)
    }

    fn has(&mut self, column: usize) -> Result<Node, ParseError> {
        let argument = self.expression()?;
        self.expect(")")?;
        match argument {
            Node::Attribute(path) => Ok(Node::Has(path)),
            _ => Err(ParseError::new(column, "found has() of something else, allowed: has(ATTRIBUTE)")),
        }
    }

    fn call(&mut self, name: &str, receiver: Option<Node>, column: usize) -> Result<Node, ParseError> {
        let mut arguments: Vec<Node> = receiver.into_iter().collect();
        arguments.extend(self.arguments(")")?);
        if name == "matches" {
            return matches(arguments, column);
        }
        let Some((_, function, count)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let known = FUNCTIONS.map(|(known, ..)| known).join(", ");
            return Err(ParseError::new(
                column,
                format!("found the function {name:?}, allowed: has, matches, {known}"),
            ));
        };
        if arguments.len() != *count {
            let found = arguments.len();
            return Err(ParseError::new(column, format!("found {found} values for {name}, allowed: {count}")));
        }
        Ok(Node::Call(*function, arguments))
    }
}

/// The pattern is compiled once, so it must be there.
fn matches(arguments: Vec<Node>, column: usize) -> Result<Node, ParseError> {
    let count = arguments.len();
    match <[Node; 2]>::try_from(arguments) {
        Ok([value, Node::Constant(Value::Text(pattern))]) => {
            let regex = meridian_re2::anywhere(&pattern)
                .map_err(|error| ParseError::new(column, format!("found the pattern {pattern:?}: {error}")))?;
            Ok(Node::Matches(Box::new(value), regex))
        }
        Ok(_) => Err(ParseError::new(column, "found a pattern that is no literal, allowed: a text")),
        Err(_) => Err(ParseError::new(column, format!("found {count} values for matches, allowed: 2"))),
    }
}

fn select(node: Node, name: String, column: usize) -> Result<Node, ParseError> {
    let Node::Attribute(mut path) = node else {
        return Err(ParseError::new(column, format!("found the field {name:?} of a value that has none")));
    };
    match &path[..] {
        [first] => {
            let known = KNOWN.iter().find(|(known, _)| known == first).map_or(&[][..], |(_, names)| names);
            if !known.contains(&name.as_str()) {
                let message = format!("found {first}.{name}, allowed: {first}. and one of {}", known.join(", "));
                return Err(ParseError::new(column, message));
            }
            path.push(name);
        }
        [first, second] if is_map(first, second) => path.push(name.to_ascii_lowercase()),
        _ => return Err(ParseError::new(column, format!("found the field {name:?} of a value that has none"))),
    }
    Ok(Node::Attribute(path))
}

fn shown(token: &Token) -> String {
    match token {
        Token::Name(name) => format!("{name:?}"),
        Token::Int(number) => number.to_string(),
        Token::Double(number) => number.to_string(),
        Token::Text(text) => format!("the text {text:?}"),
        Token::Sign(sign) => format!("{sign:?}"),
        Token::End => "the end".to_owned(),
    }
}
