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
        let remove = edits.remove.iter().map(|name| FieldName::new(name)).collect();
        Some(Box::new(Self { remove, write: edits.write.iter().map(WritePlan::new).collect() }))
    }
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
