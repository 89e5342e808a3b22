//! Configuration changes under load: nothing that they do not concern notices.

use crate::support::{Backend, Meridian, eventually};
use serde_json::json;
use std::process::{Command, Stdio};

const CHANGES: usize = 1000;

#[test]
fn a_thousand_changes_lose_no_request_and_reset_no_connection() {
    let meridian = Meridian::start(&[]);
    let backend = Backend::start();
    meridian.applied(&backend.service_entry());
    meridian.applied(&gateway());
    meridian.create(VIRTUAL_SERVICES, &route("steady"));
    meridian.eventually_status("steady.example.com", "/status/200", 200);

    let mut wrk = Command::new("wrk")
        .args(["-t1", "-c64", "-d300s", "--timeout", "10s", "-H", "Host: steady.example.com"])
        .arg(format!("http://{}/status/200", meridian.gateway()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("wrk is installed (cargo xtask setup)");
    for change in 0..CHANGES / 2 {
        let name = format!("churn-{change}");
        let host = format!("{name}.example.com");
        meridian.create(VIRTUAL_SERVICES, &route(&name));
        meridian.eventually_status(&host, "/status/200", 200);
        let (status, answer) = meridian.call("DELETE", &format!("{VIRTUAL_SERVICES}/{name}"), None);
        assert_eq!(status, 200, "{answer}");
        meridian.eventually_status(&host, "/status/200", 404);
    }
    assert!(wrk.try_wait().expect("wrk can be asked").is_none(), "wrk ended before the changes did");
    // wrk reports and ends on SIGINT.
    Command::new("kill").args(["-INT", &wrk.id().to_string()]).status().expect("kill is installed");
    let report = String::from_utf8(wrk.wait_with_output().expect("wrk ends").stdout).expect("wrk prints text");
    assert!(report.contains("requests in"), "{report}");
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    println!("{report}");
}

#[test]
fn a_connection_outlives_the_change_of_its_own_route() {
    let meridian = Meridian::start(&[]);
    meridian.applied(&gateway());
    meridian.create(VIRTUAL_SERVICES, &direct("first"));
    meridian.eventually_status("one.example.com", "/", 200);
    let mut connection = crate::support::connect(meridian.gateway());
    assert_eq!(crate::support::ask(&mut connection, "one.example.com", "/").text(), "first");

    // Whoever reads, changes and writes may be overtaken, here by the object's own first status, and does it again.
    let path = format!("{VIRTUAL_SERVICES}/one");
    let replaced = || {
        let (_, mut current) = meridian.call("GET", &path, None);
        current["spec"] = direct("second")["spec"].clone();
        (meridian.call("PUT", &path, Some(&current)).0 == 200).then_some(())
    };
    eventually("the change to be accepted", replaced, || meridian.log());
    let changed = || (crate::support::ask(&mut connection, "one.example.com", "/").text() == "second").then_some(());
    eventually("the new answer on the old connection", changed, || meridian.log());
}

const VIRTUAL_SERVICES: &str = "/apis/networking.istio.io/v1/namespaces/default/virtualservices";

fn gateway() -> String {
    "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
"
    .to_owned()
}

fn route(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name},
        "spec": {
            "hosts": [format!("{name}.example.com")],
            "gateways": ["edge"],
            "http": [{"route": [{"destination": {"host": "backend.test", "port": {"number": 8000}}}]}],
        },
    })
}

fn direct(body: &str) -> serde_json::Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "one"},
        "spec": {
            "hosts": ["one.example.com"],
            "gateways": ["edge"],
            "http": [{"directResponse": {"status": 200, "body": {"string": body}}}],
        },
    })
}
