//! A request: its head as it came, what the gateway makes of it, and the view that routes match.

use super::client_cert;
use super::fields::{Extra, FieldsView, Wanted};
use crate::listener::ConnectionInfo;
use crate::peer_metadata::{KnownPeer, PeerMetadata};
use crate::record::HeaderView;
use meridian_http::path::{Canonical, Normalization, canonicalize};
use meridian_http::{Field, FieldName, Framing, HeadError, KnownHeader, RequestHead, TargetForm, Version, write};
use meridian_ir::endpoint::Workload;
use meridian_ir::listener::Direction;
use meridian_ir::{HttpConnectionManager, RequestView};
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::time::{Instant, SystemTime};

/// Fields that only proxies of the mesh tell each other; taken out at the edge (Envoy's
/// `ConnectionManagerUtility::cleanInternalHeaders` for edge requests).
const EDGE: [KnownHeader; 6] = [
    KnownHeader::XEnvoyExternalAddress,
    KnownHeader::XEnvoyDecoratorOperation,
    KnownHeader::XEnvoyDownstreamServiceCluster,
    KnownHeader::XEnvoyDownstreamServiceNode,
    KnownHeader::XEnvoyOriginalHost,
    KnownHeader::XEnvoyOriginalPath,
];

/// Fields by which a client could steer the proxy; taken out everywhere, because no address is internal.
const STEERING: [KnownHeader; 14] = [
    KnownHeader::XEnvoyInternal,
    KnownHeader::XEnvoyRetriableStatusCodes,
    KnownHeader::XEnvoyRetriableHeaderNames,
    KnownHeader::XEnvoyRetryOn,
    KnownHeader::XEnvoyRetryGrpcOn,
    KnownHeader::XEnvoyMaxRetries,
    KnownHeader::XEnvoyUpstreamAltStatName,
    KnownHeader::XEnvoyUpstreamRqTimeoutMs,
    KnownHeader::XEnvoyUpstreamRqPerTryTimeoutMs,
    KnownHeader::XEnvoyUpstreamRqTimeoutAltResponse,
    KnownHeader::XEnvoyExpectedRqTimeoutMs,
    KnownHeader::XEnvoyForceTrace,
    KnownHeader::XEnvoyIpTags,
    KnownHeader::XEnvoyHedgeOnPerTryTimeout,
];

/// The rest of them, which have no number.
const OTHER_INTERNAL: [&str; 2] = ["x-envoy-original-url", "x-envoy-upstream-stream-duration-ms"];

/// The request at hand. Its memory is kept for the next one.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: RequestHead,
    pub(super) head_bytes: usize,
    pub(super) extra: Extra,
    canonical: Canonical,
    path: Vec<u8>,
    rewritten: Option<Vec<u8>>,
    spare: Vec<u8>,
    host_rewrite: Option<meridian_ir::Name>,
    /// The head was refused: nothing of it is shown or relied on, as in Envoy.
    is_refused: bool,
    /// What the peer tells of itself, and whether it did so in this request.
    peer: KnownPeer,
    has_peer: bool,
    /// The client as trusted headers tell it.
    pub(super) remote: SocketAddr,
    /// Whether the client speaks TLS: to the gateway, or to a trusted proxy in front of it, as that one says.
    pub(super) is_tls: bool,
    pub(super) started: Instant,
    pub(super) started_at: SystemTime,
}

impl Request {
    pub(super) fn new(info: &ConnectionInfo) -> Self {
        Self {
            head: RequestHead::new(),
            head_bytes: 0,
            extra: Extra::default(),
            canonical: Canonical::AsSent { len: 0 },
            path: Vec::new(),
            rewritten: None,
            spare: Vec::new(),
            host_rewrite: None,
            is_refused: false,
            peer: KnownPeer::default(),
            has_peer: false,
            remote: info.remote,
            is_tls: info.tls.is_some(),
            started: Instant::now(),
            started_at: SystemTime::now(),
        }
    }

    /// Forgets the request and keeps the memory.
    pub(super) fn reset(&mut self, info: &ConnectionInfo) {
        self.head.reset();
        self.head_bytes = 0;
        self.extra.clear();
        self.canonical = Canonical::AsSent { len: 0 };
        if let Some(rewritten) = self.rewritten.take() {
            self.spare = rewritten;
        }
        self.host_rewrite = None;
        self.is_refused = false;
        self.has_peer = false;
        self.remote = info.remote;
        self.is_tls = info.tls.is_some();
    }

