use super::inject_text;
use crate::Settings;
use meridian_resources::yaml;
use serde_json::Value;

const SERVICE: &str = "# Kept as it is,  spaces and all.\napiVersion: v1\nkind:   Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
const POD: &str = "spec: {containers: [{name: app, image: web}]}";

fn run(text: &str) -> (Vec<Value>, String, Vec<String>) {
    let output = inject_text(text, "app.yaml", &Settings::default()).unwrap();
    let values = yaml::values(&output.text, "out.yaml").into_iter().map(Result::unwrap).collect();
    (values, output.text, output.warnings)
}

#[test]
fn everything_with_pods_is_injected() {
    for (version, kind, template, place) in [
        ("v1", "Pod", POD.to_owned(), "/spec"),
        ("v1", "ReplicationController", format!("spec: {{template: {{{POD}}}}}"), "/spec/template/spec"),
        ("apps/v1", "Deployment", format!("spec: {{template: {{{POD}}}}}"), "/spec/template/spec"),
        ("apps/v1", "DaemonSet", format!("spec: {{template: {{{POD}}}}}"), "/spec/template/spec"),
        ("apps/v1", "StatefulSet", format!("spec: {{template: {{{POD}}}}}"), "/spec/template/spec"),
        ("apps/v1", "ReplicaSet", format!("spec: {{template: {{{POD}}}}}"), "/spec/template/spec"),
        ("batch/v1", "Job", format!("spec: {{template: {{{POD}}}}}"), "/spec/template/spec"),
        (
            "batch/v1",
            "CronJob",
            format!("spec: {{jobTemplate: {{spec: {{template: {{{POD}}}}}}}}}"),
            "/spec/jobTemplate/spec/template/spec",
        ),
    ] {
        let (values, _, warnings) =
            run(&format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{template}\n"));
        let names = values[0].pointer(&format!("{place}/initContainers/1/name"));
        assert_eq!(names.and_then(Value::as_str), Some("istio-proxy"), "{kind}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn everything_else_stays_byte_for_byte() {
    let text = format!(
        "---\n{SERVICE}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n{POD}\n---\n# nothing\n---\n{SERVICE}"
    );
    let (values, out, _) = run(&text);
    assert_eq!(values.len(), 3);
    assert!(out.starts_with(&format!("{SERVICE}---\n")) && out.ends_with(&format!("---\n{SERVICE}---\n")), "{out}");
    let own = "apiVersion: example.test/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {}}}\n";
    assert_eq!(run(own).1, format!("{own}---\n"));
}

#[test]
fn lists_are_gone_through() {
    let item = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, {POD}}}");
    let (values, ..) = run(&format!(
        "apiVersion: v1\nkind: List\nitems:\n- {item}\n- {{apiVersion: v1, kind: Service, metadata: {{name: s}}}}\n"
    ));
    assert_eq!(values[0]["items"][0]["spec"]["initContainers"][0]["name"], "istio-init");
    assert_eq!(values[0]["items"][1]["kind"], "Service");
}

#[test]
fn what_is_not_injected_says_why_and_stays() {
    let host =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {hostNetwork: true, containers: []}\n";
    let (_, out, warnings) = run(host);
    assert_eq!(out, format!("{host}---\n"));
    assert_eq!(warnings, ["===> Skipping injection because Pod \"shop/a\": it has host networking enabled"]);
    let off = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {{template: {{metadata: {{labels: {{sidecar.istio.io/inject: 'false'}}}}, {POD}}}}}\n"
    );
    assert_eq!(run(&off).2, ["===> Skipping injection because Deployment \"a\": it has sidecar injection disabled"]);
    // What was injected stays as it is the second time.
    let (_, once, _) = run(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n{POD}\n"));
    let (_, twice, warnings) = run(&once);
    assert_eq!(twice, once);
    assert_eq!(warnings, ["===> Skipping injection because Pod \"a\": it has been injected already"]);
}

#[test]
fn errors_have_their_place() {
    let error = inject_text("a: [", "app.yaml", &Settings::default()).unwrap_err().to_string();
    assert!(error.starts_with("app.yaml:"), "{error}");
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, annotations: {{sidecar.istio.io/proxyCPU: x}}}}\n{POD}\n"
    );
    let error = inject_text(&pod, "app.yaml", &Settings::default()).unwrap_err().to_string();
    assert!(error.starts_with("app.yaml: Pod \"a\": annotation sidecar.istio.io/proxyCPU: found \"x\""), "{error}");
}
