//! Gateways of one proxy, merged (Istio's `mergeGateways`): which server is served on which port, and which one loses.

use crate::condition::{Finding, Topic};
use crate::host::ServerHost;
use crate::key::{Age, Key};
use crate::pool::Pool;
use crate::proxy::node::{ProxyNode, selects};
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::istio::Gateway;
use meridian_resources::istio::gateway::{self as api, ServerTlsMode, ServerTlsSettings};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Istio's own annotation of Gateways that are made from others, such as those of the Gateway API: the Services whose
/// ports they bind to, in the place of a selector.
const SERVICE_ANNOTATION: &str = "internal.istio.io/gateway-service";

/// A port of a service that leads to a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceTarget {
    pub(crate) host: Name,
    pub(crate) port: u16,
    pub(crate) target_port: u16,
    /// The service's label says that gateways keep their ports.
    pub(crate) translation_disabled: bool,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Protocol {
    /// HTTP, HTTP2, GRPC, GRPC-WEB
    Http,
    /// HTTPS
    Https,
    /// TLS
    Tls,
    /// TCP, and protocols that are treated as such: MONGO, MYSQL, REDIS
    Tcp,
}

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => Self::Http,
            "HTTPS" => Self::Https,
            "TLS" => Self::Tls,
            "TCP" | "MONGO" | "MYSQL" | "REDIS" => Self::Tcp,
            _ => return None,
        })
    }
}

/// One server of a Gateway, on one port of the proxy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Server {
    /// The Gateway.
    pub(crate) key: Key,
    /// `namespace/name` of the Gateway.
    pub(crate) gateway: Name,
    /// Position in `spec.servers`.
    pub(crate) index: usize,
    pub(crate) hosts: Vec<ServerHost>,
    /// The port as the Gateway writes it.
    pub(crate) port: u16,
    pub(crate) port_name: Name,
    pub(crate) protocol: Protocol,
    /// Empty: plain text, or a redirect to https only.
    pub(crate) tls: Option<ServerTlsSettings>,
    /// The route configuration of its requests; `None`: it does not speak HTTP to the proxy.
    pub(crate) route_name: Option<Name>,
}

impl Server {
    /// Whether plain HTTP requests are redirected to https.
    pub(crate) fn https_redirect(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.https_redirect)
    }

    /// Whether TLS is spoken on its connections, terminated here or not.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some() && self.protocol != Protocol::Http
    }

    /// What is done with TLS, where it is spoken.
    pub(crate) fn tls_mode(&self) -> Option<ServerTlsMode> {
        self.tls.as_ref().filter(|_| self.is_tls()).map(|tls| tls.mode)
    }

    /// Whether TLS is left to what is behind the proxy.
    pub(crate) fn is_passthrough(&self) -> bool {
        matches!(self.tls_mode(), Some(ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough))
    }

    /// `spec.servers[0]`
    pub(crate) fn path(&self) -> String {
        format!("spec.servers[{}]", self.index)
    }

    /// `Gateway default/gateway (spec.servers[0])`
    fn describe(&self) -> String {
        format!("Gateway {} ({})", self.gateway, self.path())
    }
}

/// Address and port of a listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bind {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// All servers that a proxy serves.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Merged {
    /// By listener, in order of age. Those of one listener are all plain HTTP, or one is plain TCP, or all speak TLS.
    pub(crate) listeners: BTreeMap<Bind, Vec<Arc<Server>>>,
    /// By route configuration, in order of age.
    pub(crate) routes: BTreeMap<Name, Vec<Arc<Server>>>,
    /// What is to be said of each Gateway that selects the proxy.
    pub(crate) findings: BTreeMap<Key, Vec<Finding>>,
}

