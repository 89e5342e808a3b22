//! A response: the upstream's head as it came and what the gateway makes of it.

use super::fields::{Extra, FieldsView};
use crate::record::HeaderView;
use meridian_http::{Framing, KnownHeader, ResponseHead, Version, write};
use meridian_ir::http::ServerHeader;

/// The response at hand. Its memory is kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) head: ResponseHead,
    pub(super) extra: Extra,
    /// Status that was sent to the client; 0 when none was. Its digits are for `:status`.
    status: u16,
    digits: [u8; 3],
    /// Bytes of the head as it was sent.
    pub(super) head_bytes: usize,
    /// Bytes of its first line and of the empty one.
    pub(super) framing_bytes: usize,
}

/// What the gateway knows when it passes a head on.
pub(super) struct PassOn<'p> {
    pub(super) server: &'p ServerHeader,
    pub(super) date: &'p [u8],
    /// The client's version.
    pub(super) client: Version,
    /// How the body goes.
    pub(super) framing: Framing,
    /// The protocol that is changed to.
    pub(super) upgrade: Option<&'p [u8]>,
    pub(super) connection: ConnectionField,
}

/// What the response says about the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionField {
    /// Nothing: it stays, as HTTP/1.1 connections do.
    Absent,
    /// `close`
    Close,
    /// `keep-alive`, for an HTTP/1.0 client that asked for it.
    KeepAlive,
}

impl Response {
    /// Forgets the response and keeps the memory.
    pub(super) fn reset(&mut self) {
        self.head.reset();
        self.extra.clear();
        self.status = 0;
        self.head_bytes = 0;
        self.framing_bytes = 0;
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn set_status(&mut self, status: u16) {
        self.status = status;
        let digit = |value: u16| b'0' + (value % 10) as u8;
        self.digits = [digit(status / 100), digit(status / 10), digit(status)];
    }

    /// Sets what the router sets, before the route's edits are applied.
    pub(super) fn set_router_fields(&mut self, service_time: u64) {
        self.set_status(self.head.status());
        self.head.fields_mut().remove_known(KnownHeader::XEnvoyUpstreamServiceTime);
        self.extra.add_number(KnownHeader::XEnvoyUpstreamServiceTime, service_time);
    }

    /// How the body goes to the client. What came by HTTP/2 with its length goes on with it.
    pub(super) fn framing_downstream(&self, client: Version, is_stream: bool) -> Framing {
        match (self.head.framing(), self.head.content_length()) {
            (Framing::Chunked, Some(length)) if !is_stream => Framing::Length(length),
            (framing, _) => framing.towards_client(client),
        }
    }

    /// Appends the upstream's head as it goes to the client.
    pub(super) fn write(&mut self, buf: &[u8], pass: &PassOn<'_>, out: &mut Vec<u8>) {
        self.set_manager_fields(pass.server, pass.date);
        let start = out.len();
        self.head.write_forwarded(buf, out);
        self.extra.write(out);
        if let Some(protocol) = pass.upgrade {
            write::upgrade(out, protocol);
        } else {
            let is_chunked = match self.head.framing() {
                Framing::None => self.head.declares_chunked(),
                _ => pass.framing == Framing::Chunked,
            };
            if is_chunked && pass.client == Version::Http11 {
                write::chunked(out);
            }
            match pass.connection {
                ConnectionField::Absent => {}
                ConnectionField::Close => out.extend_from_slice(b"connection: close\r\n"),
                ConnectionField::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
            }
        }
        write::end(out);
        self.head_bytes = out.len() - start;
        self.framing_bytes = framing_bytes(&out[start..]);
        set_version(&mut out[start..], pass.client);
    }

    /// `server` and `date`, which no route can change.
    fn set_manager_fields(&mut self, server: &ServerHeader, date: &[u8]) {
        if let ServerHeader::Overwrite(name) = server {
            self.head.fields_mut().remove_known(KnownHeader::Server);
            self.extra.remove_known(KnownHeader::Server);
            self.extra.add(KnownHeader::Server, name.as_bytes());
        }
        if !self.head.fields().has(KnownHeader::Date) && !self.extra.has(KnownHeader::Date) {
            self.extra.add(KnownHeader::Date, date);
        }
    }

    /// The end of an answer of our own: `date`, `server`, and what is said about body and connection.
    pub(super) fn write_own(
        &mut self,
        body: &[u8],
        server: &ServerHeader,
        date: &[u8],
        client: Version,
        connection: ConnectionField,
        out: &mut Vec<u8>,
    ) {
        self.extra.remove_known(KnownHeader::Server);
        if !self.extra.has(KnownHeader::Date) {
            self.extra.add(KnownHeader::Date, date);
        }
        let name = match server {
            ServerHeader::Overwrite(name) => name.as_bytes(),
            ServerHeader::PassThrough => b"envoy",
        };
        self.extra.add(KnownHeader::Server, name);
        let start = out.len();
        write::status_line(out, self.status);
        self.extra.write(out);
        match connection {
            ConnectionField::Absent => {}
            ConnectionField::Close => out.extend_from_slice(b"connection: close\r\n"),
            ConnectionField::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
        }
        if body.is_empty() && !matches!(self.status, 100..200 | 204 | 304) {
            out.extend_from_slice(b"content-length: 0\r\n");
        }
        write::end(out);
        self.head_bytes = out.len() - start;
        self.framing_bytes = framing_bytes(&out[start..]);
        set_version(&mut out[start..], client);
    }

    /// The response as the log prints it. `buf` is what its head was parsed from.
    pub(super) fn view<'m>(&'m self, buf: &'m [u8]) -> ResponseFields<'m> {
        ResponseFields { response: self, buf }
    }
}

/// How much of a head are not header lines.
pub(super) fn framing_bytes(head: &[u8]) -> usize {
    memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1 + b"\r\n".len())
}

/// A client of HTTP/1.0 is answered in HTTP/1.0, as Envoy does.
fn set_version(head: &mut [u8], client: Version) {
    if client == Version::Http10
        && let Some(minor) = head.get_mut(b"HTTP/1.".len())
    {
        *minor = b'0';
    }
}

/// See [`Response::view`].
#[derive(Clone, Copy)]
pub(super) struct ResponseFields<'m> {
    response: &'m Response,
    buf: &'m [u8],
}

impl HeaderView for ResponseFields<'_> {
    fn first(&self, name: &str) -> Option<&[u8]> {
        if self.response.status == 0 {
            return None;
        }
        if name == ":status" {
            return Some(&self.response.digits);
        }
        let Response { head, extra, .. } = self.response;
        FieldsView { fields: head.fields(), buf: self.buf, extra }.first(name)
    }

    fn byte_size(&self) -> u64 {
        let Response { head, extra, status, .. } = self.response;
        let status = if *status == 0 { 0 } else { ":status200".len() as u64 };
        status + FieldsView { fields: head.fields(), buf: self.buf, extra }.byte_size()
    }
}
