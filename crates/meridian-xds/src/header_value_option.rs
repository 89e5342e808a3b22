//! `envoy.config.core.v3.HeaderValueOption`: edits of headers.

use crate::access_log::read_format;
use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use meridian_ir::HeaderEdits;
use meridian_ir::header_edit::{AppendAction, HeaderValue};
use serde_json::{Value, json};

/// Sets the four fields of routes, weighted clusters and others that edit headers.
pub(crate) fn edits(message: Message, request: &HeaderEdits, response: &HeaderEdits) -> Message {
    let names = |edits: &HeaderEdits| edits.remove.iter().map(|name| Value::from(&**name)).collect::<Vec<_>>();
    message
        .with_list("requestHeadersToAdd", request.write.iter().map(header_value_option))
        .with_list("requestHeadersToRemove", names(request))
        .with_list("responseHeadersToAdd", response.write.iter().map(header_value_option))
        .with_list("responseHeadersToRemove", names(response))
}

/// One header to write.
pub fn header_value_option(header: &HeaderValue) -> Value {
    let action = match header.action {
        // The default.
        AppendAction::Append => None,
        AppendAction::Overwrite => Some("OVERWRITE_IF_EXISTS_OR_ADD"),
    };
    Message::new()
        .with("header", json!({"key": &*header.name, "value": header.value.to_string()}))
        .with_some("appendAction", action)
        .into()
}

/// The edits of requests and of responses.
pub(crate) fn read_edits(fields: &Fields<'_>) -> Result<(HeaderEdits, HeaderEdits), ReadError> {
    let lowercase = |name: &Node<'_>| Ok(name.text()?.to_ascii_lowercase().into());
    let edits =
        |add, remove| Ok(HeaderEdits { remove: fields.each(remove, lowercase)?, write: fields.each(add, read)? });
    Ok((
        edits("requestHeadersToAdd", "requestHeadersToRemove")?,
        edits("responseHeadersToAdd", "responseHeadersToRemove")?,
    ))
}

fn read(node: &Node<'_>) -> Result<HeaderValue, ReadError> {
    const ACTIONS: [(&str, AppendAction); 2] =
        [("APPEND_IF_EXISTS_OR_ADD", AppendAction::Append), ("OVERWRITE_IF_EXISTS_OR_ADD", AppendAction::Overwrite)];
    node.message(|option| {
        let action = option.choice("appendAction", &ACTIONS, AppendAction::Append)?;
        let (name, value) = option.need("header")?.message(|header| {
            let value = header.some("value", read_format)?.unwrap_or_default();
            Ok((header.need("key")?.text()?.to_ascii_lowercase(), value))
        })?;
        Ok(HeaderValue { name: name.into(), value, action })
    })
}
