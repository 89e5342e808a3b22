//! Header edits, with names looked up and fixed values written out.

use meridian_http::FieldName;
use meridian_ir::HeaderEdits;
use meridian_ir::format::{Format, Part};
use meridian_ir::header_edit::{AppendAction, HeaderValue};

/// Edits in the order in which they are applied: removals, then writes.
#[derive(Debug, Default)]
pub struct EditPlan {
    /// Names to remove.
    pub remove: Vec<FieldName>,
    /// Headers to write.
    pub write: Vec<WritePlan>,
}

/// One header to write.
#[derive(Debug)]
pub struct WritePlan {
    /// Its name.
    pub name: FieldName,
    /// Whether all headers of this name go first.
    pub overwrite: bool,
    /// Its value.
    pub value: ValuePlan,
}

/// A header value.
#[derive(Debug)]
pub enum ValuePlan {
    /// Always the same.
    Fixed(Box<[u8]>),
    /// Depends on the request.
    Format(Format),
}

impl EditPlan {
    pub(super) fn new(edits: &HeaderEdits) -> Option<Box<Self>> {
        if edits.is_empty() {
            return None;
        }
        let remove =
            edits.remove.iter().filter(|name| is_allowed(name, None)).map(|name| FieldName::new(name)).collect();
        let write = edits.write.iter().filter(|header| is_allowed(&header.name, Some(&header.value)));
        Some(Box::new(Self { remove, write: write.map(WritePlan::new).collect() }))
    }
}

/// Whether an edit may happen; one that may not is left out and logged.
fn is_allowed(name: &str, value: Option<&Format>) -> bool {
    let reason = if is_of_the_connection(name) {
        "the header belongs to the connection: an edit of it would tell the next hop other borders than there are"
    } else if !is_token(name) {
        "the name is not one that a header can have"
    } else if value.is_some_and(|value| value.parts.iter().any(breaks_lines)) {
        "the value has a line break or a NUL"
    } else {
        return true;
    };
    tracing::warn!(header = name, "an edit of a header is left out: {reason}");
    false
}

fn is_of_the_connection(name: &str) -> bool {
    let own = ["connection", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];
    name.starts_with(':') || own.contains(&name)
}

/// RFC 9110 section 5.6.2
fn is_token(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}

fn breaks_lines(part: &Part) -> bool {
    matches!(part, Part::Literal(text) if text.contains(['\r', '\n', '\0']))
}

impl WritePlan {
    fn new(header: &HeaderValue) -> Self {
        let value = match &header.value.parts[..] {
            [] => ValuePlan::Fixed(Box::default()),
            [Part::Literal(text)] => ValuePlan::Fixed(text.as_bytes().into()),
            _ => ValuePlan::Format(header.value.clone()),
        };
        Self { name: FieldName::new(&header.name), overwrite: header.action == AppendAction::Overwrite, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str, value: &str) -> HeaderValue {
        let value = Format { parts: vec![Part::Literal(value.into())] };
        HeaderValue { name: name.into(), value, action: AppendAction::Overwrite }
    }

    #[test]
    fn edits_that_would_break_messages_are_left_out() {
        let edits = HeaderEdits {
            remove: vec!["x-gone".into(), "content-length".into(), ":path".into()],
            write: vec![
                write("x-good", "a b"),
                write("transfer-encoding", "chunked"),
                write("x bad", "a"),
                write("", "a"),
                write("x-split", "a\r\nx-forged: b"),
            ],
        };
        let plan = EditPlan::new(&edits).expect("there is something to do");
        assert_eq!(plan.remove.iter().map(FieldName::as_str).collect::<Vec<_>>(), ["x-gone"]);
        assert_eq!(plan.write.iter().map(|write| write.name.as_str()).collect::<Vec<_>>(), ["x-good"]);
    }
}
