//! `envoy.config.accesslog.v3.AccessLog`

use crate::message::Message;
use crate::type_url;
use meridian_ir::AccessLog;
use serde_json::{Value, json};

/// A log of requests or connections.
pub fn access_log(log: &AccessLog) -> Value {
    message(log).into()
}

/// A listener's log: only connections that found no filter chain.
pub fn listener_access_log(log: &AccessLog) -> Value {
    message(log).with("filter", json!({"responseFlagFilter": {"flags": ["NR"]}})).into()
}

fn message(log: &AccessLog) -> Message {
    let file = Message::any(type_url::FILE_ACCESS_LOG)
        .with("path", &*log.path)
        .with("logFormat", json!({"textFormatSource": {"inlineString": log.format.to_string()}}));
    Message::new().with("name", "envoy.access_loggers.file").with("typedConfig", file)
}
