//! `/listeners`: what listens where.

use super::Context;
use super::page::{Page, Query};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn page(context: &Context, query: &Query) -> Page {
    let listeners = context.shared.listeners.load();
    let open = listeners.iter().filter(|listener| listener.error.is_none());
    match query.get("format") {
        Some("json") => {
            let statuses: Vec<Value> = open
                .map(|listener| {
                    let (address, port) = (listener.address.ip().to_string(), listener.address.port());
                    let socket = json!({"address": address, "port_value": port});
                    json!({"name": &*listener.name, "local_address": {"socket_address": socket}})
                })
                .collect();
            Page::json(&json!({ "listener_statuses": statuses }))
        }
        None | Some("text" | "") => {
            let mut out = String::new();
            for listener in open {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "{}::{}", listener.name, listener.address);
            }
            Page::text(out)
        }
        Some(other) => Page::error(400, format!("format {other:?} is none of text, json\n")),
    }
}
