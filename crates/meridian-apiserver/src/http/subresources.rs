//! The parts of objects that have URLs of their own, other than their status: `scale`, `finalize`, `eviction`, and what
//! would need a running program.

use hyper::{Method, Response};
use serde_json::{Value, json};

use super::{Context, JSON, json_response, response};
use crate::api::DeleteOptions;
use crate::body::Answer;
use crate::error::ApiError;
use crate::media::{self, Form};
use crate::patch::{self, Patch};
use crate::query::WriteKind;
use crate::render;
use crate::target::{Objects, Program, Subresource};

impl Context<'_> {
    /// Answers for a subresource; `None` when it is none of these.
    pub(super) async fn subresource(
        &self,
        target: &Objects,
        body: &[u8],
    ) -> Option<Result<Response<Answer>, ApiError>> {
        Some(match target.subresource? {
            Subresource::Scale => self.scale(target, body).await,
            Subresource::Finalize => self.finalize(target, body).await,
            Subresource::Eviction => self.evict(target, body).await,
            Subresource::Program(program) => Err(self.no_program(target, program)),
            Subresource::Status | Subresource::Token => return None,
        })
    }

    async fn scale(&self, target: &Objects, body: &[u8]) -> Result<Response<Answer>, ApiError> {
        let content_type = self.content_type.as_deref();
        let (scale, written) = match self.method {
            Method::GET => return Ok(json_response(200, &self.api.scale(target)?)),
            Method::PUT => {
                let scale = media::read_object(content_type, body)?;
                if !scale.is_object() {
                    return Err(ApiError::bad_request("the body of the request is not a Scale object"));
                }
                let options = self.write_options(WriteKind::Update, target)?;
                self.api.set_scale(target, |_| Ok(scale.clone()), &options).await?
            }
            Method::PATCH => {
                let patch = match patch::Body::read(target.resource, content_type, body)? {
                    // A scale has no lists, for which alone the two differ.
                    patch::Body::Patch(Patch::Strategic(patch)) => Patch::Merge(patch),
                    patch::Body::Patch(patch) => patch,
                    patch::Body::Apply(config) => {
                        let options = self.write_options(WriteKind::Apply, target)?;
                        let (scale, written) = self.api.apply_scale(target, &config, &options).await?;
                        let mut answer = json_response(200, &scale);
                        super::warn(&mut answer, &written.warnings);
                        return Ok(answer);
                    }
                };
                let options = self.write_options(WriteKind::Patch, target)?;
                let unversioned = |mut scale: Value| {
                    scale["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
                    patch.apply(target.resource, scale)
                };
                self.api.set_scale(target, unversioned, &options).await?
            }
            _ => return Err(ApiError::method_not_allowed()),
        };
        let mut answer = json_response(200, &scale);
        super::warn(&mut answer, &written.warnings);
        Ok(answer)
    }

    async fn finalize(&self, target: &Objects, body: &[u8]) -> Result<Response<Answer>, ApiError> {
        if self.method != Method::PUT {
            return Err(ApiError::method_not_allowed());
        }
        let object = media::read_object(self.content_type.as_deref(), body)?;
        let namespace = self.api.finalize_namespace(target, &object).await?;
        let text = render::object(target.resource, &target.api_version(), Form::Object, &namespace);
        Ok(response(200, JSON, Answer::whole(text)))
    }

    /// Nothing keeps a Pod here: it is deleted.
    async fn evict(&self, target: &Objects, body: &[u8]) -> Result<Response<Answer>, ApiError> {
        if self.method != Method::POST {
            return Err(ApiError::method_not_allowed());
        }
        let eviction = media::read_object(self.content_type.as_deref(), body)?;
        let options = eviction.get("deleteOptions").filter(|options| !options.is_null());
        let options = options.map(Value::to_string).unwrap_or_default();
        let options = DeleteOptions::read(&self.query, Some(JSON), options.as_bytes())?;
        self.api.delete(target, &options).await?;
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok(json_response(201, &status))
    }

    /// Why there is no program, and what to do instead.
    fn no_program(&self, target: &Objects, program: Program) -> ApiError {
        let missing = self.api.get(target).err();
        let name = target.name.as_deref().unwrap_or_default();
        let instead = match program {
            Program::Exec => "so there is nothing to execute commands in; run them where the program runs",
            Program::Attach => "so there is nothing to attach to; look where the program runs",
            Program::Log => {
                "so there is no log; a program's log is where it was started, and gateways write theirs to the \
                 standard output of `meridian up`, or below its --access-logs"
            }
            Program::PortForward => "so there is no port to forward; reach the program at its own address",
            Program::Proxy => "and no requests are passed on; reach the program at its own address",
            Program::EphemeralContainers => "so there is nothing to debug; debug the program where it runs",
        };
        let what = &target.resource.collection;
        missing.unwrap_or_else(|| {
            ApiError::bad_request(format!(
                "{what} \"{name}\": objects are stored here, but no programs run in them, {instead}"
            ))
        })
    }
}