/// Merges the Gateways that select `node`, whose ports `targets` translate. Older Gateways win.
pub(crate) fn merge(
    gateways: &HashMap<Key, Arc<Object<Gateway>>>,
    node: &ProxyNode,
    targets: &[ServiceTarget],
    pool: &mut Pool,
) -> Merged {
    let mut selected: Vec<_> = gateways.values().filter(|gateway| is_for(gateway, node, targets)).collect();
    selected.sort_by_cached_key(|gateway| Age::of(&gateway.meta));
    let mut merger = Merger { node, targets, pool, merged: Merged::default(), taken: HashMap::new() };
    for gateway in selected {
        let findings = merger.gateway(gateway);
        merger.merged.findings.insert(Key::of(&gateway.meta), findings);
    }
    merger.merged
}

/// Whether a Gateway configures `node`.
pub(crate) fn is_for(gateway: &Object<Gateway>, node: &ProxyNode, targets: &[ServiceTarget]) -> bool {
    match services(gateway) {
        Some(services) => targets.iter().any(|target| services.contains(&*target.host)),
        None => selects(&gateway.spec.selector, &node.labels),
    }
}

fn services(gateway: &Object<Gateway>) -> Option<BTreeSet<&str>> {
    let annotation = gateway.meta.annotations.get(SERVICE_ANNOTATION)?;
    Some(annotation.split(',').map(str::trim).collect())
}

struct Merger<'a> {
    node: &'a ProxyNode,
    targets: &'a [ServiceTarget],
    pool: &'a mut Pool,
    merged: Merged,
    /// Who has claimed a host (or, in plain text, the whole port) of a listener.
    taken: HashMap<(Bind, Claim), String>,
}

/// What a server claims of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Claim {
    /// The SNI of a TLS server; `*` is any.
    ServerName(Name),
    /// A host of a server that redirects to https.
    Redirect(ServerHost),
}

