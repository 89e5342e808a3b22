//! The moving parts of a request that is forwarded: both directions at once, on one task.

use super::buffer::Filled;
use super::client::Interrupt;
use super::connection::Connection;
use super::leg::Next;
use super::response::framing_bytes;
use crate::http2::reset_reason;
use crate::outcome::{ResetReason, TransportFailure};
use crate::pool::UpstreamConnection;
use meridian_http::{HeadError, HeadLimits, Method, Progress, ResponseHead, ResponseKind, ResponseTo, Version};
use std::task::{Context, Poll};
use std::time::Instant;

/// Where the request is on its way to the endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Upload {
    /// Some of it is still to be sent.
    #[default]
    Sending,
    /// All of it is sent.
    Sent,
    /// The endpoint takes no more; it may have answered all the same.
    Broken,
}

/// What became of waiting for a response's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadEvent {
    /// The head is there.
    Head,
    /// The endpoint closed, or broke the rules, before it was.
    Reset(ResetReason),
}

/// What became of passing on a response's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// All of it was passed on.
    Complete,
    /// It broke off.
    Incomplete(ResetReason),
}

/// When a try, or the whole request, has taken too long.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Deadlines {
    /// Limit of the whole request, from its end on.
    pub(super) stream: Option<Instant>,
    /// Limit of this try.
    pub(super) per_try: Option<Instant>,
    /// Limit of the silence that reigns.
    pub(super) idle: Option<Instant>,
}

/// A limit that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// See [`Deadlines::stream`].
    Stream,
    /// See [`Deadlines::per_try`].
    PerTry,
    /// See [`Deadlines::idle`].
    Idle,
}

impl Deadlines {
    pub(super) fn earliest(self) -> Option<Instant> {
        [self.stream, self.per_try, self.idle].into_iter().flatten().min()
    }

    /// The limit that has passed at `now`; that of the whole request before the others.
    pub(super) fn passed(self, now: Instant) -> Passed {
        let has_passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        match (has_passed(self.stream), has_passed(self.per_try)) {
            (true, _) => Passed::Stream,
            (false, true) => Passed::PerTry,
            (false, false) => Passed::Idle,
        }
    }
}

