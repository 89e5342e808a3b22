//! `envoy.config.core.v3.HeaderValueOption`: edits of headers.

use crate::json::Message;
use meridian_ir::HeaderEdits;
use meridian_ir::header_edit::AppendAction;
use serde_json::{Value, json};

/// The four fields that routes and weighted clusters share.
pub(crate) fn edits(request: &HeaderEdits, response: &HeaderEdits) -> Message {
    Message::default()
        .set_used("requestHeadersToAdd", to_add(request))
        .set_used("requestHeadersToRemove", to_remove(request))
        .set_used("responseHeadersToAdd", to_add(response))
        .set_used("responseHeadersToRemove", to_remove(response))
}

/// Headers to write.
#[must_use]
pub fn to_add(edits: &HeaderEdits) -> Vec<Value> {
    let one = |header: &meridian_ir::header_edit::HeaderValue| {
        let message =
            Message::default().set("header", json!({"key": &*header.name, "value": header.value.to_string()}));
        match header.action {
            AppendAction::Append => message.into(),
            AppendAction::Overwrite => message.set("appendAction", "OVERWRITE_IF_EXISTS_OR_ADD").into(),
        }
    };
    edits.write.iter().map(one).collect()
}

/// Names of headers to remove.
#[must_use]
pub fn to_remove(edits: &HeaderEdits) -> Vec<Value> {
    edits.remove.iter().map(|name| Value::from(&**name)).collect()
}
