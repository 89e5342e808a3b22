//! Bad input: the message says where and what to do, and nothing else stops working.

use crate::support::{Meridian, eventually};
use std::path::Path;

const GOOD: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [good.example.com]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: good}
spec:
  hosts: [good.example.com]
  gateways: [edge]
  http: [{directResponse: {status: 200, body: {string: good}}}]
";

const API: &str = "/apis/networking.istio.io/v1/namespaces/default";

fn still_serving(meridian: &Meridian) {
    assert_eq!(meridian.eventually_status("good.example.com", "/", 200).text(), "good");
}

fn refused(meridian: &Meridian, yaml: &str) -> String {
    let output = meridian.apply(yaml);
    assert!(!output.status.success(), "accepted: {yaml}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_malformed_file_in_the_folder_names_line_and_column_and_the_last_good_objects_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.yaml");
    std::fs::write(&file, GOOD).unwrap();
    let meridian = Meridian::start(&["--config", folder.path().to_str().unwrap()]);
    still_serving(&meridian);

    replace(&file, &GOOD.replace("hosts: [good.example.com]}", "hosts: [good.example.com}"));
    meridian.wait_for_log("edge.yaml:8:");
    still_serving(&meridian);

    replace(&file, &GOOD.replace("string: good", "string: better"));
    let better = || meridian.get("good.example.com", "/").filter(|answer| answer.text() == "better");
    eventually("the mended file", better, || meridian.log());
}

#[test]
fn an_unknown_field_in_the_folder_names_the_field_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), GOOD).unwrap();
    let bad = GOOD.replace("name: good}", "name: other}").replace("  gateways: [edge]", "  gatways: [edge]");
    std::fs::write(folder.path().join("b.yaml"), bad.split("---").nth(1).unwrap()).unwrap();
    let meridian = Meridian::start(&["--config", folder.path().to_str().unwrap()]);
    let line = meridian.wait_for_log("b.yaml:7:3");
    assert!(line.contains("VirtualService") && line.contains("spec.gatways") && line.contains("gateways"), "{line}");
    still_serving(&meridian);
}

#[test]
fn kubectl_is_told_which_field_is_unknown_and_which_value_is_not_allowed() {
    let meridian = Meridian::start(&[]);
    meridian.applied(GOOD);
    let message = refused(&meridian, &GOOD.replace("protocol: HTTP}", "protocol: HTTP, protocl: HTTP}"));
    assert!(message.contains("unknown field \"spec.servers[0].port.protocl\""), "{message}");
    let message = refused(&meridian, &GOOD.replace("number: 80", "number: 800000"));
    let denied = "admission webhook \"validation.istio.io\" denied the request: configuration is invalid: \
                  port number 800000 must be in the range 1..65535";
    assert!(message.contains(denied), "{message}");
    let message = refused(&meridian, &GOOD.replace("spec:\n", "spec: ["));
    assert!(message.contains("line 6") || message.contains("line 5"), "{message}");
    still_serving(&meridian);
}

#[test]
fn of_two_servers_in_conflict_the_later_is_named_in_its_status_and_the_other_serves() {
    let meridian = Meridian::start(&[]);
    meridian.applied(GOOD);
    still_serving(&meridian);
    meridian.applied(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: rival}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: tcp, protocol: TCP}, hosts: ['*']}
",
    );
    let message = meridian.condition(&format!("{API}/gateways/rival"), "Accepted", "False");
    assert!(message.contains("spec.servers[0]") && message.contains("default/edge"), "{message}");
    still_serving(&meridian);
}

#[test]
fn a_missing_host_is_named_and_its_route_answers_503() {
    let meridian = Meridian::start(&[]);
    meridian.applied(GOOD);
    meridian.applied(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: lost}
spec:
  hosts: [good.example.com]
  gateways: [edge]
  http: [{match: [{uri: {prefix: /lost}}], route: [{destination: {host: nowhere, port: {number: 80}}}]}]
",
    );
    let message = meridian.condition(&format!("{API}/virtualservices/lost"), "ResolvedRefs", "False");
    assert!(
        message.contains("spec.http[0].route[0].destination.host")
            && message.contains("nowhere.default.svc.cluster.local"),
        "{message}"
    );
    still_serving(&meridian);
}

#[test]
fn a_missing_secret_is_named_with_the_command_that_creates_it_and_heals() {
    let meridian = Meridian::start(&[]);
    meridian.applied(GOOD);
    meridian.applied(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: secure}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: web-credential}
    hosts: [good.example.com]
",
    );
    let message = meridian.condition(&format!("{API}/gateways/secure"), "ResolvedRefs", "False");
    assert!(
        message.contains("istio-system/web-credential")
            && message.contains("kubectl create -n istio-system secret tls"),
        "{message}"
    );
    still_serving(&meridian);

    let scratch = tempfile::tempdir().unwrap();
    let (certificate, key) = self_signed(scratch.path());
    let output = meridian.kubectl([
        "create",
        "-n",
        "istio-system",
        "secret",
        "tls",
        "web-credential",
        &format!("--cert={certificate}"),
        &format!("--key={key}"),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    meridian.condition(&format!("{API}/gateways/secure"), "ResolvedRefs", "True");
}

fn self_signed(dir: &Path) -> (String, String) {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    let status = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=good.example.com"])
        .args(["-keyout", &key, "-out", &certificate])
        .stderr(std::process::Stdio::null())
        .status()
        .expect("openssl is installed (cargo xtask setup)");
    assert!(status.success());
    (certificate, key)
}

/// Replaces a file as editors do: a new file under the old name.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}
