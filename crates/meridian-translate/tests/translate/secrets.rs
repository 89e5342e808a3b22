//! Certificates and authorities of Gateways.

use crate::lab::Lab;
use meridian_ir::tls::ClientAuth;
use std::sync::{Arc, LazyLock};

/// A self-signed certificate with its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(vec!["a.example.com".to_owned()]).expect("a certificate is made");
    Pair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

static ONE: LazyLock<Pair> = LazyLock::new(pair);
static TWO: LazyLock<Pair> = LazyLock::new(pair);

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

const NAME: &str = "Gateway default/gateway";

fn secret(name: &str, values: &[(&str, &str)]) -> String {
    object("Secret", "stringData", &format!("name: {name}, namespace: istio-system"), values)
}

/// A Secret of the gateway's namespace with a certificate, its key and an authority.
pub(crate) fn pair_with_authority(name: &str) -> String {
    secret(name, &[("tls.crt", &ONE.certificate), ("tls.key", &ONE.key), ("ca.crt", &TWO.certificate)])
}

fn object(kind: &str, field: &str, metadata: &str, values: &[(&str, &str)]) -> String {
    let value = |(key, text): &(&str, &str)| format!("  {key}: {}\n", serde_json::to_string(text).expect("text"));
    let values: String = values.iter().map(value).collect();
    format!("apiVersion: v1\nkind: {kind}\nmetadata: {{{metadata}}}\n{field}:\n{values}")
}

/// The Gateway with these TLS settings of its first server.
fn gateway(tls: &str) -> String {
    GATEWAY.replace("{mode: SIMPLE, credentialName: one}", tls)
}

#[test]
fn both_forms_of_secrets_are_served() {
    let mut lab = Lab::with(GATEWAY);
    lab.assert_false(
        NAME,
        "ResolvedRefs",
        "SecretNotFound",
        &[
            "spec.servers[0].tls.credentialName: Secret istio-system/one does not exist",
            "kubectl create -n istio-system secret tls one --cert=CERT.pem --key=KEY.pem",
            "until then, handshakes of this server's hosts fail",
            "spec.servers[1].tls.credentialName: Secret istio-system/two",
        ],
    );
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.one.gateway.default kubernetes://one terminated");
    lab.apply(&secret("one", &[("tls.crt", &ONE.certificate), ("tls.key", &ONE.key)]));
    let first = lab.config.secrets["kubernetes://one"].clone();
    assert_eq!(first.certificate_chain, ONE.certificate.as_bytes());
    lab.assert_false(NAME, "ResolvedRefs", "SecretNotFound", &["istio-system/two"]);
    assert!(!lab.condition(NAME, "ResolvedRefs").message.contains("istio-system/one"));

    let before = lab.config.clone();
    lab.apply(&secret("two", &[("cert", &ONE.certificate), ("key", &ONE.key)]));
    lab.assert_well(NAME);
    assert!(Arc::ptr_eq(&first, &lab.config.secrets["kubernetes://one"]));
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_8443"], &lab.config.listeners["0.0.0.0_8443"]));

    lab.delete("Secret istio-system/one");
    assert!(!lab.config.secrets.contains_key("kubernetes://one"));
    lab.assert_false(NAME, "ResolvedRefs", "SecretNotFound", &["istio-system/one"]);
}

#[test]
fn the_generic_form_comes_first_when_it_is_whole() {
    let mut lab = Lab::with(GATEWAY);
    let (one, two) = (&*ONE, &*TWO);
    let both = [("cert", &*two.certificate), ("key", &two.key), ("tls.crt", &one.certificate), ("tls.key", &one.key)];
    lab.apply(&secret("one", &both));
    assert_eq!(lab.config.secrets["kubernetes://one"].certificate_chain, two.certificate.as_bytes());
    lab.apply(&secret("one", &[("cert", &two.certificate), both[2], both[3]]));
    assert_eq!(lab.config.secrets["kubernetes://one"].certificate_chain, one.certificate.as_bytes());
}

