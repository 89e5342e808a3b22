//! Answers of the gateway's own.

use super::client::Interrupt;
use super::connection::{After, Connection};
use super::response::ConnectionField;
use super::routed::Routed;
use crate::grpc;
use crate::outcome::{Ending, LocalBody, LocalReply};
use meridian_http::{KnownHeader, Version, write};

impl Connection {
    /// Answers with what [`Ending::reply`] says, if anything was agreed with the client so far; ends the connection
    /// where nothing can be said.
    pub(super) async fn reply(&mut self, ending: Ending, routed: &Routed<'_>) -> After {
        let Some(reply) = ending.reply(self.progress.attempts > 1) else {
            self.log(routed.name, ending);
            return After::Abort;
        };
        let mut body = std::mem::take(&mut self.scratch);
        body.clear();
        reply.body.write(&mut body);
        let after = self.answer(reply, &body, routed, ending).await;
        self.scratch = body;
        after
    }

    /// Sends `body` as text with the status of `reply`, edited as the route wants it. Fields that are in the extra
    /// fields of the response already go with it. A gRPC client gets a head only, with the body as its message.
    pub(super) async fn answer(
        &mut self,
        reply: LocalReply,
        body: &[u8],
        routed: &Routed<'_>,
        ending: Ending,
    ) -> After {
        let route_name = routed.name;
        if !self.download.is_flushed() {
            // An interim response is on its way and stuck: nothing can follow it.
            self.log(route_name, ending);
            return After::Abort;
        }
        self.response.head.reset();
        let (status, body) = match self.is_grpc() && ending != Ending::Preflight {
            true => {
                self.add_grpc_fields(&reply, body);
                (200, &[][..])
            }
            false => (reply.status, body),
        };
        self.response.set_status(status);
        let has_content = !matches!(status, 100..200 | 204 | 304);
        let keeps = !reply.close && self.keeps_alive() && self.skip_body();
        if !body.is_empty() && has_content {
            let extra = &mut self.response.extra;
            extra.add_number(KnownHeader::ContentLength, body.len() as u64);
            if !extra.has(KnownHeader::ContentType) {
                extra.add(KnownHeader::ContentType, b"text/plain");
            }
        }
        if reply.overloaded {
            self.response.extra.add(KnownHeader::XEnvoyOverloaded, b"true");
        }
        self.finish_response_fields(routed);
        self.download.reset();
        let connection = self.connection_field(keeps);
        let date = *self.worker.date.borrow_mut().at(self.request.started_at + self.elapsed());
        let server = &self.http.plan().manager.server_header;
        let client = self.client_version();
        self.response.write_own(body, server, &date, client, connection, &mut self.download.out);
        if has_content && !self.is_head_request() {
            self.download.out.extend_from_slice(body);
            self.progress.own_bytes = body.len() as u64;
        }
        self.progress.timeline.downstream_tx_begin = Some(self.elapsed());
        let sent = self.flush().await;
        self.progress.timeline.downstream_tx_end = Some(self.elapsed());
        match sent {
            Ok(()) if keeps => {
                self.log(route_name, ending);
                After::KeepAlive
            }
            Ok(()) => {
                self.log(route_name, ending);
                After::Close
            }
            Err(_) => {
                self.log(route_name, Ending::ClientDisconnected);
                After::Abort
            }
        }
    }

    pub(super) fn is_grpc(&self) -> bool {
        let content_type = self.request.head.fields().get(KnownHeader::ContentType, self.client.input.message());
        content_type.is_some_and(grpc::is_grpc)
    }

    /// What a gRPC client reads instead of status and body.
    fn add_grpc_fields(&mut self, reply: &LocalReply, message: &[u8]) {
        let is_head = self.is_head_request();
        let extra = &mut self.response.extra;
        extra.add(KnownHeader::ContentType, b"application/grpc");
        let status = reply.grpc_status.unwrap_or_else(|| grpc::status_of_http(reply.status));
        extra.add_number(KnownHeader::GrpcStatus, status.into());
        if !message.is_empty() && !is_head {
            let name = KnownHeader::GrpcMessage;
            extra.add_with(name, name.name(), |out| grpc::encode_message(message, out));
        }
    }

    /// What the response says about the client's connection.
    pub(super) fn connection_field(&self, keeps: bool) -> ConnectionField {
        match (keeps, self.client_version()) {
            (false, _) => ConnectionField::Close,
            (true, Version::Http11) => ConnectionField::Absent,
            (true, Version::Http10) => ConnectionField::KeepAlive,
        }
    }

    /// Skips the rest of the request's body when all of it has come. Otherwise the connection is of no more use.
    fn skip_body(&mut self) -> bool {
        self.upload.skip(&mut self.client.input)
    }

    /// Writes what is in the download leg.
    pub(super) async fn flush(&mut self) -> Result<(), Interrupt> {
        std::future::poll_fn(|cx| {
            let flushed = self.download.poll_flush(cx, &self.response_input, &mut self.client.io);
            if flushed.is_ready() {
                return flushed.map_err(|_| Interrupt::ClientGone);
            }
            let interrupt = self.client.poll_interrupt(cx, None, false, &self.worker.buffers);
            interrupt.map(Err)
        })
        .await
    }

    /// Answers a head that is refused. Nothing of it can be trusted, and nothing behind it.
    pub(super) async fn refuse(&mut self, ending: Ending) -> After {
        self.reply(ending, &Routed::default()).await
    }

    /// A redirect to what `location` writes.
    pub(super) async fn redirect(
        &mut self,
        status: u16,
        location: impl FnOnce(&Self, &mut Vec<u8>),
        routed: &Routed<'_>,
    ) -> After {
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        location(self, &mut value);
        self.response.extra.add(KnownHeader::Location, &value);
        self.scratch = value;
        let reply = LocalReply { status, body: LocalBody::Empty, close: false, overloaded: false, grpc_status: None };
        self.answer(reply, &[], routed, Ending::Direct).await
    }

    /// `HTTP/1.1 100` and other interim responses that the client gets.
    pub(super) fn write_interim(&mut self) {
        let out = &mut self.download.out;
        self.response.head.write_forwarded(self.response_input.message(), out);
        write::end(out);
    }
}
