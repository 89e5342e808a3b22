//! The filter chains of inbound connections.

use super::port::InboundPort;
use super::variants::{self, Spoken, Variant};
use crate::istio::destination::Scope;
use crate::istio::peer_authentication::{Mode, Modes};
use crate::istio::retry;
use crate::mesh::MeshConfig;
use crate::security::authorization::Authorization;
use crate::telemetry::{self, Side};
use meridian_ir::filter_chain::{ChainMatch, Filters};
use meridian_ir::http::{ClientCertDetails, ClientCertHeader, HttpConnectionManager, RouteSource, ServerHeader};
use meridian_ir::route::{Forward, PathMatch, RetryPolicy, RouteMatch, WeightedCluster};
use meridian_ir::tcp::WeightedName;
use meridian_ir::tls::{ClientAuth, DownstreamTls, MESH_AUTHORITY, PeerValidation, TlsVersion, WORKLOAD_CERTIFICATE};
use meridian_ir::{
    Action, FilterChain, HeaderEdits, Name, Origin, Rbac, Route, RouteConfig, StringMatch, TcpProxy, VirtualHost,
};
use std::sync::Arc;

/// The cluster of ports that nothing describes.
pub(super) const PASSTHROUGH: &str = "InboundPassthroughCluster";
/// The cluster without endpoints.
const BLACK_HOLE: &str = "BlackHoleCluster";

/// What the chains of one port have in common.
struct Place {
    /// The port that is matched; `None`: every one that nothing else matches.
    port: Option<u16>,
    http_name: Name,
    tcp_name: Name,
    http_stat_prefix: Name,
    cluster: Name,
    /// The port in the name of the virtual host.
    service_port: u16,
    origin: Option<Origin>,
}

impl Place {
    fn of_port(port: &InboundPort) -> Self {
        let name = port.name();
        Self {
            port: Some(port.number),
            http_stat_prefix: format!("inbound_{name}").into(),
            http_name: name.clone(),
            tcp_name: name,
            cluster: port.cluster().into(),
            service_port: port.service_port,
            origin: port.origin.clone(),
        }
    }

    /// What nothing describes; `port` where a mode of its own is asked for it.
    fn passthrough(port: Option<u16>) -> Self {
        Self {
            port,
            http_name: "virtualInbound-catchall-http".into(),
            tcp_name: "virtualInbound".into(),
            http_stat_prefix: PASSTHROUGH.into(),
            cluster: PASSTHROUGH.into(),
            service_port: 0,
            origin: None,
        }
    }
}

/// Makes the chains of one sidecar.
pub(super) struct Chains<'a, 's> {
    pub(super) scope: &'a mut Scope<'s>,
    pub(super) modes: &'a Modes,
    pub(super) authorization: &'a Authorization,
}

impl Chains<'_, '_> {
    /// The chains of a port.
    pub(super) fn of_port(&mut self, port: &InboundPort) -> Vec<FilterChain> {
        let place = Place::of_port(port);
        let mode = self.modes.of_port(port.number);
        match port.tls.as_ref().filter(|_| mode == Mode::Disable) {
            Some(own) => vec![self.chain(&place, variants::own_tls(port.spoken), Some(own.clone()))],
            None => self.of_place(&place, mode, port.spoken),
        }
    }

    /// The chains of everything else, and of ports that have a mode of their own and that nothing describes. `listen`
    /// is the port that captured connections come to: a connection that was going there would come back for ever.
    pub(super) fn passthrough(&mut self, described: &[InboundPort], listen: u16) -> Vec<FilterChain> {
        let guard = FilterChain {
            name: "virtualInbound-blackhole".into(),
            matcher: ChainMatch { destination_port: Some(listen), ..ChainMatch::default() },
            tls: None,
            filters: self.tcp_proxy(BLACK_HOLE.into(), &[]),
            origin: None,
        };
        let modes = self.modes;
        let mut chains = vec![guard];
        chains.extend(self.of_place(&Place::passthrough(None), modes.general, Spoken::Auto));
        for (port, mode) in &modes.ports {
            if !described.iter().any(|described| described.number == *port) && *port != listen {
                chains.extend(self.of_place(&Place::passthrough(Some(*port)), *mode, Spoken::Auto));
            }
        }
        chains
    }

    fn of_place(&mut self, place: &Place, mode: Mode, spoken: Spoken) -> Vec<FilterChain> {
        let mesh = self.scope.mesh;
        let tls = |variant: &Variant| variant.terminates.then(|| Arc::new(mesh_tls(mesh, variant.is_http)));
        variants::variants(mode, spoken).into_iter().map(|one| self.chain(place, one, tls(&one))).collect()
    }