impl Merger<'_> {
    fn gateway(&mut self, gateway: &Object<Gateway>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let path = format!("spec.servers[{index}]");
            match self.parse(gateway, index, server) {
                Err((field, message)) => {
                    findings.push(Finding::at(Topic::Unsupported, &format!("{path}.{field}"), message));
                }
                Ok((parsed, address)) => {
                    for port in self.ports(gateway, parsed.port) {
                        if let Err(message) = self.add(parsed.clone(), Bind { address, port }) {
                            findings.push(Finding::at(Topic::Conflicted, &path, message));
                        }
                    }
                }
            }
        }
        findings
    }

    fn parse(
        &mut self,
        gateway: &Object<Gateway>,
        index: usize,
        server: &api::Server,
    ) -> Result<(Server, IpAddr), (&'static str, String)> {
        let key = Key::of(&gateway.meta);
        let Some(protocol) = Protocol::parse(&server.port.protocol) else {
            let allowed = "HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS, TCP, MONGO, MYSQL and REDIS";
            let message = format!("{:?} is no protocol of a Gateway; allowed are {allowed}", server.port.protocol);
            return Err(("port.protocol", message));
        };
        let port = match u16::try_from(server.port.number) {
            Ok(port) if port != 0 => port,
            _ => return Err(("port.number", format!("{} is not a port from 1 to 65535", server.port.number))),
        };
        if server.tls.is_none() && matches!(protocol, Protocol::Https | Protocol::Tls) {
            return Err(("tls", format!("is needed for protocol {}", server.port.protocol)));
        }
        let address = match &*server.bind {
            "" => self.node.address,
            bind => bind.parse().map_err(|_| {
                (
                    "bind",
                    format!("{bind:?} is not an IP address; other listeners, such as unix://, are not supported yet"),
                )
            })?,
        };
        let hosts = server.hosts.iter().map(|host| ServerHost::parse(host, &key.namespace)).collect();
        let name = self.pool.name(&key.to_string());
        let (tls, port_name) = (server.tls.clone(), self.pool.name(&server.port.name));
        Ok((Server { key, gateway: name, index, hosts, port, port_name, protocol, tls, route_name: None }, address))
    }

    /// The ports that the proxy listens on for a Gateway's `port`: the target port of the first service that leads to
    /// the proxy and has this port, or the port itself. A Gateway that names its services has the target ports of all
    /// of them, and no other.
    fn ports(&self, gateway: &Object<Gateway>, port: u16) -> BTreeSet<u16> {
        let translating = self.targets.iter().filter(|target| target.port == port);
        if let Some(services) = services(gateway) {
            return translating.filter(|t| services.contains(&*t.host)).map(|t| t.target_port).collect();
        }
        let first = translating.into_iter().find(|target| !target.translation_disabled);
        [first.map_or(port, |target| target.target_port)].into()
    }

    /// Adds a server to a listener.
    ///
    /// # Errors
    /// Why it cannot be served there: who was there first.
    fn add(&mut self, mut server: Server, bind: Bind) -> Result<(), String> {
        let name = self.route_name(&server, &bind);
        server.route_name = name.map(|name| self.pool.name(&name));
        let claims = claims(&server);
        for claim in &claims {
            if let Some(winner) = self.taken.get(&(bind.clone(), claim.clone())) {
                let host = match claim {
                    Claim::ServerName(host) => host,
                    Claim::Redirect(host) => &host.host,
                };
                return Err(format!(
                    "left out, with all its hosts: port {} of host {host:?} belongs to {winner}, which is older; remove \
                     the host from one of them, or give one another port",
                    server.port
                ));
            }
        }
        // All that are there fit together: the first speaks for them.
        let first = self.merged.listeners.get(&bind).and_then(|servers| servers.first());
        if let Some(winner) = first.filter(|first| !can_share(first, &server)) {
            return Err(format!(
                "left out: {} on port {} cannot be served beside {}, which is older and speaks {}; give it another port",
                speaks(&server),
                server.port,
                winner.describe(),
                speaks(winner)
            ));
        }
        if let Some(route_name) = &server.route_name {
            let servers = self.merged.routes.get(route_name).map_or(&[][..], Vec::as_slice);
            if let Some(winner) = servers.first().filter(|_| server.is_tls()) {
                return Err(format!(
                    "left out: {} has the same port name; give each HTTPS server of a Gateway its own",
                    winner.describe()
                ));
            }
        }
        let winner = server.describe();
        for claim in claims {
            self.taken.insert((bind.clone(), claim), winner.clone());
        }
        let server = Arc::new(server);
        if let Some(route_name) = &server.route_name {
            self.merged.routes.entry(route_name.clone()).or_default().push(server.clone());
        }
        self.merged.listeners.entry(bind).or_default().push(server);
        Ok(())
    }

    /// `http.<target port>` for plain HTTP, `https.<port>.<port name>.<gateway>.<namespace>` for HTTPS that is
    /// terminated; with the address behind it when the server has one of its own.
    fn route_name(&self, server: &Server, bind: &Bind) -> Option<String> {
        let suffix = if bind.address == self.node.address { String::new() } else { format!(".{}", bind.address) };
        let Key { namespace, name } = &server.key;
        match server.protocol {
            Protocol::Http => Some(format!("http.{}{suffix}", bind.port)),
            Protocol::Https if !server.is_passthrough() => {
                let port_name = &server.port_name;
                Some(format!("https.{}.{port_name}.{name}.{namespace}{suffix}", server.port))
            }
            _ => None,
        }
    }
}

/// What a server claims for itself: its server names in TLS, and the hosts that it redirects.
fn claims(server: &Server) -> Vec<Claim> {
    if server.is_tls() {
        let names: BTreeSet<&Name> = server.hosts.iter().map(|host| &host.host).collect();
        return names.into_iter().map(|name| Claim::ServerName(name.clone())).collect();
    }
    if server.tls.is_some() {
        return server.hosts.iter().cloned().map(Claim::Redirect).collect();
    }
    Vec::new()
}

/// Whether two servers fit on one listener: plain HTTP with plain HTTP, TLS with TLS.
fn can_share(a: &Server, b: &Server) -> bool {
    match (a.is_tls(), b.is_tls()) {
        (true, true) => true,
        (false, false) => a.protocol == Protocol::Http && b.protocol == Protocol::Http,
        _ => false,
    }
}

fn speaks(server: &Server) -> &'static str {
    match server.protocol {
        Protocol::Http => "plain HTTP",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Tcp => "plain TCP",
    }
}
