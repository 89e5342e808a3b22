//! Expressions that users write, and those that are none.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// `GET /status/503` with a few headers, answered 503 after 120 ms.
struct Request;

impl Attributes for Request {
    fn get(&self, path: &[&str]) -> Option<Value> {
        Some(match path {
            ["request", "method"] => "GET".into(),
            ["request", "path"] => "/status/503?x=1".into(),
            ["request", "url_path"] => "/status/503".into(),
            ["request", "headers", "x-team"] => "blue".into(),
            ["request", "duration"] => Value::Duration(Duration::from_millis(120)),
            ["request", "size"] => Value::from(0),
            ["response", "code"] => Value::Int(503),
            ["connection", "mtls"] => Value::Bool(false),
            ["xds", "route_name"] => "default".into(),
            _ => return None,
        })
    }
}

#[test]
fn expressions_are_true_or_not() {
    for (text, expected) in [
        ("response.code >= 400", true),
        ("response.code >= 500 && response.code < 600", true),
        ("response.code == 200 || request.method == 'GET'", true),
        ("!(response.code in [200, 503])", false),
        ("request.headers['x-team'] == \"blue\"", true),
        ("request.headers['X-Team'] == \"blue\"", true),
        ("request.headers[\"x-\" + 'team'] == \"blue\"", true),
        ("request['method'] == 'GET'", true),
        ("'x-team' in request.headers", true),
        ("'x-other' in request.headers", false),
        ("has(request.headers.x_other)", false),
        ("has(response.code) && response.code != 200", true),
        ("!has(response.grpc_status)", true),
        ("request.url_path.startsWith('/status') && request.url_path.endsWith('503')", true),
        ("request.path.contains('x=1')", true),
        ("request.path.matches('^/status/[45]..')", true),
        ("matches(request.path, 'tatus')", true),
        ("request.duration > duration('100ms')", true),
        ("request.duration > duration('1m30s')", false),
        ("connection.mtls ? false : xds.route_name == 'default'", true),
        ("size(request.method) == 3 && [1, 2][1] == 2", true),
        ("1 + 2 * 3 == 7 && -(1) < 0 && 7 % 4 == 3", true),
        ("int('503') == response.code && string(response.code) == '503'", true),
        ("1u == 1 && 0x10 == 16 && 1.5 > 1", true),
        // What cannot be evaluated is not true; what the other side decides is.
        ("request.headers['x-other'] == ''", false),
        ("request.headers['x-other'] == '' || response.code == 503", true),
        ("response.code == 503 || request.headers['x-other'] == ''", true),
        ("!(request.headers['x-other'] == '')", false),
        ("response.code > 'a'", false),
        ("response.code", false),
        ("1 / 0 == 1", false),
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expression.is_true(&Request), expected, "{text}: {:?}", expression.evaluate(&Request));
        assert_eq!(expression.to_string(), text);
    }
}

#[test]
fn what_is_none_says_where() {
    for (text, expected) in [
        ("", "column 1: found the end, allowed: a value"),
        ("response.code >=", "column 17: found the end"),
        ("respnse.code > 1", "column 1: found \"respnse\", allowed: request, response"),
        ("response.cod > 1", "column 10: found response.cod, allowed: response. and one of code,"),
        ("response", "column 9: found \"response\" alone"),
        ("response.code.x", "column 15: found the field \"x\""),
        ("(response.code > 1", "column 19: found the end, allowed: \")\""),
        ("response.code > 1 2", "column 19: found 2, allowed: an operator or the end"),
        ("request.method == 'GET", "column 19: found a text without"),
        ("request.path.matches('(')", "column 14: found the pattern \"(\""),
        ("request.path.matches(request.method)", "column 14: found a pattern that is no literal"),
        ("[1].exists(x, x > 0)", "column"),
        ("upper('a') == 'A'", "column 1: found the function \"upper\", allowed: has, matches, startsWith"),
        ("size() == 1", "column 1: found 0 values for size, allowed: 1"),
        ("response.code # 1", "column 15: found '#'"),
        ("99999999999999999999 > 1", "column 1: found \"99999999999999999999\""),
        ("has(1)", "column 1: found has() of something else"),
    ] {
        let error = Expression::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let deep = format!("{}true{}", "(".repeat(5000), ")".repeat(5000));
    assert!(Expression::parse(&deep).is_err_and(|error| error.message.contains("within each other")));
    assert!(Expression::parse(&format!("{}true", "!".repeat(5000))).is_err());
    assert!(Expression::parse(&" ".repeat(20_000)).is_err());
}

proptest! {
    #[test]
    fn any_text_is_taken(text in ".{0,60}") {
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate(&Request);
        }
    }

    #[test]
    fn any_words_are_taken(words in prop::collection::vec(prop::sample::select(vec![
        "request.path", "response.code", "request.headers", "request", "'a'", "1", "1.5", "true", "null", "&&", "||", "==",
        "<", "in", "+", "-", "/", "%", "!", "(", ")", "[", "]", ",", ".", "?", ":", "size", "has", "matches", "duration",
        "'1s'", "string", "9223372036854775807",
    ]), 0..16)) {
        if let Ok(expression) = Expression::parse(&words.join(" ")) {
            let _ = expression.evaluate(&Request);
        }
    }

    #[test]
    fn arithmetic_never_overflows(a: i64, b: i64, operator in prop::sample::select(vec!["+", "-", "*", "/", "%"])) {
        let text = format!("({a}) {operator} ({b}) == 1");
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate(&Request);
        }
    }
}
