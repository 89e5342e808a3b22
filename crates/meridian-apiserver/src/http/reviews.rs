//! Answers to reviews.

use hyper::{Method, Response};
use serde_json::json;

use super::{Context, json_response, warn};
use crate::admission;
use crate::authz::{self, Authorizer};
use crate::body::Answer;
use crate::error::ApiError;
use crate::media;
use crate::query::{WriteKind, WriteOptions};
use crate::reviews::Question;
use crate::target::Objects;
use crate::time;

impl Context<'_> {
    /// Answers a review with itself and its status.
    pub(super) async fn review(
        &self,
        target: &Objects,
        question: Question,
        body: &[u8],
    ) -> Result<Response<Answer>, ApiError> {
        if self.method != Method::POST {
            return Err(ApiError::method_not_allowed());
        }
        let options = WriteOptions::parse(&self.query, WriteKind::Create, &self.caller.agent)?;
        let review = media::read_object(self.content_type.as_deref(), body)?;
        let (mut review, warnings) = admission::admit_review(target, review, options.field_validation)?;
        let spec = &review["spec"];
        let authorizer = Authorizer::new(self.api.store());
        let status = match question {
            Question::SelfSubjectAccess => {
                authz::check_review(question, &review)?;
                authz::access_review(&authorizer, &self.caller, spec)
            }
            Question::SubjectAccess | Question::LocalSubjectAccess => {
                authz::check_review(question, &review)?;
                authz::access_review(&authorizer, &authz::subject(spec), spec)
            }
            Question::SelfSubjectRules => authz::rules_review(&authorizer, &self.caller, spec)?,
            Question::Token => self.api.token_review(spec).await?,
            Question::SelfSubject => json!({"userInfo": self.caller.user_info()}),
        };
        review["status"] = status;
        if question == Question::SelfSubject {
            review["metadata"]["creationTimestamp"] = time::now().into();
        }
        let mut answer = json_response(201, &review);
        warn(&mut answer, &warnings);
        Ok(answer)
    }
}
