//! Service-account tokens: JSON Web Tokens (RFC 7519) with the claims of Kubernetes.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Who issues the tokens, and their audience where nobody asks for another; Kubernetes' default.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How long a token is valid where nobody asks for another time.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// The shortest life that may be asked for.
pub const MIN_LIFETIME: Duration = Duration::from_secs(600);

/// An object that a token or a workload belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`: another object of the same name is another one.
    pub uid: String,
}

/// Whom a token speaks for: the claim `kubernetes.io`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The namespace of the service account and of what the token is bound to.
    pub namespace: String,
    /// The service account.
    pub serviceaccount: Reference,
    /// The Pod that the token ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The Secret that the token ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
}

impl Subject {
    /// The user name of Kubernetes: `system:serviceaccount:NAMESPACE:NAME`.
    pub fn user_name(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.serviceaccount.name)
    }
}

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it is for.
    pub aud: BTreeSet<String>,
    /// Until when it is valid, in seconds since 1970.
    pub exp: u64,
    /// When it was made.
    pub iat: u64,
    /// Who made it.
    pub iss: String,
    /// Its own name.
    pub jti: String,
    /// Whom it speaks for.
    #[serde(rename = "kubernetes.io")]
    pub subject: Subject,
    /// From when it is valid.
    pub nbf: u64,
    /// The same as the subject, as a user name.
    pub sub: String,
}

/// Why a token does not count. The messages show nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of ours.
    #[error("the token is not one that this API has signed ({0})")]
    Invalid(String),
    /// It has ended.
    #[error("the token has expired; ask for a new one with `kubectl create token`")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet; compare the clocks of the two machines")]
    Immature,
    /// It is for somebody else.
    #[error("the token is not for {}: ask for one with `kubectl create token NAME --audience {}`", .0.join(" or "), .0.first().map_or("AUDIENCE", String::as_str))]
    Audience(Vec<String>),
    /// What it speaks for, or is bound to, is gone or another one.
    #[error("the token's {0} does not exist any more")]
    Gone(String),
    /// Who knows could not be asked.
    #[error("the token could not be reviewed: {0}")]
    Unreviewed(String),
    /// The key that signs cannot be used.
    #[error("the key of service-account tokens cannot be used: {0}")]
    Key(String),
}

/// The key that signs tokens (ECDSA P-256, `ES256`), and reads them. `Debug` hides it.
pub struct TokenKey {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A new key as PEM (PKCS#8), to be kept.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<String, TokenError> {
        Ok(KeyPair::generate().map_err(|error| TokenError::Key(error.to_string()))?.serialize_pem())
    }

    /// Reads a key that was kept.
    ///
    /// # Errors
    /// [`TokenError::Key`]
    pub fn from_pem(pem: &str) -> Result<Self, TokenError> {
        let pair = KeyPair::from_pem(pem).map_err(|error| TokenError::Key(error.to_string()))?;
        if pair.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(TokenError::Key("found another kind, allowed: ECDSA P-256 in PKCS#8".to_owned()));
        }
        let der = pair.serialize_der();
        let private = PrivatePkcs8KeyDer::from(der.as_slice());
        let public = pair.der_bytes();
        // As Kubernetes names keys: by a digest of the public one.
        let id = meridian_tls::certificate::hexadecimal(&meridian_tls::sha256(public));
        Ok(Self {
            id,
            encoding: EncodingKey::from_ec_der(private.secret_pkcs8_der()),
            decoding: DecodingKey::from_ec_der(public),
        })
    }

    /// A token for `subject`, for these audiences ([`ISSUER`] where there is none), with the time of its end.
    ///
    /// # Errors
    /// [`TokenError::Key`]
    pub fn issue(
        &self,
        subject: Subject,
        audiences: BTreeSet<String>,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<(String, SystemTime), TokenError> {
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = Claims {
            aud: if audiences.is_empty() { [ISSUER.to_owned()].into() } else { audiences },
            exp: seconds(now + lifetime),
            iat: seconds(now),
            iss: ISSUER.to_owned(),
            jti: uuid::Uuid::new_v4().to_string(),
            sub: subject.user_name(),
            subject,
            nbf: seconds(now),
        };
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::ES256) };
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(claims.exp);
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding);
        token.map(|token| (token, end)).map_err(|error| TokenError::Key(error.to_string()))
    }

    /// What a token says, when it is signed with this key, valid now, and for one of `audiences`. Whether its service
    /// account still exists is for the caller to see.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify(&self, token: &str, audiences: &[&str]) -> Result<Claims, TokenError> {
        use jsonwebtoken::errors::ErrorKind;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_audience(audiences);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        let claims = match jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation) {
            Ok(data) => data.claims,
            Err(error) => {
                return Err(match error.kind() {
                    ErrorKind::ExpiredSignature => TokenError::Expired,
                    ErrorKind::ImmatureSignature => TokenError::Immature,
                    ErrorKind::InvalidAudience => {
                        TokenError::Audience(audiences.iter().map(|&name| name.to_owned()).collect())
                    }
                    // These carry text of the token.
                    ErrorKind::Json(_) | ErrorKind::Utf8(_) | ErrorKind::Base64(_) => {
                        TokenError::Invalid("malformed".to_owned())
                    }
                    _ => TokenError::Invalid(error.to_string()),
                });
            }
        };
        if claims.sub != claims.subject.user_name() {
            return Err(TokenError::Invalid("its subject is not its service account".to_owned()));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests;
