//! Who asks: client certificates and bearer tokens, as Kubernetes has them.

mod token_file;

pub use token_file::{TokenFile, TokenFileError};

use std::sync::Arc;
use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use meridian_identity::token::ISSUER;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::api::Api;
use crate::caller::{AUTHENTICATED, Caller};
use crate::error::ApiError;
use crate::tls::Verifier;

/// What a client has shown on its connection.
#[derive(Debug, Clone)]
pub(crate) enum Certificate {
    /// No certificate.
    None,
    /// One of the API's own authority, until a time.
    Valid(Caller, SystemTime),
    /// One that does not count.
    Invalid,
}

impl Certificate {
    /// Judges the certificates that a client has shown, its own first.
    pub(crate) fn judge(verifier: &Verifier, chain: Option<&[CertificateDer<'_>]>) -> Certificate {
        let Some((leaf, rest)) = chain.and_then(|chain| chain.split_first()) else { return Certificate::None };
        if let Err(error) = verifier.verify_client_cert(leaf, rest, UnixTime::now()) {
            tracing::info!(%error, "a client's certificate does not count");
            return Certificate::Invalid;
        }
        user_of(leaf).unwrap_or(Certificate::Invalid)
    }
}

/// The common name is the user, organizations are its groups.
fn user_of(leaf: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let subject = certificate.subject();
    let user = subject.iter_common_name().next()?.as_str().ok().filter(|name| !name.is_empty())?;
    let mut groups: Vec<&str> = subject.iter_organization().filter_map(|name| name.as_str().ok()).collect();
    groups.push(AUTHENTICATED);
    let mut caller = Caller::named(user, &groups);
    let digest = meridian_tls::certificate::hexadecimal(&meridian_tls::sha256(leaf));
    let credential = format!("X509SHA256={digest}");
    caller.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![credential]);
    let end = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(Certificate::Valid(caller, SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(end)))
}

/// Finds out who asks.
#[derive(Debug, Clone)]
pub(crate) struct Authenticator {
    api: Api,
    tokens: Arc<TokenFile>,
}

impl Authenticator {
    pub(crate) fn new(api: Api, tokens: Arc<TokenFile>) -> Authenticator {
        Authenticator { api, tokens }
    }

    /// Who sends a request with these headers over a connection with this certificate. A certificate comes before a
    /// token; without either it is the anonymous user.
    ///
    /// # Errors
    /// 401 for credentials that do not count.
    pub(crate) fn caller(&self, certificate: &Certificate, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match certificate {
            Certificate::Valid(caller, end) if SystemTime::now() <= *end => return Ok(caller.clone()),
            Certificate::Valid(..) | Certificate::Invalid => return Err(ApiError::unauthorized()),
            Certificate::None => {}
        }
        let Some(token) = bearer(headers) else { return Ok(Caller::anonymous()) };
        if let Some(user) = self.tokens.user(token) {
            return Ok(user.clone());
        }
        self.api.caller_of_token(token, &[ISSUER]).map_err(|error| {
            tracing::info!(%error, "a bearer token does not count");
            ApiError::unauthorized()
        })
    }
}

/// The token of `Authorization: Bearer TOKEN`. Other schemes are nobody's credentials here, as in Kubernetes.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
