//! A filter chain: which connections it takes, whether it terminates TLS, and what it does with their bytes.

use crate::tls::DownstreamTls;
use crate::{HttpConnectionManager, Listener, Name, Origin, TcpProxy};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What the first bytes of a connection are, as Envoy's `transport_protocol` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportProtocol {
    /// `raw_buffer`: not TLS.
    RawBuffer,
    /// `tls`: a ClientHello.
    Tls,
}

/// A server name in a chain match; always lowercase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// `host.example.com`
    Exact(Name),
    /// `*.example.com`; holds `.example.com`, with the leading dot.
    Suffix(Name),
}

/// Which connections a chain takes. An empty criterion is one that the chain leaves unset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ChainMatch {
    /// Original destination port.
    pub destination_port: Option<u16>,
    /// Original destination address; the longest prefix wins.
    pub prefix_ranges: Vec<IpNet>,
    /// SNI; exact beats the longest wildcard.
    pub server_names: Vec<ServerName>,
    /// See [`TransportProtocol`].
    pub transport_protocol: Option<TransportProtocol>,
    /// ALPN protocols of the ClientHello, or what the HTTP inspector found.
    pub application_protocols: Vec<Name>,
}

/// What a chain does with the bytes of its connections, after TLS where it terminates TLS.
#[derive(Debug, Clone, PartialEq)]
pub enum Filters {
    /// `envoy.filters.network.http_connection_manager`
    Http(Arc<HttpConnectionManager>),
    /// `envoy.filters.network.tcp_proxy`
    Tcp(Arc<TcpProxy>),
}

/// One filter chain of a listener.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterChain {
    /// Empty for chains that Istio does not name.
    pub name: Name,
    /// See [`ChainMatch`].
    pub matcher: ChainMatch,
    /// TLS termination; `None` passes the bytes on as they are.
    pub tls: Option<Arc<DownstreamTls>>,
    /// See [`Filters`].
    pub filters: Filters,
    /// The object that this chain was made from.
    pub origin: Option<Origin>,
}

/// What is known of a connection when its chain is chosen.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionView<'c> {
    /// Where the client was going: the original destination of a captured connection, else the local address.
    pub destination: SocketAddr,
    /// SNI of the ClientHello, in any case.
    pub server_name: Option<&'c str>,
    /// [`TransportProtocol::RawBuffer`] too when the listener does not look for TLS.
    pub transport_protocol: TransportProtocol,
    /// ALPN of the ClientHello, most preferred first, or what the HTTP inspector found; empty otherwise.
    pub application_protocols: &'c [&'c [u8]],
}

/// What [`select`] found.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'l> {
    /// The one chain that matches best.
    Chain(&'l Arc<FilterChain>),
    /// No chain matches; the listener has one for that case.
    Default(&'l Arc<FilterChain>),
    /// No chain matches: the connection is closed and logged as `NR filter_chain_not_found`.
    None,
}

impl<'l> Selection<'l> {
    /// The chain to run, if there is one.
    pub fn chain(self) -> Option<&'l Arc<FilterChain>> {
        match self {
            Self::Chain(chain) | Self::Default(chain) => Some(chain),
            Self::None => None,
        }
    }
}

/// Chains that are still in question; more than a few are kept on the heap.
type Candidates<'l> = SmallVec<[&'l Arc<FilterChain>; 32]>;

/// How well a chain meets one criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The chain sets the criterion and the connection does not meet it.
    Fails,
    /// The chain leaves the criterion unset.
    Unset,
    /// Met; more is better.
    Meets(usize),
}

/// Chooses the chain of `listener` for `connection` by Envoy's rules: destination port, destination address, server
/// name, transport protocol and application protocol are looked at in this order, and each keeps only the chains that
/// meet it best. There is no way back: a chain that leaves a criterion unset loses to one that meets it, even if that
/// one fails a later criterion.
pub fn select<'l>(listener: &'l Listener, connection: &ConnectionView<'_>) -> Selection<'l> {
    match (best(listener, connection).first(), &listener.default_chain) {
        (Some(chain), _) => Selection::Chain(chain),
        (None, Some(chain)) => Selection::Default(chain),
        (None, None) => Selection::None,
    }
}

