//! A workload gets its certificate from a server over mutual TLS and gRPC, and the next one with what it has then.
#![allow(clippy::unwrap_used)]

use bytes::{BufMut, Bytes, BytesMut};
use meridian_identity::client::{self, Discovery, FetchError, Source};
use meridian_identity::token::{Reference, Subject, TokenError};
use meridian_identity::{
    Authority, CERTIFICATE_SERVICE, CertificateService, Credentials, MeshAuthority, Review, TokenReviewer, tls,
};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

#[derive(Debug)]
struct OneToken;

impl TokenReviewer for OneToken {
    fn review<'a>(&'a self, token: &'a str, _: &'a [&'a str]) -> Review<'a> {
        let reference = Reference { name: "client".into(), uid: "1".into() };
        let subject = Subject { namespace: "default".into(), serviceaccount: reference, pod: None, secret: None };
        Box::pin(async move { if token == "good" { Ok(subject) } else { Err(TokenError::Expired) } })
    }
}

/// One connection with as many calls as come.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, service: CertificateService) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let peer = stream.get_ref().1.peer_certificates().map(|chain| chain[0].to_vec());
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (service, peer) = (service.clone(), peer.clone());
        tokio::spawn(async move {
            assert_eq!(request.uri().path(), format!("/{CERTIFICATE_SERVICE}/CreateCertificate"));
            let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let mut body = request.into_body();
            let mut message = BytesMut::new();
            while let Some(chunk) = body.data().await {
                message.extend_from_slice(&chunk.unwrap());
            }
            let credentials = Credentials { authorization: authorization.as_deref(), certificate: peer.as_deref() };
            let head = http::Response::builder().header("content-type", "application/grpc");
            match service.call(&credentials, &message[5..]).await {
                Ok(answer) => {
                    let mut framed = BytesMut::new();
                    framed.put_u8(0);
                    framed.put_u32(u32::try_from(answer.len()).unwrap());
                    framed.put_slice(&answer);
                    let mut body = respond.send_response(head.body(()).unwrap(), false).unwrap();
                    body.send_data(framed.freeze(), false).unwrap();
                    body.send_trailers([("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect())
                        .unwrap();
                }
                Err(refused) => {
                    let head = head.header("grpc-status", refused.code as u32).header("grpc-message", refused.message);
                    respond.send_response(head.body(()).unwrap(), true).unwrap();
                }
            }
        });
    }
}

/// A control plane on a loopback address, and how a workload finds it with a token.
async fn control_plane(token: Option<&str>) -> (MeshAuthority, Discovery) {
    let mesh = MeshAuthority::default();
    let pem = Authority::generate("cluster.local", SystemTime::now()).unwrap();
    let authority = Arc::new(Authority::from_pem(&pem).unwrap());
    mesh.set_authority(Some(authority.clone()));
    let own = authority.issue_server(&tls::CONTROL_PLANE_NAMES, SystemTime::now()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(&own).unwrap()));
    let service = CertificateService::new(mesh.clone(), Arc::new(OneToken));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let discovery = Discovery {
        address: listener.local_addr().unwrap().to_string(),
        server_name: "istiod.istio-system.svc".into(),
        roots: Source::Text(authority.roots().to_owned()),
        token: token.map(|token| Source::Text(token.to_owned())),
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone(), service.clone()));
        }
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
    assert!(refused.contains("gRPC status 16: request authenticate failure: the token has expired"), "{refused}");

    let (_, stranger) = control_plane(Some("good")).await;
    let untrusted = Discovery { address: stranger.address.clone(), ..discovery.clone() };
    let error = client::fetch(&untrusted, None).await.unwrap_err();
    assert!(matches!(&error, FetchError::Handshake(..)), "{error}");

    let misnamed = Discovery { server_name: "other.example".into(), ..stranger };
    assert!(matches!(client::fetch(&misnamed, None).await, Err(FetchError::Handshake(..))));

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
    assert!(matches!(&error, FetchError::Call(..) | FetchError::Handshake(..)), "{error}");
}

#[tokio::test]
async fn a_file_that_comes_later_is_found_and_nobody_listening_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let (_, discovery) = control_plane(None).await;
    let discovery = Discovery { token: Some(Source::File(token.clone())), ..discovery };
    let (sender, mut receiver) = watch::channel(None);
    let renewal = tokio::spawn(client::renew(discovery, sender));
    std::fs::write(&token, Bytes::from_static(b"good")).unwrap();
    let certificate = receiver.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(certificate.renewal() > SystemTime::now());
    drop(receiver);
    renewal.await.unwrap();
}