#[test]
fn secrets_that_cannot_be_used_say_why_and_hurt_nobody() {
    let (certificate, key) = (&*ONE.certificate, &*ONE.key);
    for (values, expected) in [
        (&[("tls.crt", certificate)][..], "it has no \"tls.key\""),
        (&[("tls.key", key)], "it has no \"tls.crt\""),
        (&[("cert", certificate), ("tls.key", key)], "it has no \"key\""),
        (&[("other", key)], "it has no \"tls.crt\""),
        (&[("tls.crt", "not PEM"), ("tls.key", key)], "the certificate chain is not PEM"),
        (&[("tls.crt", certificate), ("tls.key", "not a key")], "the private key is not an unencrypted PKCS#8"),
        (&[("tls.crt", key), ("tls.key", certificate)], "the certificate chain is not PEM"),
        (&[("tls.crt", certificate), ("tls.key", &TWO.key)], "does not belong to the first certificate of the chain"),
    ] {
        let mut lab = Lab::with(GATEWAY);
        lab.apply(&secret("two", &[("tls.crt", certificate), ("tls.key", key)]));
        lab.apply(&secret("one", values));
        let expected = &["spec.servers[0].tls.credentialName: Secret istio-system/one cannot be used", expected];
        lab.assert_false(NAME, "ResolvedRefs", "InvalidSecret", expected);
        let message = &lab.condition(NAME, "ResolvedRefs").message;
        assert!(!message.contains("istio-system/two") && !message.contains(&key[40..60]));
        assert!(lab.config.secrets.contains_key("kubernetes://two"));
        assert!(!lab.config.secrets.contains_key("kubernetes://one"));
    }
}

#[test]
fn a_secret_of_another_namespace_is_none() {
    let mut lab = Lab::with(GATEWAY);
    let elsewhere = secret("one", &[("cert", &ONE.certificate), ("key", &ONE.key)]).replace("istio-system", "default");
    lab.apply(&elsewhere);
    assert!(lab.config.secrets.is_empty());
    lab.apply(&gateway("{mode: SIMPLE, credentialName: default/one}"));
    assert!(lab.config.secrets.is_empty());
    let expected =
        "Secret default/one is not in namespace istio-system, the only one whose Secrets this gateway may use";
    lab.assert_false(NAME, "ResolvedRefs", "SecretNotFound", &[expected]);
    lab.apply(&secret("one", &[("cert", &ONE.certificate), ("key", &ONE.key)]));
    lab.apply(&gateway("{mode: SIMPLE, credentialName: istio-system/one}"));
    assert!(lab.config.secrets.contains_key("kubernetes://istio-system/one"));
}

#[test]
fn secrets_that_are_never_certificates_are_none() {
    let mut lab = Lab::with(GATEWAY);
    let token = secret("one", &[("cert", &ONE.certificate), ("key", &ONE.key)])
        .replace("stringData", "type: helm.sh/release.v1\nstringData");
    lab.apply(&token);
    lab.assert_false(NAME, "ResolvedRefs", "SecretNotFound", &["istio-system/one does not exist"]);
}

/// The authorities that clients of `a.example.com` are verified against.
fn authority(lab: &Lab) -> Option<String> {
    let chain = lab.chain("0.0.0.0_8443", "a.example.com");
    let validation = chain.tls.as_ref()?.client_auth.validation()?;
    validation.authority.as_ref().map(ToString::to_string)
}

