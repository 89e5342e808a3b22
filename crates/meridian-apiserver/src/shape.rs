//! How an answer is written: as JSON on one line, as JSON with line breaks for people who ask with a browser or `curl`, or
//! as YAML.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use meridian_resources::yaml;
use serde_json::Value;

use crate::body::Answer;
use crate::media;
use crate::query::Query;

/// How the `User-Agent` of programs begins that show an answer as it is.
const SHOWN_AS_IS: [&str; 3] = ["curl", "Wget", "Mozilla/5.0"];

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// JSON on one line.
    Line,
    /// JSON with line breaks.
    Lines,
    /// YAML.
    Yaml,
}

impl Shape {
    /// What a request wants: YAML when `Accept` says so; line breaks by `?pretty=true`, or else by the program that asks. As
    /// in Kubernetes.
    pub(crate) fn wanted(query: &Query, headers: &HeaderMap) -> Shape {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if media::wants_yaml(header(ACCEPT)) {
            return Shape::Yaml;
        }
        let lines = match query.get("pretty") {
            Some(pretty) => matches!(pretty, "1" | "t" | "T" | "true" | "True" | "TRUE"),
            None => {
                let agent = header(USER_AGENT).unwrap_or_default();
                SHOWN_AS_IS.iter().any(|program| agent.starts_with(program))
            }
        };
        if lines { Shape::Lines } else { Shape::Line }
    }

    /// Writes an answer so, if it is JSON and not a stream.
    pub(crate) fn write(self, mut response: Response<Answer>) -> Response<Answer> {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_whole = matches!(response.body(), Answer::Whole(Some(_)) | Answer::Pieces(_));
        if self == Shape::Line || !is_whole || !content_type.is_some_and(|media| media.starts_with("application/json"))
        {
            return response;
        }
        if self == Shape::Yaml {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media::YAML));
        }
        let text = |bytes: Bytes| match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) if self == Shape::Yaml => Answer::whole(yaml::emit_as_go(&value)),
            Ok(value) => Answer::whole(format!("{value:#}")),
            Err(_) => Answer::whole(bytes),
        };
        response.map(|body| match body {
            Answer::Whole(Some(bytes)) => text(bytes),
            Answer::Pieces(pieces) => text(pieces.whole()),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use crate::body::Answer;
    use crate::query::Query;
    use hyper::Response;
    use hyper::header::{HeaderMap, HeaderValue};

    #[test]
    fn programs_for_people_get_lines_unless_they_say_otherwise() {
        let wanted = |query: &str, agent: &'static str, accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("user-agent", HeaderValue::from_static(agent));
            headers.insert("accept", HeaderValue::from_static(accept));
            Shape::wanted(&Query::parse(Some(query)).expect("a query"), &headers)
        };
        assert_eq!(wanted("", "curl/8.1", "*/*"), Shape::Lines);
        assert_eq!(wanted("pretty=true", "kubectl/v1.32", "application/json"), Shape::Lines);
        assert_eq!(wanted("pretty=false", "curl/8.1", "*/*"), Shape::Line);
        assert_eq!(wanted("", "kubectl/v1.32", "application/json,application/yaml"), Shape::Line);
        assert_eq!(wanted("", "curl/8.1", "application/yaml"), Shape::Yaml);
    }

    #[test]
    fn only_json_is_changed() {
        let answer = |shape: Shape, content_type: &str| {
            let response = Response::builder().header("content-type", content_type).body(Answer::whole("{\"a\":1}"));
            let response = shape.write(response.expect("an answer"));
            let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
            match response.into_body() {
                Answer::Whole(Some(bytes)) => (content_type, String::from_utf8(bytes.to_vec()).expect("text")),
                other => panic!("{other:?}"),
            }
        };
        let expected = |content_type: &str, text: &str| (content_type.to_owned(), text.to_owned());
        assert_eq!(answer(Shape::Lines, "application/json"), expected("application/json", "{\n  \"a\": 1\n}"));
        assert_eq!(answer(Shape::Yaml, "application/json"), expected("application/yaml", "a: 1\n"));
        assert_eq!(answer(Shape::Yaml, "text/plain"), expected("text/plain", "{\"a\":1}"));
    }
}
