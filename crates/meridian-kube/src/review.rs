//! `TokenReview`: whose token it is, as the API server says.

use crate::{Client, Error};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::{Api, PostParams};

/// Whom a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The user name, for example `system:serviceaccount:default:sleep`.
    pub user_name: String,
    /// Identifies the user for all time.
    pub uid: String,
    /// The audiences of those that were asked for of which the token is valid.
    pub audiences: Vec<String>,
}

impl Client {
    /// Asks the server whose token this is. The inner error is why it does not count.
    ///
    /// # Errors
    /// See [`Error`]: the server could not be asked.
    pub async fn review(&self, token: &str, audiences: &[&str]) -> Result<Result<Reviewed, String>, Error> {
        let spec = TokenReviewSpec {
            token: token.to_owned(),
            audiences: Some(audiences.iter().map(|audience| (*audience).to_owned()).collect()),
        };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviews: Api<TokenReview> = Api::all(self.kube.clone());
        let status = reviews.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
        if status.authenticated != Some(true) {
            return Ok(Err(status.error.unwrap_or_else(|| "the API server does not know the token".to_owned())));
        }
        let user = status.user.unwrap_or_default();
        let audiences = status.audiences.unwrap_or_default();
        Ok(Ok(Reviewed { user_name: user.username.unwrap_or_default(), uid: user.uid.unwrap_or_default(), audiences }))
    }
}
