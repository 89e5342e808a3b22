//! JSON with line breaks, for people who ask with a browser or `curl`.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderMap, USER_AGENT};
use serde_json::Value;

use crate::body::Answer;
use crate::query::Query;

/// How the `User-Agent` of programs begins that show an answer as it is.
const SHOWN_AS_IS: [&str; 3] = ["curl", "Wget", "Mozilla/5.0"];

/// Whether a request wants line breaks: by `?pretty=true`, or else by the program that asks. As in Kubernetes.
pub(crate) fn is_wanted(query: &Query, headers: &HeaderMap) -> bool {
    match query.get("pretty") {
        Some(pretty) => matches!(pretty, "1" | "t" | "T" | "true" | "True" | "TRUE"),
        None => {
            let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
            SHOWN_AS_IS.iter().any(|program| agent.starts_with(program))
        }
    }
}

/// The answer with line breaks, if it is JSON and not a stream.
pub(crate) fn with_lines(response: Response<Answer>) -> Response<Answer> {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return response;
    }
    let lines = |bytes: Bytes| match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => Answer::whole(format!("{value:#}")),
        Err(_) => Answer::whole(bytes),
    };
    response.map(|body| match body {
        Answer::Whole(Some(bytes)) => lines(bytes),
        Answer::Pieces(pieces) => lines(pieces.whole()),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::{is_wanted, with_lines};
    use crate::body::Answer;
    use crate::query::Query;
    use hyper::Response;
    use hyper::header::{HeaderMap, HeaderValue};

    #[test]
    fn programs_for_people_get_lines_unless_they_say_otherwise() {
        let wanted = |query: &str, agent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("user-agent", HeaderValue::from_static(agent));
            is_wanted(&Query::parse(Some(query)).expect("a query"), &headers)
        };
        assert!(wanted("", "curl/8.1"));
        assert!(wanted("pretty=true", "kubectl/v1.32"));
        assert!(!wanted("pretty=false", "curl/8.1"));
        assert!(!wanted("", "kubectl/v1.32"));
    }

    #[test]
    fn only_json_is_changed() {
        let answer = |content_type: &str| {
            let response = Response::builder().header("content-type", content_type).body(Answer::whole("{\"a\":1}"));
            match with_lines(response.expect("an answer")).into_body() {
                Answer::Whole(Some(bytes)) => String::from_utf8(bytes.to_vec()).expect("text"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(answer("application/json"), "{\n  \"a\": 1\n}");
        assert_eq!(answer("text/plain"), "{\"a\":1}");
    }
}
