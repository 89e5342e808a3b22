//! Certificates as a user handles them: made by openssl, brought by kubectl, judged by curl.

use crate::support::{Meridian, eventually};
use base64::Engine;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SECRETS: &str = "/api/v1/namespaces/istio-system/secrets";
const GATEWAYS: &str = "/apis/networking.istio.io/v1/namespaces/default/gateways";

/// A folder with an authority and what it signs, made as Istio's and the OpenSSL cookbook's pages make it.
pub(crate) struct Certificates(tempfile::TempDir);

impl Certificates {
    /// With an authority `ca`.
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.openssl(
            "req -x509 -sha256 -nodes -days 365 -newkey rsa:2048 -subj /O=example/CN=ca -keyout ca.key -out ca.crt",
        );
        made
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A certificate `name.crt` with `name.key`, signed by the authority, with nothing but a common name in it: RSA-2048,
    /// without alternative names.
    pub(crate) fn sign(&self, name: &str) {
        self.openssl(&format!(
            "req -nodes -newkey rsa:2048 -subj /O=organization/CN={name} -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -sha256 -days 365 -CA ca.crt -CAkey ca.key -set_serial 1 -in {name}.csr -out {name}.crt"
        ));
    }

    /// A certificate that signs itself, for one host.
    fn self_signed(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -nodes -days 365 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN={name} -addext \
             subjectAltName=DNS:{name} -keyout {name}.key -out {name}.crt"
        ));
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn base64(&self, file: &str) -> String {
        base64::engine::general_purpose::STANDARD.encode(std::fs::read(self.path(file)).unwrap())
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}

fn server(host: &str, secret: &str, mode: &str) -> Value {
    json!({
        "port": {"number": 443, "name": format!("https-{secret}"), "protocol": "HTTPS"},
        "hosts": [host],
        "tls": {"mode": mode, "credentialName": secret},
    })
}

fn gateway(name: &str, servers: &[Value]) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": name},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": servers},
    })
}

fn tls_secret(name: &str, certificates: &Certificates, files: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": certificates.base64(&format!("{files}.crt")),
            "tls.key": certificates.base64(&format!("{files}.key")),
        },
    })
}

/// A route for every host of the Gateways named.
fn answer(meridian: &Meridian, gateways: &[&str]) {
    meridian.create(
        "/apis/networking.istio.io/v1/namespaces/default/virtualservices",
        &json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "answer"},
            "spec": {
                "hosts": ["*"], "gateways": gateways,
                "http": [{"directResponse": {"status": 200, "body": {"string": "good"}}}],
            },
        }),
    );
}

/// curl to a host of the gateway's TLS port, with more arguments.
fn curl(meridian: &Meridian, host: &str, authority: &Path, more: &[&str]) -> Output {
    Command::new("curl")
        .args(["-sS", "--max-time", "10", "--resolve", &format!("{host}:8443:{}", meridian.address)])
        .arg("--cacert")
        .arg(authority)
        .args(more)
        .arg(format!("https://{host}:8443/"))
        .output()
        .expect("curl is installed (cargo xtask setup)")
}

/// Waits until curl gets the answer.
fn good(meridian: &Meridian, host: &str, authority: &Path, more: &[&str]) {
    let answer = || {
        let output = curl(meridian, host, authority, more);
        (output.stdout == b"good").then_some(())
    };
    let last = || {
        let output = curl(meridian, host, authority, more);
        format!("curl: {}\n{}", String::from_utf8_lossy(&output.stderr), meridian.log())
    };
    eventually(&format!("an answer of {host}"), answer, last);
}

