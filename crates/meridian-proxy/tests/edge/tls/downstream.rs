//! What clients get: with good certificates, bad ones, and none.

use super::lab::{Lab, add_authority, add_secret, chain, curl, run, settings, signed_by_ca};
use super::pki::{Ca, expired, not_yet_valid};
use meridian_ir::string_match::StringMatch;
use meridian_ir::tls::{ClientAuth, PeerValidation, TlsVersion};
use meridian_tls::sha256;
use std::time::{Duration, Instant};

const HOST: &str = "a.example.com";
const FAILED: &str =
    "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_";
const AT_DEPTH_0: &str = "X509_verify_cert:_certificate_verification_error_at_depth_0:_";

/// A client's certificate by the name of its files, what it comes to, and the counter that tells.
type Case<'c> = (&'c str, Result<(), String>, &'c str);

async fn judge(lab: &Lab, client_auth: ClientAuth, ca: &Ca, revocation_lists: &str, cases: &[Case<'_>]) {
    let mut lines = std::fs::read_to_string(lab.path().join("access.log")).unwrap_or_default().lines().count();
    let mut config = lab.config(vec![chain(HOST, settings(client_auth))]);
    add_secret(&mut config, "s", &ca.good(&[HOST]));
    add_authority(&mut config, "ca", ca, revocation_lists);
    let at = lab.apply(&config).await;
    for (client, expected, counter) in cases {
        for version in ["--tls-max 1.2", "--tlsv1.3"] {
            let certificate =
                if client.is_empty() { String::new() } else { format!("--cert {client}.crt --key {client}.key") };
            let before = lab.count(counter);
            let got = curl(lab.path(), HOST, at, &format!("{version} {certificate}")).await;
            match expected {
                Ok(()) => assert_eq!(got, Ok("hi".to_owned()), "{client} {version}"),
                Err(reason) => {
                    assert!(got.is_err(), "{client} {version}: {got:?}");
                    lines += 1;
                    assert_eq!(lab.line(lines).await, format!("{HOST} {reason}"), "{client} {version}");
                }
            }
            assert_eq!(lab.count(counter), before + 1, "{client} {version}: {counter}");
        }
    }
}

fn refused(words: &str) -> Result<(), String> {
    Err(format!("{FAILED}{AT_DEPTH_0}{words}:TLS_error_end"))
}

#[tokio::test]
async fn client_certificates_are_judged() {
    let lab = Lab::new();
    let (ca, stranger) = (Ca::new("ca"), Ca::new("stranger"));
    let folder = lab.path();
    ca.good(&["client.example.com"]).write(folder, "good");
    ca.issue(&["client.example.com"], 2, expired).write(folder, "expired");
    ca.issue(&["client.example.com"], 3, not_yet_valid).write(folder, "early");
    ca.issue(&["client.example.com"], 4, |_| {}).write(folder, "revoked");
    ca.issue(&[], 5, |params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth])
        .write(folder, "server");
    stranger.good(&["client.example.com"]).write(folder, "stranger");
    std::fs::write(folder.join("ca.crt"), &ca.pem).expect("a file");
    std::fs::write(folder.join("ca.key"), &ca.key).expect("a file");
    // As Istio's documents make them: without extensions, which is version 1 before OpenSSL 3.2.
    for arguments in [
        "req -new -newkey rsa:2048 -nodes -keyout v1.key -subj /CN=client -out v1.csr",
        "x509 -req -in v1.csr -CA ca.crt -CAkey ca.key -set_serial 6 -days 30 -out v1.crt",
        "req -x509 -newkey rsa:2048 -nodes -keyout self.key -out self.crt -subj /CN=ca -days 30",
        "req -new -newkey rsa:2048 -nodes -keyout v1-revoked.key -subj /CN=client -out v1.csr",
        "x509 -req -in v1.csr -CA ca.crt -CAkey ca.key -set_serial 7 -days 30 -out v1-revoked.crt",
    ] {
        let output = run("openssl", folder, arguments.to_owned()).await;
        assert!(output.status.success(), "{output:?}");
    }
    let text = run("openssl", folder, "x509 -in v1.crt -noout -text".to_owned()).await;
    assert!(String::from_utf8_lossy(&text.stdout).contains("Version: 1"), "{text:?}");
    let none = "TLS_error:|268435648:SSL_routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE:\
                peer_did_not_provide_required_client_certificate:TLS_error_end";
    let mut cases: Vec<Case<'_>> = vec![
        ("", Err(none.to_owned()), "ssl.fail_verify_no_cert"),
        ("good", Ok(()), "ssl.handshake"),
        ("v1", Ok(()), "ssl.handshake"),
        ("expired", refused("certificate_has_expired"), "ssl.fail_verify_error"),
        ("early", refused("certificate_is_not_yet_valid"), "ssl.fail_verify_error"),
        ("server", refused("unsupported_certificate_purpose"), "ssl.fail_verify_error"),
        ("stranger", refused("unable_to_get_local_issuer_certificate"), "ssl.fail_verify_error"),
        ("self", refused("certificate_signature_failure"), "ssl.fail_verify_error"),
        ("revoked", Ok(()), "ssl.handshake"),
    ];
    judge(&lab, ClientAuth::Required(signed_by_ca()), &ca, "", &cases).await;
    // Asked for, and judged if there is one: a stranger's is refused, as in Istio.
    cases[0] = ("", Ok(()), "ssl.no_certificate");
    judge(&lab, ClientAuth::Optional(signed_by_ca()), &ca, "", &cases).await;
    let cases = [
        ("good", Ok(()), "ssl.handshake"),
        ("v1", Ok(()), "ssl.handshake"),
        ("revoked", refused("certificate_revoked"), "ssl.fail_verify_error"),
        ("v1-revoked", refused("certificate_revoked"), "ssl.fail_verify_error"),
    ];
    let list = ca.revocation_list(&[4, 7], 2100);
    judge(&lab, ClientAuth::Required(signed_by_ca()), &ca, &list, &cases).await;
    // Lists in a file; of another authority, and out of date.
    for (text, words) in [
        (ca.revocation_list(&[], 2021), "CRL_has_expired"),
        (stranger.revocation_list(&[], 2100), "unable_to_get_certificate_CRL"),
    ] {
        let path = folder.join(words);
        std::fs::write(&path, text).expect("a file");
        let validation = PeerValidation { crl_file: Some(path.to_str().expect("UTF-8").into()), ..signed_by_ca() };
        let cases =
            [("good", refused(words), "ssl.fail_verify_error"), ("v1", refused(words), "ssl.fail_verify_error")];
        judge(&lab, ClientAuth::Required(validation), &ca, "", &cases).await;
    }
    // Nobody is verified.
    let all = [("stranger", Ok(()), "ssl.handshake"), ("expired", Ok(()), "ssl.handshake")];
    judge(&lab, ClientAuth::Required(PeerValidation::default()), &ca, "", &all).await;
}

