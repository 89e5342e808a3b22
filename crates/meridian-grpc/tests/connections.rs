//! Real connections on loopback: plain and with TLS, and who the server sees.
#![allow(clippy::unwrap_used)]

use meridian_grpc::tls::{CONTROL_PLANE, ClientTls, Pem, ServerTls};
use meridian_grpc::{Peer, Server, Target, connect, unary};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::Code;
use tonic_prost::ProstCodec;

/// An authority that the test makes.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: String,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let roots = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), roots }
    }

    fn issue(&self, name: SanType) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn pem<'p>(&'p self, (chain, key): &'p (String, String)) -> Pem<'p> {
        Pem { certificate_chain: chain.as_bytes(), private_key: key.as_bytes(), roots: self.roots.as_bytes() }
    }
}

/// Starts a server that answers with the identities of its callers.
async fn start(tls: Option<Arc<ServerTls>>) -> (Target, watch::Sender<bool>) {
    let who = Arc::new(|request| {
        let answer = unary(request, |request: tonic::Request<String>| async move {
            let peer = request.extensions().get::<Peer>().unwrap();
            assert_eq!(peer.valid_until().is_some(), !peer.certificates.is_empty());
            Ok(tonic::Response::new(format!("{} {:?}", request.get_ref(), peer.spiffe_ids())))
        });
        Box::pin(answer) as meridian_grpc::Answer
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string().parse().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(Server::new().with("test.Who", who).serve(listener, tls, stopped));
    (target, stop)
}

async fn ask(target: &Target, tls: Option<&ClientTls>, path: &'static str) -> Result<String, tonic::Status> {
    let connection = connect(target, tls).await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let origin = connection.origin();
    let mut client = tonic::client::Grpc::with_origin(connection, origin);
    client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<String, String>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    Ok(client.unary(tonic::Request::new("you are".to_owned()), path, codec).await?.into_inner())
}

#[tokio::test]
async fn a_plain_server_knows_its_services_only() {
    let (target, _stop) = start(None).await;
    assert_eq!(ask(&target, None, "/test.Who/Ami").await.unwrap(), "you are []");
    let error = ask(&target, None, "/test.Other/Method").await.unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    assert!(error.message().contains("allowed: methods of test.Who"), "{error}");
}

#[tokio::test]
async fn a_client_is_who_its_certificate_says() {
    let authority = Authority::new();
    let server = authority.issue(SanType::DnsName(CONTROL_PLANE.try_into().unwrap()));
    let (target, _stop) = start(Some(Arc::new(ServerTls::new(authority.pem(&server)).unwrap()))).await;
    let id = "spiffe://cluster.local/ns/default/sa/sleep";
    let client = authority.issue(SanType::URI(id.try_into().unwrap()));
    let known = ClientTls::with_certificate(authority.pem(&client), CONTROL_PLANE).unwrap();
    assert_eq!(ask(&target, Some(&known), "/test.Who/Ami").await.unwrap(), format!("you are [{id:?}]"));
    let unknown = ClientTls::anonymous(authority.roots.as_bytes(), CONTROL_PLANE).unwrap();
    assert_eq!(ask(&target, Some(&unknown), "/test.Who/Ami").await.unwrap(), "you are []");
}

#[tokio::test]
async fn nobody_is_believed_whom_another_authority_has_signed() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let name = || SanType::DnsName(CONTROL_PLANE.try_into().unwrap());
    let server = ours.issue(name());
    let tls = Arc::new(ServerTls::new(ours.pem(&server)).unwrap());
    let (target, _stop) = start(Some(tls.clone())).await;

    // A server of another authority, and a server of another name.
    let distrustful = ClientTls::anonymous(theirs.roots.as_bytes(), CONTROL_PLANE).unwrap();
    let error = ask(&target, Some(&distrustful), "/test.Who/Ami").await.unwrap_err();
    assert!(error.message().contains("TLS handshake"), "{error}");
    let elsewhere = ClientTls::anonymous(ours.roots.as_bytes(), "other.example.com").unwrap();
    assert!(ask(&target, Some(&elsewhere), "/test.Who/Ami").await.is_err());

    // A client of another authority.
    let stranger = theirs.issue(SanType::URI("spiffe://cluster.local/ns/default/sa/sleep".try_into().unwrap()));
    let pem = Pem { roots: ours.roots.as_bytes(), ..theirs.pem(&stranger) };
    let stranger = ClientTls::with_certificate(pem, CONTROL_PLANE).unwrap();
    assert!(ask(&target, Some(&stranger), "/test.Who/Ami").await.is_err());

    // New certificates are served at once.
    let server = theirs.issue(name());
    tls.replace(theirs.pem(&server)).unwrap();
    assert_eq!(ask(&target, Some(&distrustful), "/test.Who/Ami").await.unwrap(), "you are []");
}
