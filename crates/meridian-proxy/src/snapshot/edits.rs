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
        let remove = edits.remove.iter().filter(|name| may_edit(name)).map(|name| FieldName::new(name)).collect();
        let write = edits.write.iter().filter(|header| may_edit(&header.name)).map(WritePlan::new).collect();
        Some(Box::new(Self { remove, write }))
    }
}

/// Framing and connection are the gateway's own: an edit of them would tell the next hop other borders than there are.
fn may_edit(name: &str) -> bool {
    let is_own = matches!(
        name,
        "connection" | "content-length" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    ) || name.starts_with(':');
    if is_own {
        tracing::warn!(header = name, "a route edits a header that belongs to the connection; the edit is left out");
    }
    !is_own
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