    /// The head is complete; its path is shown as it came until it is made canonical.
    pub(super) fn begin(&mut self, buf: &[u8], len: usize) {
        self.is_refused = false;
        self.head_bytes = len;
        self.canonical = Canonical::AsSent { len: self.head.path(buf).len() };
    }

    /// The head is not complete, or not valid.
    pub(super) fn refuse(&mut self) {
        self.is_refused = true;
    }

    /// The client's version; of a refused head nothing is believed.
    pub(super) fn version(&self) -> Version {
        if self.is_refused { Version::Http11 } else { self.head.version() }
    }

    /// Brings the path into its canonical form.
    ///
    /// # Errors
    /// The path has none.
    pub(super) fn canonicalize(&mut self, buf: &[u8], mode: Normalization) -> Result<(), HeadError> {
        self.canonical = canonicalize(self.head.path(buf), mode, &mut self.path)?;
        Ok(())
    }

    /// The path with its query, before any rewriting.
    pub(super) fn original_path<'a>(&'a self, buf: &'a [u8]) -> &'a [u8] {
        self.canonical.of(self.head.path(buf), &self.path)
    }

    /// The path with its query, as it is sent.
    pub(super) fn path<'a>(&'a self, buf: &'a [u8]) -> &'a [u8] {
        self.rewritten.as_deref().unwrap_or_else(|| self.original_path(buf))
    }

    /// Host and port, as they are sent.
    pub(super) fn authority<'a>(&'a self, buf: &'a [u8]) -> &'a [u8] {
        match &self.host_rewrite {
            Some(host) => host.as_bytes(),
            None => self.head.authority(buf),
        }
    }

