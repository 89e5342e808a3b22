//! An authority's certificates, read back and verified as peers do.

use super::*;
use crate::csr::CsrError;
use std::process::Command;

fn id() -> SpiffeId {
    SpiffeId::new("example.org", "default", "client")
}

fn authority() -> Authority {
    Authority::from_pem(&Authority::generate("example.org", SystemTime::now()).unwrap()).unwrap()
}

fn request(key: &KeyPair) -> String {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://example.org/ns/kube-system/sa/admin".try_into().unwrap())];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.serialize_request(key).unwrap().pem().unwrap()
}

#[test]
fn a_workload_gets_its_identity_and_nothing_else() {
    let now = SystemTime::now();
    let issued = authority().issue(&id(), now).unwrap();
    assert_eq!(meridian_tls::check_pair(issued.chain.as_bytes(), issued.key.as_bytes()), Ok(()));
    let leaf = meridian_tls::certificate::first_of_pem(issued.chain.as_bytes()).unwrap();
    assert_eq!(leaf.uris().collect::<Vec<_>>(), ["spiffe://example.org/ns/default/sa/client"]);
    assert_eq!(issued.not_after, now + LIFETIME);
    assert!(!format!("{issued:?}").contains("PRIVATE"));
}

#[test]
fn names_and_extensions_of_a_request_are_passed_over() {
    let key = KeyPair::generate().unwrap();
    let chain = authority().sign(&request(&key), &id(), LIFETIME, SystemTime::now()).unwrap();
    assert_eq!(chain.len(), 1);
    assert_eq!(meridian_tls::check_pair(chain[0].as_bytes(), key.serialize_pem().as_bytes()), Ok(()));
    let leaf = meridian_tls::certificate::first_of_pem(chain[0].as_bytes()).unwrap();
    assert_eq!(leaf.uris().collect::<Vec<_>>(), ["spiffe://example.org/ns/default/sa/client"]);
    assert!(csr::authority_end(&chain[0]).is_none(), "it may not sign others");
}

