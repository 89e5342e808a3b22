use super::*;
use crate::StringMatch;
use crate::request::PlainRequest;
use crate::string_match::FullRegex;

fn exact(value: &str) -> Option<StringMatch> {
    Some(StringMatch::Exact(value.into()))
}
fn prefix(value: &str) -> Option<StringMatch> {
    Some(StringMatch::Prefix(value.into()))
}
fn regex(pattern: &str) -> Option<StringMatch> {
    Some(StringMatch::Regex(FullRegex::new(pattern).expect("compiles")))
}

#[test]
fn paths() {
    let regular = |pattern| PathMatch::Regex(FullRegex::new(pattern).expect("compiles"));
    for (condition, case_sensitive, path, expected) in [
        (PathMatch::Exact("/exact".into()), true, "/exact?q=/x", true),
        (PathMatch::Exact("/exact".into()), true, "/exact/", false),
        (PathMatch::Exact("/exact".into()), true, "/Exact", false),
        (PathMatch::Exact("/exact".into()), false, "/eXACT", true),
        (PathMatch::Prefix("/pre".into()), true, "/prefer", true),
        (PathMatch::Prefix("/pre".into()), true, "/PRE", false),
        (PathMatch::Prefix("/pre".into()), false, "/PREfer", true),
        (PathMatch::Prefix("/pre".into()), true, "/pr?pre", false),
        (PathMatch::PathSeparatedPrefix("/pre".into()), true, "/pre", true),
        (PathMatch::PathSeparatedPrefix("/pre".into()), true, "/pre/fer", true),
        (PathMatch::PathSeparatedPrefix("/pre".into()), true, "/prefer", false),
        (regular("/[a-z]+"), true, "/abc?x=1", true),
        (regular("/[a-z]+"), true, "/abc/", false),
        (regular("a|/b"), true, "/b", true),
        (regular("a|/b"), true, "/bb", false),
    ] {
        let route = RouteMatch { path: condition, case_sensitive, headers: vec![], query: vec![] };
        assert_eq!(route.matches(&PlainRequest::get("h", path)), expected, "{route:?} {path}");
    }
}

#[test]
fn repeated_headers_are_matched_one_by_one() {
    let twice = PlainRequest::get("h", "/").header("X", "a").header("x", "b");
    let joined = PlainRequest::get("h", "/").header("x", "a,b");
    let without = PlainRequest::get("h", "/");
    let empty = PlainRequest::get("h", "/").header("x", "");
    // Condition; holds for: two headers, one joined header, none, an empty one; and the same inverted.
    for (value, plain, inverted) in [
        (exact("a"), [true, false, false, false], [false, true, true, true]),
        (exact("b"), [true, false, false, false], [false, true, true, true]),
        (exact("a,b"), [false, true, false, false], [true, false, true, true]),
        (prefix("b"), [true, false, false, false], [false, true, true, true]),
        (regex("a.*b"), [false, true, false, false], [true, false, true, true]),
        // A missing header counts as empty, but only inverted.
        (regex(".*"), [true, true, false, true], [false, false, false, false]),
        (exact(""), [false, false, false, true], [true, true, false, false]),
        (None, [true, true, false, true], [false, false, true, false]),
    ] {
        for (request, at) in [(&twice, 0), (&joined, 1), (&without, 2), (&empty, 3)] {
            let matcher = |invert| HeaderMatch { name: "x".into(), value: value.clone(), invert };
            assert_eq!(matcher(false).matches(request), plain[at], "{value:?} {:?}", request.headers);
            assert_eq!(matcher(true).matches(request), inverted[at], "without {value:?} {:?}", request.headers);
        }
    }
}

#[test]
fn the_headers_that_envoy_keeps_as_one_are_joined() {
    assert!(JOINED.is_sorted());
    let twice = PlainRequest::get("h", "/").header("User-Agent", "42").header("user-agent", "second");
    let once = PlainRequest::get("h", "/").header("User-Agent", "42");
    for (value, of_two, of_one) in [
        (exact("42"), false, true),
        (exact("second"), false, false),
        (exact("42,second"), true, false),
        (prefix("42"), true, true),
        (regex("42.*second"), true, false),
        (None, true, true),
    ] {
        let matcher = |invert| HeaderMatch { name: "user-agent".into(), value: value.clone(), invert };
        for (request, expected) in [(&twice, of_two), (&once, of_one)] {
            assert_eq!(matcher(false).matches(request), expected, "{value:?} {:?}", request.headers);
            assert_eq!(matcher(true).matches(request), !expected, "without {value:?} {:?}", request.headers);
        }
    }
}

#[test]
fn parts_of_the_request_line_are_headers_too() {
    let request = PlainRequest { method: "POST".into(), ..PlainRequest::get("M.example.com:80", "/a?b") };
    for (name, value, expected) in [
        (":method", exact("POST"), true),
        (":method", exact("post"), false),
        (":scheme", exact("http"), true),
        (":authority", exact("M.example.com:80"), true),
        (":authority", exact("m.example.com:80"), false),
        (":authority", exact("M.example.com"), false),
        ("host", prefix("M."), true),
        (":path", exact("/a?b"), true),
    ] {
        let matcher = HeaderMatch { name: name.into(), value: value.clone(), invert: false };
        assert_eq!(matcher.matches(&request), expected, "{name} {value:?}");
    }
}

#[test]
fn the_first_of_repeated_parameters_counts() {
    for (path, value, expected) in [
        ("/?debug", None, true),
        ("/?debug", exact(""), true),
        ("/?debug=1", None, true),
        ("/?Debug=1", None, false),
        ("/debug", None, false),
        ("/", None, false),
        ("/?a=1&debug=2&debug=3", exact("2"), true),
        ("/?a=1&debug=2&debug=3", exact("3"), false),
        ("/?debug=a%20b", exact("a%20b"), true),
        ("/?debug=a%20b", exact("a b"), false),
        ("/?debug=a=b", exact("a=b"), true),
        ("/?debug=prod-eu", regex("prod-.*"), true),
        ("/?&&debug=x", prefix(""), true),
    ] {
        let matcher = QueryMatch { name: "debug".into(), value: value.clone() };
        assert_eq!(matcher.matches(path.as_bytes()), expected, "{path} {value:?}");
    }
}
