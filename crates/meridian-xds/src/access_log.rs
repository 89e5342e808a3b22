//! `envoy.config.accesslog.v3.AccessLog`

use crate::json::{Message, extension};
use meridian_ir::AccessLog;
use serde_json::{Value, json};

/// A file access log.
#[must_use]
pub fn access_log(log: &AccessLog) -> Value {
    let config = Message::typed("envoy.extensions.access_loggers.file.v3.FileAccessLog")
        .set("path", &*log.path)
        .set("logFormat", json!({"textFormatSource": {"inlineString": log.format.to_string()}}));
    extension("envoy.access_loggers.file", config)
}

/// The log of a listener: only connections that found no filter chain.
#[must_use]
pub fn listener_access_log(log: &AccessLog) -> Value {
    let mut value = access_log(log);
    value["filter"] = json!({"responseFlagFilter": {"flags": ["NR"]}});
    value
}
