//! After a 101: bytes both ways, until one side has no more.

use super::buffer::Filled;
use super::client::Interrupt;
use super::connection::Connection;
use super::leg::Next;
use crate::pool::UpstreamConnection;
use meridian_http::{Framing, HeadLimits};
use std::task::{Context, Poll};

impl Connection {
    /// Makes both legs carry plain bytes. What is in the buffers behind the heads goes first.
    pub(super) fn begin_tunnel(&mut self) {
        self.is_tunnel = true;
        let limits = HeadLimits::default();
        self.upload.begin_body(Framing::UntilClose, Framing::UntilClose, &limits);
        self.download.begin_body(Framing::UntilClose, Framing::UntilClose, &limits);
    }

    /// Ready when the endpoint has closed and everything of it was passed on, or when either side broke.
    pub(super) fn poll_tunnel(
        &mut self,
        cx: &mut Context<'_>,
        up: &mut UpstreamConnection,
    ) -> Poll<Result<(), Interrupt>> {
        if self.poll_tunnel_up(cx, up).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(end) = self.poll_tunnel_down(cx, up) {
            return Poll::Ready(end);
        }
        self.poll_outside(cx)
    }

    /// Ready when the client has closed and everything of it was passed on, or the endpoint takes no more.
    fn poll_tunnel_up(&mut self, cx: &mut Context<'_>, up: &mut UpstreamConnection) -> Poll<()> {
        loop {
            match self.upload.transfer(&mut self.client.input) {
                Err(_) | Ok(Next::Done) => return Poll::Ready(()),
                Ok(Next::Flush) => match self.upload.poll_flush(cx, &self.client.input, up.stream_mut()) {
                    Poll::Ready(Ok(())) => self.moved(),
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                },
                Ok(Next::Read) => {
                    self.client.input.rewind();
                    match self.client.poll_body(cx, &self.worker.buffers) {
                        Poll::Ready(Ok(())) => self.moved(),
                        // As in Envoy, a client that closes its side ends the tunnel; all that it said was passed on.
                        Poll::Ready(Err(_)) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
    }

    fn poll_tunnel_down(&mut self, cx: &mut Context<'_>, up: &mut UpstreamConnection) -> Poll<Result<(), Interrupt>> {
        loop {
            match self.download.transfer(&mut self.response_input) {
                Err(_) | Ok(Next::Done) => return Poll::Ready(Ok(())),
                Ok(Next::Flush) => match self.download.poll_flush(cx, &self.response_input, &mut self.client.io) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Interrupt::ClientGone)),
                    Poll::Pending => return Poll::Pending,
                },
                Ok(Next::Read) => {
                    self.response_input.rewind();
                    match self.response_input.poll_fill(cx, up.stream_mut(), &self.worker.buffers) {
                        Poll::Ready(Ok(Filled::More)) => self.moved(),
                        Poll::Ready(_) => {
                            if self.download.finish().is_err() {
                                return Poll::Ready(Ok(()));
                            }
                        }
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
    }
}
