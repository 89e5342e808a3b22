//! The chains that a port has: by the mode of its mutual TLS and by what is spoken there, in Istio's order.

use crate::istio::peer_authentication::Mode;
use meridian_ir::filter_chain::TransportProtocol;
use meridian_resources::istio::Protocol;

/// Mutual TLS of the mesh that carries HTTP, as the client's sidecar knows.
const MESH_HTTP: &[&str] = &["istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// Mutual TLS of the mesh that carries anything.
const MESH_TCP: &[&str] = &["istio-peer-exchange", "istio"];
/// Mutual TLS of the mesh.
const MESH_ANY: &[&str] = &["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// What the HTTP inspector finds in plain text.
const PLAIN_HTTP: &[&str] = &["http/1.1", "h2c"];
const ANY: &[&str] = &[];

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Spoken {
    /// HTTP, as the service says.
    Http,
    /// Bytes, as the service says.
    Tcp,
    /// Nobody says: the first bytes decide.
    Auto,
}

impl Spoken {
    /// What a protocol of a service means.
    pub(super) fn of(protocol: Option<Protocol>) -> Self {
        match protocol {
            None => Self::Auto,
            Some(protocol) if protocol.is_http() => Self::Http,
            Some(_) => Self::Tcp,
        }
    }
}

/// One chain of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variant {
    /// What the chain matches, beside the port.
    pub(super) transport: TransportProtocol,
    pub(super) application: &'static [&'static str],
    /// Whether it speaks HTTP, or forwards bytes.
    pub(super) is_http: bool,
    /// Whether it terminates TLS.
    pub(super) terminates: bool,
}

/// The chains of a port that is spoken to in `spoken`.
pub(super) fn variants(mode: Mode, spoken: Spoken) -> Vec<Variant> {
    let http = spoken == Spoken::Http;
    match (mode, spoken) {
        (Mode::Disable, Spoken::Auto) => vec![plain(PLAIN_HTTP, true), plain(ANY, false)],
        (Mode::Disable, _) => vec![plain(ANY, http)],
        (Mode::Strict, Spoken::Auto) => vec![mesh(MESH_HTTP, true), mesh(ANY, false)],
        (Mode::Strict, _) => vec![mesh(ANY, http)],
        (Mode::Permissive, Spoken::Auto) => {
            vec![mesh(MESH_HTTP, true), plain(PLAIN_HTTP, true), mesh(MESH_TCP, false), plain(ANY, false), FOREIGN_TLS]
        }
        (Mode::Permissive, Spoken::Tcp) => vec![mesh(MESH_ANY, false), FOREIGN_TLS, plain(ANY, false)],
        (Mode::Permissive, Spoken::Http) => vec![mesh(MESH_ANY, true), plain(ANY, true)],
    }
}

/// TLS of the client's own, which goes to the workload as it is.
const FOREIGN_TLS: Variant =
    Variant { transport: TransportProtocol::Tls, application: ANY, is_http: false, terminates: false };

const fn mesh(application: &'static [&'static str], is_http: bool) -> Variant {
    Variant { transport: TransportProtocol::Tls, application, is_http, terminates: true }
}

const fn plain(application: &'static [&'static str], is_http: bool) -> Variant {
    Variant { transport: TransportProtocol::RawBuffer, application, is_http, terminates: false }
}

/// The one chain of a port whose TLS settings are the user's own (`Sidecar.ingress[].tls`).
pub(super) fn own_tls(spoken: Spoken) -> Variant {
    mesh(ANY, spoken == Spoken::Http)
}