#[test]
fn the_tutorials_certificates_serve_and_change_without_a_restart() {
    let certificates = Certificates::new();
    certificates.sign("httpbin.example.com");
    let meridian = Meridian::start(&[]);
    let (key, certificate) =
        (certificates.path("httpbin.example.com.key"), certificates.path("httpbin.example.com.crt"));
    let create = || {
        let output = meridian.kubectl([
            "create",
            "-n",
            "istio-system",
            "secret",
            "tls",
            "httpbin-credential",
            &format!("--key={}", key.display()),
            &format!("--cert={}", certificate.display()),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    create();
    meridian.create(GATEWAYS, &gateway("edge", &[server("httpbin.example.com", "httpbin-credential", "SIMPLE")]));
    answer(&meridian, &["edge"]);
    let ca = certificates.path("ca.crt");
    good(&meridian, "httpbin.example.com", &ca, &[]);

    // Another authority, the same names: clients that trust the old one are told by their own library.
    std::fs::copy(&ca, certificates.path("old.crt")).unwrap();
    certificates
        .openssl("req -x509 -sha256 -nodes -days 365 -newkey rsa:2048 -subj /O=other/CN=ca -keyout ca.key -out ca.crt");
    certificates.sign("httpbin.example.com");
    assert!(meridian.kubectl(["delete", "-n", "istio-system", "secret", "httpbin-credential"]).status.success());
    create();
    good(&meridian, "httpbin.example.com", &ca, &[]);
    let old = curl(&meridian, "httpbin.example.com", &certificates.path("old.crt"), &[]);
    assert_eq!(old.status.code(), Some(60), "{}", String::from_utf8_lossy(&old.stderr));
}

/// A Secret's name, and its keys with what each holds.
type SecretKeys = (&'static str, &'static [(&'static str, &'static str)]);

#[test]
fn clients_show_certificates_where_the_server_asks() {
    let certificates = Certificates::new();
    certificates.sign("mutual.example.com");
    certificates.sign("client");
    let meridian = Meridian::start(&[]);
    let from = |key: &str, file: &str| format!("--from-file={key}={}", certificates.path(file).display());
    // The three forms: one Secret of kubernetes.io/tls keys, one of older keys, and an authority of its own.
    let forms: [(&str, &[SecretKeys]); 3] = [
        ("a", &[("a", &[("tls.key", "key"), ("tls.crt", "crt"), ("ca.crt", "ca")])]),
        ("b", &[("b", &[("key", "key"), ("cert", "crt"), ("cacert", "ca")])]),
        ("c", &[("c", &[("key", "key"), ("cert", "crt")]), ("c-cacert", &[("cacert", "ca")])]),
    ];
    for (credential, secrets) in forms {
        for (name, keys) in secrets {
            let file = |which: &str| match which {
                "ca" => "ca.crt".to_owned(),
                suffix => format!("mutual.example.com.{suffix}"),
            };
            let mut arguments = ["create", "-n", "istio-system", "secret", "generic", name].map(str::to_owned).to_vec();
            arguments.extend(keys.iter().map(|(key, which)| from(key, &file(which))));
            assert!(meridian.kubectl(arguments).status.success());
        }
        meridian.create(GATEWAYS, &gateway(credential, &[server("mutual.example.com", credential, "MUTUAL")]));
        if credential == "a" {
            answer(&meridian, &["a", "b", "c"]);
        }
        let ca = certificates.path("ca.crt");
        let (key, certificate) = (certificates.path("client.key"), certificates.path("client.crt"));
        let client = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        good(&meridian, "mutual.example.com", &ca, &client);
        let without = curl(&meridian, "mutual.example.com", &ca, &[]);
        let told = String::from_utf8_lossy(&without.stderr);
        assert!(matches!(without.status.code(), Some(35 | 56)) && told.contains("alert"), "{told}");
        assert_eq!(meridian.call("DELETE", &format!("{GATEWAYS}/{credential}"), None).0, 200);
        let closed = || (curl(&meridian, "mutual.example.com", &ca, &client).status.code() == Some(7)).then_some(());
        eventually("the port to be closed", closed, || meridian.log());
    }
}

/// A Secret that cannot be used leaves its server without a certificate; status, log and handshakes say so, and the
/// neighbour serves. It heals by itself.
fn fails_alone(broken: Option<&Value>, certificates: &Certificates, told: &str) {
    let meridian = Meridian::start(&[]);
    meridian.create(SECRETS, &tls_secret("good", certificates, "good.example.com"));
    if let Some(broken) = broken {
        meridian.create(SECRETS, broken);
    }
    let servers = [server("good.example.com", "good", "SIMPLE"), server("bad.example.com", "bad", "SIMPLE")];
    meridian.create(GATEWAYS, &gateway("edge", &servers));
    answer(&meridian, &["edge"]);
    good(&meridian, "good.example.com", &certificates.path("good.example.com.crt"), &[]);

    let message = meridian.condition(&format!("{GATEWAYS}/edge"), "ResolvedRefs", "False");
    assert!(message.contains("spec.servers[1]") && message.contains("istio-system/bad"), "{message}");
    assert!(message.contains(told), "{message}");
    let line = meridian.wait_for_log("istio-system/bad");
    assert!(line.contains(told), "{line}");
    let refused = curl(&meridian, "bad.example.com", &certificates.path("bad.example.com.crt"), &[]);
    assert_eq!(refused.status.code(), Some(35), "{}", String::from_utf8_lossy(&refused.stderr));

    if broken.is_some() {
        meridian.call("DELETE", &format!("{SECRETS}/bad"), None);
    }
    meridian.create(SECRETS, &tls_secret("bad", certificates, "bad.example.com"));
    good(&meridian, "bad.example.com", &certificates.path("bad.example.com.crt"), &[]);
    good(&meridian, "good.example.com", &certificates.path("good.example.com.crt"), &[]);
    meridian.condition(&format!("{GATEWAYS}/edge"), "ResolvedRefs", "True");
}

fn good_and_bad() -> Certificates {
    let certificates = Certificates(tempfile::tempdir().unwrap());
    certificates.self_signed("good.example.com");
    certificates.self_signed("bad.example.com");
    certificates
}

fn opaque(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bad"}, "stringData": data})
}

#[test]
fn a_missing_secret_fails_its_server_alone() {
    fails_alone(None, &good_and_bad(), "does not exist");
}

#[test]
fn half_a_secret_fails_its_server_alone() {
    let certificates = good_and_bad();
    let half = opaque(&json!({"tls.crt": certificates.text("bad.example.com.crt")}));
    fails_alone(Some(&half), &certificates, "tls.key");
}

#[test]
fn a_secret_that_is_no_pem_fails_its_server_alone() {
    let certificates = good_and_bad();
    let nonsense = opaque(&json!({"tls.crt": "nonsense", "tls.key": certificates.text("bad.example.com.key")}));
    fails_alone(Some(&nonsense), &certificates, "the certificate chain is not PEM");
}

#[test]
fn a_key_of_another_certificate_fails_its_server_alone() {
    let certificates = good_and_bad();
    let mismatch = opaque(&json!({
        "tls.crt": certificates.text("bad.example.com.crt"),
        "tls.key": certificates.text("good.example.com.key"),
    }));
    fails_alone(Some(&mismatch), &certificates, "the private key does not belong to the first certificate");
}
