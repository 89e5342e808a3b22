//! A workload gets its certificate from a server over mutual TLS and gRPC, and the next one with what it has then.
#![allow(clippy::unwrap_used)]

use meridian_grpc::tls::{Pem, ServerTls};
use meridian_grpc::{ConnectError, Server};
use meridian_identity::client::{self, Discovery, FetchError, Source};
use meridian_identity::token::{Reference, Subject, TokenError};
use meridian_identity::{
    Authority, CERTIFICATE_SERVICE, CONTROL_PLANE_NAMES, CertificateService, MeshAuthority, Review, TokenReviewer,
};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[derive(Debug)]
struct OneToken;

impl TokenReviewer for OneToken {
    fn review<'a>(&'a self, token: &'a str, _: &'a [&'a str]) -> Review<'a> {
        let reference = Reference { name: "client".into(), uid: "1".into() };
        let subject = Subject { namespace: "default".into(), serviceaccount: reference, pod: None, secret: None };
        Box::pin(async move { if token == "good" { Ok(subject) } else { Err(TokenError::Expired) } })
    }
}

/// A control plane on a loopback address, and how a workload finds it with a token.
async fn control_plane(token: Option<&str>) -> (MeshAuthority, Discovery) {
    let mesh = MeshAuthority::default();
    let pem = Authority::generate("cluster.local", SystemTime::now()).unwrap();
    let authority = Arc::new(Authority::from_pem(&pem).unwrap());
    mesh.set_authority(Some(authority.clone()));
    let own = authority.issue_server(&CONTROL_PLANE_NAMES, SystemTime::now()).unwrap();
    let (chain, key, roots) = (own.chain.as_bytes(), own.key.as_bytes(), own.roots.as_bytes());
    let tls = ServerTls::new(Pem { certificate_chain: chain, private_key: key, roots }).unwrap();
    let service = CertificateService::new(mesh.clone(), Arc::new(OneToken));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let discovery = Discovery {
        target: listener.local_addr().unwrap().to_string().parse().unwrap(),
        server_name: "istiod.istio-system.svc".into(),
        roots: Source::Text(authority.roots().to_owned()),
        token: token.map(|token| Source::Text(token.to_owned())),
    };
    let (stop, stopped) = watch::channel(false);
    let server = Server::new().with(CERTIFICATE_SERVICE, service.handler());
    tokio::spawn(async move {
        // Kept until the test ends, so that nothing stops.
        let _stop = stop;
        server.serve(listener, Some(Arc::new(tls)), stopped).await;
    });
    (mesh, discovery)
}

#[tokio::test]
async fn the_first_certificate_is_for_the_token_and_the_next_for_the_first() {
    let (mesh, discovery) = control_plane(Some("good\n")).await;
    let first = client::fetch(&discovery, None).await.unwrap();
    let leaf = meridian_tls::certificate::first_of_pem(first.chain.as_bytes()).unwrap();
    assert_eq!(leaf.uris().collect::<Vec<_>>(), ["spiffe://cluster.local/ns/default/sa/client"]);
    assert_eq!(first.roots, mesh.current().authority.unwrap().roots());

    let without = Discovery { token: None, ..discovery.clone() };
    let second = client::fetch(&without, Some(&first)).await.unwrap();
    assert_ne!(second.key, first.key);
    // A token that has expired meanwhile is no reason to lose the identity.
    let expired = Discovery { token: Some(Source::Text("old".into())), ..discovery };
    assert!(client::fetch(&expired, Some(&second)).await.is_ok());
    assert!(matches!(client::fetch(&without, None).await, Err(FetchError::NoCredential)));
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let (_, discovery) = control_plane(Some("old")).await;
    let refused = client::fetch(&discovery, None).await.unwrap_err().to_string();
    assert!(refused.contains("request authenticate failure: the token has expired"), "{refused}");

    let (_, stranger) = control_plane(Some("good")).await;
    let untrusted = Discovery { target: stranger.target.clone(), ..discovery.clone() };
    let error = client::fetch(&untrusted, None).await.unwrap_err();
    assert!(matches!(&error, FetchError::Connect(ConnectError::Tls { .. })), "{error}");

    let misnamed = Discovery { server_name: "other.example".into(), ..stranger };
    assert!(matches!(client::fetch(&misnamed, None).await, Err(FetchError::Connect(ConnectError::Tls { .. }))));

    let missing = Discovery { token: Some(Source::File("/nowhere/token".into())), ..discovery };
    let error = client::fetch(&missing, None).await.unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/token: "), "{error}");
}

#[tokio::test]
async fn a_certificate_of_another_mesh_is_not_let_in() {
    let (_, discovery) = control_plane(None).await;
    let (_, other) = control_plane(Some("good")).await;
    let foreign = client::fetch(&other, None).await.unwrap();
    let error = client::fetch(&discovery, Some(&foreign)).await.unwrap_err();
    assert!(
        matches!(
            &error,
            FetchError::Call(..)
                | FetchError::Connect(ConnectError::Http2 { .. })
                | FetchError::Connect(ConnectError::Tls { .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_comes_later_is_found_and_nobody_listening_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let (_, discovery) = control_plane(None).await;
    let discovery = Discovery { token: Some(Source::File(token.clone())), ..discovery };
    let (sender, mut receiver) = watch::channel(None);
    let renewal = tokio::spawn(client::renew(discovery, sender));
    std::fs::write(&token, "good").unwrap();
    let certificate = receiver.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(certificate.renewal() > SystemTime::now());
    drop(receiver);
    renewal.await.unwrap();
}