#[tokio::test]
async fn names_and_pins_are_demanded() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    let pairs = [("dns", "*.clients.example.com"), ("uri", "spiffe://td/ns/a/sa/b"), ("other", "c.example.com")];
    let pairs = pairs.map(|(name, of)| {
        let pair = ca.good(&[of]);
        pair.write(lab.path(), name);
        pair
    });
    let names = ["a.clients.example.com", "spiffe://td/ns/a/sa/b"].map(|name| StringMatch::Exact(name.into())).to_vec();
    let san = Err(format!("{FAILED}SAN_matcher:TLS_error_end"));
    let validation = PeerValidation { subject_alt_names: names, ..signed_by_ca() };
    let cases =
        [("dns", Ok(()), "ssl.handshake"), ("uri", Ok(()), "ssl.handshake"), ("other", san, "ssl.fail_verify_san")];
    judge(&lab, ClientAuth::Required(validation), &ca, "", &cases).await;
    let hash = Err(format!("{FAILED}cert_hash_and_spki:TLS_error_end"));
    let validation = PeerValidation {
        hashes: vec![sha256(&pairs[0].der)],
        spki: vec![sha256(&pairs[1].public_key_info)],
        ..signed_by_ca()
    };
    let cases = [
        ("dns", Ok(()), "ssl.handshake"),
        ("uri", Ok(()), "ssl.handshake"),
        ("other", hash, "ssl.fail_verify_cert_hash"),
    ];
    judge(&lab, ClientAuth::Required(validation), &ca, "", &cases).await;
}

