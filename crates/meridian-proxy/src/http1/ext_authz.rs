//! External authorization: another service is asked whether a request may pass, as Envoy's `ext_authz` filter asks it.
//!
//! The service is told of the request as it would go on, before any edit of the route. It says that the request may pass,
//! and may change its headers then, or what the client is answered instead. Where it cannot be asked, and what it says
//! cannot be read, the request is refused, unless the route says otherwise.

mod call;
mod protobuf;
mod verdict;

use super::client::Interrupt;
use super::connection::{After, Connection};
use super::fields;
use super::routed::Routed;
use crate::outcome::{Ending, LocalBody, LocalReply};
use call::Call;
use meridian_http::body::{BodyDecoder, BodyEvent};
use meridian_http::{FieldName, Framing, HeadLimits, KnownHeader};
use meridian_ir::ExtAuthz;
use meridian_ir::ext_authz::AuthzService;
use std::rc::Rc;
use std::task::Poll;
pub(super) use verdict::Change;
use verdict::{Denial, Passage, Verdict};

/// Bytes that the framing of a body may take beside the body that is kept: chunks have lines around them.
const FRAMING_ROOM: usize = 64 * 1024;

/// The beginning of a body.
#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    /// Whether there is more of it; `None` where services are not sent bodies.
    is_partial: Option<bool>,
}

/// A request as the service is told of it.
pub(super) struct Asked {
    /// Request line and fields, as they would go to an endpoint.
    head: Vec<u8>,
    authority: Vec<u8>,
    scheme: &'static str,
    body: Beginning,
    /// Length of the whole body, if it is known.
    length: Option<u64>,
    id: u64,
    source: std::net::SocketAddr,
    destination: std::net::SocketAddr,
    principal: Option<String>,
    is_http2: bool,
}

impl Connection {
    /// Asks whether the request may pass. The error is what became of a request that may not.
    pub(super) async fn authorize(
        &mut self,
        authz: &ExtAuthz,
        cluster: Option<usize>,
        routed: &Routed<'_>,
    ) -> Result<(), After> {
        let body = match self.first_of_body(authz.max_body_bytes as usize).await {
            Ok(body) => body,
            Err(ending) => return Err(self.reply(ending, routed).await),
        };
        let asked = self.asked(body);
        let verdict = match self.ask(authz, cluster, asked).await {
            Ok(verdict) => verdict,
            Err(ending) => return Err(self.reply(ending, routed).await),
        };
        let stats = self.http.stats();
        match verdict {
            Verdict::Passes(passage) => {
                stats.authorization_passed();
                self.let_pass(passage);
                Ok(())
            }
            Verdict::Denied(denial) => {
                stats.authorization_denied();
                Err(self.refuse_as(denial, routed).await)
            }
            Verdict::Failed(reason) => {
                stats.authorization_failed();
                tracing::debug!(cluster = &**authz.cluster(), "a request cannot be authorized: {reason}");
                if authz.failure_mode_allow {
                    stats.authorization_failure_allowed();
                    return Ok(());
                }
                Err(self.reply(Ending::AuthorizationFailed(authz.status_on_error), routed).await)
            }
        }
    }

    /// Up to `limit` bytes of the body, which is still sent from its beginning.
    async fn first_of_body(&mut self, limit: usize) -> Result<Beginning, Ending> {
        let framing = self.request.head.framing();
        let mut body = Vec::new();
        if limit == 0 {
            return Ok(Beginning::default());
        }
        if framing.is_empty() || self.upgrade_is_asked() {
            return Ok(Beginning { bytes: body, is_partial: Some(false) });
        }
        if self.request.head.fields().has(KnownHeader::Expect) {
            // The client waits for somebody to want its body, which the endpoint would do later.
            self.request.head.fields_mut().remove_known(KnownHeader::Expect);
            self.download.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.flush().await.map_err(Interrupt::ending)?;
        }
        let kept = limit.saturating_add(FRAMING_ROOM);
        self.client.input.keep(kept);
        let mut decoder = BodyDecoder::new(framing, &HeadLimits::default());
        let mut is_cut = false;
        loop {
            while body.len() < limit {
                let step = decoder.decode(self.client.input.unread()).map_err(Ending::BadBody)?;
                let has_ended = step.event == BodyEvent::End;
                let needs_more = step.event == BodyEvent::NeedMore && step.consumed == self.client.input.unread().len();
                if let BodyEvent::Data(range) = step.event {
                    let room = limit - body.len();
                    let data = &self.client.input.unread()[range];
                    is_cut = data.len() > room;
                    body.extend_from_slice(&data[..data.len().min(room)]);
                }
                self.client.input.consume(step.consumed);
                if has_ended || decoder.is_done() {
                    self.client.input.replay();
                    return Ok(Beginning { bytes: body, is_partial: Some(is_cut) });
                }
                if needs_more {
                    break;
                }
            }
            if body.len() >= limit || self.client.input.has_kept(kept) {
                self.client.input.replay();
                let is_whole = Some(body.len() as u64) == self.request.head.content_length();
                return Ok(Beginning { bytes: body, is_partial: Some(is_cut || !is_whole) });
            }
            let read = std::future::poll_fn(|cx| {
                if let Poll::Ready(read) = self.client.poll_body(cx, &self.worker.buffers) {
                    return Poll::Ready(read);
                }
                self.client.poll_interrupt(cx, self.deadlines.idle, false, &self.worker.buffers).map(Err)
            });
            match read.await {
                Ok(()) => {}
                Err(Interrupt::Deadline) => return Err(self.too_late()),
                Err(interrupt) => return Err(interrupt.ending()),
            }
        }
    }

