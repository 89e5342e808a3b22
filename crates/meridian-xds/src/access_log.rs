//! `envoy.config.accesslog.v3.AccessLog`

use crate::message::Message;
use crate::read::{Fields, Node, ReadError};
use crate::type_url;
use meridian_cel::Expression;
use meridian_ir::AccessLog;
use meridian_ir::access_log::{JsonFormat, LogFormat};
use meridian_ir::format::Format;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;

/// The name of the filter by expressions, as Istio gives it.
const CEL_FILTER_NAME: &str = "envoy.access_loggers.extension_filters.cel";

/// A log of requests or connections.
pub fn access_log(log: &AccessLog) -> Value {
    match &log.filter {
        None => message(log).into(),
        Some(filter) => message(log).with("filter", cel_filter(filter)).into(),
    }
}

/// A listener's log: only connections that found no filter chain.
pub fn listener_access_log(log: &AccessLog) -> Value {
    let filter = match &log.filter {
        None => no_route(),
        Some(filter) => json!({"andFilter": {"filters": [no_route(), cel_filter(filter)]}}),
    };
    message(log).with("filter", filter).into()
}

/// Connections that found no filter chain.
fn no_route() -> Value {
    json!({"responseFlagFilter": {"flags": ["NR"]}})
}

fn cel_filter(filter: &Expression) -> Value {
    let config = Message::any(type_url::CEL_FILTER).with("expression", filter.to_string());
    let extension = Message::new().with("name", CEL_FILTER_NAME).with("typedConfig", config);
    Message::new().with("extensionFilter", extension).into()
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
    read_with(fields, |log| log.get("filter").map(|filter| read_cel_filter(&filter)).transpose().map(Option::flatten))
}

/// The logs of a listener, of connections that found no filter chain.
pub(crate) fn read_listener_list(fields: &Fields<'_>) -> Result<Vec<AccessLog>, ReadError> {
    read_with(fields, |log| {
        let Some(filter) = log.get("filter") else {
            log.always("filter", &no_route());
            return Ok(None);
        };
        if filter.value().get("andFilter").is_none() {
            if *filter.value() != no_route() {
                filter.unsupported();
            }
            return Ok(None);
        }
        filter.message(|filter| {
            filter.need("andFilter")?.message(|and| match &and.list("filters")?[..] {
                [first, second] if *first.value() == no_route() => read_cel_filter(second),
                others => {
                    others.iter().for_each(Node::unsupported);
                    Ok(None)
                }
            })
        })
    })
}

/// The expression of a filter; `None` when it is a filter of another kind, which is noted.
fn read_cel_filter(filter: &Node<'_>) -> Result<Option<Expression>, ReadError> {
    let type_of = filter.value().pointer("/extensionFilter/typedConfig/@type");
    if type_of != Some(&json!(type_url::CEL_FILTER)) {
        filter.unsupported();
        return Ok(None);
    }
    filter.message(|filter| {
        filter.need("extensionFilter")?.message(|extension| {
            extension.known("name", &json!(CEL_FILTER_NAME));
            extension.any("typedConfig", type_url::CEL_FILTER)?.message(|config| {
                let expression = config.need("expression")?;
                let parsed = Expression::parse(expression.text()?);
                parsed.map(Some).map_err(|error| expression.error(&format!("an expression in CEL ({error})")))
            })
        })
    })
}

fn read_with(
    fields: &Fields<'_>,
    filter: impl Fn(&Fields<'_>) -> Result<Option<Expression>, ReadError>,
) -> Result<Vec<AccessLog>, ReadError> {
    let logs = fields.list("accessLog")?;
    let is_file =
        |log: &&Node<'_>| log.value().pointer("/typedConfig/@type") == Some(&json!(type_url::FILE_ACCESS_LOG));
    logs.iter().filter(|log| !is_file(log)).for_each(Node::unsupported);
    let read = |log: &Node<'_>| {
        log.message(|log| {
            log.known("name", &json!("envoy.access_loggers.file"));
            let filter = filter(log)?;
            let file = log.any("typedConfig", type_url::FILE_ACCESS_LOG)?.message(read_file)?;
            Ok(AccessLog { filter, ..file })
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
    Ok(AccessLog { path, format: shared(format), filter: None })
}

/// How many formats are remembered.
const REMEMBERED: usize = 8;

thread_local! {
    static FORMATS: RefCell<Vec<LogFormat>> = const { RefCell::new(Vec::new()) };
}

/// The same format for the logs of many listeners, which mostly have one in common: it is 4 KB.
fn shared(format: LogFormat) -> LogFormat {
    FORMATS.with_borrow_mut(|known| {
        if let Some(same) = known.iter().find(|known| **known == format) {
            return same.clone();
        }
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push(format.clone());
        format
    })
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