    pub(super) fn scheme(&self) -> &'static [u8] {
        self.scheme_name().as_bytes()
    }

    pub(super) fn scheme_name(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Sends another path than the one that came; `rewrite` writes it.
    pub(super) fn rewrite_path(&mut self, buf: &[u8], rewrite: impl FnOnce(&[u8], &mut Vec<u8>)) {
        let mut path = std::mem::take(&mut self.spare);
        rewrite(self.original_path(buf), &mut path);
        if path == self.original_path(buf) {
            self.spare = path;
            return;
        }
        let original = self.canonical.of(self.head.path(buf), &self.path);
        self.extra.add(KnownHeader::XEnvoyOriginalPath, original);
        self.rewritten = Some(path);
    }

    /// Sends another Host than the one that came.
    pub(super) fn rewrite_host(&mut self, buf: &[u8], host: &meridian_ir::Name) {
        if self.head.authority(buf) != host.as_bytes() {
            self.extra.add(KnownHeader::XEnvoyOriginalHost, self.head.authority(buf));
            self.host_rewrite = Some(host.clone());
        }
    }

    /// Sets the fields that an HTTP connection manager sets before routing, and takes out those that clients may not
    /// set, as Envoy does at the edge (`use_remote_address`) or inside the mesh.
    pub(super) fn set_edge_fields(
        &mut self,
        buf: &[u8],
        manager: &HttpConnectionManager,
        info: &ConnectionInfo,
        random: impl FnOnce() -> u128,
    ) {
        let fields = self.head.fields_mut();
        if info.direction == Direction::Inbound {
            // It was meant for the span of this proxy.
            fields.remove_known(KnownHeader::XEnvoyDecoratorOperation);
            self.take_peer(buf, info);
        }
        let fields = self.head.fields_mut();
        let is_set = |known| fields.has(known);
        let keeps_proto =
            is_set(KnownHeader::XForwardedProto) && (!manager.use_remote_address || manager.xff_num_trusted_hops > 0);
        let keeps_id = is_set(KnownHeader::XRequestId) && !manager.use_remote_address;
        self.remove_steering(buf);
        if manager.use_remote_address {
            self.remove_edge();
            self.extend_forwarded_for(buf, manager, info);
        } else if let Some(client) = self.forwarded_client(buf, manager.xff_num_trusted_hops) {
            self.remote = client;
        }
        client_cert::rewrite(&mut self.head, &mut self.extra, buf, manager, info.tls.as_deref());
        if keeps_proto {
            // As in Envoy, a scheme that does not exist leaves that of the connection.
            match self.head.fields().get(KnownHeader::XForwardedProto, buf) {
                Some(proto) if proto.eq_ignore_ascii_case(b"https") => self.is_tls = true,
                Some(proto) if proto.eq_ignore_ascii_case(b"http") => self.is_tls = false,
                _ => {}
            }
        } else {
            self.head.fields_mut().remove_known(KnownHeader::XForwardedProto);
            self.extra.add(KnownHeader::XForwardedProto, self.scheme());
        }
        if manager.use_remote_address {
            let trusted = self.remote.ip();
            if trusted == info.remote.ip() {
                self.extra.add(KnownHeader::XEnvoyExternalAddress, info.remote_ip.as_bytes());
            } else {
                let text = trusted.to_string();
                self.extra.add(KnownHeader::XEnvoyExternalAddress, text.as_bytes());
            }
        }
        if !keeps_id {
            self.head.fields_mut().remove_known(KnownHeader::XRequestId);
            let id = random();
            self.extra.add_with(KnownHeader::XRequestId, KnownHeader::XRequestId.name(), |out| write_uuid(id, out));
        }
    }

    /// Takes out what the peer tells of itself: it is for this proxy, and not for the workload. It is believed from whoever
    /// has shown a certificate of the mesh.
    fn take_peer(&mut self, buf: &[u8], info: &ConnectionInfo) {
        let fields = self.head.fields_mut();
        if let Some(value) = fields.get(KnownHeader::XEnvoyPeerMetadata, buf) {
            let peer = info.tls.as_ref().and_then(|tls| tls.peer.as_ref());
            if peer.is_some_and(|peer| peer.is_validated) {
                self.has_peer = true;
                self.peer.read(value);
            }
            fields.remove_known(KnownHeader::XEnvoyPeerMetadata);
        }
        fields.remove_known(KnownHeader::XEnvoyPeerMetadataId);
    }

    /// The client's workload, as it told in this request.
    pub(super) fn peer(&self) -> Option<&Workload> {
        self.peer.workload().filter(|_| self.has_peer)
    }

    /// Whether the client has told who it is, so that it wants to know the same of this side.
    pub(super) fn has_peer(&self) -> bool {
        self.has_peer
    }

    /// Tells the endpoint who sends this, or takes out what somebody else told.
    pub(super) fn set_peer(&mut self, own: Option<&PeerMetadata>) {
        for name in [KnownHeader::XEnvoyPeerMetadataId, KnownHeader::XEnvoyPeerMetadata] {
            self.head.fields_mut().remove_known(name);
            self.extra.remove_known(name);
        }
        if let Some(own) = own {
            self.extra.add(KnownHeader::XEnvoyPeerMetadataId, own.id.as_bytes());
            self.extra.add(KnownHeader::XEnvoyPeerMetadata, own.metadata.as_bytes());
        }
    }

    fn remove_edge(&mut self) {
        for known in EDGE {
            self.head.fields_mut().remove_known(known);
        }
    }

    fn remove_steering(&mut self, buf: &[u8]) {
        let fields = self.head.fields_mut();
        for known in STEERING {
            fields.remove_known(known);
        }
        let is_other = |field: &Field| {
            field.known() == KnownHeader::Other
                && OTHER_INTERNAL.iter().any(|name| field.name().of(buf) == name.as_bytes())
        };
        if fields.has(KnownHeader::Other) && fields.iter().any(is_other) {
            for name in OTHER_INTERNAL {
                fields.remove(&FieldName::new(name), buf);
            }
        }
    }

    /// All that came, joined, and the client's address behind it, without a blank, as Envoy writes it.
    fn extend_forwarded_for(&mut self, buf: &[u8], manager: &HttpConnectionManager, info: &ConnectionInfo) {
        let name = KnownHeader::XForwardedFor;
        let fields = self.head.fields_mut();
        if !fields.has(name) {
            self.extra.add(name, info.remote_ip.as_bytes());
            return;
        }
        let known = fields.iter().filter(|field| field.known() == name).map(|field| field.value().of(buf));
        self.extra.add_with(name, name.name(), |out| {
            for value in known {
                out.extend_from_slice(value);
                out.push(b',');
            }
            out.extend_from_slice(info.remote_ip.as_bytes());
        });
        let hops = manager.xff_num_trusted_hops;
        if let Some(client) = hops.checked_sub(1).and_then(|behind| self.forwarded_client(buf, behind)) {
            self.remote = client;
        }
        self.head.fields_mut().remove_known(name);
    }

    /// The client as `x-forwarded-for` tells it: the address that has `behind` others to its right, in all fields
    /// together. `None` when there are not so many, or when it is not an address.
    fn forwarded_client(&self, buf: &[u8], behind: u32) -> Option<SocketAddr> {
        let name = KnownHeader::XForwardedFor;
        let fields = self.head.fields();
        if !fields.has(name) {
            return None;
        }
        let values: SmallVec<[&[u8]; 4]> =
            fields.iter().filter(|field| field.known() == name).map(|field| field.value().of(buf)).collect();
        nth_from_right(&values, behind as usize).map(|address| SocketAddr::new(address, 0))
    }

    /// How the body goes to the endpoint. What came by HTTP/2 with its length goes on with it.
    pub(super) fn framing_upstream(&self, is_http2: bool) -> Framing {
        match (self.head.framing(), self.head.content_length()) {
            (Framing::Chunked, Some(length)) if !is_http2 => Framing::Length(length),
            (framing, _) => framing,
        }
    }

    /// Appends the head as it goes to the endpoint. `framing` is how the body goes; `upgrade` the protocol that is
    /// asked for.
    pub(super) fn write(&self, buf: &[u8], framing: Framing, upgrade: Option<&[u8]>, out: &mut Vec<u8>) {
        self.head.write_forwarded(buf, self.path(buf), self.authority(buf), out);
        self.extra.write(out);
        if framing == Framing::Chunked {
            write::chunked(out);
        }
        if let Some(protocol) = upgrade {
            write::upgrade(out, protocol);
        }
        write::end(out);
    }

    pub(super) fn view<'m>(&'m self, buf: &'m [u8]) -> RequestFields<'m> {
        RequestFields { request: self, buf }
    }
}

