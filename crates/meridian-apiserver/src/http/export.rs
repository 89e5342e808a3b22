//! `GET /meridian/v1/export`: a backup of a store that is being written to. What it shows is one revision.

use hyper::{Method, Response};

use super::{Context, response};
use crate::backup::{Export, Without};
use crate::body::Answer;
use crate::error::ApiError;
use crate::media;

impl Context<'_> {
    /// Answers with all objects. Whoever may get this path may read every Secret.
    pub(super) fn export(&self) -> Result<Response<Answer>, ApiError> {
        if self.method != Method::GET {
            return Err(ApiError::method_not_allowed());
        }
        let without = Without { secrets: self.query.flag("withoutSecrets"), owned: self.query.flag("plain") };
        let all = self.api.store().list_all();
        Ok(response(200, media::YAML, Answer::pieces(Export::new(all.objects, all.revision, without))))
    }
}
