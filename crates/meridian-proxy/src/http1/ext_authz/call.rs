//! Asking the service: one request to one of its endpoints.

use super::super::buffer::{Filled, ReadBuffer};
use super::{Asked, protobuf};
use crate::pool::{self, Acquire, AcquireError, ActiveRequest, Counted, UpstreamConnection};
use crate::proxy_protocol::Addresses;
use crate::worker::{Buffers, Selection, Worker, WorkerCluster};
use meridian_http::body::{BodyDecoder, BodyEvent};
use meridian_http::{Framing, HeadLimits, KnownHeader, Method, Progress, ResponseHead, ResponseKind, ResponseTo};
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::ext_authz::{ExtAuthz, HttpAuthz};
use std::rc::Rc;
use std::time::Instant;
use tokio::io::AsyncWriteExt;

/// The longest answer, in bytes: what clients are to be told of a denial.
const LONGEST_ANSWER: usize = 1 << 20;

/// Method and path of the call.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Fields that are told to services over HTTP in any case; method, path and host are in the head itself.
const ALWAYS_TOLD: [&[u8]; 1] = [b"authorization"];

/// Tells whether a service is sent all of a body.
const PARTIAL_BODY: &[u8] = b"x-envoy-auth-partial-body";

/// Fields that describe the body, or the connection that a request came on, and what clients must not say.
const NEVER_TOLD: [&[u8]; 10] = [
    PARTIAL_BODY,
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"connection",
    b"keep-alive",
    b"te",
    b"trailer",
    b"upgrade",
    b"expect",
];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody can be asked.
    #[error("the service has no endpoint that may be used")]
    NoEndpoint,
    /// An endpoint cannot be reached.
    #[error("no connection: {0:?}")]
    Connect(AcquireError),
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// What it answered is not HTTP, or too long.
    #[error("its answer cannot be read, or is longer than {LONGEST_ANSWER} bytes")]
    Answer,
}

/// What the service answers.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A question.
pub(super) struct Call {
    message: Vec<u8>,
    authority: Vec<u8>,
    method: Method,
    is_grpc: bool,
}

