//! What the real kubectl writes is accepted, and what we write it reads as we meant it.

use std::io::Write;
use std::process::{Command, Stdio};

use meridian_resources as resources;
use serde_json::{Value, json};

/// What kubectl prints; `None` (said loudly) when it is not installed, which is a failure when `CI` is set.
fn kubectl(arguments: &[&str], input: &str) -> Option<String> {
    let child = Command::new("kubectl")
        .args(arguments)
        .env("KUBECONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "kubectl cannot be run: {error}");
            eprintln!("\n*** SKIPPED: kubectl cannot be run: {error} ***\n");
            return None;
        }
    };
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("kubectl reads its input");
    let output = child.wait_with_output().expect("kubectl ends");
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

const BINARY: [u8; 5] = [0, 159, 146, 150, 255];

#[test]
fn what_kubectl_creates_is_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let binary = file("binary", &BINARY);
    let (certificate, key) = (format!("--from-file=tls.crt={binary}"), format!("--from-file=tls.key={binary}"));
    let binary = format!("--from-file=binary={binary}");
    let table: [(&str, Vec<&str>); 10] = [
        ("Namespace", vec!["create", "namespace", "a"]),
        ("ConfigMap", vec!["create", "configmap", "a", "--from-literal=b=yes", &binary]),
        ("Secret", vec!["create", "secret", "generic", "a", "--from-literal=b=1", &binary]),
        ("Secret", vec!["create", "secret", "generic", "a", "--type=kubernetes.io/tls", &certificate, &key]),
        ("Secret", vec!["create", "secret", "docker-registry", "a", "--docker-username=b", "--docker-password=c"]),
        ("Service", vec!["create", "service", "clusterip", "a", "--tcp=80:8080", "--tcp=443:http"]),
        ("Service", vec!["create", "service", "clusterip", "a", "--clusterip=None"]),
        ("Service", vec!["create", "service", "nodeport", "a", "--tcp=80", "--node-port=30080"]),
        ("Service", vec!["create", "service", "loadbalancer", "a", "--tcp=80"]),
        ("Service", vec!["create", "service", "externalname", "a", "--external-name=example.com"]),
    ];
    for (kind, mut arguments) in table {
        arguments.extend(["--dry-run=client", "-o", "yaml"]);
        let Some(text) = kubectl(&arguments, "") else { return };
        let documents = resources::yaml::parse(&text, "kubectl.yaml");
        assert_eq!(documents.len(), 1, "{text}");
        let object = documents[0].object.as_ref().unwrap_or_else(|errors| panic!("{arguments:?}: {errors:?}\n{text}"));
        assert_eq!(object.kind.kind, kind);
        let resource = object.decode().expect("a valid object decodes");
        assert_eq!(&*resource.meta().name, "a");
        if let resources::Resource::Secret(secret) = resource
            && secret.spec.type_ == "kubernetes.io/tls"
        {
            assert_eq!(secret.spec.get("tls.crt").as_deref(), Some(&BINARY[..]));
            assert_eq!(secret.spec.get("tls.key").as_deref(), Some(&BINARY[..]));
        }
    }
}

/// Texts that YAML would take for something else when they are not quoted.
const TRICKY: [&str; 48] = [
    "yes",
    "no",
    "on",
    "Off",
    "y",
    "N",
    "null",
    "~",
    "",
    " ",
    "a ",
    " a",
    "1",
    "1.5",
    "0x1F",
    "0o7",
    "1e3",
    ".5",
    ".inf",
    "1_000",
    "12:30",
    "2001-01-01",
    "-",
    "- a",
    "? a",
    ": a",
    "a: b",
    "a:",
    "a #b",
    "#a",
    "[a]",
    "{a}",
    "'a'",
    "\"a\"",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "!a",
    "&a",
    "*a",
    "<<",
    "a\nb",
    "a\tb",
    "é \u{1f600}",
    "\\",
    "---",
];

#[test]
fn kubectl_reads_what_we_write() {
    let spec = json!({
        "texts": TRICKY[..],
        "keys": TRICKY.iter().filter(|text| **text != "<<").map(|text| ((*text).to_owned(), json!(1))).collect::<serde_json::Map<_, _>>(),
        "values": [true, false, null, 0, -1, 1.5, 1e300, 9_007_199_254_740_993_i64, [], {}, [[], [1, [2]]], [{"a": [{}]}]],
        "nested": {"a": {"b": [{"c": 1, "d": [1, 2]}, {"e": {}}]}},
    });
    let mut object = json!({"apiVersion": "example.com/v1", "kind": "Any", "metadata": {"name": "a"}, "spec": spec});
    // Line breaks of YAML 1.1 and the key `<<` kubectl reads, but does not write such that they could be read.
    object["special"] = json!({"text": "a\u{85}b\u{2028}c\u{2029}d\u{feff}", "<<": 1});
    let text = resources::yaml::emit(&object);
    let arguments = ["annotate", "--local", "-f", "-", "a=b", "--dry-run=client", "-o", "json"];
    let Some(read) = kubectl(&arguments, &text) else { return };
    let read: Value = serde_json::from_str(&read).expect("JSON");
    assert_eq!(read["spec"], spec, "{text}");
    assert_eq!(read["special"], object["special"], "{text}");
    // And the other way round: what kubectl writes in YAML.
    let arguments = ["annotate", "--local", "-f", "-", "a=b", "--dry-run=client", "-o", "yaml"];
    object["special"] = Value::Null;
    let Some(written) = kubectl(&arguments, &resources::yaml::emit(&object)) else { return };
    let values = resources::yaml::values(&written, "kubectl.yaml");
    assert_eq!(values[0].as_ref().expect("YAML")["spec"], spec, "{written}");
}
