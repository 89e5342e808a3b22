//! From a request to an answer.

mod export;
mod gateways;
mod reviews;
mod subresources;

use std::fmt::Display;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, WARNING};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::api::{Api, DeleteOptions, Deleted, Written};
use crate::authz::{self, Attributes, Authorizer};
use crate::body::Answer;
use crate::caller::{Caller, MASTERS};
use crate::error::{ApiError, Reason, deleted_status};
use crate::media::{self, Form};
use crate::query::{ListOptions, Query, WriteKind, WriteOptions};
use crate::shape::Shape;
use crate::target::{self, Objects, Subresource, Target};
use crate::watch::{self, WatchSettings};
use crate::{decode, discovery, openapi, patch, render, version};

/// The version of Kubernetes' API that this server speaks, as `kubectl version` prints it.
pub(crate) const KUBERNETES_VERSION: &str = concat!("v1.32.0+meridian-", env!("CARGO_PKG_VERSION"));

/// The largest body of a request, as in Kubernetes (etcd's limit and some).
const MAX_BODY: usize = 3 << 20;

/// How much of a body that is too large is read before the connection is closed.
const MAX_DISCARDED: usize = 64 << 20;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const AGGREGATED_DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers one request of somebody who is known.
pub(crate) async fn answer<B>(
    api: &Api,
    settings: &WatchSettings,
    caller: Caller,
    request: Request<B>,
) -> Response<Answer>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let shape = Query::parse(uri.query()).map_or(Shape::Line, |query| Shape::wanted(&query, request.headers()));
    let response = match route(api, settings, caller, request).await {
        Ok(response) => response,
        Err(error) => refusal(&error),
    };
    let response = shape.write(response);
    let elapsed = started.elapsed();
    tracing::debug!(%method, %uri, status = response.status().as_u16(), ?elapsed, "answered");
    response
}

/// The answer that says no.
pub(crate) fn refusal(error: &ApiError) -> Response<Answer> {
    json_response(error.reason.code(), &error.status())
}

/// The parts of a request that decide about its answer.
struct Context<'a> {
    api: &'a Api,
    settings: &'a WatchSettings,
    caller: Caller,
    method: Method,
    query: Query,
    accept: Option<String>,
    content_type: Option<String>,
    /// Where the client reached the server.
    host: String,
}

async fn route<B>(
    api: &Api,
    settings: &WatchSettings,
    caller: Caller,
    request: Request<B>,
) -> Result<Response<Answer>, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let (head, body) = request.into_parts();
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let query = Query::parse(head.uri.query())?;
    let authorizer = Authorizer::new(api.store());
    let wanted = Attributes::of_request(&head.method, head.uri.path(), &query);
    let caller = match admit(&authorizer, caller.with_agent(&head.headers), &head.headers, &wanted) {
        Ok(caller) => caller,
        Err(error) => {
            discard(body).await;
            return Err(error);
        }
    };
    let Some(target) = target::parse(head.uri.path()) else {
        if target::is_of_our_own(head.uri.path()) {
            return Err(ApiError::no_such_resource());
        }
        // Of a document that is not there, Kubernetes says nothing.
        if head.uri.path().starts_with("/openapi/v3/") {
            return Ok(bare(404));
        }
        return Ok(response(404, TEXT, Answer::whole("404 page not found\n")));
    };
    let (accept, content_type) = (header(ACCEPT), header(CONTENT_TYPE));
    let authority = head.uri.authority().map(ToString::to_string);
    let host = authority.or_else(|| header(HOST)).unwrap_or_default();
    let context = Context { api, settings, caller, method: head.method, query, accept, content_type, host };
    match target {
        Target::Objects(objects) => {
            let body = read_body(body).await?;
            let kind = objects.clone();
            let answer = context.objects(objects, &body).await.map_err(|error| context.as_decoded(&kind, &body, error));
            answer.map_err(|error| gateways::complete(api, &kind, error))
        }
        Target::Review(review, question) => {
            let body = read_body(body).await?;
            let answer = context.review(&review, question, &body).await;
            answer.map_err(|error| context.as_decoded(&review, &body, error))
        }
        Target::Export => context.export(),
        // As Kubernetes has it: of custom resources, it is the object that is not there.
        Target::NoPart(resource, name) if !resource.built_in() => Err(ApiError::not_found(&resource.collection, &name)),
        Target::NoPart(..) => Err(ApiError::no_such_resource()),
        document if context.method == Method::GET => context.document(&document),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// Who does what is wanted, if they may.
fn admit(
    authorizer: &Authorizer<'_>,
    caller: Caller,
    headers: &HeaderMap,
    wanted: &Attributes,
) -> Result<Caller, ApiError> {
    let caller = authz::impersonate(authorizer, caller, headers)?;
    authz::check(authorizer, &caller, wanted)?;
    Ok(caller)
}

/// Reads what a client still sends that is refused, so that it gets to read the answer; but not for ever.
pub(crate) async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > MAX_BODY {
            break;
        }
    }
}

