//! `TokenRequest` of `authentication.k8s.io/v1`: a token for a service account.

use meridian_identity::token::{ISSUER, LIFETIME, MIN_LIFETIME, Reference, Subject};
use meridian_resources::FieldError;
use meridian_store::GroupResource;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::{malformed, uid};
use crate::api::Api;
use crate::error::ApiError;
use crate::target::Objects;
use crate::time;

/// The longest life that may be asked for, as in Kubernetes (2^32 seconds).
const MAX_SECONDS: u64 = 1 << 32;

/// What a request asks for.
struct Wanted {
    audiences: BTreeSet<String>,
    lifetime: Duration,
}

impl Api {
    /// Answers a request with itself and the token in its status.
    ///
    /// # Errors
    /// 404 without the service account or the object that the token is to be bound to, 409 when that is another one,
    /// 400 and 422 for the request.
    pub(crate) async fn create_token(
        &self,
        target: &Objects,
        mut request: Value,
        dry_run: bool,
    ) -> Result<Value, ApiError> {
        let (namespace, name) =
            (target.namespace.as_deref().unwrap_or_default(), target.name.as_deref().unwrap_or_default());
        let account = self
            .object("serviceaccounts", namespace, name)
            .ok_or_else(|| ApiError::not_found(&target.resource.collection, name))?;
        if !request["spec"].is_object() {
            request["spec"] = json!({});
        }
        let wanted = wanted(&request["spec"])?;
        let mut subject = Subject {
            namespace: namespace.to_owned(),
            serviceaccount: Reference { name: name.to_owned(), uid: uid(&account) },
            pod: None,
            secret: None,
        };
        self.bind(&mut subject, &request["spec"]["boundObjectRef"])?;

        let now = SystemTime::now();
        let (token, end) = if dry_run {
            (String::new(), now + wanted.lifetime)
        } else {
            let key = self.signing_key().await?;
            key.issue(subject, wanted.audiences.clone(), wanted.lifetime, now)
                .map_err(|error| ApiError::internal(error.to_string()))?
        };
        let audiences = if wanted.audiences.is_empty() { [ISSUER.to_owned()].into() } else { wanted.audiences };
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["kind"] = "TokenRequest".into();
        request["metadata"] = json!({"name": name, "namespace": namespace, "creationTimestamp": time::text(now)});
        request["spec"]["audiences"] = json!(audiences);
        request["spec"]["expirationSeconds"] = wanted.lifetime.as_secs().into();
        request["status"] = json!({"token": token, "expirationTimestamp": time::text(end)});
        Ok(request)
    }

    /// Binds a token to the Pod or Secret that the request names.
    fn bind(&self, subject: &mut Subject, bound: &Value) -> Result<(), ApiError> {
        if bound.is_null() {
            return Ok(());
        }
        let field = |name: &str| bound[name].as_str().unwrap_or_default();
        let (kind, version, name) = (field("kind"), field("apiVersion"), field("name"));
        let plural = match (kind, version) {
            ("Pod", "v1" | "") => "pods",
            ("Secret", "v1" | "") => "secrets",
            _ => {
                let allowed = "a Pod or a Secret of apiVersion v1";
                return Err(malformed("spec.boundObjectRef", bound, allowed));
            }
        };
        let collection = GroupResource::new("", plural);
        let object =
            self.object(plural, &subject.namespace, name).ok_or_else(|| ApiError::not_found(&collection, name))?;
        let found = uid(&object);
        if !field("uid").is_empty() && field("uid") != found {
            let why = format!(
                "the UID in the bound object reference ({}) does not match the UID in record. The object might have been \
                 deleted and then recreated",
                field("uid")
            );
            return Err(ApiError::conflict(&collection, name, &why));
        }
        if plural == "pods" {
            let pod = object.to_value("v1", "Pod");
            let of_pod = pod["spec"]["serviceAccountName"].as_str().filter(|name| !name.is_empty());
            let of_pod = of_pod.unwrap_or(super::DEFAULT);
            if of_pod != subject.serviceaccount.name {
                return Err(ApiError::bad_request(format!(
                    "cannot bind token for serviceaccount {:?} to pod {name:?} running with different serviceaccount name.",
                    subject.serviceaccount.name
                )));
            }
        }
        let reference = Some(Reference { name: name.to_owned(), uid: found });
        if plural == "pods" {
            subject.pod = reference
        } else {
            subject.secret = reference
        }
        Ok(())
    }
}

/// Checks what is asked for.
fn wanted(spec: &Value) -> Result<Wanted, ApiError> {
    let audiences = match &spec["audiences"] {
        Value::Null => BTreeSet::new(),
        list => serde_json::from_value(list.clone())
            .map_err(|_| malformed("spec.audiences", list, "a list of texts such as [\"istio-ca\"]"))?,
    };
    let seconds = match &spec["expirationSeconds"] {
        Value::Null => LIFETIME.as_secs(),
        value => value.as_u64().ok_or_else(|| malformed("spec.expirationSeconds", value, "a number of seconds"))?,
    };
    let invalid = |why: &str| {
        let error = FieldError::invalid_value("spec.expirationSeconds", &seconds.into(), why);
        ApiError::invalid_kind("authentication.k8s.io", "TokenRequest", "", &[error])
    };
    if seconds < MIN_LIFETIME.as_secs() {
        return Err(invalid("may not specify a duration less than 10 minutes"));
    }
    if seconds > MAX_SECONDS {
        return Err(invalid("may not specify a duration larger than 2^32 seconds"));
    }
    Ok(Wanted { audiences, lifetime: Duration::from_secs(seconds) })
}