impl Connection {
    /// Sends what there is of the request, and reads more of it. Ready when it is sent, or the endpoint takes no more.
    fn poll_upload(&mut self, cx: &mut Context<'_>, up: &mut UpstreamConnection) -> Poll<Result<(), Interrupt>> {
        while self.upload_state == Upload::Sending {
            let next = self.upload.transfer(&mut self.client.input);
            // A request that is not valid goes no further, not even the part of it that was.
            match self.upload.failure().map_or(next, Err) {
                Ok(Next::Flush) => match self.upload.poll_flush(cx, &self.client.input, up.stream_mut()) {
                    Poll::Ready(Ok(())) => self.moved(),
                    Poll::Ready(Err(_)) => self.upload_state = Upload::Broken,
                    Poll::Pending => return Poll::Pending,
                },
                Ok(Next::Done) => {
                    self.upload_state = Upload::Sent;
                    self.request_ended();
                }
                Ok(Next::Read) => match self.client.poll_body(cx, &self.worker.buffers) {
                    Poll::Ready(Ok(())) => self.moved(),
                    Poll::Ready(Err(interrupt)) => return Poll::Ready(Err(interrupt)),
                    Poll::Pending => return Poll::Pending,
                },
                Err(error) => return Poll::Ready(Err(Interrupt::BadBody(error))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The request was received and sent whole: from now on the timeouts count.
    fn request_ended(&mut self) {
        let elapsed = self.elapsed();
        let timeline = &mut self.progress.timeline;
        timeline.downstream_rx_end.get_or_insert(elapsed);
        timeline.upstream_tx_begin.get_or_insert(elapsed);
        timeline.upstream_tx_end = Some(elapsed);
        let now = self.request.started + elapsed;
        if let Some(timeout) = self.limits.timeout {
            self.deadlines.stream.get_or_insert(now + timeout);
        }
        self.deadlines.per_try = self.limits.per_try.map(|timeout| now + timeout);
    }

    /// Sends the request and waits for the head of the response. Interim responses are passed on.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        up: &mut UpstreamConnection,
    ) -> Poll<Result<HeadEvent, Interrupt>> {
        if let Poll::Ready(Err(interrupt)) = self.poll_upload(cx, up) {
            return Poll::Ready(Err(interrupt));
        }
        if let Poll::Ready(event) = self.poll_response_head(cx, up)? {
            return Poll::Ready(Ok(event));
        }
        self.poll_outside(cx)
    }

    /// Something moved: the silence begins anew.
    pub(super) fn moved(&mut self) {
        let timeout = self.http.plan().manager.stream_idle_timeout;
        if !timeout.is_zero() {
            self.deadlines.idle = Some(Instant::now() + timeout);
        }
    }

    pub(super) fn poll_outside<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Interrupt>> {
        let reads = self.upload_state == Upload::Sent && !self.is_tunnel;
        self.client.poll_interrupt(cx, self.deadlines.earliest(), reads, &self.worker.buffers).map(Err)
    }

    fn poll_response_head(
        &mut self,
        cx: &mut Context<'_>,
        up: &mut UpstreamConnection,
    ) -> Poll<Result<HeadEvent, Interrupt>> {
        loop {
            match self.download.poll_flush(cx, &self.response_input, &mut self.client.io) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Interrupt::ClientGone)),
                Poll::Pending => return Poll::Pending,
            }
            if !self.response_input.unread().is_empty() {
                match self.parse_response(up.is_http2()) {
                    Ok(Some(ResponseKind::Interim)) => {
                        self.pass_on_interim();
                        continue;
                    }
                    Ok(Some(_)) => return Poll::Ready(Ok(HeadEvent::Head)),
                    Ok(None) => {}
                    Err(_) => {
                        // A TLS record of an alert or a handshake (RFC 8446 section 5.1).
                        if let [21 | 22, 3, ..] = self.response_input.message() {
                            self.progress.failure = Some(TransportFailure::SpeaksTls);
                        }
                        return Poll::Ready(Ok(HeadEvent::Reset(ResetReason::ProtocolError)));
                    }
                }
            }
            match self.response_input.poll_fill(cx, up.stream_mut(), &self.worker.buffers) {
                Poll::Ready(Ok(Filled::More)) => {
                    self.moved();
                    self.head_at = self.elapsed();
                    self.progress.timeline.upstream_rx_begin.get_or_insert(self.head_at);
                }
                Poll::Ready(Ok(Filled::Full)) => {
                    return Poll::Ready(Ok(HeadEvent::Reset(ResetReason::ProtocolError)));
                }
                Poll::Ready(Ok(Filled::End)) => {
                    let error = ResponseHead::error_at_eof(self.response_input.unread().len());
                    let reason = match error {
                        HeadError::NoResponse => ResetReason::ConnectionTermination,
                        _ => ResetReason::ProtocolError,
                    };
                    return Poll::Ready(Ok(HeadEvent::Reset(reason)));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Ok(HeadEvent::Reset(reset_reason(&error)))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Parses on; `Some` when a head is complete.
    fn parse_response(&mut self, is_http2: bool) -> Result<Option<ResponseKind>, HeadError> {
        let to = ResponseTo {
            method: self.request.head.method(),
            upgrade: self.upgrade.map(|protocol| protocol.of(self.client.input.message())),
            http2: is_http2,
        };
        match self.response.head.parse(self.response_input.message_mut(), &HeadLimits::default(), &to)? {
            Progress::Partial => Ok(None),
            Progress::Complete { len } => {
                let head = &self.response_input.message()[..len];
                let framing = framing_bytes(head) + self.response.head.fields().received();
                self.progress.head_received += len as u32;
                self.progress.headers_received += len.saturating_sub(framing) as u32;
                self.response_input.end_head(len);
                Ok(Some(self.response.head.kind()))
            }
        }
    }

    /// Puts an interim response into the download leg, if the client gets it, and makes ready for the next head.
    fn pass_on_interim(&mut self) {
        if self.response.head.interim_is_forwarded(self.client_version()) {
            self.write_interim();
        }
        let len = self.response_input.message().len() - self.response_input.unread().len();
        self.response_input.next_message(&self.worker.buffers);
        self.response.head.reset_after_interim(len);
    }

    /// Passes on the body of the response, and the rest of the request's.
    pub(super) fn poll_relay(
        &mut self,
        cx: &mut Context<'_>,
        up: &mut UpstreamConnection,
    ) -> Poll<Result<BodyEnd, Interrupt>> {
        if let Poll::Ready(Err(interrupt)) = self.poll_upload(cx, up) {
            return Poll::Ready(Err(interrupt));
        }
        if let Poll::Ready(end) = self.poll_download(cx, up)? {
            return Poll::Ready(Ok(end));
        }
        self.poll_outside(cx)
    }

    fn poll_download(&mut self, cx: &mut Context<'_>, up: &mut UpstreamConnection) -> Poll<Result<BodyEnd, Interrupt>> {
        loop {
            match self.download.transfer(&mut self.response_input) {
                Err(_) => return Poll::Ready(Ok(BodyEnd::Incomplete(ResetReason::ProtocolError))),
                Ok(Next::Done) => return Poll::Ready(Ok(BodyEnd::Complete)),
                Ok(Next::Flush) => match self.download.poll_flush(cx, &self.response_input, &mut self.client.io) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Interrupt::ClientGone)),
                    Poll::Pending => return Poll::Pending,
                },
                Ok(Next::Read) => {
                    self.response_input.rewind();
                    match self.response_input.poll_fill(cx, up.stream_mut(), &self.worker.buffers) {
                        Poll::Ready(Ok(Filled::More)) => self.moved(),
                        Poll::Ready(Ok(Filled::End | Filled::Full)) => {
                            if self.download.finish().is_err() {
                                return Poll::Ready(Ok(BodyEnd::Incomplete(ResetReason::ProtocolError)));
                            }
                        }
                        Poll::Ready(Err(error)) => {
                            return Poll::Ready(Ok(BodyEnd::Incomplete(reset_reason(&error))));
                        }
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
    }

    pub(super) fn is_head_request(&self) -> bool {
        self.request.head.method() == Method::Head
    }

    /// Whether the client's connection is to be kept after this request, as far as client and listener are concerned.
    pub(super) fn keeps_alive(&self) -> bool {
        self.request.head.keep_alive() && !self.ends && !self.client.is_draining()
    }

    /// The client's version.
    pub(super) fn client_version(&self) -> Version {
        self.request.version()
    }
}