/// Reads a body. One that is too large is read on for a while and thrown away, so that the client, which is still sending,
/// gets to read the answer.
async fn read_body<B>(mut body: B) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|e| ApiError::bad_request(format!("the body of the request could not be read: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAX_BODY {
            kept.extend_from_slice(&data);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    if length > MAX_BODY { Err(ApiError::too_large(MAX_BODY)) } else { Ok(kept.into()) }
}

impl Context<'_> {
    /// Answers what does not depend on the store.
    fn document(&self, target: &Target) -> Result<Response<Answer>, ApiError> {
        let accept = self.accept.as_deref();
        let value = match target {
            Target::Health => return Ok(response(200, TEXT, Answer::whole("ok"))),
            Target::OpenApiV2 if media::wants_openapi_protobuf(accept) => {
                let document = Answer::whole(openapi::v2_protobuf());
                return Ok(response(200, media::OPENAPI_V2_PROTOBUF, document));
            }
            Target::OpenApiV2 | Target::OpenApiV3Document(..) if !media::accepts_json(accept) => {
                return Ok(bare(406));
            }
            Target::OpenApiV2 => return Ok(response(200, JSON, Answer::whole(openapi::v2()))),
            Target::OpenApiV3Document(group, version) => {
                return Ok(response(200, JSON, Answer::whole(openapi::document(group, version))));
            }
            Target::CoreVersions | Target::Groups if media::wants_aggregated_discovery(accept) => {
                let all = discovery::aggregated(*target == Target::CoreVersions);
                return Ok(response(200, AGGREGATED_DISCOVERY, Answer::whole(all.to_string())));
            }
            Target::CoreVersions => discovery::core_versions(&self.host),
            Target::Groups => discovery::group_list(),
            Target::Group(group) => discovery::group(group).ok_or_else(ApiError::no_such_resource)?,
            Target::Resources(group, version) => discovery::resource_list(group, version),
            Target::OpenApiV3 => openapi::index(),
            Target::Version => version(),
            Target::Root => json!({"paths": [
                "/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
            ]}),
            Target::Objects(_) | Target::Review(..) | Target::Export | Target::NoPart(..) => {
                return Err(ApiError::no_such_resource());
            }
        };
        Ok(json_response(200, &value))
    }

    async fn objects(&self, target: Objects, body: &[u8]) -> Result<Response<Answer>, ApiError> {
        let form = media::form(self.accept.as_deref(), &self.query)?;
        let one = target.name.is_some();
        if let Some(answer) = self.subresource(&target, body).await {
            return answer;
        }
        match (&self.method, one) {
            (&Method::POST, true) if target.subresource == Some(Subresource::Token) => {
                let options = self.write_options(WriteKind::Create, &target)?;
                let request = media::read_object(self.content_type.as_deref(), body)?;
                let answer = self.api.create_token(&target, request, options.dry_run).await?;
                Ok(json_response(201, &answer))
            }
            _ if target.subresource == Some(Subresource::Token) => Err(ApiError::method_not_allowed()),
            (&Method::GET, _) if self.query.flag("watch") => {
                if media::wants_yaml(self.accept.as_deref()) {
                    return Err(ApiError::not_streamable());
                }
                let options = ListOptions::parse(&self.query)?;
                let pieces = watch::start(self.api, target, options, form, self.settings.clone())?;
                Ok(response(200, JSON, Answer::Stream(pieces)))
            }
            (&Method::GET, true) => {
                let object = self.api.get(&target)?;
                let text = render::object(target.resource, &target.api_version(), form, &object);
                Ok(response(200, JSON, Answer::whole(text)))
            }
            (&Method::GET, false) => {
                let options = ListOptions::parse(&self.query)?;
                let page = self.api.list(&target, &options)?;
                let is_empty = page.objects.is_empty();
                let text = render::list(target.resource, target.api_version(), form, page);
                let mut answer = response(200, JSON, Answer::pieces(text));
                if is_empty {
                    warn(&mut answer, gateways::hint(self.api, &target, &options).as_slice());
                }
                Ok(answer)
            }
            (&Method::POST, false) if target.resource.namespaced && target.namespace.is_none() => {
                Err(ApiError::method_not_allowed())
            }
            (&Method::POST, false) => {
                let options = self.write_options(WriteKind::Create, &target)?;
                let object = media::read_object(self.content_type.as_deref(), body)?;
                self.check_grant(&target, &object)?;
                let written = self.api.create(&target, object, &options).await?;
                Ok(self.written(201, &target, form, &options, &written))
            }
            (&Method::PUT, true) => {
                let options = self.write_options(WriteKind::Update, &target)?;
                let object = media::read_object(self.content_type.as_deref(), body)?;
                self.check_grant(&target, &object)?;
                let written = self.api.update(&target, object, &options).await?;
                let code = if written.created { 201 } else { 200 };
                Ok(self.written(code, &target, form, &options, &written))
            }
            (&Method::PATCH, true) => {
                let content_type = self.content_type.as_deref();
                let kind = if patch::is_apply(content_type) { WriteKind::Apply } else { WriteKind::Patch };
                let patch = patch::Body::read(target.resource, content_type, body)?;
                let options = self.write_options(kind, &target)?;
                self.check_patch(&target, &patch, &options).await?;
                let written = self.patched(&target, &patch, &options).await?;
                let code = if written.created { 201 } else { 200 };
                Ok(self.written(code, &target, form, &options, &written))
            }
            (&Method::DELETE, _) if target.subresource.is_some() => Err(ApiError::method_not_allowed()),
            (&Method::DELETE, true) => {
                let options = DeleteOptions::read(&self.query, self.content_type.as_deref(), body)?;
                let deleted = self.api.delete(&target, &options).await?;
                Ok(self.deleted(&target, &deleted))
            }
            (&Method::DELETE, false) if target.resource.is_namespaces() => Err(ApiError::method_not_allowed()),
            (&Method::DELETE, false) => {
                let options = DeleteOptions::read(&self.query, self.content_type.as_deref(), body)?;
                let list = ListOptions::parse(&self.query)?;
                let page = self.api.delete_collection(&target, &list, &options).await?;
                let text = render::list(target.resource, target.api_version(), Form::Object, page);
                Ok(response(200, JSON, Answer::pieces(text)))
            }
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    /// What Kubernetes says of a new or a replaced object that it cannot even read, instead of another mistake in it.
    fn as_decoded(&self, target: &Objects, body: &[u8], error: ApiError) -> ApiError {
        let one = target.name.is_some();
        let whole = self.method == Method::PUT && one || self.method == Method::POST && !one;
        let of_object = matches!(error.reason, Reason::BadRequest | Reason::Invalid);
        let json = matches!(media::media_type(self.content_type.as_deref()), "" | JSON);
        let looked_at = whole && of_object && json && target.subresource.is_none();
        looked_at.then(|| decode::refusal(target, body)).flatten().unwrap_or(error)
    }

    async fn patched(
        &self,
        target: &Objects,
        patch: &patch::Body,
        options: &WriteOptions,
    ) -> Result<Written, ApiError> {
        match patch {
            patch::Body::Patch(patch) => self.api.patch(target, patch, options).await,
            patch::Body::Apply(config) => self.api.apply(target, config, options).await,
        }
    }

    /// Nobody gives others what they may not do themselves.
    fn check_grant(&self, target: &Objects, object: &Value) -> Result<(), ApiError> {
        if target.resource.group != authz::GROUP {
            return Ok(());
        }
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let authorizer = Authorizer::new(self.api.store());
        authz::check_grant(&authorizer, &self.caller, target.resource.plural, namespace, object)
    }

    /// Whoever creates by an update or by an apply needs the right to create.
    fn check_create(&self, target: &Objects) -> Result<(), ApiError> {
        let (resource, text) = (target.resource, |text: &Option<String>| text.clone().unwrap_or_default());
        let (namespace, name) = (text(&target.namespace), text(&target.name));
        let wanted = Attributes::of_resource("create", resource.group, resource.plural, &namespace, &name);
        authz::check(&Authorizer::new(self.api.store()), &self.caller, &wanted)
    }

    /// As [`Context::check_grant`] for what a patch would make.
    async fn check_patch(&self, target: &Objects, patch: &patch::Body, options: &WriteOptions) -> Result<(), ApiError> {
        if target.resource.group != authz::GROUP || self.caller.is_in(MASTERS) {
            return Ok(());
        }
        let trial = WriteOptions { dry_run: true, ..options.clone() };
        let made = self.patched(target, patch, &trial).await?;
        self.check_grant(target, &version::to_value(target.resource, &target.api_version(), &made.object))
    }

    fn write_options(&self, kind: WriteKind, target: &Objects) -> Result<WriteOptions, ApiError> {
        let options = WriteOptions::parse(&self.query, kind, &self.caller.agent)?;
        let may_create = kind == WriteKind::Apply || kind == WriteKind::Update && target.is_created_by_update();
        let no_creation = may_create.then(|| self.check_create(target).err()).flatten();
        Ok(WriteOptions { no_creation, ..options })
    }

    fn written(
        &self,
        code: u16,
        target: &Objects,
        form: Form,
        options: &WriteOptions,
        written: &Written,
    ) -> Response<Answer> {
        let api_version = target.api_version();
        let text = if options.dry_run && written.object.revision() == 0 {
            // What was not stored has no revision.
            let mut object = version::to_value(target.resource, &api_version, &written.object);
            object["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
            format!("{object}\n").into_bytes()
        } else {
            render::object(target.resource, &api_version, form, &written.object)
        };
        let mut response = response(code, JSON, Answer::whole(text));
        warn(&mut response, &written.warnings);
        response
    }

    /// An object that only waits for its finalizers is answered itself, as is a namespace; otherwise, that it is gone.
    fn deleted(&self, target: &Objects, deleted: &Deleted) -> Response<Answer> {
        let object = deleted.object();
        if matches!(deleted, Deleted::Pending(_)) || target.resource.is_namespaces() {
            let text = render::object(target.resource, &target.api_version(), Form::Object, object);
            return response(200, JSON, Answer::whole(text));
        }
        let key = object.key();
        json_response(200, &deleted_status(&key.resource, &key.name, &object.metadata().uid))
    }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "32",
        "gitVersion": KUBERNETES_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// Adds what the client should know (RFC 9111's `Warning`, code 299, as Kubernetes uses it).
fn warn(response: &mut Response<Answer>, warnings: &[String]) {
    for warning in warnings {
        let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::try_from(format!("299 - \"{escaped}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// An answer of nothing but its status.
fn bare(code: u16) -> Response<Answer> {
    let mut answer = response(code, TEXT, Answer::Whole(None));
    answer.headers_mut().remove(CONTENT_TYPE);
    answer
}

fn json_response(code: u16, value: &Value) -> Response<Answer> {
    response(code, JSON, Answer::whole(format!("{value}\n")))
}

fn response(code: u16, content_type: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(hyper::header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}