#[test]
fn clients_are_verified_against_the_secret_of_their_own_before_the_shared_one() {
    let mut lab = Lab::with(&gateway("{mode: MUTUAL, credentialName: one}"));
    assert_eq!(authority(&lab).as_deref(), Some("kubernetes://one-cacert"));
    let pair = [("tls.crt", &*ONE.certificate), ("tls.key", &*ONE.key)];
    lab.apply(&secret("two", &pair));
    let expected = ["neither Secret istio-system/one-cacert nor Secret istio-system/one exists"];
    lab.assert_false(NAME, "ResolvedRefs", "SecretNotFound", &expected);

    // One Secret without authorities: the server's certificate is there, nobody can be verified.
    lab.apply(&secret("one", &pair));
    lab.assert_false(
        NAME,
        "ResolvedRefs",
        "InvalidSecret",
        &[
            "Secret istio-system/one cannot be used to verify certificates: it has neither \"cacert\" nor \"ca.crt\"",
            "fail",
        ],
    );
    assert!(lab.config.secrets.contains_key("kubernetes://one") && lab.config.authorities.is_empty());

    // One Secret with all of it.
    lab.apply(&secret("one", &[pair[0], pair[1], ("ca.crt", &TWO.certificate)]));
    lab.assert_well(NAME);
    let found = &lab.config.authorities["kubernetes://one-cacert"];
    assert_eq!((&*found.certificates, &*found.revocation_lists), (TWO.certificate.as_bytes(), &b""[..]));

    // A second one wins.
    let before = lab.config.clone();
    lab.apply(&secret("one-cacert", &[("cacert", &ONE.certificate)]));
    assert_eq!(lab.config.authorities["kubernetes://one-cacert"].certificates, ONE.certificate.as_bytes());
    assert!(Arc::ptr_eq(&before.secrets["kubernetes://one"], &lab.config.secrets["kubernetes://one"]));
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_8443"], &lab.config.listeners["0.0.0.0_8443"]));

    // One that is broken is said, not passed over.
    lab.apply(&secret("one-cacert", &[("cacert", "nothing")]));
    lab.assert_false(
        NAME,
        "ResolvedRefs",
        "InvalidSecret",
        &["istio-system/one-cacert", "the authorities are not PEM"],
    );
    assert!(lab.config.authorities.is_empty());
    lab.apply(&secret("one-cacert", &[("cacert", &ONE.certificate), ("crl", "nothing")]));
    lab.assert_false(NAME, "ResolvedRefs", "InvalidSecret", &["the revocation lists are not PEM"]);
    lab.delete("Secret istio-system/one-cacert");
    lab.assert_well(NAME);
    assert_eq!(lab.config.authorities["kubernetes://one-cacert"].certificates, TWO.certificate.as_bytes());
}

#[test]
fn authorities_can_be_named_apart() {
    let pair = [("tls.crt", &*ONE.certificate), ("tls.key", &*ONE.key)];
    for (name, sds, object) in [
        ("clients", "kubernetes://clients-cacert", secret("clients", &[("ca.crt", &TWO.certificate)])),
        ("clients-cacert", "kubernetes://clients-cacert", secret("clients-cacert", &[("ca.crt", &TWO.certificate)])),
        (
            "configmap://other/clients",
            "configmap://other/clients",
            object("ConfigMap", "data", "name: clients, namespace: other", &[("ca.crt", &TWO.certificate)]),
        ),
    ] {
        let tls = format!("{{mode: OPTIONAL_MUTUAL, credentialName: one, caCertCredentialName: {name:?}}}");
        let mut lab = Lab::with(&gateway(&tls));
        lab.apply(&secret("one", &pair));
        lab.apply(&secret("two", &pair));
        assert_eq!(authority(&lab).as_deref(), Some(sds));
        let expected = ["spec.servers[0].tls.caCertCredentialName: ", "clients"];
        lab.assert_false(NAME, "ResolvedRefs", "SecretNotFound", &expected);
        lab.apply(&object);
        lab.assert_well(NAME);
        assert_eq!(lab.config.authorities[sds].certificates, TWO.certificate.as_bytes());
        let chain = lab.chain("0.0.0.0_8443", "a.example.com");
        let tls = chain.tls.as_ref().expect("it terminates TLS");
        assert!(matches!(tls.client_auth, ClientAuth::Optional(_)));
    }
}

#[test]
fn of_two_certificates_one_is_enough() {
    let mut lab = Lab::with(&gateway("{mode: SIMPLE, credentialNames: [one, one-ecdsa]}"));
    let pair = [("tls.crt", &*ONE.certificate), ("tls.key", &*ONE.key)];
    lab.apply(&secret("two", &pair));
    lab.apply(&secret("one", &pair));
    assert_eq!(
        lab.tls(Some("a.example.com")),
        "https.443.one.gateway.default kubernetes://one kubernetes://one-ecdsa terminated"
    );
    lab.assert_false(
        NAME,
        "ResolvedRefs",
        "SecretNotFound",
        &[
            "spec.servers[0].tls.credentialNames: Secret istio-system/one-ecdsa does not exist",
            "only its other certificate",
        ],
    );
    lab.apply(&secret("one-ecdsa", &pair));
    lab.assert_well(NAME);
}

