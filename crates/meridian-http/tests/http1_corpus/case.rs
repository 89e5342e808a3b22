//! A case of the corpus.

use base64::prelude::*;
use serde_json::Value;

/// One message, what it comes with, and the verdict.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) direction: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) half_close: bool,
    /// The request of a response case.
    pub(crate) request: Vec<u8>,
    pub(crate) script: Vec<Step>,
    pub(crate) verdict: Value,
}

/// What the origin does.
pub(crate) enum Step {
    Send(Vec<u8>),
    Close,
    Reset,
}

pub(crate) fn parse(json: &[u8]) -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_slice(json).expect("the corpus is an array");
    cases.iter().map(Case::new).collect()
}

fn decode(value: &Value) -> Vec<u8> {
    value.as_str().map(|text| BASE64_STANDARD.decode(text).expect("base64")).unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Case {
    fn new(case: &Value) -> Self {
        let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            direction: text("direction"),
            bytes: decode(&case["bytes_base64"]),
            half_close: case["half_close"] == true,
            request: decode(&case["request_base64"]),
            script: items(&case["origin_script"]).iter().filter_map(Step::new).collect(),
            verdict: case["meridian"].clone(),
        }
    }

    /// Names in a list of the verdict or of an expected request.
    pub(crate) fn names<'a>(of: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
        items(&of[list]).iter().map(|name| name.as_str().expect("a name"))
    }
}

impl Step {
    fn new(step: &Value) -> Option<Self> {
        if step["send_base64"].is_string() {
            Some(Self::Send(decode(&step["send_base64"])))
        } else if step["close"] == true {
            Some(Self::Close)
        } else if step["reset"] == true {
            Some(Self::Reset)
        } else {
            assert!(step["sleep_ms"].is_number(), "a step that this test does not know: {step}");
            None
        }
    }
}

/// The corpus's readable form (`\r`, `\xNN`, `\{N*unit}`) as bytes.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        match bytes[at + 1] {
            b'{' => {
                let end = at + text[at..].find('}').expect("a closing brace");
                let (count, unit) = text[at + 2..end].split_once('*').expect("N*unit");
                out.extend(unescape(unit).repeat(count.parse().expect("a count")));
                at = end + 1;
            }
            b'x' => {
                out.push(u8::from_str_radix(&text[at + 2..at + 4], 16).expect("two digits"));
                at += 4;
            }
            letter => {
                out.push(match letter {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    other => other,
                });
                at += 2;
            }
        }
    }
    out
}

/// A written head, read with none of the codec's own code: first line and fields.
pub(crate) fn read_head(head: &[u8]) -> (String, Vec<(String, String)>) {
    let latin1: String = head.iter().map(|&b| char::from(b)).collect();
    let mut lines = latin1.strip_suffix("\r\n\r\n").expect("a head ends with an empty line").split("\r\n");
    let first = lines.next().expect("a first line").to_owned();
    let fields = lines
        .map(|line| {
            assert!(!line.is_empty() && !line.contains(['\r', '\n', '\0']), "line {line:?} in {latin1:?}");
            let (name, value) = line.split_once(": ").expect("name: value");
            assert_eq!(name, name.to_ascii_lowercase(), "names are sent in lower case");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    (first, fields)
}
