//! The listeners of a proxy: one for each port and transport of its Gateway, with a chain for each server name.

use super::backends::{Dependencies, Speech};
use super::l4::{self, Destinations};
use super::settings::Settings;
use crate::gateway_api::GatewayApi;
use crate::gateway_api::model::{AttachedRoute, GatewayModel, ListenerModel, ListenerProtocol, ListenerTls, Route};
use crate::host;
use crate::istio::credential;
use crate::istio::destination::Scope;
use crate::istio::gateway::Bind;
use crate::istio::listener::{IDLE_TIMEOUT, http_manager, listener_name};
use crate::key::Key;
use crate::mesh::GatewayTopology;
use crate::security::authorization::Authorization;
use crate::telemetry::{self, Side};
use meridian_ir::filter_chain::{ChainMatch, Filters, ServerName};
use meridian_ir::http::{RouteFilters, ServerHeader};
use meridian_ir::tls::{ClientAuth, DownstreamTls, PeerValidation, TlsVersion};
use meridian_ir::{FilterChain, HttpConnectionManager, Listener, Name, Origin, TcpProxy, UdpProxy};
use meridian_resources::gateway_api::gateway::TlsMode;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

/// What listeners are made of.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) api: &'a GatewayApi,
    pub(crate) model: &'a GatewayModel,
    pub(crate) topology: &'a GatewayTopology,
    pub(crate) authorization: &'a Authorization,
    pub(crate) settings: &'a Settings,
}

/// All listeners, and on what they depend.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) listeners: Vec<Listener>,
    /// Of their TLS, TCP and UDP routes.
    pub(crate) dependencies: Vec<Dependencies>,
    /// SDS names that they refer to, and whether they are authorities.
    pub(crate) credentials: BTreeSet<(Name, bool)>,
}

/// The host of a listener; `*`: all.
pub(crate) fn host_of(listener: &ListenerModel) -> Name {
    listener.hostname.clone().unwrap_or_else(|| "*".into())
}

/// Whether a listener shares its port with others by the hosts that they serve, and how: in plaintext or by TLS.
pub(crate) fn shares_port(a: &ListenerModel, b: &ListenerModel) -> bool {
    let of_tls = |listener: &ListenerModel| match listener.protocol {
        ListenerProtocol::Http => Some(false),
        ListenerProtocol::Https | ListenerProtocol::Tls => Some(true),
        ListenerProtocol::Tcp | ListenerProtocol::Udp => None,
    };
    a.port == b.port && of_tls(a).is_some() && of_tls(a) == of_tls(b)
}

/// The hosts of other listeners that share the port of `listener` and serve a part of its hosts: a request belongs to
/// the listener whose host is the narrowest around its own.
pub(crate) fn narrower(model: &GatewayModel, listener: &ListenerModel) -> Vec<Name> {
    let own = host_of(listener);
    let others = model.listeners.iter().filter(|other| !std::ptr::eq(*other, listener) && shares_port(listener, other));
    others.map(host_of).filter(|host| *host != own && host::is_subset(host, &own)).collect()
}

/// Whether `domain` is in none of `narrower`.
pub(crate) fn is_outside(domain: &str, narrower: &[Name]) -> bool {
    !narrower.iter().any(|host| host::is_subset(domain, host))
}

/// The route configuration of a listener that speaks HTTP. All plaintext listeners of a port have one together.
pub(crate) fn table_of(gateway: &Key, listener: &ListenerModel) -> Option<Name> {
    let ListenerModel { port, name, .. } = listener;
    match listener.protocol {
        ListenerProtocol::Http => Some(format!("http.{port}").into()),
        ListenerProtocol::Https => Some(match &listener.listener_set {
            None => format!("https.{port}.{name}.{}.{}", gateway.name, gateway.namespace).into(),
            Some(set) => format!("https.{port}.{name}.{}.listenerset.{}", set.name, set.namespace).into(),
        }),
        ListenerProtocol::Tls | ListenerProtocol::Tcp | ListenerProtocol::Udp => None,
    }
}

