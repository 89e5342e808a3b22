//! `envoy.config.core.v3.HeaderValueOption`: edits of headers.

use crate::message::Message;
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
