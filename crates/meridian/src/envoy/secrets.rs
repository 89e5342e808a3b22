//! The secret discovery service beside Envoy (SDS), on a Unix socket as Istio's agent has it: the identity of the
//! workload, which the control plane does not know, and files.

use meridian_discovery::message::{DiscoveryRequest, DiscoveryResponse};
use meridian_discovery::server::StateSession;
use meridian_grpc::{Answer, Handler};
use meridian_identity::WorkloadCertificate;
use meridian_ir::tls::{FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, SYSTEM_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_ir::{Authority, Name, ProxyConfig, Secret};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// The full name of the service.
pub(super) const SERVICE: &str = "envoy.service.secret.v3.SecretDiscoveryService";

/// Its method with the state of the world, which the sources that Istio writes ask for.
const STREAM_SECRETS: &str = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets";

/// Files are looked at so often.
const FILE_INTERVAL: Duration = Duration::from_secs(5);

/// Where systems keep what they trust.
const SYSTEM_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The certificate that counts now; `None`: none has come yet.
pub(super) type Identity = watch::Receiver<Option<Arc<WorkloadCertificate>>>;

/// Answers requests for secrets.
pub(super) fn handler(identity: Identity) -> Handler {
    Arc::new(move |request| -> Answer {
        let identity = identity.clone();
        match request.uri().path() {
            STREAM_SECRETS => Box::pin(meridian_grpc::streaming(request, move |request| {
                let (responses, receiver) = mpsc::channel(1);
                let stream = Stream { requests: request.into_inner(), responses, identity: identity.clone() };
                tokio::spawn(stream.run());
                std::future::ready(Ok(tonic::Response::new(ReceiverStream::new(receiver))))
            })),
            other => {
                let status = Status::unimplemented(format!("found {other}, allowed: {STREAM_SECRETS}"));
                Box::pin(std::future::ready(status.into_http()))
            }
        }
    })
}

/// One stream; Envoy opens one for each secret.
struct Stream {
    requests: Streaming<DiscoveryRequest>,
    responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
    identity: Identity,
}

impl Stream {
    async fn run(mut self) {
        let mut names = BTreeSet::new();
        let mut known: Arc<ProxyConfig> = Arc::default();
        let mut session = StateSession::new(known.clone());
        let mut files = tokio::time::interval(FILE_INTERVAL);
        loop {
            let mut request = None;
            tokio::select! {
                received = self.requests.message() => match received {
                    Ok(Some(received)) => request = Some(received),
                    Ok(None) | Err(_) => return,
                },
                changed = self.identity.changed() => if changed.is_err() { return },
                _ = files.tick() => {}
            }
            if let Some(request) = &request {
                names.extend(request.resource_names.iter().map(|name| Name::from(name.as_str())));
                if let Some(error) = &request.error_detail {
                    tracing::warn!("Envoy has rejected a secret: {}", error.message);
                }
            }
            let identity = self.identity.borrow().clone();
            let found = Arc::new(secrets(&names, identity.as_deref()));
            let mut responses = Vec::new();
            if found.secrets != known.secrets || found.authorities != known.authorities {
                known = found.clone();
                responses = session.config(found);
            }
            responses.extend(request.as_ref().and_then(|request| session.request(request)));
            for response in responses {
                if self.responses.send(Ok(response)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What is known under these names.
fn secrets(names: &BTreeSet<Name>, identity: Option<&WorkloadCertificate>) -> ProxyConfig {
    let mut config = ProxyConfig::default();
    for name in names {
        let pair = match (&**name, identity) {
            (WORKLOAD_CERTIFICATE, Some(own)) => Some((own.chain.clone().into_bytes(), own.key.clone().into_bytes())),
            (name, _) => name.strip_prefix(FILE_CERTIFICATE).and_then(pair_of_files),
        };
        let roots = match (&**name, identity) {
            (MESH_AUTHORITY, Some(own)) => Some(own.roots.clone().into_bytes()),
            (SYSTEM_AUTHORITY, _) => SYSTEM_FILES.iter().find_map(|path| std::fs::read(path).ok()),
            (name, _) => name.strip_prefix(FILE_AUTHORITY).and_then(|path| read(Path::new(path))),
        };
        if let Some((certificate_chain, private_key)) = pair {
            let secret = Secret { name: name.clone(), certificate_chain, private_key };
            config.secrets.insert(name.clone(), Arc::new(secret));
        }
        if let Some(certificates) = roots {
            let authority = Authority { name: name.clone(), certificates, revocation_lists: Vec::new() };
            config.authorities.insert(name.clone(), Arc::new(authority));
        }
    }
    config
}

/// `<certificate>~<key>`
fn pair_of_files(paths: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (certificate, key) = paths.split_once('~')?;
    Some((read(Path::new(certificate))?, read(Path::new(key))?))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).map_err(|error| tracing::warn!("{}: {error}", path.display())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn names_stand_for_the_identity_and_for_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            path.display().to_string()
        };
        let (certificate, key, roots) = (file("certificate"), file("key"), file("roots"));
        let (pair, authority) = (format!("file-cert:{certificate}~{key}"), format!("file-root:{roots}"));
        let others = ["file-cert:/nowhere~/nowhere", "file-root:/nowhere", "kubernetes://a", "file-cert:x"];
        let names: BTreeSet<Name> =
            ["default", "ROOTCA", &pair, &authority].into_iter().chain(others).map(Name::from).collect();
        let own = WorkloadCertificate {
            chain: "chain".to_owned(),
            key: "own key".to_owned(),
            roots: "mesh".to_owned(),
            not_before: SystemTime::UNIX_EPOCH,
            not_after: SystemTime::UNIX_EPOCH,
        };
        let found = secrets(&names, Some(&own));
        let keys: Vec<(&str, &[u8])> =
            found.secrets.iter().map(|(name, secret)| (&**name, &*secret.private_key)).collect();
        assert_eq!(keys, [("default", &b"own key"[..]), (&pair, &b"key"[..])]);
        let trusted: Vec<(&str, &[u8])> =
            found.authorities.iter().map(|(name, authority)| (&**name, &*authority.certificates)).collect();
        assert_eq!(trusted, [("ROOTCA", &b"mesh"[..]), (&authority, &b"roots"[..])]);
        let before = secrets(&names, None);
        assert!(!before.secrets.contains_key("default") && !before.authorities.contains_key("ROOTCA"));
    }
}
