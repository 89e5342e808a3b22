//! `envoy.config.accesslog.v3.AccessLog`

use crate::message::Message;
use crate::type_url;
use meridian_ir::AccessLog;
use meridian_ir::access_log::{JsonFormat, LogFormat};
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
    let file =
        Message::any(type_url::FILE_ACCESS_LOG).with("path", &*log.path).with("logFormat", log_format(&log.format));
    Message::new().with("name", "envoy.access_loggers.file").with("typedConfig", file)
}

fn log_format(format: &LogFormat) -> Value {
    match format {
        LogFormat::Text(text) => json!({"textFormatSource": {"inlineString": text.to_string()}}),
        LogFormat::Json(json) => json!({"jsonFormat": json_format(json)}),
    }
}

fn json_format(format: &JsonFormat) -> Value {
    match format {
        JsonFormat::Object(members) => {
            members.iter().map(|(name, value)| (name.to_string(), json_format(value))).collect()
        }
        JsonFormat::Array(elements) => elements.iter().map(json_format).collect(),
        JsonFormat::String(text) => text.to_string().into(),
        JsonFormat::Number(text) => serde_json::from_str(text).unwrap_or_default(),
        JsonFormat::Bool(truth) => (*truth).into(),
        JsonFormat::Null => Value::Null,
    }
}
