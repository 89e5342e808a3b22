//! Whose token it is that a proxy shows: the Kubernetes API server that has issued it says so.

use meridian_identity::token::{Reference, Subject, TokenError};
use meridian_identity::{Review, TokenReviewer};
use meridian_kube::{Client, Reviewed};

/// Has tokens reviewed by a Kubernetes API server.
#[derive(Debug, Clone)]
pub struct KubernetesTokens(Client);

impl KubernetesTokens {
    /// The tokens of an API.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    async fn ask(&self, token: &str, audiences: &[&str]) -> Result<Subject, TokenError> {
        let reviewed = self.0.review(token, audiences).await;
        let reviewed = reviewed.map_err(|error| TokenError::Unreviewed(error.to_string()))?;
        subject_of(reviewed.map_err(TokenError::Invalid)?, audiences)
    }
}

impl TokenReviewer for KubernetesTokens {
    fn review<'a>(&'a self, token: &'a str, audiences: &'a [&'a str]) -> Review<'a> {
        Box::pin(self.ask(token, audiences))
    }
}

/// The service account that a token speaks for. A server that knows no audiences names none: such a token counts for
/// nothing here.
fn subject_of(reviewed: Reviewed, audiences: &[&str]) -> Result<Subject, TokenError> {
    if !reviewed.audiences.iter().any(|found| audiences.contains(&found.as_str())) {
        return Err(TokenError::Audience(audiences.iter().map(|audience| (*audience).to_owned()).collect()));
    }
    let account = reviewed.user_name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let Some((namespace, name)) = account else {
        return Err(TokenError::Invalid(format!(
            "it speaks for {:?}, which is no service account",
            reviewed.user_name
        )));
    };
    Ok(Subject {
        namespace: namespace.to_owned(),
        serviceaccount: Reference { name: name.to_owned(), uid: reviewed.uid },
        pod: None,
        secret: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviewed(user_name: &str, audience: &str) -> Result<Subject, TokenError> {
        let reviewed =
            Reviewed { user_name: user_name.to_owned(), uid: "u".to_owned(), audiences: vec![audience.to_owned()] };
        subject_of(reviewed, &["istio-ca"])
    }

    #[test]
    fn only_service_accounts_and_only_for_the_audience() {
        let subject = reviewed("system:serviceaccount:default:sleep", "istio-ca").unwrap();
        assert_eq!((subject.namespace.as_str(), subject.serviceaccount.name.as_str()), ("default", "sleep"));
        let other = reviewed("system:serviceaccount:default:sleep", "api");
        assert_eq!(other, Err(TokenError::Audience(vec!["istio-ca".to_owned()])));
        assert!(matches!(reviewed("admin", "istio-ca"), Err(TokenError::Invalid(_))));
    }
}
