//! What ours do otherwise than kubectl, or what takes more than a line.

use crate::both::{Lab, OURS};
use std::time::{Duration, Instant};

const GOOD: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: good}\nspec:\n  \
                    selector: {a: b}\n  servers:\n  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}\n";

#[test]
fn a_bad_document_says_where_it_is_and_hurts_no_other() {
    let Some(lab) = Lab::new() else { return };
    let text = format!(
        "{GOOD}---\na: [\n---\n{}---\n{}---\n{}",
        GOOD.replace("good", "unknown-field").replace("selector:", "selectors:"),
        GOOD.replace("good", "invalid").replace("number: 80", "number: 99999"),
        GOOD.replace("good", "last"),
    );
    let path = lab.file("bad.yaml", &text);
    let path = path.to_str().unwrap();
    let said = lab.ours(&["apply", "-f", path, "-n", OURS], "");
    assert!(!said.ok, "{said:?}");
    let expected = "gateway.networking.istio.io/good created\ngateway.networking.istio.io/last created\n";
    assert_eq!(said.out, expected, "{said:?}");
    let lines: Vec<&str> = said.err.lines().collect();
    let starts = |start: String| lines.iter().any(|line| line.trim_start().starts_with(&start));
    assert!(starts(format!("error: {path}:10:")) && said.err.contains("validation.istio.io\" denied"), "{said:?}");
    assert!(starts(format!("{path}:15:3: spec.selectors")), "{said:?}");
    assert!(starts(format!("{path}:25:21: spec.servers[0].port.number")), "{said:?}");
}

#[test]
fn what_is_longer_or_shorter_than_by_kubectl() {
    let Some(lab) = Lab::new() else { return };
    let text = "\napiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: a}\n";
    let (theirs, ours) = (lab.kubectl(&["apply", "-f", "-"], text), lab.ours(&["apply", "-f", "-"], text));
    assert_eq!(ours.err, format!("{}  STDIN:2:1\n", theirs.err), "the place is told, too");
    let template = ["get", "ns", OURS, "-o", "jsonpath={.spec.finalizers[7]}"];
    let (theirs, ours) = (lab.kubectl(&template, ""), lab.ours(&template, ""));
    assert!(theirs.err.starts_with(&format!("{}.", ours.err.trim_end())), "the object is not: {theirs:?} {ours:?}");
}

#[test]
fn folders_and_standard_input() {
    let Some(lab) = Lab::new() else { return };
    lab.file("folder/a.yaml", GOOD);
    lab.file("folder/deep/b.yml", &GOOD.replace("good", "deep"));
    lab.file("folder/c.txt", "no objects");
    let folder = lab.path().join("folder");
    let folder = folder.to_str().unwrap();
    let said = lab.ours(&["apply", "-f", folder, "-n", OURS], "");
    assert_eq!(said.out, "gateway.networking.istio.io/good created\n", "{said:?}");
    let said = lab.ours(&["apply", "-R", "-f", folder, "-n", OURS], "");
    let expected = "gateway.networking.istio.io/good unchanged\ngateway.networking.istio.io/deep created\n";
    assert_eq!(said.out, expected, "{said:?}");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", GOOD.trim_end().replace('\n', "\n  "));
    let said = lab.ours(&["apply", "-f", "-", "-n", OURS], &list);
    assert_eq!(said.out, "gateway.networking.istio.io/good unchanged\n", "{said:?}");
    let said = lab.ours(&["apply", "-f", "nowhere.yaml"], "");
    assert_eq!(said.err, "error: the path \"nowhere.yaml\" does not exist\n");
}

#[test]
fn an_object_of_another_namespace_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let text = GOOD.replace("{name: good}", "{name: good, namespace: default}");
    let said = lab.ours(&["apply", "-f", "-", "-n", OURS], &text);
    let expected = format!(
        "error: the namespace from the provided object \"default\" does not match the namespace \"{OURS}\". You must \
         pass '--namespace=default' to perform this operation."
    );
    assert!(said.err.starts_with(&expected), "{said:?}");
}

