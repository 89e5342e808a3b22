//! `envoy.config.accesslog.v3.AccessLog`

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_ir::AccessLog;
use meridian_ir::access_log::{JsonFormat, LogFormat};
use meridian_ir::format::Format;
use serde_json::{Value, json};
use std::sync::Arc;

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

/// The logs in the field `accessLog`; those that are not written to files are noted.
pub(crate) fn read_list(fields: &Fields<'_>) -> Result<Vec<AccessLog>, ReadError> {
    read_with(fields, |_| {})
}

/// The logs of a listener, of connections that found no filter chain.
pub(crate) fn read_listener_list(fields: &Fields<'_>) -> Result<Vec<AccessLog>, ReadError> {
    read_with(fields, |log| log.always("filter", &json!({"responseFlagFilter": {"flags": ["NR"]}})))
}

fn read_with(fields: &Fields<'_>, filter: impl Fn(&Fields<'_>)) -> Result<Vec<AccessLog>, ReadError> {
    let logs = fields.list("accessLog")?;
    let is_file =
        |log: &&Node<'_>| log.value().pointer("/typedConfig/@type") == Some(&json!(type_url::FILE_ACCESS_LOG));
    logs.iter().filter(|log| !is_file(log)).for_each(Node::unsupported);
    let read = |log: &Node<'_>| {
        log.message(|log| {
            log.known("name", &json!("envoy.access_loggers.file"));
            filter(log);
            log.any("typedConfig", type_url::FILE_ACCESS_LOG)?.message(read_file)
        })
    };
    logs.iter().filter(is_file).map(read).collect()
}

fn read_file(file: &Fields<'_>) -> Result<AccessLog, ReadError> {
    let path = file.need("path")?.name()?;
    let format = file.need("logFormat")?.message(|format| {
        if let Some(json) = format.get("jsonFormat") {
            return Ok(LogFormat::Json(Arc::new(read_json(&json)?)));
        }
        let text = format.need("textFormatSource")?.message(|source| read_format(&source.need("inlineString")?))?;
        Ok(LogFormat::Text(Arc::new(text)))
    })?;
    Ok(AccessLog { path, format })
}

/// A text with operators.
pub(crate) fn read_format(node: &Node<'_>) -> Result<Format, ReadError> {
    Format::parse(node.text()?).map_err(|error| node.error(&format!("a format ({error})")))
}

fn read_json(node: &Node<'_>) -> Result<JsonFormat, ReadError> {
    Ok(match node.value() {
        Value::Object(_) => {
            let member = |(name, value): (&str, Node<'_>)| Ok((name.into(), read_json(&value)?));
            JsonFormat::Object(node.entries()?.into_iter().map(member).collect::<Result<_, ReadError>>()?)
        }
        Value::Array(_) => JsonFormat::Array(node.items()?.iter().map(read_json).collect::<Result<_, _>>()?),
        Value::String(_) => JsonFormat::String(read_format(node)?),
        Value::Number(number) => JsonFormat::Number(number.to_string().into()),
        Value::Bool(truth) => JsonFormat::Bool(*truth),
        Value::Null => JsonFormat::Null,
    })
}
