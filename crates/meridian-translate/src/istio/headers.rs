//! Header operations of VirtualServices (`headers.request` and `headers.response`).

use crate::condition::{Finding, Topic};
use crate::pool::Pool;
use meridian_ir::format::Format;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use meridian_ir::{HeaderEdits, Name};
use meridian_resources::StringMap;
use meridian_resources::istio::virtual_service::{HeaderOperations, Headers};

/// The operations of one place in a VirtualService.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    pub(crate) request: HeaderEdits,
    pub(crate) response: HeaderEdits,
    /// What `host` or `:authority` of requests is set to.
    pub(crate) authority: Option<Name>,
    /// Values that cannot be used: the rule must not be served without them.
    pub(crate) findings: Vec<Finding>,
}

impl Operations {
    /// Compiles the operations at `path`: `set` before `add`, each by name. Names that begin with a colon and `host`
    /// cannot be edited; setting the latter replaces the request's authority.
    pub(crate) fn new(headers: Option<&Headers>, path: &str, pool: &mut Pool) -> Self {
        let mut operations = Self::default();
        let Some(headers) = headers else { return operations };
        if let Some(request) = &headers.request {
            let authority = |values: &StringMap| {
                let is_authority = |name: &str| name.eq_ignore_ascii_case("host") || name == ":authority";
                values.iter().rfind(|(name, _)| is_authority(name)).map(|(_, value)| Name::from(value.as_str()))
            };
            operations.authority = authority(&request.set).or_else(|| authority(&request.add));
            operations.request = edits(request, &format!("{path}.headers.request"), pool, &mut operations.findings);
        }
        if let Some(response) = &headers.response {
            operations.response = edits(response, &format!("{path}.headers.response"), pool, &mut operations.findings);
        }
        operations
    }
}

fn edits(operations: &HeaderOperations, path: &str, pool: &mut Pool, findings: &mut Vec<Finding>) -> HeaderEdits {
    let editable = |name: &&String| !name.starts_with(':') && !name.eq_ignore_ascii_case("host");
    let remove: Vec<Name> =
        operations.remove.iter().filter(editable).map(|name| pool.name(&name.to_ascii_lowercase())).collect();
    let mut write = Vec::new();
    for (values, action, field) in
        [(&operations.set, AppendAction::Overwrite, "set"), (&operations.add, AppendAction::Append, "add")]
    {
        for (name, value) in values.iter().filter(|(name, _)| editable(name)) {
            match Format::parse(value) {
                Ok(value) => write.push(HeaderValue { name: pool.name(&name.to_ascii_lowercase()), value, action }),
                Err(error) => {
                    findings.push(Finding::at(
                        Topic::Unsupported,
                        &format!("{path}.{field}[{name}]"),
                        error.to_string(),
                    ));
                }
            }
        }
    }
    HeaderEdits { remove, write }
}

/// `first` and then `second`, as one.
pub(crate) fn joined(mut first: HeaderEdits, second: HeaderEdits) -> HeaderEdits {
    first.remove.extend(second.remove);
    first.write.extend(second.write);
    first
}