#[test]
fn deleting_waits_for_finalizers() {
    let Some(lab) = Lab::new() else { return };
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n";
    assert!(lab.ours(&["apply", "-f", "-", "-n", OURS], text).ok);
    let delete = ["delete", "cm", "held", "-n", OURS];
    let said = lab.ours(&[&delete[..], &["--timeout=1s"]].concat(), "");
    assert_eq!(said.out, "configmap \"held\" deleted\n");
    assert_eq!(said.err, "error: timed out waiting for the condition on configmaps/held\n");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lab.ours(&delete, ""));
        let patch = ["patch", "cm", "held", "-n", OURS, "--type=merge", "-p", "{\"metadata\":{\"finalizers\":null}}"];
        let said = lab.kubectl(&patch, "");
        assert!(said.ok, "{said:?}");
        let said = waiting.join().unwrap();
        // The object may have gone before the second deletion has reached it.
        assert!(said.ok || said.err.contains("NotFound"), "{said:?}");
    });
    assert!(!lab.ours(&["get", "cm", "held", "-n", OURS], "").ok);
}

#[test]
fn editing() {
    let Some(lab) = Lab::new() else { return };
    assert!(lab.ours(&["apply", "-f", "-", "-n", OURS], GOOD).ok);
    let edit = ["edit", "gateways.networking.istio.io", "good", "-n", OURS];
    let said = lab.with_editor(&edit, "", "true");
    assert_eq!((said.err.as_str(), said.ok), ("Edit cancelled, no changes made.\n", true));
    let said = lab.with_editor(&edit, "", "sed -i /number:.80$/s/80/8080/");
    assert_eq!((said.out.as_str(), said.err.as_str()), ("gateway.networking.istio.io/good edited\n", ""));
    let port = ["get", "gateways.networking.istio.io", "good", "-n", OURS, "-o"];
    let port = [&port[..], &["jsonpath={.spec.servers[0].port.number}"]].concat();
    assert_eq!(lab.kubectl(&port, "").out, "8080");
    // Refused, and left as it is the second time: the changes are kept in a file.
    let said = lab.with_editor(&edit, "", "sed -i /number:.8080$/s/8080/99999/");
    assert!(!said.ok && said.err.ends_with("error: Edit cancelled, no valid changes were saved.\n"), "{said:?}");
    let kept = said.err.split("has been stored to \"").nth(1).and_then(|rest| rest.split('"').next());
    let kept = kept.expect("a file is named");
    let text = std::fs::read_to_string(kept).unwrap();
    assert!(text.contains("99999") && text.contains("# * "), "{text}");
    std::fs::remove_file(kept).unwrap();
    assert_eq!(lab.kubectl(&port, "").out, "8080");
}

#[test]
fn watching_shows_what_changes() {
    let Some(lab) = Lab::new() else { return };
    // The watch goes on for ever, so it is a program of its own in a thread that the end of the test ends.
    assert!(lab.ours(&["apply", "-f", "-", "-n", OURS], GOOD).ok);
    let first = lab.ours(&["get", "gateways.networking.istio.io", "-n", OURS, "--no-headers"], "");
    assert!(first.out.starts_with("good "), "{first:?}");
    let deadline = Instant::now() + Duration::from_secs(30);
    let lab = std::sync::Arc::new(lab);
    let (sender, lines) = std::sync::mpsc::channel();
    let watching = lab.clone();
    std::thread::spawn(move || watching.watch(&["get", "gateways.networking.istio.io", "-n", OURS, "-w"], sender));
    let mut seen = Vec::new();
    let mut next = || {
        let left = deadline.saturating_duration_since(Instant::now());
        let text: String = lines.recv_timeout(left).expect("more is shown");
        seen.push(text.clone());
        text
    };
    let start = next();
    assert!(start.starts_with("NAME "), "{start}");
    assert!(lab.ours(&["apply", "-f", "-", "-n", OURS], &GOOD.replace("good", "new")).ok);
    assert!(next().starts_with("new "));
}

#[test]
fn wrong_usage_says_what_is_allowed() {
    let Some(lab) = Lab::new() else { return };
    let said = |words: &[&str]| lab.ours(words, "").err;
    assert!(said(&["get", "vs", "-o", "xml"]).contains("found \"xml\", allowed: name, wide, yaml"));
    assert!(said(&["get"]).contains("You must specify the type of resource"));
    assert!(said(&["delete"]).contains("-f FILE, KIND NAME, or KIND --all"));
    assert!(said(&["apply", "--dry-run=maybe", "-f", "-"]).contains("[possible values: none, client, server]"));
    assert!(said(&["create"]).contains("namespace, secret, configmap, serviceaccount, token"));
}
