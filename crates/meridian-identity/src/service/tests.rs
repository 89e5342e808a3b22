//! Who gets a certificate, for whom.

use super::*;
use crate::Authority;
use crate::proto::{Metadata, MetadataValue};
use crate::token::Reference;
use rcgen::{CertificateParams, KeyPair};
use tonic::Code;

/// Knows one token.
#[derive(Debug)]
struct OneToken;

impl TokenReviewer for OneToken {
    fn review<'a>(&'a self, token: &'a str, audiences: &'a [&'a str]) -> Review<'a> {
        assert_eq!(audiences, ["istio-ca"]);
        let reference = Reference { name: "client".into(), uid: "1".into() };
        let subject = Subject { namespace: "default".into(), serviceaccount: reference, pod: None, secret: None };
        Box::pin(async move { if token == "good" { Ok(subject) } else { Err(TokenError::Expired) } })
    }
}

fn service() -> CertificateService {
    let mesh = MeshAuthority::default();
    let pem = Authority::generate("cluster.local", SystemTime::now()).unwrap();
    mesh.set_authority(Some(Arc::new(Authority::from_pem(&pem).unwrap())));
    CertificateService::new(mesh, Arc::new(OneToken))
}

fn request() -> CertificateRequest {
    let csr = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    CertificateRequest { csr, ..CertificateRequest::default() }
}

fn der(service: &CertificateService, id: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    let authority = service.mesh.current().authority.unwrap();
    let issued = authority.issue(&id.parse().unwrap(), SystemTime::now()).unwrap();
    rustls::pki_types::CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn a_token_or_a_certificate_is_an_identity() {
    let service = service();
    let by_token = Credentials { authorization: Some("Bearer good"), certificate: None };
    assert_eq!(
        service.authenticate(&by_token).await.unwrap().to_string(),
        "spiffe://cluster.local/ns/default/sa/client"
    );
    let certificate = der(&service, "spiffe://cluster.local/ns/a/sa/b");
    let both = Credentials { certificate: Some(&certificate), ..by_token };
    assert_eq!(service.authenticate(&both).await.unwrap().to_string(), "spiffe://cluster.local/ns/a/sa/b");
}

#[tokio::test]
async fn a_stranger_s_trust_domain_counts_as_an_alias_only() {
    let service = service();
    let certificate = der(&service, "spiffe://old.example/ns/a/sa/b");
    let shown = Credentials { authorization: None, certificate: Some(&certificate) };
    let refused = service.authenticate(&shown).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("of trust domain \"old.example\""), "{refused}");
    service.mesh.set_trust_domain("cluster.local", &["old.example".to_owned()]);
    assert_eq!(service.authenticate(&shown).await.unwrap().to_string(), "spiffe://cluster.local/ns/a/sa/b");
}

#[tokio::test]
async fn who_shows_nothing_or_the_wrong_thing_is_told_so() {
    let service = service();
    for (authorization, expected) in [
        (None, "neither a client certificate nor a token"),
        (Some("Bearer old"), "the token has expired"),
        (Some("Basic good"), "not \"Bearer TOKEN\""),
        (Some("Bearer "), "not \"Bearer TOKEN\""),
    ] {
        let refused = service.authenticate(&Credentials { authorization, certificate: None }).await.unwrap_err();
        assert!(refused.code() == Code::Unauthenticated && refused.message().contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn the_last_certificate_of_the_answer_is_the_root() {
    let service = service();
    let mut asked = tonic::Request::new(request());
    asked.metadata_mut().insert("authorization", "bearer good".parse().unwrap());
    let chain = service.call(asked).await.unwrap().cert_chain;
    assert_eq!(chain.last().map(String::as_str), Some(service.mesh.current().authority.unwrap().roots()));
    let leaf = meridian_tls::certificate::first_of_pem(chain[0].as_bytes()).unwrap();
    assert_eq!(leaf.uris().collect::<Vec<_>>(), ["spiffe://cluster.local/ns/default/sa/client"]);
}

#[test]
fn nobody_becomes_somebody_else() {
    let service = service();
    let caller = SpiffeId::new("cluster.local", "default", "client");
    for (name, code) in [("ImpersonatedIdentity", Code::Unauthenticated), ("CertSigner", Code::InvalidArgument)] {
        let fields = [(name.to_owned(), MetadataValue { string_value: "x".into() })].into();
        let request = CertificateRequest { metadata: Some(Metadata { fields }), ..request() };
        assert_eq!(service.create_certificate(&caller, &request).unwrap_err().code(), code);
    }
    let bad = CertificateRequest { csr: "x".into(), ..CertificateRequest::default() };
    assert_eq!(service.create_certificate(&caller, &bad).unwrap_err().code(), Code::InvalidArgument);
    service.mesh.set_authority(None);
    assert_eq!(service.create_certificate(&caller, &request()).unwrap_err().code(), Code::Unavailable);
}
