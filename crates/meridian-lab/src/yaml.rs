//! One YAML document as a tree whose nodes know their line, for `lab.yaml`: plain scalars, sequences and mappings in order.

use saphyr_parser::{Event, Parser, Span};

use crate::error::Error;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// The shapes that a lab definition uses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A string, number, boolean or nothing, as written.
    Scalar(String),
    Sequence(Vec<Node>),
    /// Keys with the line they stand on, in the order of the document.
    Mapping(Vec<(String, Node)>),
}

/// Parses `text` as exactly one document.
///
/// # Errors
/// Names the line: not YAML, a tag, an anchor, a key that is not a scalar or comes twice, no document or more than one.
pub(crate) fn parse(text: &str) -> Result<Node, Error> {
    let mut parser = Parser::new_from_str(text);
    let mut document = None;
    while let Some((event, span)) = next(&mut parser)? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if document.is_some() => {
                return Err(at(&span, "a second document; only one is allowed"));
            }
            Event::DocumentStart(_) => {}
            event => document = Some(node(event, &span, &mut parser)?),
        }
    }
    document.ok_or_else(|| Error::definition(1, "no document".to_owned()))
}

type Source<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

fn next<'a>(parser: &mut Source<'a>) -> Result<Option<(Event<'a>, Span)>, Error> {
    parser.next_event().transpose().map_err(|e| Error::definition(e.marker().line(), e.info().to_owned()))
}

fn at(span: &Span, message: &str) -> Error {
    Error::definition(span.start.line(), message.to_owned())
}

/// The node that starts with `event`.
fn node<'a>(event: Event<'a>, span: &Span, parser: &mut Source<'a>) -> Result<Node, Error> {
    let value = match event {
        Event::Scalar(text, _, 0, None) => Value::Scalar(text.into_owned()),
        Event::SequenceStart(0, None) => {
            let mut items = Vec::new();
            while let Some((event, span)) = next(parser)? {
                if event == Event::SequenceEnd {
                    break;
                }
                items.push(node(event, &span, parser)?);
            }
            Value::Sequence(items)
        }
        Event::MappingStart(0, None) => mapping(parser)?,
        _ => return Err(at(span, "an anchor, an alias or a tag; write the value itself")),
    };
    Ok(Node { line: span.start.line(), value })
}

fn mapping(parser: &mut Source<'_>) -> Result<Value, Error> {
    let mut members: Vec<(String, Node)> = Vec::new();
    while let Some((event, span)) = next(parser)? {
        let key = match event {
            Event::MappingEnd => break,
            Event::Scalar(text, ..) => text.into_owned(),
            _ => return Err(at(&span, "a key that is not plain text")),
        };
        if members.iter().any(|(name, _)| *name == key) {
            return Err(at(&span, &format!("{key:?} stands here a second time")));
        }
        if let Some((event, span)) = next(parser)? {
            members.push((key, node(event, &span, parser)?));
        }
    }
    Ok(Value::Mapping(members))
}
