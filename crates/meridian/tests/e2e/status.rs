//! `meridian proxy-status` against the running program.

use crate::support::{Meridian, eventually};
use std::process::Command;

/// What `meridian` with these arguments prints.
fn run(meridian: &Meridian, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(arguments)
        .arg("--data")
        .arg(&meridian.data)
        .output()
        .expect("meridian runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn a_gateway_is_in_step_with_the_control_plane() {
    let meridian = Meridian::start(&[]);
    let (_, shown) = run(&meridian, &["proxy-status"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(cells(lines[0]), ["NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD", "VERSION"]);
    let row = cells(lines[1]);
    assert_eq!(row[..4], ["ingressgateway.istio-system", "Kubernetes", "SYNCED", "SYNCED"], "{shown}");
    assert_eq!(row[5..], ["NOT SENT", "NOT SENT", "meridian", env!("CARGO_PKG_VERSION")], "no routes yet: {shown}");

    meridian.applied(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [web.example.com]}]
",
    );
    let synced = || {
        let (_, shown) = run(&meridian, &["ps"]);
        (cells(shown.lines().nth(1)?).get(5) == Some(&"SYNCED")).then_some(())
    };
    eventually("routes are SYNCED", synced, || run(&meridian, &["ps"]).1);

    let (success, shown) = run(&meridian, &["ps", "ingressgateway"]);
    assert!(success);
    assert_eq!(shown, "Clusters Match\nListeners Match\nRoutes Match\n");
    let (_, json) = run(&meridian, &["ps", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(list[0]["route_sent"], list[0]["route_acked"], "{json}");

    let (success, error) = run(&meridian, &["ps", "other"]);
    assert!(!success);
    assert!(
        error.contains("there is no proxy other in namespace istio-system; known proxies are ingressgateway"),
        "{error}"
    );
}