/// Whether several chains of `listener` match `connection` equally well, which Envoy does not accept of a listener;
/// [`select`] takes the first.
pub fn is_ambiguous(listener: &Listener, connection: &ConnectionView<'_>) -> bool {
    best(listener, connection).len() > 1
}

/// The chains that match best; no more than one, unless two match equally.
fn best<'l>(listener: &'l Listener, connection: &ConnectionView<'_>) -> Candidates<'l> {
    let mut remaining: Candidates<'l> = listener.chains.iter().collect();
    let lowercase: SmallVec<[u8; 256]>;
    let server_name = match connection.server_name {
        Some(name) => {
            lowercase = name.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
            Some(&lowercase[..])
        }
        None => None,
    };
    keep_best(&mut remaining, |matcher| rank_port(matcher, connection));
    keep_best(&mut remaining, |matcher| rank_address(matcher, connection));
    keep_best(&mut remaining, |matcher| rank_server_name(matcher, server_name));
    keep_best(&mut remaining, |matcher| rank_transport(matcher, connection));
    keep_best(&mut remaining, |matcher| rank_application(matcher, connection));
    remaining
}

fn keep_best(remaining: &mut Candidates<'_>, rank: impl Fn(&ChainMatch) -> Rank) {
    let best = remaining.iter().map(|chain| rank(&chain.matcher)).max();
    match best {
        Some(best) if best > Rank::Fails => remaining.retain(|chain| rank(&chain.matcher) == best),
        _ => remaining.clear(),
    }
}

fn rank_port(matcher: &ChainMatch, connection: &ConnectionView<'_>) -> Rank {
    match matcher.destination_port {
        None => Rank::Unset,
        Some(port) if port == connection.destination.port() => Rank::Meets(1),
        Some(_) => Rank::Fails,
    }
}

fn rank_address(matcher: &ChainMatch, connection: &ConnectionView<'_>) -> Rank {
    if matcher.prefix_ranges.is_empty() {
        return Rank::Unset;
    }
    let address = connection.destination.ip().to_canonical();
    let covering = matcher.prefix_ranges.iter().filter(|range| range.contains(&address));
    covering.map(|range| Rank::Meets(range.prefix_len().into())).max().unwrap_or(Rank::Fails)
}

fn rank_server_name(matcher: &ChainMatch, server_name: Option<&[u8]>) -> Rank {
    if matcher.server_names.is_empty() {
        return Rank::Unset;
    }
    let Some(server_name) = server_name else { return Rank::Fails };
    let covers = |name: &ServerName| match name {
        ServerName::Exact(exact) if exact.as_bytes() == server_name => Rank::Meets(usize::MAX),
        ServerName::Suffix(suffix) if server_name.len() > suffix.len() && server_name.ends_with(suffix.as_bytes()) => {
            Rank::Meets(suffix.len())
        }
        ServerName::Exact(_) | ServerName::Suffix(_) => Rank::Fails,
    };
    matcher.server_names.iter().map(covers).max().unwrap_or(Rank::Fails)
}

fn rank_transport(matcher: &ChainMatch, connection: &ConnectionView<'_>) -> Rank {
    match matcher.transport_protocol {
        None => Rank::Unset,
        Some(protocol) if protocol == connection.transport_protocol => Rank::Meets(1),
        Some(_) => Rank::Fails,
    }
}

fn rank_application(matcher: &ChainMatch, connection: &ConnectionView<'_>) -> Rank {
    if matcher.application_protocols.is_empty() {
        return Rank::Unset;
    }
    let taken = |offered: &&[u8]| matcher.application_protocols.iter().any(|own| own.as_bytes() == *offered);
    // The first protocol offered that some chain has decides.
    match connection.application_protocols.iter().position(taken) {
        Some(position) => Rank::Meets(usize::MAX - position),
        None => Rank::Fails,
    }
}

impl ServerName {
    /// The form that a chain match holds of a host of a Gateway or an SNI host of a VirtualService: `host`, or
    /// `*.suffix`. `*` is no server name but the absence of any: `None`.
    pub fn new(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        match host.strip_prefix('*') {
            Some("") => None,
            Some(suffix) => Some(Self::Suffix(suffix.into())),
            None => Some(Self::Exact(host.into())),
        }
    }
}
