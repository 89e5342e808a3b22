use std::collections::BTreeMap;

use super::{FieldSelector, LabelSelector};

#[test]
fn label_selectors_select() {
    let labels: BTreeMap<String, String> =
        [("app", "web"), ("tier", ""), ("n", "7")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let cases: &[(&str, bool)] = &[
        ("", true),
        ("app", true),
        ("!app", false),
        ("!other", true),
        ("app=web", true),
        ("app==web", true),
        ("app = web , tier", true),
        ("app=api", false),
        ("app!=api", true),
        ("other!=api", true),
        ("tier=", true),
        ("app=", false),
        ("app in (web, api)", true),
        ("app in (api)", false),
        ("app notin (api,web)", false),
        ("other notin (api)", true),
        ("tier in (,x)", true),
        ("n>6", true),
        ("n>7", false),
        ("n<8,app in (web),!x", true),
        ("app>1", false),
    ];
    for (text, expected) in cases {
        let selector = LabelSelector::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(selector.matches(&labels), *expected, "{text}");
    }
}

#[test]
fn broken_label_selectors_say_where() {
    let cases = [
        ("a==b,,c", "found ',', expected: identifier after ','"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("=b", "found '=', expected: !, identifier, or 'end of string'"),
        (
            "a>b",
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an \
             integer",
        ),
        ("a ! b", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
    ];
    for (text, message) in cases {
        assert_eq!(LabelSelector::parse(text).expect_err(text).message, message, "{text}");
    }
    let starts = [
        ("-a=b", "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of "),
        ("a=-b", "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be "),
        ("a in (b,-c)", "unable to parse requirement: values[1][a]: Invalid value: \"-c\": a valid label must be "),
    ];
    for (text, start) in starts {
        let message = LabelSelector::parse(text).expect_err(text).message;
        assert!(message.starts_with(start), "{text}: {message}");
    }
}

#[test]
fn field_selectors_name_what_they_cannot_select() {
    let pods = crate::resource::by_plural("", "pods").expect("pods are served");
    let check = |text: &str| FieldSelector::parse(text).and_then(|selector| selector.check(pods));
    assert!(check("metadata.name=a,metadata.namespace!=b,status.phase=Running").is_ok());
    assert_eq!(check("spec.foo=x").expect_err("unknown").message, "field label not supported: spec.foo");
    assert!(check("metadata.name").is_err());
    assert_eq!(FieldSelector::parse("metadata.name==a").expect("a selector").name(), Some("a"));
    assert_eq!(FieldSelector::parse("metadata.name!=a").expect("a selector").name(), None);
}
