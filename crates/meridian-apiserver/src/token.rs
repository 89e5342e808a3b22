//! Service-account tokens: made by `TokenRequest` (`kubectl create token`), read by `TokenReview`.
//!
//! They are signed with a key that the store keeps in a Secret of `kube-system`. Without the Secret, all tokens are
//! void; the next request makes a new key.

pub(crate) mod request;
pub(crate) mod review;

use meridian_identity::token::{TokenError, TokenKey};
use meridian_resources::core::{secret, service_account};
use meridian_store::{GroupResource, Key, StoreError, StoredObject};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::api::Api;
use crate::error::ApiError;

/// The Secret with the key that signs, in `kube-system`.
const KEY_SECRET: (&str, &str) = ("kube-system", "service-account-key");

/// The name of the key in it, as kubeadm has it for a file.
const KEY: &str = "sa.key";

/// The service account of workloads that name none; every namespace has it from the start.
const DEFAULT: &str = "default";

impl Api {
    /// Gives a namespace its service account `default`, as Kubernetes' controllers do.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(crate) async fn make_default_service_account(&self, namespace: &str) -> Result<(), ApiError> {
        let key = Key::new(GroupResource::of(&service_account::KIND), namespace, DEFAULT);
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT, "namespace": namespace},
        });
        match self.store().create(key, account).await {
            // It is there, or its namespace is gone already.
            Ok(_) | Err(StoreError::AlreadyExists(_) | StoreError::RequiredMissing { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The key that signs; made when there is none.
    async fn signing_key(&self) -> Result<TokenKey, ApiError> {
        if let Some(secret) = self.key_secret() {
            return token_key(&secret).map_err(|error| ApiError::internal(error.to_string()));
        }
        let pem = TokenKey::generate().map_err(|error| ApiError::internal(error.to_string()))?;
        let (namespace, name) = KEY_SECRET;
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "meridian.dev/service-account-key",
            "data": {KEY: base64(&pem)},
        });
        let key = Key::new(GroupResource::of(&secret::KIND), namespace, name);
        match self.store().create(key, secret).await {
            Ok(_) => {}
            // Somebody else was faster: theirs counts.
            Err(StoreError::AlreadyExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let secret = self.key_secret().ok_or_else(|| ApiError::internal("the key of tokens is gone again"))?;
        token_key(&secret).map_err(|error| ApiError::internal(error.to_string()))
    }

    fn key_secret(&self) -> Option<Arc<StoredObject>> {
        self.store().get(&Key::new(GroupResource::of(&secret::KIND), KEY_SECRET.0, KEY_SECRET.1))
    }

    /// An object by its kind's URL name.
    fn object(&self, plural: &'static str, namespace: &str, name: &str) -> Option<Arc<StoredObject>> {
        self.store().get(&Key::new(GroupResource::new("", plural), namespace, name))
    }
}

fn token_key(secret: &StoredObject) -> Result<TokenKey, TokenError> {
    let (namespace, name) = KEY_SECRET;
    let value = secret.to_value("v1", "Secret");
    let pem = value["data"][KEY].as_str().and_then(text);
    let missing = || TokenError::Key(format!("Secret {namespace}/{name} has no {KEY:?}; delete it to have a new one"));
    TokenKey::from_pem(&pem.ok_or_else(missing)?)
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn text(base64: &str) -> Option<String> {
    use base64::Engine;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(base64).ok()?).ok()
}

/// `metadata.uid`
fn uid(object: &StoredObject) -> String {
    object.metadata().uid.clone()
}

/// Fields of a request that are of another type than they should be.
fn malformed(field: &str, value: &Value, allowed: &str) -> ApiError {
    ApiError::bad_request(format!("{field}: found {value}, allowed: {allowed}"))
}
