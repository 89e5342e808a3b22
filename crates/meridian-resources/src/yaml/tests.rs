use super::*;

fn one(text: &str) -> Value {
    match &mut values(text, "t.yaml")[..] {
        [Ok(value)] => value.take(),
        other => panic!("{other:?}"),
    }
}

fn error(text: &str) -> String {
    values(text, "t.yaml").into_iter().find_map(Result::err).expect("an error").to_string()
}

fn diagnostics(text: &str) -> Vec<String> {
    let errors = parse(text, "t.yaml").into_iter().filter_map(|document| document.object.err());
    errors.flatten().map(|diagnostic| diagnostic.to_string()).collect()
}

/// The expectation is what `kubectl annotate --local -o json` (1.32) made of the same file.
#[test]
fn scalars_mean_what_they_mean_to_kubectl() {
    let text = include_str!("tests/scalars.yaml");
    let expected: Value = serde_json::from_str(include_str!("tests/scalars.json")).expect("JSON");
    assert_eq!(one(text)["spec"], expected);
}

/// Each as kubectl reads it.
#[test]
fn colons_in_brackets_and_braces() {
    let table = [
        ("[a:]", r#"["a:"]"#),
        ("[a:,b]", r#"["a:","b"]"#),
        ("[é, a:]", r#"["é","a:"]"#),
        ("{a:}", r#"{"a:":null}"#),
        ("{a:, b: 1}", r#"{"a:":null,"b":1}"#),
        ("[a: ]", r#"[{"a":null}]"#),
        ("[a: b]", r#"[{"a":"b"}]"#),
        ("[a:b:]", r#"["a:b:"]"#),
        ("{\"a\":}", r#"{"a":null}"#),
        ("[{a:},c]", r#"[{"a:":null},"c"]"#),
        ("[1.2.3.4, 001:db8::]", r#"["1.2.3.4","001:db8::"]"#),
    ];
    for (text, expected) in table {
        assert_eq!(one(text).to_string(), expected, "{text}");
    }
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let text = "base: &base {a: 1, b: 2}\nlist: &list [x, z]\nuse: {<<: *base, b: 3}\n\
                two:\n  <<: [{a: 5, c: 6}, *base]\nagain: *list\n\"<<\": {quoted: yes}\n";
    let expected = serde_json::json!({
        "base": {"a": 1, "b": 2}, "list": ["x", "z"], "use": {"a": 1, "b": 3},
        "two": {"a": 5, "b": 2, "c": 6}, "again": ["x", "z"], "<<": {"quoted": true}
    });
    assert_eq!(one(text), expected);
    // Anchors end with their document.
    assert!(error("a: &x 1\n---\nb: *x\n").contains("t.yaml:3:"));
}

#[test]
fn bad_texts_are_refused_with_their_place() {
    let table = [
        ("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: the key \"a\" is given twice, first on line 1"),
        ("1: a\n\"1\": b\n", "t.yaml:2:1: the key \"1\" is given twice, first on line 1"),
        ("a: .inf\n", "t.yaml:1:4: found .inf, which JSON cannot hold; write a finite number or quote it"),
        ("a: !foo bar\n", "t.yaml:1:4: found the tag !foo, which has no meaning here; remove it"),
        ("a: !!int x\n", "t.yaml:1:4: the text is not of the type that its tag !!int says"),
        ("? [a]\n: b\n", "t.yaml:1:3: a key must be a plain text, not a list or an object"),
        ("~: b\n", "t.yaml:1:1: a key is missing before the colon"),
        ("a: &a [*a]\n", "t.yaml:1:8: an alias must not be within the value that it stands for"),
        ("<<: 3\n", "t.yaml:1:5: the value of << must be an object, or a list of objects"),
    ];
    for (text, expected) in table {
        assert_eq!(error(text), expected, "{text}");
    }
    assert!(error("a: [1, 2\nb: 3\n").starts_with("t.yaml:"));
    assert!(error("a:\n\tb: 1\n").starts_with("t.yaml:2:"));
}

#[test]
fn bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    assert!(error(&bomb).contains("stand for more than 100000 values"));
    assert!(error(&"[".repeat(100_000)).contains("recursion limit"), "{}", error(&"[".repeat(100_000)));
    assert!(error(&"[".repeat(200)).contains("nested more than 100 deep"), "{}", error(&"[".repeat(200)));
    assert!(error(&"- ".repeat(1000)).contains("nested more than 100 deep"));
}

#[test]
fn a_bad_document_leaves_the_others() {
    let namespace = |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    let text = format!(
        "%YAML 1.1\n---\n# first\n{}---\nfoo: [\n---\n---   # empty\n\n--- \n{}...\n{}---\nkind: Pod\n",
        namespace("one"),
        namespace("two"),
        namespace("three"),
    );
    let documents = parse(&text, "t.yaml");
    let names: Vec<String> = documents
        .iter()
        .map(|document| match &document.object {
            Ok(object) => format!("{} {}", document.line, object.object_ref().expect("a name")),
            Err(errors) => format!("{} {}", document.line, errors[0]),
        })
        .collect();
    assert_eq!(names.len(), 5, "{names:#?}");
    assert_eq!(names[0], "4 Namespace one");
    assert!(names[1].contains("t.yaml:"), "{}", names[1]);
    assert_eq!(names[2], "13 Namespace two");
    assert_eq!(names[3], "17 Namespace three");
    assert!(names[4].contains("t.yaml:21:1: apiVersion: required value is missing"), "{}", names[4]);
}

#[test]
fn lists_are_unfolded() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: a\n\
                - apiVersion: v1\n  kind: NamespaceList\n  items:\n  - apiVersion: v1\n    kind: Namespace\n    \
                metadata: {name: b}\n  - 3\n";
    let documents = parse(text, "t.yaml");
    let lines: Vec<_> = documents.iter().map(|document| (document.line, document.object.is_ok())).collect();
    assert_eq!(lines, [(4, true), (11, true), (14, false)]);
    assert_eq!(
        diagnostics(text),
        ["t.yaml:14:5: found integer, allowed: an object with apiVersion, kind and metadata"]
    );
}

#[test]
fn unknown_kinds_say_which_are_known() {
    let cases = [
        (
            "apiVersion: networking.istio.io/v1\nkind: VirtualSevice\n",
            "t.yaml:2:7: kind: found \"VirtualSevice\", allowed in networking.istio.io/v1: Gateway, VirtualService, \
             DestinationRule, ServiceEntry, WorkloadEntry, Sidecar; did you mean \"VirtualService\"?",
        ),
        (
            "apiVersion: networking.istio.io/v2\nkind: Gateway\n",
            "t.yaml:1:13: apiVersion: found \"networking.istio.io/v2\", allowed for Gateway: networking.istio.io/v1, \
             networking.istio.io/v1beta1, networking.istio.io/v1alpha3",
        ),
        (
            "apiVersion: istio.io/v1\nkind: Gateway\n",
            "t.yaml:1:13: apiVersion: found \"istio.io/v1\", allowed: v1, discovery.k8s.io/v1, networking.k8s.io/v1, \
             networking.istio.io/v1, security.istio.io/v1, telemetry.istio.io/v1, gateway.networking.k8s.io/v1, \
             gateway.networking.x-k8s.io/v1alpha1, gateway.envoyproxy.io/v1alpha1; Gateway is of \
             networking.istio.io/v1 or gateway.networking.k8s.io/v1",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(diagnostics(text), [expected]);
    }
}
