//! kubectl and ours on the same objects.

use crate::both::{Lab, OURS};

fn service(ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: mixed, labels: {{a: b}}}}\nspec:\n  selector: {{app: a}}\n  \
         ports: {ports}\n"
    )
}

fn route(spec: &str) -> String {
    format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: mixed}}\nspec: {spec}\n")
}

const IN_OURS: &[&str] = &["apply", "-f", "-", "-n", OURS];

#[test]
fn each_goes_on_where_the_other_has_left_off() {
    let Some(lab) = Lab::new() else { return };
    let both = service("[{name: a, port: 1}, {name: b, port: 2}]");
    assert_eq!(lab.kubectl(IN_OURS, &both).out, "service/mixed created\n");
    assert_eq!(lab.ours(IN_OURS, &both).out, "service/mixed unchanged\n");
    // A port that is not said any more goes, by its key.
    let one = service("[{name: b, port: 2}]");
    assert_eq!(lab.ours(IN_OURS, &one).out, "service/mixed configured\n");
    assert_eq!(lab.kubectl(IN_OURS, &one).out, "service/mixed unchanged\n");
    let ports = ["get", "svc", "mixed", "-n", OURS, "-o", "jsonpath={.spec.ports[*].port}"];
    assert_eq!(lab.kubectl(&ports, "").out, "2");
    assert_eq!(lab.ours(&["annotate", "svc", "mixed", "by=hand", "-n", OURS], "").err, "");
    assert_eq!(lab.kubectl(IN_OURS, &both).out, "service/mixed configured\n");
    assert_eq!(lab.ours(IN_OURS, &both).out, "service/mixed unchanged\n");
    let note = ["get", "svc", "mixed", "-n", OURS, "-o", "jsonpath={.metadata.annotations.by}"];
    assert_eq!(lab.ours(&note, "").out, "hand");
}

#[test]
fn custom_kinds_are_mixed_too() {
    let Some(lab) = Lab::new() else { return };
    let all = route("{hosts: [a.example.com], gateways: [g], http: [{route: [{destination: {host: a}}]}]}");
    let fewer = route("{hosts: [a.example.com, b.example.com], http: [{route: [{destination: {host: a}}]}]}");
    assert_eq!(lab.ours(IN_OURS, &all).out, "virtualservice.networking.istio.io/mixed created\n");
    assert_eq!(lab.kubectl(IN_OURS, &all).out, "virtualservice.networking.istio.io/mixed unchanged\n");
    assert_eq!(lab.kubectl(IN_OURS, &fewer).out, "virtualservice.networking.istio.io/mixed configured\n");
    assert_eq!(lab.ours(IN_OURS, &fewer).out, "virtualservice.networking.istio.io/mixed unchanged\n");
    assert_eq!(lab.ours(IN_OURS, &all).out, "virtualservice.networking.istio.io/mixed configured\n");
    assert_eq!(lab.kubectl(IN_OURS, &all).out, "virtualservice.networking.istio.io/mixed unchanged\n");
}

#[test]
fn the_api_merges_for_both() {
    let Some(lab) = Lab::new() else { return };
    let map = |data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: mixed}}\ndata: {data}\n");
    let server_side = [IN_OURS, &["--server-side"]].concat();
    assert_eq!(lab.ours(&server_side, &map("{a: b}")).out, "configmap/mixed serverside-applied\n");
    let other = [&server_side[..], &["--field-manager=other"]].concat();
    let (theirs, ours) = (lab.kubectl(&other, &map("{a: c}")), lab.ours(&other, &map("{a: c}")));
    assert_eq!(theirs, ours);
    assert!(!ours.ok && ours.err.contains("Apply failed with 1 conflict"), "{ours:?}");
    let forced = [&other[..], &["--force-conflicts"]].concat();
    assert_eq!(lab.ours(&forced, &map("{a: c}")).out, "configmap/mixed serverside-applied\n");
    // From the old way to the new one: what only the old one had set goes.
    assert_eq!(lab.kubectl(IN_OURS, &map("{a: c, old: d}")).out, "configmap/mixed configured\n");
    assert!(lab.ours(&[&server_side[..], &["--force-conflicts"]].concat(), &map("{a: c}")).ok);
    let data = ["get", "cm", "mixed", "-n", OURS, "-o", "jsonpath={.data}"];
    assert_eq!(lab.ours(&data, "").out, "{\"a\":\"c\"}");
}