#[tokio::test]
async fn a_chain_that_lacks_something_fails_alone_and_says_why() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    let missing =
        |name: &str| meridian_ir::tls::DownstreamTls { certificates: vec![name.into()], ..settings(ClientAuth::None) };
    let mut config = lab.config(vec![
        chain(HOST, settings(ClientAuth::None)),
        chain("b.example.com", missing("kubernetes://gone")),
        chain("c.example.com", settings(ClientAuth::Required(signed_by_ca()))),
        chain("d.example.com", missing("half")),
    ]);
    let pair = ca.good(&[HOST]);
    add_secret(&mut config, "s", &pair);
    add_secret(&mut config, "half", &super::pki::Pair { key: String::new(), ..pair });
    let at = lab.apply(&config).await;
    let not_ready = "server_ssl_socket_factory.downstream_context_secrets_not_ready";
    for (position, (host, part)) in [
        ("b.example.com", "the_secret_kubernetes://gone_is_not_there"),
        ("c.example.com", "the_authorities_ca_are_not_there"),
        ("d.example.com", "the_secret_half_cannot_be_used:_the_private_key_is_not"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(curl(lab.path(), host, at, "").await, Err(35));
        let line = lab.line(position + 1).await;
        let prefix = format!("{host} TLS_error:_Secret_is_not_supplied_by_SDS:_{part}");
        assert!(line.starts_with(&prefix), "{line}");
        assert_eq!(lab.count(not_ready), position as u64 + 1);
        assert_eq!(curl(lab.path(), HOST, at, "").await, Ok("hi".to_owned()));
    }
    // What was missing comes.
    config.version += 1;
    add_secret(&mut config, "kubernetes://gone", &ca.good(&["b.example.com"]));
    lab.apply(&config).await;
    assert_eq!(curl(lab.path(), "b.example.com", at, "").await, Ok("hi".to_owned()));
}

#[tokio::test]
async fn certificates_are_chosen_by_what_the_client_verifies() {
    let lab = Lab::new();
    for (name, kind) in [("rsa", "rsa:2048"), ("ec", "ec -pkeyopt ec_paramgen_curve:P-256")] {
        let output = run(
            "openssl",
            lab.path(),
            format!("req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.crt -subj /CN={name}"),
        );
        assert!(output.await.status.success());
    }
    let both =
        meridian_ir::tls::DownstreamTls { certificates: vec!["rsa".into(), "ec".into()], ..settings(ClientAuth::None) };
    let only12 = meridian_ir::tls::DownstreamTls { max_version: TlsVersion::Tls12, ..both.clone() };
    let mut config = lab.config(vec![chain(HOST, both), chain("b.example.com", only12)]);
    for name in ["rsa", "ec"] {
        let read = |end: &str| std::fs::read_to_string(lab.path().join(format!("{name}.{end}"))).expect("a file");
        let pair = super::pki::Pair { chain: read("crt"), key: read("key"), der: vec![], public_key_info: vec![] };
        add_secret(&mut config, name, &pair);
    }
    let at = lab.apply(&config).await;
    for (host, arguments, subject, protocol) in [
        (HOST, "", "CN = ec", "TLSv1.3"),
        (HOST, "-sigalgs RSA-PSS+SHA256:RSA+SHA256", "CN = rsa", "TLSv1.3"),
        (HOST, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "CN = rsa", "TLSv1.2"),
        (HOST, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "CN = ec", "TLSv1.2"),
        ("b.example.com", "", "CN = ec", "TLSv1.2"),
    ] {
        let command = format!("s_client -connect {at} -servername {host} {arguments}");
        let output = String::from_utf8_lossy(&run("openssl", lab.path(), command).await.stdout).into_owned();
        assert!(output.contains(subject) && output.contains(protocol), "{host} {arguments}: {output}");
    }
    let command = format!("s_client -connect {at} -servername b.example.com -tls1_3");
    let output = run("openssl", lab.path(), command).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("alert protocol version"), "{output:?}");
}

#[tokio::test]
async fn certificates_are_replaced_under_load() {
    let lab = Lab::new();
    let ca = Ca::new("ca");
    std::fs::write(lab.path().join("ca.crt"), &ca.pem).expect("a file");
    let mut config = lab.config(vec![chain(HOST, settings(ClientAuth::None))]);
    add_secret(&mut config, "s", &ca.good(&[HOST]));
    let at = lab.apply(&config).await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let folder = lab.path().to_owned();
            tokio::spawn(async move {
                for _ in 0..40 {
                    let connect =
                        format!("-sS --max-time 10 --cacert ca.crt --connect-to {HOST}:443:{at} https://{HOST}/");
                    let output = run("curl", &folder, connect).await;
                    assert_eq!(output.stdout, b"hi", "{output:?}");
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let mut swaps = 0;
    while !clients.iter().all(|client| client.is_finished()) && begun.elapsed() < Duration::from_secs(30) {
        config.version += 1;
        add_secret(&mut config, "s", &ca.good(&[HOST]));
        lab.apply(&config).await;
        swaps += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for client in clients {
        client.await.expect("every request is answered");
    }
    assert!(swaps >= 10, "{swaps} replacements are no load");
}