/// Makes all listeners. A port without anything that could be served stays closed.
pub(crate) fn build(scope: &mut Scope<'_>, plan: Plan<'_>) -> Made {
    let mut made = Made::default();
    let mut ports: BTreeMap<(u16, bool), Vec<&ListenerModel>> = BTreeMap::new();
    for listener in &plan.model.listeners {
        ports.entry((listener.port, listener.protocol == ListenerProtocol::Udp)).or_default().push(listener);
    }
    for ((port, is_udp), listeners) in ports {
        let bind = Bind { address: scope.node.address, port };
        let mut builder = Builder { scope, plan, name: listener_name(&bind), chains: Vec::new(), made: &mut made };
        let listener = match is_udp {
            true => builder.udp(&listeners),
            false => builder.tcp(&listeners),
        };
        let address = SocketAddr::new(bind.address, port);
        made.listeners.extend(listener.map(|listener| Listener { address, ..listener }));
    }
    made
}

struct Builder<'a, 's, 'm> {
    scope: &'a mut Scope<'s>,
    plan: Plan<'m>,
    name: String,
    chains: Vec<FilterChain>,
    made: &'a mut Made,
}

impl Builder<'_, '_, '_> {
    fn udp(&mut self, listeners: &[&ListenerModel]) -> Option<Listener> {
        let route = listeners.iter().find_map(|listener| oldest(listener))?;
        let Destinations { stat_prefix, clusters, dependencies } = self.destinations(route, Speech::Udp);
        self.made.dependencies.push(dependencies);
        let access_log = telemetry::access_logs(self.scope, Side::Client);
        let proxy = UdpProxy { stat_prefix, clusters, access_log, ..UdpProxy::default() };
        let name = format!("{}_udp", self.name).into();
        Some(Listener {
            name,
            udp: Some(Arc::new(proxy)),
            origins: origins(self.plan.model, listeners),
            ..Listener::default()
        })
    }

    fn tcp(&mut self, listeners: &[&ListenerModel]) -> Option<Listener> {
        let mut plain_http = false;
        for listener in listeners {
            match listener.protocol {
                // All plain HTTP listeners of a port share one chain and one route configuration.
                ListenerProtocol::Http if std::mem::replace(&mut plain_http, true) => {}
                ListenerProtocol::Http => self.http(listener, None),
                ListenerProtocol::Https => {
                    let tls = listener.tls.as_ref().map(|tls| self.terminate(tls, &["h2", "http/1.1"]));
                    self.http(listener, tls);
                }
                ListenerProtocol::Tls => self.tls(listener),
                ListenerProtocol::Tcp => {
                    if let Some(route) = oldest(listener) {
                        let filters = self.proxy(route, Speech::Plain);
                        self.chain(listener, ChainMatch::default(), None, filters);
                    }
                }
                ListenerProtocol::Udp => {}
            }
        }
        let chains = std::mem::take(&mut self.chains);
        if chains.is_empty() {
            return None;
        }
        let tls_inspector = chains.iter().any(|chain| chain.tls.is_some() || !chain.matcher.server_names.is_empty());
        Some(Listener {
            name: self.name.as_str().into(),
            tls_inspector,
            chains: chains.into_iter().map(Arc::new).collect(),
            access_log: telemetry::listener_logs(self.scope, Side::Client),
            origins: origins(self.plan.model, listeners),
            proxy_protocol: self.plan.topology.proxy_protocol,
            ..Listener::default()
        })
    }

    fn http(&mut self, listener: &ListenerModel, tls: Option<DownstreamTls>) {
        let gateway = Key::of(&self.plan.model.gateway.meta);
        let Some(routes) = table_of(&gateway, listener) else { return };
        let Plan { topology, authorization, .. } = self.plan;
        let manager = http_manager(self.scope, topology, authorization, &self.name, &routes);
        let server_header = ServerHeader::Overwrite(self.plan.settings.server.clone());
        let manager = HttpConnectionManager { route_filters: RouteFilters::ALL, server_header, ..manager };
        let host = tls.is_some().then(|| host_of(listener));
        let server_names = host.and_then(|host| ServerName::new(&host)).into_iter().collect();
        let matcher = ChainMatch { server_names, ..ChainMatch::default() };
        self.chain(listener, matcher, tls, Filters::Http(Arc::new(manager)));
    }

    /// A chain for each route; a server name belongs to the oldest route that has it.
    fn tls(&mut self, listener: &ListenerModel) {
        let Some(settings) = &listener.tls else { return };
        let tls = (settings.mode == TlsMode::Terminate).then(|| self.terminate(settings, &[]));
        let speech = if tls.is_some() { Speech::Plain } else { Speech::Raw };
        let mut taken: BTreeSet<Name> = BTreeSet::new();
        let narrower = narrower(self.plan.model, listener);
        for AttachedRoute { route, hostnames, .. } in listener.routes.iter().map(|route| &**route) {
            let own = [host_of(listener)];
            let hosts = if hostnames.is_empty() { &own[..] } else { hostnames };
            let owned = hosts.iter().filter(|host| is_outside(host, &narrower));
            let names: BTreeSet<Name> = owned.filter(|host| taken.insert((*host).clone())).cloned().collect();
            if names.is_empty() || !matches!(route, Route::Tls(_)) {
                continue;
            }
            let server_names: Option<Vec<ServerName>> = names.iter().map(|host| ServerName::new(host)).collect();
            let matcher = ChainMatch { server_names: server_names.unwrap_or_default(), ..ChainMatch::default() };
            let filters = self.proxy(route, speech);
            self.chain(listener, matcher, tls.clone(), filters);
        }
    }

    fn chain(&mut self, listener: &ListenerModel, matcher: ChainMatch, tls: Option<DownstreamTls>, filters: Filters) {
        let (name, tls) = (self.scope.pool.name(""), tls.map(Arc::new));
        self.chains.push(FilterChain { name, matcher, tls, filters, origin: Some(origin(self.plan.model, listener)) });
    }

    fn destinations(&mut self, route: &Route, speech: Speech) -> Destinations {
        l4::compile(self.scope, self.plan.api, route, speech)
    }

    fn proxy(&mut self, route: &Route, speech: Speech) -> Filters {
        let Destinations { stat_prefix, clusters, dependencies } = self.destinations(route, speech);
        self.made.dependencies.push(dependencies);
        let policy = clusters.first().map(|first| self.scope.tcp_policy(&first.cluster)).unwrap_or_default();
        Filters::Tcp(Arc::new(TcpProxy {
            stat_prefix,
            clusters,
            idle_timeout: policy.idle_timeout.unwrap_or(IDLE_TIMEOUT),
            hash_source_ip: policy.hash_source_ip,
            rbac: self.plan.authorization.tcp.clone(),
            access_log: telemetry::access_logs(self.scope, Side::Client),
        }))
    }

    fn terminate(&mut self, tls: &ListenerTls, alpn: &[&str]) -> DownstreamTls {
        let certificates: Vec<Name> = tls.certificates.iter().map(credential::granted_certificate).collect();
        self.made.credentials.extend(certificates.iter().map(|name| (name.clone(), false)));
        let client_auth = match &tls.client_validation {
            None => ClientAuth::None,
            Some(validation) => {
                let authority = credential::config_maps(&validation.authorities);
                self.made.credentials.insert((authority.clone(), true));
                let accept_untrusted = validation.insecure_fallback;
                let judged =
                    PeerValidation { authority: Some(authority), accept_untrusted, ..PeerValidation::default() };
                match accept_untrusted {
                    true => ClientAuth::Optional(judged),
                    false => ClientAuth::Required(judged),
                }
            }
        };
        DownstreamTls {
            certificates,
            client_auth,
            alpn: alpn.iter().map(|protocol| Name::from(*protocol)).collect(),
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
        }
    }
}

/// The route that gets all connections or packets of a listener.
fn oldest(listener: &ListenerModel) -> Option<&Route> {
    let fits = |route: &&Route| match listener.protocol {
        ListenerProtocol::Udp => matches!(route, Route::Udp(_)),
        _ => matches!(route, Route::Tcp(_)),
    };
    listener.routes.iter().map(|attached| &attached.route).find(fits)
}

/// The object that a listener stands in.
fn origin(model: &GatewayModel, listener: &ListenerModel) -> Origin {
    let (kind, key) = match &listener.listener_set {
        Some(set) => ("ListenerSet", set.clone()),
        None => ("Gateway", Key::of(&model.gateway.meta)),
    };
    Origin { kind, namespace: key.namespace, name: key.name }
}

fn origins(model: &GatewayModel, listeners: &[&ListenerModel]) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for origin in listeners.iter().map(|listener| origin(model, listener)) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}
