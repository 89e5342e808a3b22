//! What a log tells of a connection to an endpoint.

use super::UpstreamStream;
use crate::tls::{self, PeerCertificate};
use meridian_tls::Certificate;
use rustls::pki_types::CertificateDer;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The last number that was given to a connection; asked once for each connection, not for each request.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A connection as its requests' records show it.
#[derive(Debug)]
pub struct Facts {
    /// A number that no other connection to an endpoint has; never 0.
    pub id: u64,
    /// TLS that was originated here.
    pub tls: Option<TlsFacts>,
}

/// What gateway and endpoint agreed on.
#[derive(Debug)]
pub struct TlsFacts {
    /// `TLSv1.3`
    pub version: Option<&'static str>,
    /// The cipher suite by OpenSSL's name.
    pub cipher: Option<&'static str>,
    /// The group of the key exchange.
    pub group: Option<&'static str>,
    /// The SNI that was sent.
    pub server_name: Option<Arc<str>>,
    /// The certificate that the endpoint is shown when it asks for one.
    pub local: Option<Arc<Certificate>>,
    chain: Vec<CertificateDer<'static>>,
    peer: OnceCell<Option<PeerCertificate>>,
}

impl Facts {
    /// The facts of a new connection.
    pub(crate) fn of(stream: &UpstreamStream) -> Rc<Self> {
        let tls = match stream {
            UpstreamStream::Plain(_) => None,
            UpstreamStream::Tls(originated) => {
                let (_, session) = originated.stream.get_ref();
                let chain = session.peer_certificates().unwrap_or_default();
                Some(TlsFacts {
                    version: session.protocol_version().and_then(tls::version_name),
                    cipher: session.negotiated_cipher_suite().and_then(|suite| tls::cipher_name(suite.suite())),
                    group: session.negotiated_key_exchange_group().and_then(|group| tls::group_name(group.name())),
                    server_name: originated.sent_name.clone(),
                    local: originated.local.clone(),
                    chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
                    peer: OnceCell::new(),
                })
            }
        };
        Rc::new(Self { id: LAST.fetch_add(1, Ordering::Relaxed) + 1, tls })
    }
}

impl TlsFacts {
    /// The endpoint's certificate; read when it is asked for first.
    pub fn peer(&self) -> Option<&PeerCertificate> {
        self.peer.get_or_init(|| PeerCertificate::new(&self.chain, true)).as_ref()
    }
}
