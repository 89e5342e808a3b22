//! Which answer a request gets: a pure decision over what was received.

use std::net::IpAddr;
use std::time::Duration;

use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::echo;
use super::payload::Payload;
use super::seen::Seen;

/// The path that lists the request lines; requests for it are not listed themselves.
pub(super) const REQUESTS: &str = "/_requests";
/// The longest `/delay`.
const LONGEST_DELAY: f64 = 10.0;
/// The longest `/bytes`.
const MOST_BYTES: u64 = 1 << 30;
/// The longest `/stream`.
const MOST_LINES: u64 = 100;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// What a 418 says: 135 bytes, the length that httpbin's has.
pub(super) const TEAPOT: &str = concat!(
    "\n      - teapot -\n",
    "           _\n",
    "       ___(_)___   _\n",
    "  __  /         \\ / \\\n",
    "  \\ \\_|          |  |\n",
    "   \\__|          |_/\n",
    "       \\________/\n",
);

/// What is served, for `/` and for whoever asks for something else.
const INDEX: &str = "/status/N  /delay/N  /headers  /get  /anything/...  /bytes/N  /stream/N  /_requests\n";

/// A request that has arrived whole.
pub(super) struct Received<'a> {
    /// Method, target, headers.
    pub(super) head: &'a Parts,
    /// The body; empty unless [`echoes_body`] asked for it.
    pub(super) body: &'a Bytes,
    /// The address at the other end of the connection.
    pub(super) peer: IpAddr,
    /// The request lines before this one.
    pub(super) seen: &'a Seen,
}

/// A response, and how long to wait before it is sent.
pub(super) struct Answer {
    pub(super) wait: Duration,
    pub(super) response: Response<Payload>,
}

/// Whether the answer at `path` shows the request's body.
pub(super) fn echoes_body(path: &str) -> bool {
    matches!(path.split('/').nth(1), Some("anything" | "delay"))
}

/// The answer to a body beyond `limit` bytes; the connection ends, for the rest of the body is not read.
pub(super) fn body_too_large(limit: usize) -> Response<Payload> {
    let mut response =
        text(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than the {limit} bytes that are echoed\n"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Decides the answer.
pub(super) fn answer(received: &Received<'_>) -> Answer {
    let mut wait = Duration::ZERO;
    let path = received.head.uri.path();
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let (first, rest) = (segments.next().unwrap_or(""), segments.next());
    let mut response = match allowed_methods(first) {
        Some(methods) if received.head.method == Method::OPTIONS => preflight(&received.head.headers, methods),
        Some(methods) if !methods.contains(&received.head.method) => method_not_allowed(&received.head.method, methods),
        _ => match (first, rest) {
            ("", None) => text(StatusCode::OK, INDEX),
            ("status", Some(code)) => status(code),
            ("delay", Some(seconds)) => match delay(seconds) {
                Ok(chosen) => {
                    wait = chosen;
                    echo_of(received, false)
                }
                Err(reason) => text(StatusCode::BAD_REQUEST, reason),
            },
            ("headers", None) => json_text(&json!({"headers": echo::headers(&received.head.headers)})),
            ("get", None) => json_text(&Value::Object(common(received))),
            ("anything", _) => echo_of(received, true),
            ("bytes", Some(count)) => bytes(count),
            ("stream", Some(count)) => stream(received, count),
            ("_requests", None) => json_text(&json!(received.seen.lines())),
            _ => text(StatusCode::NOT_FOUND, format!("nothing is served at {path}; there are: {INDEX}")),
        },
    };
    declare_length(&mut response);
    cross_origin(&received.head.headers, response.headers_mut());
    Answer { wait, response }
}

/// The methods of a path, by its first segment; `None` when any method will do.
fn allowed_methods(first: &str) -> Option<&'static [Method]> {
    const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];
    const ANY: &[Method] = &[
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::TRACE,
    ];
    match first {
        "headers" | "get" | "bytes" | "stream" | "_requests" => Some(READ),
        "status" | "delay" | "anything" => Some(ANY),
        _ => None,
    }
}

