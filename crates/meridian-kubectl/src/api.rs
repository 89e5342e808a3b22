//! Requests to the API, and what it answers.

use crate::error::{Error, Result, Status, message};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use meridian_kube::whole_text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects as they are.
pub(crate) const JSON: &str = "application/json";
/// Rows for people, from servers that have them.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;\
                                g=meta.k8s.io,application/json";

/// All that may stand in the value of a query or in a segment of a path.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A connection to an API.
pub(crate) struct Api {
    client: kube::Client,
    /// What the API has warned of since it was last asked.
    warnings: BTreeSet<String>,
}

/// A path with its query.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// A path that is percent-encoded where it has to be.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self { text: path.into(), has_query: false }
    }

    /// A subresource of an object, such as `status`.
    pub(crate) fn below(object: Target, subresource: &str) -> Self {
        Self::new(format!("{}/{subresource}", object.text))
    }

    /// With a parameter; an empty value leaves it out.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let sign = if std::mem::replace(&mut self.has_query, true) { '&' } else { '?' };
            self.text = format!("{}{sign}{name}={}", self.text, utf8_percent_encode(value, QUOTED));
        }
        self
    }
}

/// A segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, QUOTED).to_string()
}

impl Api {
    /// By a client.
    pub(crate) fn new(client: kube::Client) -> Self {
        Self { client, warnings: BTreeSet::new() }
    }

    /// Each warning of the API once, in order.
    pub(crate) fn take_warnings(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Reads.
    pub(crate) async fn get(&mut self, target: &Target, accept: &str) -> Result<Value> {
        let response = self.send(Method::GET, target, accept, None).await?;
        json(body(response).await?)
    }

    /// Creates by a POST.
    pub(crate) async fn post(&mut self, target: &Target, object: &Value) -> Result<Value> {
        self.write(Method::POST, target, JSON, object).await
    }

    /// Replaces.
    pub(crate) async fn put(&mut self, target: &Target, object: &Value) -> Result<Value> {
        self.write(Method::PUT, target, JSON, object).await
    }

    /// Changes; `media_type` says what kind of patch it is.
    pub(crate) async fn patch(&mut self, target: &Target, media_type: &str, patch: &Value) -> Result<Value> {
        self.write(Method::PATCH, target, media_type, patch).await
    }

    /// Deletes.
    pub(crate) async fn delete(&mut self, target: &Target, options: &Value) -> Result<Value> {
        self.write(Method::DELETE, target, JSON, options).await
    }

    /// Opens a watch.
    pub(crate) async fn watch(&mut self, target: &Target, accept: &str) -> Result<Watch> {
        let response = self.send(Method::GET, target, accept, None).await?;
        Ok(Watch { body: response.into_body(), buffer: BytesMut::new() })
    }

    async fn write(&mut self, method: Method, target: &Target, media_type: &str, content: &Value) -> Result<Value> {
        let content = content.to_string().into_bytes();
        let response = self.send(method, target, JSON, Some((media_type, content))).await?;
        json(body(response).await?)
    }

    async fn send(
        &mut self,
        method: Method,
        target: &Target,
        accept: &str,
        content: Option<(&str, Vec<u8>)>,
    ) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(&target.text).header(header::ACCEPT, accept);
        let mut sent = Body::empty();
        if let Some((media_type, content)) = content {
            request = request.header(header::CONTENT_TYPE, media_type);
            sent = Body::from(content);
        }
        let request = request.body(sent).map_err(|error| Error::Message(format!("{}: {error}", target.text)))?;
        let response = self.client.send(request).await.map_err(unreachable)?;
        let warnings = response.headers().get_all(header::WARNING);
        self.warnings.extend(warnings.iter().filter_map(|warning| warning.to_str().ok()).filter_map(warning_text));
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status();
        let answer = body(response).await?;
        Err(status(code, &answer))
    }
}

/// The text of `299 - "text"` (RFC 9110, section 5.6.4 for the escapes).
fn warning_text(header: &str) -> Option<String> {
    let quoted = header.trim().strip_prefix("299 ")?.split_once(" \"")?.1;
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    Some(text)
}

fn status(code: http::StatusCode, answer: &[u8]) -> Error {
    let value: Value = serde_json::from_slice(answer).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let status = if value["kind"] == "Status" {
        Status {
            code: code.as_u16(),
            reason: text("reason"),
            message: text("message"),
            details: value.get("details").cloned().unwrap_or_default(),
        }
    } else {
        let reason = match code.as_u16() {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            405 => "MethodNotAllowed",
            _ => "InternalError",
        };
        let known = String::from_utf8_lossy(answer).trim().chars().take(500).collect::<String>();
        let message = if known.is_empty() { code.to_string() } else { known };
        Status { code: code.as_u16(), reason: reason.to_owned(), message, details: Value::Null }
    };
    Error::Status(Box::new(status))
}

/// Why there was no answer.
fn unreachable(error: kube::Error) -> Error {
    let text = whole_text(&error);
    let hint = if text.contains("Connection refused") { "; is it running? `meridian up` starts one" } else { "" };
    Error::Message(format!("the API cannot be reached: {text}{hint}"))
}

async fn body(response: Response<Body>) -> Result<Bytes> {
    response.into_body().collect_bytes().await.map_err(unreachable)
}

fn json(text: Bytes) -> Result<Value> {
    match serde_json::from_slice(&text) {
        Ok(value) => Ok(value),
        Err(error) => message(format!("the API has not answered with JSON: {error}")),
    }
}

/// The events of a watch.
pub(crate) struct Watch {
    body: Body,
    buffer: BytesMut,
}

impl Watch {
    /// The next event; nothing when the API has ended the watch.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let event: Value = json(line.freeze())?;
                if event["type"] == "ERROR" {
                    let code = event["object"]["code"].as_u64().and_then(|code| u16::try_from(code).ok());
                    let code = code.and_then(|code| http::StatusCode::from_u16(code).ok()).unwrap_or_default();
                    return Err(status(code, event["object"].to_string().as_bytes()));
                }
                return Ok(Some(event));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    let frame = frame.map_err(unreachable)?;
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let target = Target::new("/api/v1/pods").with("labelSelector", "a=b,c").with("limit", "").with("x", "1");
        assert_eq!(target.text, "/api/v1/pods?labelSelector=a%3Db%2Cc&x=1");
    }

    #[test]
    fn warnings_lose_their_quotes() {
        assert_eq!(warning_text(r#"299 - "say \"hi\"""#).as_deref(), Some("say \"hi\""));
        assert_eq!(warning_text("112 - \"other\""), None);
    }
}