#[test]
fn one_secret_of_five_hundred_touches_only_its_own() {
    let server = |index: usize| {
        format!(
            "  - port: {{number: 443, name: https-{index}, protocol: HTTPS}}\n    hosts: [h{index}.example.com]\n    \
             tls: {{mode: SIMPLE, credentialName: c{index}}}\n"
        )
    };
    let head = GATEWAY.split("  - port").next().expect("there is a head");
    let mut lab = Lab::with(&format!("{head}{}", (0..500).map(server).collect::<String>()));
    let pair = [("tls.crt", &*ONE.certificate), ("tls.key", &*ONE.key)];
    for index in 0..500 {
        crate::lab::parse(&secret(&format!("c{index}"), &pair)).into_iter().for_each(|resource| lab.put(resource));
    }
    lab.translate();
    lab.assert_well(NAME);
    let before = lab.config.clone();
    assert_eq!((before.secrets.len(), before.listeners["0.0.0.0_8443"].chains.len()), (500, 500));

    let output = lab.apply(&secret("c7", &[("tls.crt", &TWO.certificate), ("tls.key", &TWO.key)]));
    assert_eq!((output.proxies.len(), output.statuses.len()), (1, 0));
    for (name, secret) in &before.secrets {
        assert_eq!(Arc::ptr_eq(secret, &lab.config.secrets[name]), &**name != "kubernetes://c7", "{name}");
    }
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_8443"], &lab.config.listeners["0.0.0.0_8443"]));
    assert!(std::iter::zip(&before.routes, &lab.config.routes).all(|(a, b)| Arc::ptr_eq(a.1, b.1)));

    // The same again is no change.
    let output = lab.apply(&secret("c7", &[("tls.crt", &TWO.certificate), ("tls.key", &TWO.key)]));
    assert!(output.proxies.is_empty() && output.statuses.is_empty());
}

#[test]
fn the_mesh_s_identity_is_shown_and_trusted() {
    let mut lab = Lab::with(&gateway("{mode: ISTIO_MUTUAL}"));
    lab.apply(&secret("two", &[("tls.crt", &ONE.certificate), ("tls.key", &ONE.key)]));
    assert_eq!(lab.tls(Some("a.example.com")), "https.443.one.gateway.default default terminated");
    assert_eq!(authority(&lab).as_deref(), Some("ROOTCA"));
    lab.assert_false(
        NAME,
        "ResolvedRefs",
        "SecretNotFound",
        &["spec.servers[0].tls.mode: this gateway has no certificate"],
    );
    let identity = |pair: &Pair| meridian_translate::WorkloadIdentity {
        certificate: Arc::new(meridian_ir::Secret {
            name: "default".into(),
            certificate_chain: pair.certificate.clone().into(),
            private_key: pair.key.clone().into(),
        }),
        authority: Arc::new(meridian_ir::Authority {
            name: "ROOTCA".into(),
            certificates: pair.certificate.clone().into(),
            revocation_lists: Vec::new(),
        }),
    };
    lab.translator.set_identity("ingressgateway", identity(&ONE));
    lab.translate();
    lab.assert_well(NAME);
    assert_eq!(lab.config.secrets["default"].certificate_chain, ONE.certificate.as_bytes());
    assert_eq!(lab.config.authorities["ROOTCA"].certificates, ONE.certificate.as_bytes());

    // Its renewal touches nothing else.
    let before = lab.config.clone();
    lab.translator.set_identity("ingressgateway", identity(&TWO));
    assert!(lab.translate().statuses.is_empty());
    assert_eq!(lab.config.secrets["default"].certificate_chain, TWO.certificate.as_bytes());
    assert!(Arc::ptr_eq(&before.secrets["kubernetes://two"], &lab.config.secrets["kubernetes://two"]));
    assert!(Arc::ptr_eq(&before.listeners["0.0.0.0_8443"], &lab.config.listeners["0.0.0.0_8443"]));
    lab.translator.set_identity("ingressgateway", identity(&TWO));
    assert!(lab.translate().proxies.is_empty());
}
