use super::*;
use crate::string_match::FullRegex;

fn rewritten(rewrite: &PathRewrite, matched: &PathMatch, path: &str) -> String {
    let mut out = b"left over".to_vec();
    rewrite.apply(matched, path.as_bytes(), &mut out);
    String::from_utf8(out).expect("these are text")
}

#[test]
fn a_prefix_is_replaced_byte_by_byte() {
    let prefix = |p: &str| PathMatch::Prefix(p.into());
    for (matched, rewrite, path, expected) in [
        (prefix("/root"), "/", "/root/c1", "//c1"),
        (prefix("/bare"), "/anything", "/bareb2", "/anythingb2"),
        (prefix("/status/"), "/", "/status/200?x=1", "/200?x=1"),
        (prefix("/"), "/v1/", "/a?/=?", "/v1/a?/=?"),
        (prefix("/a"), "/b", "/a", "/b"),
        (PathMatch::Exact("/a/b".into()), "/c", "/a/b?q", "/c?q"),
        // Matched without case.
        (prefix("/abc"), "/x", "/AbC/d", "/x/d"),
        (PathMatch::PathSeparatedPrefix("/a".into()), "/b", "/a/c", "/b/c"),
    ] {
        assert_eq!(rewritten(&PathRewrite::Prefix(rewrite.into()), &matched, path), expected, "{matched:?}");
    }
}

#[test]
fn under_a_regular_expression_the_whole_path_is_replaced() {
    let matched = PathMatch::Regex(FullRegex::new("/[a-z]+/.*").expect("compiles"));
    assert_eq!(rewritten(&PathRewrite::Full("/new".into()), &matched, "/old/path?q=/x"), "/new?q=/x");
}

#[test]
fn substitutions_are_those_of_re2() {
    let matched = PathMatch::Prefix("/".into());
    for (pattern, substitution, path, expected) in [
        ("^/service/([^/]+)(/.*)$", r"\2/instance/\1", "/service/foo/v1/api?a=b", "/v1/api/instance/foo?a=b"),
        ("one", "two", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/two/zzz"),
        ("^(.*?)one(.*)$", r"\1two\2", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/one/zzz"),
        ("(?i)/xxx/", "/yyy/", "/aaa/XxX/bbb", "/aaa/yyy/bbb"),
        ("/nothing", "/x", "/a/b?nothing", "/a/b?nothing"),
        ("/(a)|/(b)", r"<\0|\1|\2>", "/a/b", "</a|a|></b||b>"),
        ("b", r"\\1", "/abc", r"/a\1c"),
        ("x*", "-", "/ax", "-/-a-"),
        (r"/\d+", "/N", "/7/٣", "/N/٣"),
    ] {
        let rewrite = PathRewrite::Regex(RegexRewrite::new(pattern, substitution).expect("valid"));
        assert_eq!(rewritten(&rewrite, &matched, path), expected, "{pattern} -> {substitution}");
    }
}

#[test]
fn a_substitution_that_does_not_fit_is_refused() {
    for (pattern, substitution, message) in [
        ("(", "", "\"(\" is not a regular expression"),
        ("(a)", r"\2", r#""\\2" uses group \2, but "(a)" has 1; use \0 to \1"#),
        ("a", r"\x", "after a backslash there must be a digit"),
        ("a", r"a\", "after a backslash there must be a digit"),
    ] {
        let error = RegexRewrite::new(pattern, substitution).expect_err("is refused").to_string();
        assert!(error.contains(message), "{error}");
    }
}
