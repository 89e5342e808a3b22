//! Servers with mode `ISTIO_MUTUAL`: the gateway shows who it is in the mesh, and asks its clients for the same.

use crate::support::{Backend, Meridian, eventually};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::process::{Command, Output};

const HOST: &str = "mesh.example.com";

const GATEWAY: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: inside}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [mesh.example.com]
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: inside}
spec:
  hosts: [mesh.example.com]
  gateways: [inside]
  http: [{route: [{destination: {host: backend.test}}]}]
---
";

fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The mesh's authority as files `ca-cert.pem`, `ca-key.pem` and so on.
fn write_authority(meridian: &Meridian, folder: &Path) {
    let (status, secret) = meridian.call("GET", "/api/v1/namespaces/istio-system/secrets/istio-ca-secret", None);
    assert_eq!(status, 200, "{secret}");
    for (name, value) in secret["data"].as_object().unwrap() {
        std::fs::write(folder.join(name), STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
    }
}

/// A client's certificate of the mesh, as `client.crt` and `client.key`.
fn write_client(folder: &Path) {
    std::fs::write(
        folder.join("client.ext"),
        "subjectAltName=critical,URI:spiffe://cluster.local/ns/default/sa/client",
    )
    .unwrap();
    openssl(
        folder,
        &[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "client.key",
            "-out",
            "client.csr",
            "-subj",
            "/",
        ],
    );
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "client.csr",
            "-CA",
            "ca-cert.pem",
            "-CAkey",
            "ca-key.pem",
            "-CAcreateserial",
            "-days",
            "1",
            "-extfile",
            "client.ext",
            "-out",
            "client.crt",
        ],
    );
}

fn curl(meridian: &Meridian, folder: &Path, more: &[&str]) -> Output {
    Command::new("curl")
        .args(["-sfk", "--resolve", &format!("{HOST}:8443:{}", meridian.address), "--max-time", "10"])
        .args(more)
        .arg(format!("https://{HOST}:8443/headers"))
        .current_dir(folder)
        .output()
        .expect("curl is installed")
}

#[test]
fn a_gateway_and_its_client_show_each_other_who_they_are() {
    let meridian = Meridian::start(&[]);
    let backend = Backend::start();
    let folder = tempfile::tempdir().unwrap();
    write_authority(&meridian, folder.path());
    write_client(folder.path());
    meridian.applied(&format!("{GATEWAY}{}", backend.service_entry()));
    let with_client = || curl(&meridian, folder.path(), &["--cert", "client.crt", "--key", "client.key", "--http1.1"]);
    let served = || Some(with_client()).filter(|output| output.status.success());
    let answer = eventually("the mesh's TLS", served, || {
        format!("{}\n{}", String::from_utf8_lossy(&with_client().stderr), meridian.log())
    });
    let text = String::from_utf8(answer.stdout).unwrap();
    assert!(text.contains("By=spiffe://cluster.local/ns/istio-system/sa/ingressgateway;Hash="), "{text}");
    assert!(text.contains("URI=spiffe://cluster.local/ns/default/sa/client"), "{text}");

    // Its own certificate is one of the mesh: signed by its authority, valid for a day.
    let shown = openssl(
        folder.path(),
        &[
            "s_client",
            "-connect",
            &format!("{}:8443", meridian.address),
            "-servername",
            HOST,
            "-CAfile",
            "root-cert.pem",
            "-verify_return_error",
            "-cert",
            "client.crt",
            "-key",
            "client.key",
            "-showcerts",
        ],
    );
    std::fs::write(folder.path().join("shown.pem"), shown.stdout).unwrap();
    let names = openssl(folder.path(), &["x509", "-in", "shown.pem", "-noout", "-ext", "subjectAltName"]);
    let names = String::from_utf8(names.stdout).unwrap();
    assert!(names.contains("URI:spiffe://cluster.local/ns/istio-system/sa/ingressgateway"), "{names}");
    openssl(folder.path(), &["x509", "-in", "shown.pem", "-noout", "-checkend", &(23 * 3600).to_string()]);
    let ends = Command::new("openssl")
        .args(["x509", "-in", "shown.pem", "-noout", "-checkend", &(24 * 3600).to_string()])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!ends.status.success(), "it is valid for more than a day");

    // Nobody else comes in: neither without a certificate nor with one that another authority has signed.
    assert!(!curl(&meridian, folder.path(), &[]).status.success());
    openssl(
        folder.path(),
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "other.key",
            "-out",
            "other.crt",
            "-subj",
            "/CN=other",
        ],
    );
    assert!(!curl(&meridian, folder.path(), &["--cert", "other.crt", "--key", "other.key"]).status.success());
    assert!(with_client().status.success());
}

#[test]
fn another_authority_of_the_user_takes_over_at_once() {
    let meridian = Meridian::start(&[]);
    let backend = Backend::start();
    let folder = tempfile::tempdir().unwrap();
    openssl(
        folder.path(),
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca-key.pem",
            "-out",
            "ca-cert.pem",
            "-subj",
            "/O=user",
            "-addext",
            "basicConstraints=critical,CA:true",
        ],
    );
    for name in ["root-cert.pem", "cert-chain.pem"] {
        std::fs::copy(folder.path().join("ca-cert.pem"), folder.path().join(name)).unwrap();
    }
    write_client(folder.path());
    meridian.applied(&format!("{GATEWAY}{}", backend.service_entry()));
    let files = ["ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"];
    let from = files.map(|name| format!("--from-file={}", folder.path().join(name).display()));
    let create = ["create", "-n", "istio-system", "secret", "generic", "cacerts"].map(str::to_owned);
    let output = meridian.kubectl(create.iter().chain(&from));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let with_client = || curl(&meridian, folder.path(), &["--cert", "client.crt", "--key", "client.key"]);
    let served = || Some(with_client()).filter(|output| output.status.success());
    eventually("the user's authority", served, || meridian.log());
}
