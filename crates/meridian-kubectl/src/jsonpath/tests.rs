use super::*;
use serde_json::json;

fn object() -> Value {
    json!({
        "kind": "List",
        "items": [
            {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
                "status": {"capacity": {"cpu": "4"}, "ready": true}},
            {"kind": "None", "metadata": {"name": "127.0.0.2"}, "status": {"capacity": {"cpu": "8"}, "ready": false}},
        ],
        "users": [{"name": "myself", "user": {}}, {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
        "numbers": [1, 2, 3, 4], "float": 1.5, "none": null,
    })
}

fn printed(template: &str) -> String {
    JsonPath::parse(template).and_then(|path| path.print(&object())).unwrap_or_else(|error| error.to_string())
}

#[test]
fn the_examples_of_the_documentation() {
    let cases = [
        ("kind is {.kind}", "kind is List"),
        ("{.kind}", "List"),
        ("{['kind']}", "List"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.users[0].name}", "myself"),
        ("{.items[*]['metadata.name', 'status.capacity']}", ""),
        ("{.items[0]['kind','kind']}", "None None"),
        ("{.users[?(@.name==\"e2e\")].user.password}", "secret"),
        ("{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}", "[127.0.0.1, 4] [127.0.0.2, 8] "),
        ("{range .items[*]}{.metadata.name}{\"\\t\"}{.kind}{\"\\n\"}{end}", "127.0.0.1\tNone\n127.0.0.2\tNone\n"),
        ("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1"),
        ("{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "127.0.0.1"),
    ];
    for (template, expected) in cases {
        assert_eq!(printed(template), expected, "{template}");
    }
}

#[test]
fn slices() {
    let cases = [
        ("{.numbers[-1]}", "4"),
        ("{.numbers[1:3]}", "2 3"),
        ("{.numbers[::2]}", "1 3"),
        ("{.numbers[-2:]}", "3 4"),
        ("{.numbers[0,3]}", "1 4"),
        ("{.numbers[*]}", "1 2 3 4"),
        ("{.numbers}", "[1,2,3,4]"),
        ("{.numbers[1:1]}", ""),
    ];
    for (template, expected) in cases {
        assert_eq!(printed(template), expected, "{template}");
    }
    let message = "error: error executing jsonpath \"{.numbers[9]}\": Error executing template: array index out of \
                   bounds: index 9, length 4";
    assert_eq!(printed("{.numbers[9]}"), message);
}

#[test]
fn filters_and_what_is_missing() {
    let cases = [
        ("{.items[?(@.metadata.labels)].metadata.name}", "127.0.0.1"),
        ("{.items[?(@.status.ready==true)].metadata.name}", "127.0.0.1"),
        ("{.items[?(@.status.capacity.cpu != '4')].metadata.name}", "127.0.0.2"),
        ("{.numbers[?(@ > 2)]}", "3 4"),
        ("{.missing.field}", ""),
        ("{range .missing[*]}x{end}after", "after"),
        ("{.float}", "1.5"),
        ("{.users[1].user}", "{\"password\":\"secret\",\"username\":\"admin\"}"),
    ];
    for (template, expected) in cases {
        assert_eq!(printed(template), expected, "{template}");
    }
}

#[test]
fn nested_ranges() {
    let template = "{range .items[*]}{range .status.*}{@}{';'}{end}{'\\n'}{end}";
    assert_eq!(printed(template), "{\"cpu\":\"4\"};true;\n{\"cpu\":\"8\"};false;\n");
}

#[test]
fn what_is_no_template_is_refused() {
    let cases = [
        ("{.kind", "unclosed action"),
        ("{.a[}", "unterminated array"),
        ("{.a[x]}", "invalid array index x"),
        ("{.a[?(@.b=1)]}", "unrecognized filter operator =, allowed: ==, !=, <, <=, >, >="),
        ("{if .a}", "unrecognized identifier if"),
        ("{end}", "not in range, nothing to end"),
        ("{\"a}", "unterminated quoted string"),
        ("{|}", "unrecognized character in action: U+007C '|'"),
    ];
    for (template, expected) in cases {
        let found = printed(template);
        assert!(found.contains(expected), "{template}: {found}");
        assert!(found.starts_with("error: error parsing jsonpath "), "{template}: {found}");
    }
}

#[test]
fn relaxed_paths() {
    for path in ["kind", ".kind", "{kind}", "{.kind}"] {
        assert_eq!(JsonPath::relaxed(path).unwrap().print(&object()).unwrap(), "List", "{path}");
    }
    assert!(JsonPath::relaxed("{.a}{.b}").is_err());
}
