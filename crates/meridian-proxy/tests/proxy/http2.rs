//! HTTP/2 with real clients: curl, h2spec, and the `h2` crate.

mod client;
mod floods;
mod h2spec;
pub(crate) mod origin;
mod tls;
mod upstream;

use crate::support::gateway::Gateway;
use crate::support::origin::{Origin, Step};
use crate::support::plain;
use std::process::Command;

/// What `program` says on stdout; it must succeed.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} ended with {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_speaks_http2_by_prior_knowledge() {
    let origin = Origin::start(|seen| {
        let length = seen.body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nX-Up: A\r\n\r\n");
        vec![Step::Send([head.as_bytes(), &seen.body].concat())]
    });
    let gateway = Gateway::run(plain(origin.address));
    let url = format!("http://{}/a?b", gateway.address);
    let body = "x".repeat(200_000);
    let body_file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(body_file.path(), &body).expect("it is written");
    let data = format!("@{}", body_file.path().display());
    let common = ["-sS", "--max-time", "10", "--http2-prior-knowledge", "-H", "Host: h.test", "-i"];
    let said = output("curl", &[&common[..], &["--data-binary", &data, &url]].concat());
    let (head, echoed) = said.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/2 200"), "{head}");
    assert!(head.contains("\r\nserver: istio-envoy") && head.contains("\r\nx-up: A"), "{head}");
    assert!(!head.contains("connection"), "{head}");
    assert_eq!(echoed.len(), body.len());
    let seen = origin.seen().remove(0);
    assert!(seen.head.starts_with("POST /a?b HTTP/1.1\r\nhost: h.test\r\n"), "{}", seen.head);
    assert_eq!(seen.header("content-length"), Some("200000"));
    assert_eq!(
        output("curl", &[&common[..], &["-I", &url]].concat()).split_once(' ').map(|(version, _)| version),
        Some("HTTP/2")
    );
    let lines = gateway.stop();
    assert!(lines[0].starts_with("\"POST /a?b HTTP/2\" 200 - via_upstream - \"-\" 200000 200000 "), "{}", lines[0]);
    assert!(lines[1].starts_with("\"HEAD /a?b HTTP/2\" 200 - via_upstream"), "{}", lines[1]);
}
