//! The workload's end: asking the control plane for a certificate, and for the next one in time.

use crate::WorkloadCertificate;
use crate::proto::{CertificateRequest, CertificateResponse};
use http::uri::PathAndQuery;
use meridian_grpc::tls::{ClientTls, Pem, TlsError};
use meridian_grpc::{ConnectError, Target, connect};
use rcgen::{CertificateParams, KeyPair};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tonic::Status;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

/// The path of the one method.
const CREATE_CERTIFICATE: &str = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first failure, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A text that is given, or that a file holds and somebody else may renew.
#[derive(Clone)]
pub enum Source {
    /// The text.
    Text(String),
    /// The file; read each time.
    File(PathBuf),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // It may be a token.
            Self::Text(_) => f.write_str("Text(hidden)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Source {
    async fn read(&self) -> Result<String, FetchError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || (std::fs::read_to_string(&path), path)).await;
                let (text, path) = read.map_err(|error| FetchError::Task(error.to_string()))?;
                text.map_err(|error| FetchError::File(path, error))
            }
        }
    }
}

/// Where the control plane is, and how it is known.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Such as `istiod.istio-system.svc:15012`, or `127.0.0.1:15012`.
    pub target: Target,
    /// The name in its certificate: `istiod.istio-system.svc`.
    pub server_name: String,
    /// Whom the workload trusts before it has a certificate: ConfigMap `istio-ca-root-cert`, key `root-cert.pem`.
    pub roots: Source,
    /// The service-account token, for the audience `istio-ca`; `None` where a certificate is all that there is.
    pub token: Option<Source>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A file of a [`Source`].
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, #[source] std::io::Error),
    /// The process ends.
    #[error("a task did not end: {0}")]
    Task(String),
    /// There is nothing to show to the control plane.
    #[error("there is neither a service-account token nor a certificate to show to the control plane")]
    NoCredential,
    /// The token is no text for a header.
    #[error("the token holds characters that no token has")]
    Token,
    /// The roots, the certificate, or the control plane's name.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The control plane cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It took too long.
    #[error("the control plane at {0} did not answer within 10 seconds")]
    Timeout(Target),
    /// The call failed.
    #[error("the control plane at {0} gave no certificate: {1} ({2:?})")]
    Call(Target, String, tonic::Code),
    /// The answer does not hold what was asked for.
    #[error("the answer to CreateCertificate has no certificate for the key that was sent, or no root")]
    Answer,
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
}

/// Asks for a certificate for a new key. Who the workload is, the control plane finds out from the token; from
/// `current`, where there is no token or the token is refused.
///
/// # Errors
/// See [`FetchError`].
pub async fn fetch(
    discovery: &Discovery,
    current: Option<&WorkloadCertificate>,
) -> Result<WorkloadCertificate, FetchError> {
    let attempt = async {
        let usable = current.filter(|current| current.not_after > SystemTime::now());
        let Some(token) = &discovery.token else {
            return call(discovery, None, Some(usable.ok_or(FetchError::NoCredential)?)).await;
        };
        let by_token = async { call(discovery, Some(token.read().await?), None).await };
        match (by_token.await, usable) {
            (Err(error), Some(usable)) => {
                tracing::warn!("{error}; asking with the present certificate instead of the token");
                call(discovery, None, Some(usable)).await
            }
            (result, _) => result,
        }
    };
    let timeout = tokio::time::timeout(TIMEOUT, attempt).await;
    timeout.unwrap_or_else(|_| Err(FetchError::Timeout(discovery.target.clone())))
}

async fn call(
    discovery: &Discovery,
    token: Option<String>,
    own: Option<&WorkloadCertificate>,
) -> Result<WorkloadCertificate, FetchError> {
    let roots = discovery.roots.read().await?;
    let tls = match own {
        None => ClientTls::anonymous(roots.as_bytes(), &discovery.server_name)?,
        Some(own) => {
            let (chain, key) = (own.chain.as_bytes(), own.key.as_bytes());
            let pem = Pem { certificate_chain: chain, private_key: key, roots: roots.as_bytes() };
            ClientTls::with_certificate(pem, &discovery.server_name)?
        }
    };
    let connection = connect(&discovery.target, Some(&tls)).await?;

    let key = KeyPair::generate()?;
    let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
    let mut request = tonic::Request::new(CertificateRequest { csr, ..CertificateRequest::default() });
    if let Some(token) = token {
        let value = format!("Bearer {}", token.trim()).parse().map_err(|_| FetchError::Token)?;
        request.metadata_mut().insert("authorization", value);
    }
    let refused =
        |status: Status| FetchError::Call(discovery.target.clone(), status.message().to_owned(), status.code());
    let origin = connection.origin();
    let mut grpc = Grpc::with_origin(connection, origin);
    grpc.ready().await.map_err(|error| refused(Status::unavailable(error.to_string())))?;
    let path = PathAndQuery::from_static(CREATE_CERTIFICATE);
    let codec = ProstCodec::<CertificateRequest, CertificateResponse>::default();
    let mut chain = grpc.unary(request, path, codec).await.map_err(refused)?.into_inner().cert_chain;
    let roots = chain.pop().filter(|_| !chain.is_empty()).ok_or(FetchError::Answer)?;
    meridian_tls::check_pair(chain.concat().as_bytes(), key.serialize_pem().as_bytes())
        .map_err(|_| FetchError::Answer)?;
    meridian_tls::check_trust(roots.as_bytes(), b"").map_err(|_| FetchError::Answer)?;
    WorkloadCertificate::new(chain.concat(), key.serialize_pem(), roots).ok_or(FetchError::Answer)
}

/// Keeps `sender` at a certificate that is valid: fetches one at once when there is none, then the next one at half of
/// its life, a little earlier by chance so that the proxies of a mesh do not all ask at once. What fails is tried again
/// after a pause; the present certificate stays until then. Returns when nobody listens any more.
pub async fn renew(discovery: Discovery, sender: watch::Sender<Option<Arc<WorkloadCertificate>>>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let current = sender.borrow().clone();
        if let Some(current) = &current {
            tokio::select! {
                () = current.until_due(earlier(current)) => {}
                () = sender.closed() => return,
            }
        }
        match fetch(&discovery, current.as_deref()).await {
            Ok(certificate) => {
                pause = FIRST_PAUSE;
                sender.send_replace(Some(Arc::new(certificate)));
            }
            Err(error) => {
                tracing::warn!("no new certificate: {error}; the next attempt is in {pause:?}");
                tokio::select! {
                    () = tokio::time::sleep(pause.mul_f64(0.8 + 0.4 * fastrand::f64())) => {}
                    () = sender.closed() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// How much before half of its life a certificate is renewed: up to a tenth of its life.
fn earlier(certificate: &WorkloadCertificate) -> Duration {
    let life = certificate.not_after.duration_since(certificate.not_before).unwrap_or_default();
    life.mul_f64(0.1 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_renewed_around_half_of_their_life() {
        let now = SystemTime::now();
        let certificate = WorkloadCertificate {
            chain: String::new(),
            key: String::new(),
            roots: String::new(),
            not_before: now,
            not_after: now + Duration::from_secs(1000),
        };
        for _ in 0..100 {
            let wait = certificate.left(now, earlier(&certificate));
            assert!(wait >= Duration::from_secs(400) && wait <= Duration::from_secs(500), "{wait:?}");
        }
        assert_eq!(certificate.left(now + Duration::from_secs(501), Duration::ZERO), Duration::ZERO);
    }
}
