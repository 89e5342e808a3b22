//! Certificates of Gateways.

use crate::lab::Lab;
use std::sync::Arc;

/// A self-signed certificate for `localhost` and its key, made for this test.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUJ0Qb1c6d7kV8sXvF0D4q6wz0c2kwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg
-----END PRIVATE KEY-----
";

const GATEWAY: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: one, protocol: HTTPS}
    hosts: [a.example.com]
    tls: {mode: SIMPLE, credentialName: one}
  - port: {number: 443, name: two, protocol: HTTPS}
    hosts: [b.example.com]
    tls: {mode: SIMPLE, credentialName: two}
";

fn secret(name: &str, values: &[(&str, &str)]) -> String {
    let value = |(key, text): &(&str, &str)| format!("  {key}: {}\n", serde_json::to_string(text).expect("text"));
    let values: String = values.iter().map(value).collect();
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: istio-system}}\nstringData:\n{values}")
}

#[test]
fn both_forms_of_secrets_are_served() {
    let mut lab = Lab::with(GATEWAY);
    lab.assert_false(
        "Gateway default/gateway",
        "ResolvedRefs",
        "SecretNotFound",
        &[
            "spec.servers[0].tls.credentialName: Secret istio-system/one does not exist",
            "kubectl create -n istio-system secret tls one --cert=CERT.pem --key=KEY.pem",
            "spec.servers[1].tls.credentialName: Secret istio-system/two",
        ],
    );
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.one.gateway.default kubernetes://one terminated");
    lab.apply(&secret("one", &[("tls.crt", CERTIFICATE), ("tls.key", KEY)]));
    let first = lab.config.secrets["kubernetes://one"].clone();
    assert_eq!(first.certificate_chain, CERTIFICATE.as_bytes());
    lab.assert_false("Gateway default/gateway", "ResolvedRefs", "SecretNotFound", &["istio-system/two"]);
    assert!(!lab.condition("Gateway default/gateway", "ResolvedRefs").message.contains("istio-system/one"));

    let before = lab.config.clone();
    lab.apply(&secret("two", &[("cert", CERTIFICATE), ("key", KEY)]));
    lab.assert_well("Gateway default/gateway");
    assert!(Arc::ptr_eq(&first, &lab.config.secrets["kubernetes://one"]));
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_8443"], &lab.config.listeners["0.0.0.0_8443"]));

    lab.delete("Secret istio-system/one");
    assert!(!lab.config.secrets.contains_key("kubernetes://one"));
    lab.assert_false("Gateway default/gateway", "ResolvedRefs", "SecretNotFound", &["istio-system/one"]);
}

#[test]
fn secrets_that_cannot_be_used_say_why_and_hurt_nobody() {
    for (values, expected) in [
        (&[("tls.crt", CERTIFICATE)][..], "it has no \"tls.key\""),
        (&[("tls.key", KEY)], "it has no \"tls.crt\""),
        (&[("cert", CERTIFICATE), ("tls.key", KEY)], "it has no \"key\""),
        (&[("tls.crt", "not PEM"), ("tls.key", KEY)], "\"tls.crt\" holds no PEM certificate"),
        (&[("tls.crt", CERTIFICATE), ("tls.key", "not a key")], "\"tls.key\" holds no PEM private key"),
        (&[("tls.crt", KEY), ("tls.key", CERTIFICATE)], "holds no PEM certificate"),
    ] {
        let mut lab = Lab::with(GATEWAY);
        lab.apply(&secret("two", &[("tls.crt", CERTIFICATE), ("tls.key", KEY)]));
        lab.apply(&secret("one", values));
        let expected = &["spec.servers[0].tls.credentialName: Secret istio-system/one cannot be used", expected];
        lab.assert_false("Gateway default/gateway", "ResolvedRefs", "InvalidSecret", expected);
        assert!(!lab.condition("Gateway default/gateway", "ResolvedRefs").message.contains("istio-system/two"));
        assert!(lab.config.secrets.contains_key("kubernetes://two"));
        assert!(!lab.config.secrets.contains_key("kubernetes://one"));
    }
}

#[test]
fn a_secret_of_another_namespace_is_none() {
    let mut lab = Lab::with(GATEWAY);
    let elsewhere = secret("one", &[("cert", CERTIFICATE), ("key", KEY)]).replace("istio-system", "default");
    lab.apply(&elsewhere);
    assert!(lab.config.secrets.is_empty());
}