#[test]
fn a_request_that_is_not_signed_by_its_key_is_refused() {
    let (one, other) = (request(&KeyPair::generate().unwrap()), request(&KeyPair::generate().unwrap()));
    let der = |text: &str| {
        use rustls::pki_types::pem::PemObject;
        rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(text.as_bytes()).unwrap().to_vec()
    };
    let (one, other) = (der(&one), der(&other));
    // The same bytes but for the key, which is the other's: find it by its marker (an uncompressed point of 65 bytes).
    let point = |der: &[u8]| der.windows(4).position(|window| window == [0x03, 0x42, 0x00, 0x04]).unwrap() + 3;
    let mut forged = one.clone();
    let (to, from) = (point(&one), point(&other));
    forged[to..to + 65].copy_from_slice(&other[from..from + 65]);
    let pem = |der: &[u8]| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    };
    let now = SystemTime::now();
    assert!(authority().sign(&pem(&one), &id(), LIFETIME, now).is_ok());
    for (request, expected) in [
        (pem(&forged), CsrError::Signature),
        (pem(&one[..one.len() - 9]), CsrError::Malformed),
        (pem(&[one.clone(), vec![0]].concat()), CsrError::Malformed),
        ("hello".to_owned(), CsrError::Pem),
        (String::new(), CsrError::Pem),
    ] {
        match authority().sign(&request, &id(), LIFETIME, now) {
            Err(SignError::Request(found)) => assert_eq!(found, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
}

#[test]
fn no_certificate_outlives_its_authority_or_the_longest_life() {
    let now = SystemTime::now();
    let authority = authority();
    let request = request(&KeyPair::generate().unwrap());
    let too_long = authority.sign(&request, &id(), MAX_LIFETIME + Duration::from_secs(1), now);
    assert!(matches!(too_long, Err(SignError::Lifetime(_))), "{too_long:?}");
    let late = now + AUTHORITY_LIFETIME - Duration::from_secs(60);
    let issued = authority.issue(&id(), late).unwrap();
    assert!(issued.not_after <= now + AUTHORITY_LIFETIME);
    let expired = authority.issue(&id(), now + AUTHORITY_LIFETIME + Duration::from_secs(1));
    assert!(matches!(expired, Err(AuthorityError::Expired)), "{expired:?}");
}

#[test]
fn what_is_no_authority_says_why() {
    let now = SystemTime::now();
    let (good, other) = (Authority::generate("a", now).unwrap(), Authority::generate("b", now).unwrap());
    let leaf = Authority::from_pem(&good).unwrap().issue(&id(), now).unwrap();
    for (pem, expected) in [
        (AuthorityPem::default(), "there is no \"ca-cert.pem\""),
        (AuthorityPem { key: String::new(), ..good.clone() }, "there is no \"ca-key.pem\""),
        (
            AuthorityPem { key: other.key, ..good.clone() },
            "ca-cert.pem and ca-key.pem: the private key does not belong",
        ),
        (AuthorityPem { roots: "x".into(), ..good.clone() }, "root-cert.pem: the authorities are not PEM"),
        (
            AuthorityPem { certificate: leaf.chain, key: leaf.key, ..good },
            "ca-cert.pem is no certificate of an authority",
        ),
    ] {
        let error = Authority::from_pem(&pem).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("PRIVATE") && !format!("{pem:?}").contains("PRIVATE KEY"));
    }
}

/// A user's own hierarchy: root, intermediate, leaf; `openssl verify` is the judge.
#[test]
fn openssl_verifies_a_chain_through_an_intermediate_authority() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split('|').collect();
        let output = Command::new("openssl").args(&arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(
        "req|-x509|-newkey|rsa:2048|-nodes|-keyout|root.key|-out|root.pem|-subj|/O=Root|-days|3650|-addext|keyUsage=critical,keyCertSign,cRLSign",
    );
    run(
        "req|-newkey|rsa:2048|-nodes|-keyout|ca.key|-out|ca.csr|-subj|/O=Intermediate|-addext|basicConstraints=critical,CA:TRUE,pathlen:0|-addext|keyUsage=critical,keyCertSign",
    );
    run(
        "x509|-req|-in|ca.csr|-CA|root.pem|-CAkey|root.key|-CAcreateserial|-copy_extensions|copyall|-days|365|-out|ca.pem",
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let pem = AuthorityPem {
        certificate: read("ca.pem"),
        key: read("ca.key"),
        chain: read("ca.pem"),
        roots: read("root.pem"),
    };
    let authority = Authority::from_pem(&pem).unwrap();

    for kind in ["rsa:2048", "ec|-pkeyopt|ec_paramgen_curve:P-384", "ed25519"] {
        run(&format!(
            "req|-newkey|{kind}|-nodes|-keyout|leaf.key|-out|leaf.csr|-subj|/CN=other|-addext|subjectAltName=DNS:evil.example"
        ));
        let chain = authority.sign(&read("leaf.csr"), &id(), LIFETIME, SystemTime::now()).unwrap();
        assert_eq!(chain.len(), 2);
        std::fs::write(folder.path().join("leaf.pem"), &chain[0]).unwrap();
        std::fs::write(folder.path().join("between.pem"), &chain[1]).unwrap();
        run("verify|-CAfile|root.pem|-untrusted|between.pem|-purpose|sslserver|leaf.pem");
        run("verify|-CAfile|root.pem|-untrusted|between.pem|-purpose|sslclient|leaf.pem");
        let shown = run("x509|-in|leaf.pem|-noout|-ext|subjectAltName");
        assert!(shown.contains("URI:spiffe://example.org/ns/default/sa/client"), "{shown}");
        assert!(!shown.contains("evil") && shown.contains("critical"), "{shown}");
    }
    run("req|-newkey|rsa:1024|-nodes|-keyout|weak.key|-out|weak.csr|-subj|/CN=weak");
    let weak = authority.sign(&read("weak.csr"), &id(), LIFETIME, SystemTime::now());
    assert!(matches!(weak, Err(SignError::Request(CsrError::Key))), "{weak:?}");
}