    fn upgrade_is_asked(&self) -> bool {
        self.request.head.fields().has(KnownHeader::Upgrade)
    }

    fn asked(&self, body: Beginning) -> Asked {
        let buf = self.client.input.message();
        let mut head = Vec::new();
        self.request.write(buf, Framing::None, None, &mut head);
        let peer = self.info.tls.as_ref().and_then(|tls| tls.peer.as_deref());
        Asked {
            head,
            authority: self.request.authority(buf).to_vec(),
            scheme: self.request.scheme_name(),
            body,
            length: match self.request.head.framing() {
                Framing::None => Some(0),
                Framing::Length(length) => Some(length),
                Framing::Chunked | Framing::UntilClose => self.request.head.content_length(),
            },
            id: self.info.id,
            source: self.request.remote,
            destination: self.info.local,
            principal: peer.and_then(|peer| peer.facts.uris().next().map(str::to_owned)),
            is_http2: self.client.is_stream(),
        }
    }

    /// What the service says, within its time. The error ends the request.
    async fn ask(&mut self, authz: &ExtAuthz, cluster: Option<usize>, asked: Asked) -> Result<Verdict, Ending> {
        let Some(cluster) = cluster.and_then(|slot| self.worker.cluster(slot)) else {
            return Ok(Verdict::Failed("the cluster of the service does not exist".to_owned()));
        };
        let call = match &authz.service {
            AuthzService::Http(http) => Call::http(authz, http, &asked),
            AuthzService::Grpc { cluster, authority } => {
                Call::grpc(authz, authority.as_ref().unwrap_or(cluster), &asked)
            }
        };
        let (worker, client) = (self.worker.clone(), self.info.addresses());
        let limit = authz.timeout;
        let answered = async move { tokio::time::timeout(limit, call.send(&worker, &cluster, client)).await };
        let mut answered = Box::pin(answered);
        let answer = std::future::poll_fn(|cx| {
            if let Poll::Ready(answer) = answered.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            self.client.poll_interrupt(cx, self.deadlines.idle, false, &self.worker.buffers).map(Err)
        });
        match answer.await {
            Ok(Ok(Ok(answer))) => Ok(match &authz.service {
                AuthzService::Http(http) => Verdict::of_http(answer, http),
                AuthzService::Grpc { .. } => Verdict::of_grpc(&answer),
            }),
            Ok(Ok(Err(failure))) => Ok(Verdict::Failed(failure.to_string())),
            Ok(Err(_)) => Ok(Verdict::Failed(format!("no answer within {limit:?}"))),
            Err(Interrupt::Deadline) => Err(self.too_late()),
            Err(interrupt) => Err(interrupt.ending()),
        }
    }

    /// Changes the request as the service wants it.
    fn let_pass(&mut self, passage: Passage) {
        let buf = self.client.input.message();
        for name in &passage.remove {
            fields::remove(self.request.head.fields_mut(), buf, &mut self.request.extra, name);
        }
        for Change { name, value, appends } in passage.request {
            if !appends {
                fields::remove(self.request.head.fields_mut(), buf, &mut self.request.extra, &name);
            }
            self.request.extra.add_with(name.known(), name.as_str(), |out| out.extend_from_slice(&value));
        }
        if !passage.response.is_empty() {
            self.progress.authorized = Some(Rc::new(passage.response));
        }
    }

    /// Adds to the response at hand what the service said that let the request pass.
    pub(super) fn tell_authorized(&mut self) {
        let Some(changes) = self.progress.authorized.take() else { return };
        for Change { name, value, appends } in changes.iter() {
            if !appends {
                let fields = self.response.head.fields_mut();
                fields::remove(fields, self.response_input.message(), &mut self.response.extra, name);
            }
            self.response.extra.add_with(name.known(), name.as_str(), |out| out.extend_from_slice(value));
        }
    }

    /// Answers as the service says.
    async fn refuse_as(&mut self, denial: Denial, routed: &Routed<'_>) -> After {
        for (name, value) in &denial.headers {
            self.response.extra.add_with(name.known(), name.as_str(), |out| out.extend_from_slice(value));
        }
        let status = denial.status;
        let reply = LocalReply { status, body: LocalBody::Empty, close: false, overloaded: false, grpc_status: None };
        self.answer(reply, &denial.body, routed, Ending::AuthorizationDenied).await
    }
}

/// Whether a field is of HTTP itself, or says where a message goes: services change everything but these.
fn is_untouchable(name: &FieldName) -> bool {
    use KnownHeader::{Connection, ContentLength, Host, KeepAlive, Te, Trailer, TransferEncoding, Upgrade};
    let is_known = matches!(
        name.known(),
        Connection | ContentLength | Host | KeepAlive | Te | Trailer | TransferEncoding | Upgrade
    );
    is_known || name.as_str().starts_with(':') || name.as_str().is_empty()
}

/// The name and the value of a field that a service sends, if they can be written into a message.
fn field(name: &[u8], value: &[u8]) -> Option<(FieldName, Vec<u8>)> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let name = std::str::from_utf8(name).ok().filter(|name| name.bytes().all(|byte| is_token(&byte)))?;
    let name = FieldName::new(name);
    (!is_untouchable(&name) && value.iter().all(is_text)).then(|| (name, value.trim_ascii().to_vec()))
}