impl Asked {
    /// Method and path.
    pub(super) fn line(&self) -> (&[u8], &[u8]) {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The field that tells services to which bodies are sent whether this is all of it, as Envoy's.
    pub(super) fn partial_body(&self) -> Option<(&[u8], &[u8])> {
        let is_partial = self.body.is_partial?;
        Some((PARTIAL_BODY, if is_partial { b"true" } else { b"false" }))
    }

    /// The fields that `is_told` takes, by their names in lower case.
    fn told(&self, is_told: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = (&[u8], &[u8])> {
        fields(&self.head).filter(move |(name, _)| !NEVER_TOLD.contains(name) && is_told(name))
    }
}

/// The fields of a head behind its first line.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = head.split(|byte| *byte == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

impl Call {
    /// The client's request to a service that speaks HTTP.
    pub(super) fn http(authz: &ExtAuthz, http: &HttpAuthz, asked: &Asked) -> Self {
        let (method, path) = asked.line();
        let mut message = Vec::with_capacity(512 + asked.body.bytes.len());
        for part in [method, b" ", http.path_prefix.as_bytes(), path, b" HTTP/1.1\r\nhost: ", &asked.authority] {
            message.extend_from_slice(part);
        }
        message.extend_from_slice(format!("\r\ncontent-length: {}\r\n", asked.body.bytes.len()).as_bytes());
        let is_told = |name: &[u8]| {
            ALWAYS_TOLD.contains(&name)
                || authz.allowed_headers.iter().any(|allowed| allowed.is_match_ignoring_case(name))
        };
        for (name, value) in asked.told(is_told).chain(asked.partial_body()) {
            for part in [name, b": ", value, b"\r\n"] {
                message.extend_from_slice(part);
            }
        }
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(&asked.body.bytes);
        Self { message, authority: asked.authority.clone(), method: Method::from_bytes(method), is_grpc: false }
    }

    /// A call of `Authorization/Check`.
    pub(super) fn grpc(authz: &ExtAuthz, authority: &str, asked: &Asked) -> Self {
        let allowed = &authz.allowed_headers;
        let is_told =
            |name: &[u8]| allowed.is_empty() || allowed.iter().any(|allowed| allowed.is_match_ignoring_case(name));
        let check = protobuf::check_request(asked, asked.told(is_told));
        let length = u32::try_from(check.len()).unwrap_or(u32::MAX);
        let head = format!(
            "POST {CHECK} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/grpc\r\nte: trailers\r\n\
             grpc-timeout: {}m\r\ncontent-length: {}\r\n\r\n",
            authz.timeout.as_millis().min(99_999_999),
            check.len() + 5,
        );
        let mut message = head.into_bytes();
        message.push(0);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&check);
        Self { message, authority: authority.into(), method: Method::Post, is_grpc: true }
    }

    /// Asks one of the cluster's endpoints.
    pub(super) async fn send(
        self,
        worker: &Worker,
        cluster: &Rc<WorkerCluster>,
        client: Addresses,
    ) -> Result<Answer, CallError> {
        let host = cluster.select(|| worker.random(), &Selection::default()).ok_or(CallError::NoEndpoint)?;
        let mut active = ActiveRequest::new(host.clone(), &cluster.stats);
        let is_http2 = self.is_grpc || cluster.plan.cluster.protocol == UpstreamProtocol::Http2;
        let acquired = Acquire::new(cluster, &host, &self.authority, is_http2, client).map_err(CallError::Connect)?;
        let mut connection = match acquired {
            Acquire::Idle(connection) => connection,
            Acquire::New(new) => new.connect().await.map_err(|error| {
                active.failed();
                CallError::Connect(error)
            })?,
        };
        let _counted = Counted::request(cluster).map_err(CallError::Connect)?;
        active.connected();
        let (answer, is_reusable) = self.exchange(&mut connection, &worker.buffers).await.inspect_err(|_| {
            active.failed();
        })?;
        active.answered(answer.status);
        if is_reusable {
            pool::release(cluster, &host, connection, Instant::now());
        }
        Ok(answer)
    }

    async fn exchange(&self, up: &mut UpstreamConnection, buffers: &Buffers) -> Result<(Answer, bool), CallError> {
        let io = up.stream_mut();
        io.write_all(&self.message).await.map_err(|_| CallError::Broken)?;
        io.flush().await.map_err(|_| CallError::Broken)?;
        let mut input = ReadBuffer::default();
        let result = self.read(up, &mut input, buffers).await;
        let is_clean = input.unread().is_empty();
        input.clear(buffers);
        result.map(|(answer, is_reusable)| (answer, is_reusable && is_clean))
    }

    async fn read(
        &self,
        up: &mut UpstreamConnection,
        input: &mut ReadBuffer,
        buffers: &Buffers,
    ) -> Result<(Answer, bool), CallError> {
        let to = ResponseTo { method: self.method, upgrade: None, http2: up.is_http2() };
        let mut head = ResponseHead::new();
        let mut answer = Answer::default();
        loop {
            match head.parse(input.message_mut(), &HeadLimits::default(), &to).map_err(|_| CallError::Answer)? {
                Progress::Complete { len } => {
                    answer.headers = owned(fields(&input.message()[..len]));
                    input.end_head(len);
                    if head.kind() != ResponseKind::Interim {
                        break;
                    }
                    input.next_message(buffers);
                    head.reset_after_interim(len);
                }
                Progress::Partial => fill(up, input, buffers).await?,
            }
        }
        answer.status = head.status();
        if self.method != Method::Head && !head.framing().is_empty() {
            answer.read_body(head.framing(), up, input, buffers).await?;
        }
        let is_reusable = head.is_reusable() && !head.fields().has(KnownHeader::Upgrade);
        Ok((answer, is_reusable))
    }
}

impl Answer {
    /// Reads body and trailers.
    async fn read_body(
        &mut self,
        framing: Framing,
        up: &mut UpstreamConnection,
        input: &mut ReadBuffer,
        buffers: &Buffers,
    ) -> Result<(), CallError> {
        let mut decoder = BodyDecoder::new(framing, &HeadLimits::default());
        loop {
            let step = decoder.decode(input.unread()).map_err(|_| CallError::Answer)?;
            let has_all = step.consumed == input.unread().len();
            match step.event {
                BodyEvent::Data(range) => {
                    self.body.extend_from_slice(&input.unread()[range]);
                    if self.body.len() > LONGEST_ANSWER {
                        return Err(CallError::Answer);
                    }
                }
                BodyEvent::Trailers(range) => {
                    // A line of its own comes first where a head has its first line.
                    let section = [b"\n", &input.unread()[range]].concat();
                    self.trailers.extend(owned(fields(&section)));
                }
                BodyEvent::End => return Ok(()),
                BodyEvent::NeedMore if has_all => {
                    input.consume(step.consumed);
                    input.rewind();
                    if let Err(error) = fill(up, input, buffers).await {
                        return decoder.finish().map_err(|_| error);
                    }
                    continue;
                }
                BodyEvent::NeedMore => {}
            }
            input.consume(step.consumed);
        }
    }
}

fn owned<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

async fn fill(up: &mut UpstreamConnection, input: &mut ReadBuffer, buffers: &Buffers) -> Result<(), CallError> {
    match std::future::poll_fn(|cx| input.poll_fill(cx, up.stream_mut(), buffers)).await {
        Ok(Filled::More) => Ok(()),
        Ok(Filled::Full) => Err(CallError::Answer),
        Ok(Filled::End) | Err(_) => Err(CallError::Broken),
    }
}
