//! What was received, as the JSON that httpbin shows: arguments, headers, origin, URL, body.

use std::net::IpAddr;

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

/// The request's headers under their customary names; values of a repeated header are joined with commas.
pub(super) fn headers(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        shown.insert(customary(name.as_str()), values.join(",").into());
    }
    shown.into()
}

/// `x-forwarded-for` as `X-Forwarded-For`: a capital at the start of every word, as most servers show header names.
fn customary(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

/// The client's address: the one that a proxy states in `X-Forwarded-For`, else the peer's.
pub(super) fn origin(headers: &HeaderMap, peer: IpAddr) -> Value {
    let stated = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    stated.map_or_else(|| peer.to_canonical().to_string(), str::to_owned).into()
}

/// The URL as the client wrote it: the scheme from `X-Forwarded-Proto`, the host from `Host`.
pub(super) fn url(uri: &Uri, headers: &HeaderMap) -> Value {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or("http");
    let host = text(HOST).or(uri.authority().map(|authority| authority.as_str())).unwrap_or("");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{host}{path}").into()
}

/// The arguments of the query.
pub(super) fn args(uri: &Uri) -> Value {
    pairs(uri.query().unwrap_or("").as_bytes())
}

/// The body as `data`, `form` and `json`: a form when the content type says so, else text and, where it is valid, JSON.
/// Bytes that are not UTF-8 appear as U+FFFD.
pub(super) fn body(head: &Parts, body: &Bytes) -> [(&'static str, Value); 3] {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return [("data", "".into()), ("form", pairs(body)), ("json", Value::Null)];
    }
    let parsed = serde_json::from_slice(body).unwrap_or(Value::Null);
    [("data", String::from_utf8_lossy(body).into()), ("form", json!({})), ("json", parsed)]
}

/// `name=value&...` decoded (`application/x-www-form-urlencoded` of the URL standard); a repeated name gets an array.
fn pairs(encoded: &[u8]) -> Value {
    let mut all = Map::new();
    for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut next = || Value::from(decode(halves.next().unwrap_or_default()));
        let (name, value) = (next(), next());
        let name = name.as_str().unwrap_or_default().to_owned();
        match all.get_mut(&name) {
            None => drop(all.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(single) => *single = json!([single.take(), value]),
        }
    }
    all.into()
}

/// `+` as a space, `%41` as `A`; a `%` without two hexadecimal digits stays as it is.
fn decode(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, hexadecimal(after)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte that the first two characters are the hexadecimal form of.
fn hexadecimal(text: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let value = digit(text.first()?)? * 16 + digit(text.get(1)?)?;
    u8::try_from(value).ok()
}