    fn chain(&mut self, place: &Place, variant: Variant, tls: Option<Arc<DownstreamTls>>) -> FilterChain {
        let pool = &mut self.scope.pool;
        let matcher = ChainMatch {
            destination_port: place.port,
            transport_protocol: Some(variant.transport),
            application_protocols: variant.application.iter().map(|protocol| pool.name(protocol)).collect(),
            ..ChainMatch::default()
        };
        let (name, filters) = match variant.is_http {
            true => (&place.http_name, self.http(place)),
            false => (&place.tcp_name, self.tcp_proxy(place.cluster.clone(), &self.authorization.tcp)),
        };
        FilterChain { name: name.clone(), matcher, tls, filters, origin: place.origin.clone() }
    }

    fn http(&self, place: &Place) -> Filters {
        let mesh = self.scope.mesh;
        Filters::Http(Arc::new(HttpConnectionManager {
            stat_prefix: place.http_stat_prefix.clone(),
            routes: RouteSource::Inline(Arc::new(routes(place))),
            server_header: ServerHeader::Overwrite("istio-envoy".into()),
            use_remote_address: false,
            path_normalization: mesh.path_normalization,
            client_cert_header: ClientCertHeader::AppendForward,
            client_cert_details: ClientCertDetails { subject: true, dns: true, uri: true, ..Default::default() },
            accept_http_10: mesh.http10,
            rbac: self.authorization.http.clone(),
            access_log: telemetry::access_logs(self.scope, Side::Server),
            ..HttpConnectionManager::default()
        }))
    }

    fn tcp_proxy(&self, cluster: Name, rbac: &[Arc<Rbac>]) -> Filters {
        Filters::Tcp(Arc::new(TcpProxy {
            stat_prefix: cluster.clone(),
            clusters: vec![WeightedName { cluster, weight: 1 }],
            rbac: rbac.to_vec(),
            access_log: telemetry::access_logs(self.scope, Side::Server),
            ..TcpProxy::default()
        }))
    }
}

/// One virtual host with one route for everything.
fn routes(place: &Place) -> RouteConfig {
    let cluster = WeightedCluster {
        cluster: place.cluster.clone(),
        weight: 1,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        host_rewrite: None,
    };
    let route = Route {
        name: "default".into(),
        matcher: RouteMatch {
            path: PathMatch::Prefix("/".into()),
            case_sensitive: true,
            headers: Vec::new(),
            query: Vec::new(),
        },
        action: Action::Forward(Forward {
            clusters: vec![cluster],
            retry: Some(Arc::new(retries())),
            ..Forward::default()
        }),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        fault: None,
        cors: None,
        ext_authz: None,
        origin: None,
    };
    let host = VirtualHost {
        name: format!("inbound|http|{}", place.service_port).into(),
        domains: vec!["*".into()],
        routes: vec![Arc::new(route)],
        require_tls: false,
    };
    RouteConfig::new(place.cluster.clone(), vec![Arc::new(host)])
}

/// Requests that were not written to the workload are tried again, on another connection.
fn retries() -> RetryPolicy {
    RetryPolicy {
        on_connect_failure: false,
        on_refused_stream: false,
        on_reset_before_request: true,
        grpc_statuses: Vec::new(),
        avoid_previous_hosts: false,
        ..retry::default_policy()
    }
}

/// Mutual TLS with the identity of the workload: peers show a certificate of the mesh, of one of its trust domains.
fn mesh_tls(mesh: &MeshConfig, is_http: bool) -> DownstreamTls {
    let domains = std::iter::once(&mesh.trust_domain).chain(&mesh.trust_domain_aliases);
    let peers = domains.map(|domain| StringMatch::Prefix(format!("spiffe://{domain}/").into()));
    let alpn: &[&str] = if is_http { &["h2", "http/1.1"] } else { &["istio-peer-exchange", "h2", "http/1.1"] };
    DownstreamTls {
        certificates: vec![WORKLOAD_CERTIFICATE.into()],
        client_auth: ClientAuth::Required(PeerValidation {
            authority: Some(MESH_AUTHORITY.into()),
            subject_alt_names: peers.collect(),
            ..PeerValidation::default()
        }),
        alpn: alpn.iter().map(|protocol| Name::from(*protocol)).collect(),
        min_version: mesh.mesh_mtls_min_version,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
    }
}
