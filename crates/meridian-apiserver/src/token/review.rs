//! `TokenReview` of `authentication.k8s.io/v1`: whose token it is, and whether it still counts.

use meridian_identity::token::{Claims, ISSUER, Reference, Subject, TokenError};
use meridian_identity::{Review, TokenReviewer};
use serde_json::{Value, json};

use super::{malformed, token_key, uid};
use crate::api::Api;
use crate::caller::{AUTHENTICATED, Caller, SERVICE_ACCOUNTS};
use crate::error::ApiError;

/// What Kubernetes says of every token that does not count.
const INVALID: &str = "invalid bearer token";

/// Reviews tokens for others in this process, such as the mesh's certificate service.
#[derive(Debug, Clone)]
pub struct Tokens(Api);

impl Tokens {
    /// The tokens of an API.
    pub fn new(api: Api) -> Tokens {
        Tokens(api)
    }
}

impl TokenReviewer for Tokens {
    fn review<'a>(&'a self, token: &'a str, audiences: &'a [&'a str]) -> Review<'a> {
        let claims = self.0.read_token(token, audiences);
        Box::pin(std::future::ready(claims.map(|claims| claims.subject)))
    }
}

impl Api {
    /// What a token says, when it is ours, valid for one of `audiences`, and what it speaks for and is bound to exists.
    fn read_token(&self, token: &str, audiences: &[&str]) -> Result<Claims, TokenError> {
        let secret = self.key_secret().ok_or_else(|| TokenError::Invalid("it has signed none yet".to_owned()))?;
        let claims = token_key(&secret)?.verify(token, audiences)?;
        let Subject { namespace, serviceaccount, pod, secret } = &claims.subject;
        let exists = |plural, kind: &str, reference: &Reference| {
            let found = self.object(plural, namespace, &reference.name).map(|object| uid(&object));
            if found.as_deref() == Some(&*reference.uid) {
                Ok(())
            } else {
                Err(TokenError::Gone(format!("{kind} {namespace}/{}", reference.name)))
            }
        };
        exists("serviceaccounts", "ServiceAccount", serviceaccount)?;
        if let Some(pod) = pod {
            exists("pods", "Pod", pod)?;
        }
        if let Some(secret) = secret {
            exists("secrets", "Secret", secret)?;
        }
        Ok(claims)
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub(crate) fn caller_of_token(&self, token: &str, audiences: &[&str]) -> Result<Caller, TokenError> {
        self.read_token(token, audiences).map(|claims| user(&claims))
    }

    /// The status of a review.
    ///
    /// # Errors
    /// 400 for a request without a token.
    pub(crate) async fn token_review(&self, spec: &Value) -> Result<Value, ApiError> {
        let token = spec["token"].as_str().unwrap_or_default();
        if token.is_empty() {
            return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
        }
        let audiences: Vec<String> = match &spec["audiences"] {
            Value::Null => Vec::new(),
            list => serde_json::from_value(list.clone())
                .map_err(|_| malformed("spec.audiences", list, "a list of texts such as [\"istio-ca\"]"))?,
        };
        let wanted: Vec<&str> =
            if audiences.is_empty() { vec![ISSUER] } else { audiences.iter().map(String::as_str).collect() };
        Ok(match self.read_token(token, &wanted) {
            Ok(claims) => {
                let common: Vec<&&str> = wanted.iter().filter(|audience| claims.aud.contains(**audience)).collect();
                json!({"authenticated": true, "audiences": common, "user": user(&claims).user_info()})
            }
            Err(TokenError::Invalid(_)) => json!({"user": {}, "error": INVALID}),
            Err(error) => json!({"user": {}, "error": format!("[{INVALID}, {error}]")}),
        })
    }
}

/// The user that a token stands for.
fn user(claims: &Claims) -> Caller {
    let subject = &claims.subject;
    let of_namespace = format!("{SERVICE_ACCOUNTS}:{}", subject.namespace);
    let mut caller = Caller::named(&subject.user_name(), &[SERVICE_ACCOUNTS, &of_namespace, AUTHENTICATED]);
    caller.uid.clone_from(&subject.serviceaccount.uid);
    let mut note = |key: &str, value: String| {
        caller.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value]);
    };
    note("credential-id", format!("JTI={}", claims.jti));
    if let Some(pod) = &subject.pod {
        note("pod-name", pod.name.clone());
        note("pod-uid", pod.uid.clone());
    }
    caller
}
