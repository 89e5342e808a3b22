//! The certificate service: who asks is found out from a token or from the certificate that the caller has already.

use crate::authority::{LIFETIME, SignError};
use crate::proto::{CertificateRequest, CertificateResponse};
use crate::token::{Subject, TokenError};
use crate::{MeshAuthority, SpiffeId, TOKEN_AUDIENCE};
use meridian_grpc::{Handler, Peer};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tonic::Status;

/// The answer of a [`TokenReviewer`].
pub type Review<'a> = Pin<Box<dyn Future<Output = Result<Subject, TokenError>> + Send + 'a>>;

/// Who knows whether a service-account token counts: the API that has issued it.
pub trait TokenReviewer: fmt::Debug + Send + Sync {
    /// Whom a token speaks for, when it is valid for one of `audiences` and what it is bound to still exists.
    fn review<'a>(&'a self, token: &'a str, audiences: &'a [&'a str]) -> Review<'a>;
}

/// What a caller shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The value of its `authorization` header: `Bearer TOKEN`.
    pub authorization: Option<&'a str>,
    /// Its certificate in DER, which the TLS layer has verified against the mesh's roots.
    pub certificate: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// What the caller of a request shows.
    pub fn of<T>(request: &'a tonic::Request<T>) -> Self {
        let header = request.metadata().get("authorization");
        let peer = request.extensions().get::<Peer>();
        Self {
            // What is no text is no token: it is refused as such.
            authorization: header.map(|value| value.to_str().unwrap_or_default()),
            certificate: peer.and_then(|peer| peer.certificates.first()).map(AsRef::as_ref),
        }
    }
}

fn unauthenticated(reason: impl fmt::Display) -> Status {
    Status::unauthenticated(format!("request authenticate failure: {reason}"))
}

/// The certificate service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CertificateService {
    mesh: MeshAuthority,
    reviewer: Arc<dyn TokenReviewer>,
}

impl CertificateService {
    /// A service that signs with `mesh` for whom `reviewer` knows.
    pub fn new(mesh: MeshAuthority, reviewer: Arc<dyn TokenReviewer>) -> Self {
        Self { mesh, reviewer }
    }

    /// Who a caller is, as a member of the mesh's present trust domain. The certificate counts first, as at istiod; a
    /// token must be for the audience [`TOKEN_AUDIENCE`].
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, with what was wrong with each credential.
    pub async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<SpiffeId, Status> {
        let mut reasons = Vec::new();
        match credentials.certificate.map(|der| self.of_certificate(der)) {
            Some(Ok(id)) => return Ok(id),
            Some(Err(reason)) => reasons.push(reason),
            None => {}
        }
        match credentials.authorization.map(bearer) {
            Some(Some(token)) => match self.reviewer.review(token, &[TOKEN_AUDIENCE]).await {
                Ok(subject) => {
                    return Ok(self.mesh.current().identity(&subject.namespace, &subject.serviceaccount.name));
                }
                Err(error) => reasons.push(error.to_string()),
            },
            Some(None) => reasons.push("the authorization header is not \"Bearer TOKEN\"".to_owned()),
            None => {}
        }
        if reasons.is_empty() {
            reasons.push("neither a client certificate nor a token was shown".to_owned());
        }
        Err(unauthenticated(reasons.join("; ")))
    }

    /// The identity in a verified certificate, when its trust domain is the mesh's or an alias of it.
    fn of_certificate(&self, der: &[u8]) -> Result<SpiffeId, String> {
        let certificate = meridian_tls::certificate::parse(der).ok_or("the client certificate is malformed")?;
        let mut uris = certificate.uris();
        let (Some(uri), None) = (uris.next(), uris.next()) else {
            return Err("the client certificate has not exactly one URI".to_owned());
        };
        let id: SpiffeId = uri.parse().map_err(|error| format!("the client certificate's identity: {error}"))?;
        let mesh = self.mesh.current();
        if mesh.trusts(&id.trust_domain) {
            Ok(mesh.identity(&id.namespace, &id.service_account))
        } else {
            Err(format!(
                "the client certificate is of trust domain {:?}, the mesh's is {:?}; list the former in trustDomainAliases",
                id.trust_domain, mesh.trust_domain
            ))
        }
    }

    /// `CreateCertificate`: signs the key of a request for the caller's identity, whatever names the request has.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the request, `UNAVAILABLE` without an authority, `UNAUTHENTICATED` for whoever wants to
    /// be somebody else.
    pub fn create_certificate(
        &self,
        caller: &SpiffeId,
        request: &CertificateRequest,
    ) -> Result<CertificateResponse, Status> {
        let metadata = request.metadata.iter().flat_map(|metadata| &metadata.fields);
        for (name, value) in metadata.map(|(name, value)| (name, &value.string_value)) {
            match name.as_str() {
                _ if value.is_empty() => {}
                "ImpersonatedIdentity" => {
                    return Err(unauthenticated(format_args!("nobody may ask for the certificate of {value:?}")));
                }
                "CertSigner" => {
                    return Err(Status::invalid_argument(format!(
                        "found the signer {value:?}, allowed: none, for the mesh's own authority"
                    )));
                }
                _ => {}
            }
        }
        let Some(authority) = self.mesh.current().authority else {
            return Err(Status::unavailable("the mesh has no certificate authority yet"));
        };
        let lifetime = match u64::try_from(request.validity_duration) {
            Ok(0) | Err(_) => LIFETIME,
            Ok(seconds) => Duration::from_secs(seconds),
        };
        let mut chain = authority.sign(&request.csr, caller, lifetime, SystemTime::now()).map_err(|error| {
            let message = format!("CSR signing error ({error})");
            match error {
                SignError::Request(_) | SignError::Lifetime(_) => Status::invalid_argument(message),
                SignError::Authority(_) => Status::internal(message),
            }
        })?;
        // Istio's convention: the last element is what the caller is to trust.
        chain.push(authority.roots().to_owned());
        tracing::debug!(%caller, "signed a certificate");
        Ok(CertificateResponse { cert_chain: chain })
    }

    async fn call(&self, request: tonic::Request<CertificateRequest>) -> Result<CertificateResponse, Status> {
        let caller = self.authenticate(&Credentials::of(&request)).await?;
        self.create_certificate(&caller, request.get_ref())
    }

    /// What answers the service's calls on a gRPC server, under the name [`crate::CERTIFICATE_SERVICE`].
    pub fn handler(&self) -> Handler {
        let service = self.clone();
        Arc::new(move |request| {
            let service = service.clone();
            Box::pin(async move {
                if request.uri().path().rsplit('/').next() != Some("CreateCertificate") {
                    let message = format!("found {}, allowed: CreateCertificate", request.uri().path());
                    return Status::unimplemented(message).into_http();
                }
                meridian_grpc::unary(request, |request| {
                    let service = service.clone();
                    async move {
                        let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
                        let result = service.call(request).await;
                        result.map(tonic::Response::new).inspect_err(|status| {
                            tracing::warn!(?peer, code = ?status.code(), "no certificate: {}", status.message());
                        })
                    }
                })
                .await
            })
        })
    }
}

/// The token of an `authorization` header (RFC 6750 section 2.1; the scheme in any case).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests;