/// The `index`th address from the right of the values of `x-forwarded-for`.
fn nth_from_right(values: &[&[u8]], index: usize) -> Option<IpAddr> {
    let text = values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).nth(index)?;
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Writes a random UUID, version 4 (RFC 9562 section 5.4).
pub(crate) fn write_uuid(random: u128, out: &mut Vec<u8>) {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    for nibble in 0..32 {
        if matches!(nibble, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        out.push(b"0123456789abcdef"[(bits >> (124 - nibble * 4) & 0xf) as usize]);
    }
}

/// A request as routes match it and as the log prints it.
#[derive(Clone, Copy)]
pub(super) struct RequestFields<'m> {
    request: &'m Request,
    buf: &'m [u8],
}

impl<'m> RequestFields<'m> {
    fn fields(self) -> FieldsView<'m> {
        FieldsView { fields: self.request.head.fields(), buf: self.buf, extra: &self.request.extra }
    }
}

impl RequestView for RequestFields<'_> {
    fn method(&self) -> &[u8] {
        self.request.head.method_name(self.buf)
    }

    fn path_and_query(&self) -> &[u8] {
        self.request.original_path(self.buf)
    }

    fn authority(&self) -> &[u8] {
        self.request.head.authority(self.buf)
    }

    fn scheme(&self) -> &[u8] {
        self.request.scheme()
    }

    fn any_header(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields().values(Wanted::new(name)).any(test)
    }
}

impl HeaderView for RequestFields<'_> {
    fn first(&self, name: &str) -> Option<&[u8]> {
        if self.request.is_refused {
            return None;
        }
        match name {
            ":method" => Some(self.request.head.method_name(self.buf)),
            ":path" if self.request.head.target_form() == TargetForm::Authority => None,
            ":path" => Some(self.request.path(self.buf)),
            ":authority" => Some(self.request.authority(self.buf)).filter(|authority| !authority.is_empty()),
            ":scheme" => Some(self.request.scheme()),
            _ => FieldsView::first(self.fields(), name),
        }
    }

    fn byte_size(&self) -> u64 {
        let pseudo = [":method", ":path", ":authority", ":scheme"];
        let pseudo = pseudo.iter().filter_map(|name| Some(name.len() + HeaderView::first(self, name)?.len()));
        let fields = if self.request.is_refused { 0 } else { self.fields().byte_size() };
        pseudo.sum::<usize>() as u64 + fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4() {
        let mut out = Vec::new();
        write_uuid(u128::MAX, &mut out);
        write_uuid(0, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn trusted_hops_count_from_the_right() {
        let values = [&b"1.1.1.1, 2.2.2.2"[..], b"2001:db8::2"];
        assert_eq!(nth_from_right(&values, 0), "2001:db8::2".parse().ok());
        assert_eq!(nth_from_right(&values, 1), "2.2.2.2".parse().ok());
        assert_eq!(nth_from_right(&values, 2), "1.1.1.1".parse().ok());
        assert_eq!(nth_from_right(&values, 3), None);
        for other in ["unknown", "1.1.1.1:99", "[2001:db8::1]:80", ""] {
            assert_eq!(nth_from_right(&[other.as_bytes()], 0), None, "{other}");
        }
    }
}