/// `/status/N`, with the header that belongs to a status where it needs one.
fn status(code: &str) -> Response<Payload> {
    let Some(code) =
        code.parse().ok().filter(|code| (200..600).contains(code)).and_then(|code| StatusCode::from_u16(code).ok())
    else {
        return text(StatusCode::BAD_REQUEST, format!("status {code:?} is not a number from 200 to 599\n"));
    };
    let mut response = typed(code, HTML, "");
    let extra = match code.as_u16() {
        301 | 302 | 303 | 305 | 307 | 308 => Some((header::LOCATION, "/get")),
        401 => Some((header::WWW_AUTHENTICATE, "Basic realm=\"httpbin\"")),
        407 => Some((header::PROXY_AUTHENTICATE, "Basic realm=\"httpbin\"")),
        418 => {
            *response.body_mut() = Payload::Whole(TEAPOT.into());
            response.headers_mut().remove(header::CONTENT_TYPE);
            Some((HeaderName::from_static("x-more-info"), "http://tools.ietf.org/html/rfc2324"))
        }
        _ => None,
    };
    response.headers_mut().extend(extra.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// The time that `/delay/SECONDS` waits: beyond ten seconds it is ten, as in httpbin.
fn delay(seconds: &str) -> Result<Duration, String> {
    match seconds.parse::<f64>() {
        Ok(number) if number >= 0.0 => Ok(Duration::from_secs_f64(number.min(LONGEST_DELAY))),
        _ => Err(format!("delay {seconds:?} is not a number of seconds, such as 2 or 0.5\n")),
    }
}

/// `/bytes/N`.
fn bytes(count: &str) -> Response<Payload> {
    match count.parse() {
        Ok(count) if count <= MOST_BYTES => {
            typed(StatusCode::OK, "application/octet-stream", Payload::generated(count))
        }
        _ => text(StatusCode::BAD_REQUEST, format!("bytes {count:?} is not a number from 0 to {MOST_BYTES}\n")),
    }
}

/// `/stream/N`: the echo N times, numbered, each in a chunk of its own.
fn stream(received: &Received<'_>, count: &str) -> Response<Payload> {
    let Ok(count) = count.parse::<u64>() else {
        return text(StatusCode::BAD_REQUEST, format!("stream {count:?} is not a number of lines\n"));
    };
    let mut line = common(received);
    let lines: Vec<_> = (0..count.min(MOST_LINES))
        .map(|id| {
            line.insert("id".to_owned(), id.into());
            format!("{}\n", Value::Object(line.clone()))
        })
        .collect();
    typed(StatusCode::OK, JSON, Payload::Lines(lines.into_iter()))
}

/// Arguments, headers, origin and URL.
fn common(received: &Received<'_>) -> Map<String, Value> {
    let Parts { uri, headers, .. } = received.head;
    let members = [
        ("args", echo::args(uri)),
        ("headers", echo::headers(headers)),
        ("origin", echo::origin(headers, received.peer)),
        ("url", echo::url(uri, headers)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The whole request; `/anything` names its method too.
fn echo_of(received: &Received<'_>, method: bool) -> Response<Payload> {
    let mut all = common(received);
    all.extend(echo::body(received.head, received.body).map(|(name, value)| (name.to_owned(), value)));
    if method {
        all.insert("method".to_owned(), received.head.method.as_str().into());
    }
    json_text(&Value::Object(all))
}

/// The answer to OPTIONS: what a browser asks before a request across origins (Fetch standard, CORS preflight).
fn preflight(asked: &HeaderMap, methods: &[Method]) -> Response<Payload> {
    let mut response = typed(StatusCode::OK, HTML, "");
    let headers = response.headers_mut();
    let methods = list(methods);
    headers.insert(header::ALLOW, methods.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    response
}

/// 405 with the methods that there are (RFC 9110 section 15.5.6).
fn method_not_allowed(method: &Method, methods: &[Method]) -> Response<Payload> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not served here\n"));
    response.headers_mut().insert(header::ALLOW, list(methods));
    response
}

/// `GET, HEAD, ...`
fn list(methods: &[Method]) -> HeaderValue {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).expect("method names are visible ASCII")
}

/// States the length also of an empty body, so that the answer to HEAD carries what GET's would (RFC 9110 section 8.6).
fn declare_length(response: &mut Response<Payload>) {
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().size_hint().exact().filter(|_| !bodiless) {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
}

/// The headers that httpbin puts on every answer: any origin may read it.
fn cross_origin(asked: &HeaderMap, headers: &mut HeaderMap) {
    let origin = asked.get(header::ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}

/// Indented JSON with a line end, as httpbin prints it.
fn json_text(value: &Value) -> Response<Payload> {
    typed(StatusCode::OK, JSON, format!("{value:#}\n"))
}

fn text(status: StatusCode, body: impl Into<Payload>) -> Response<Payload> {
    typed(status, TEXT, body)
}

fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Payload>) -> Response<Payload> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
