//! The clusters that a proxy's routes and chains can reach, counted, and kept in its configuration.

use crate::gateway_api::proxy::backend_tls::BackendPolicies;
use crate::gateway_api::proxy::external;
use crate::istio::cluster::{self, Built, Carried, ClusterId, Parts};
use crate::istio::destination_rule::{DestinationRules, Policy};
use crate::istio::dynamic_forward;
use crate::istio::peer_authentication::Mode;
use crate::istio::upstream_tls;
use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::proxy::node::{ProxyKind, ProxyNode};
use crate::registry::Registry;
use crate::registry::endpoints::endpoints;
use crate::registry::locality::{Located, Preference};
use crate::registry::service::{Port, Service, Source, TargetPort};
use crate::resources::Resources;
use meridian_ir::cluster::{Discovery, LbPolicy, UpstreamProtocol};
use meridian_ir::endpoint::{Address, Endpoint};
use meridian_ir::{Cluster, Endpoints, Name, ProxyConfig};
use meridian_resources::istio::destination_rule::ClientTlsMode;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The clusters of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    entries: HashMap<Name, Entry>,
    by_host: HashMap<Name, BTreeSet<Name>>,
    /// Named for the first time, or no longer, since the configuration was last brought up to date.
    touched: HashSet<Name>,
    /// Certificates and authorities by the cluster that refers to them.
    credentials: BTreeMap<Name, Credentials>,
    credentials_changed: bool,
}

/// SDS names that a cluster refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) certificate: Option<Name>,
    pub(crate) authority: Option<Name>,
    /// The DestinationRule that asks for them, and the path of its `tls`.
    pub(crate) place: Option<(Key, String)>,
}

impl Credentials {
    fn of(sources: Sources<'_>, id: &ClusterId, cluster: &Cluster) -> Self {
        let Some(tls) = cluster.tls.as_deref() else { return Self::default() };
        let service = sources.registry.service(&id.host, &sources.node.namespace);
        let rules = service.map(|service| sources.rules.of_service(service, sources.node, sources.mesh));
        Self {
            certificate: tls.certificate.clone(),
            authority: tls.validation.authority.clone(),
            place: rules.and_then(|rules| rules.place_of_tls(id.port, &id.subset)),
        }
    }
}

#[derive(Debug)]
struct Entry {
    id: ClusterId,
    /// How many VirtualServices name it.
    uses: u32,
}

/// What clusters are made of.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) mesh: &'a MeshConfig,
    pub(crate) node: &'a ProxyNode,
    pub(crate) resources: &'a Resources,
    pub(crate) registry: &'a Registry,
    pub(crate) rules: &'a DestinationRules,
    /// What a Gateway of Gateway API says, and what is said of backends there.
    pub(crate) gateway_api: Option<BackendPolicies<'a>>,
}

impl Clusters {
    /// One more use of each of `ids`.
    pub(crate) fn acquire<'i>(&mut self, ids: impl IntoIterator<Item = &'i ClusterId>) {
        for id in ids {
            let entry = self.entries.entry(id.name.clone()).or_insert_with(|| Entry { id: id.clone(), uses: 0 });
            entry.uses += 1;
            if entry.uses == 1 {
                self.by_host.entry(id.host.clone()).or_default().insert(id.name.clone());
                self.touched.insert(id.name.clone());
            }
        }
    }

    /// One use less of each of `ids`.
    pub(crate) fn release<'i>(&mut self, ids: impl IntoIterator<Item = &'i ClusterId>) {
        for id in ids {
            let Some(entry) = self.entries.get_mut(&id.name) else { continue };
            entry.uses -= 1;
            if entry.uses > 0 {
                continue;
            }
            self.entries.remove(&id.name);
            self.touched.insert(id.name.clone());
            if let Some(names) = self.by_host.get_mut(&id.host) {
                names.remove(&id.name);
                if names.is_empty() {
                    self.by_host.remove(&id.host);
                }
            }
        }
    }

    /// Those of `ids` are made anew when the configuration is next brought up to date.
    pub(crate) fn touch<'i>(&mut self, ids: impl IntoIterator<Item = &'i ClusterId>) {
        self.touched.extend(ids.into_iter().map(|id| id.name.clone()));
    }

    /// Everything is made anew when the configuration is next brought up to date.
    pub(crate) fn touch_all(&mut self) {
        self.touched.extend(self.entries.keys().cloned());
    }

    /// Brings `config` up to date: clusters that were named or left, those of `hosts`, whose service or policy
    /// changed, and the endpoints of `endpoints_of`. Whether anything is different.
    pub(crate) fn update<'h>(
        &mut self,
        sources: Sources<'_>,
        hosts: impl IntoIterator<Item = &'h Name>,
        endpoints_of: impl IntoIterator<Item = &'h Name>,
        config: &mut Arc<ProxyConfig>,
    ) -> bool {
        let mut names = std::mem::take(&mut self.touched);
        let of_host = |host: &Name| self.by_host.get(host).into_iter().flatten().cloned().collect::<Vec<_>>();
        names.extend(hosts.into_iter().flat_map(of_host));
        let with_endpoints: Vec<Name> = endpoints_of.into_iter().flat_map(of_host).collect();
        let mut changed = false;
        for name in &names {
            changed |= self.update_one(sources, name, config);
        }
        for name in with_endpoints.iter().filter(|name| !names.contains(*name)) {
            changed |= config.clusters.contains_key(name) && self.update_one(sources, name, config);
        }
        changed
    }

    /// SDS names that clusters refer to, and whether they are authorities rather than certificates.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = (&Name, bool)> {
        self.credentials.values().flat_map(|credentials| {
            let certificate = credentials.certificate.iter().map(|name| (name, false));
            certificate.chain(credentials.authority.iter().map(|name| (name, true)))
        })
    }

    /// The same, by the cluster that refers to them.
    pub(crate) fn credentials_by_cluster(&self) -> impl Iterator<Item = (&Name, &Credentials)> {
        self.credentials.iter()
    }

    /// Whether [`Self::credentials`] are others since the last time that this was asked.
    pub(crate) fn credentials_changed(&mut self) -> bool {
        std::mem::replace(&mut self.credentials_changed, false)
    }

    fn note_credentials(&mut self, name: &Name, credentials: Credentials) {
        if credentials == Credentials::default() {
            self.credentials_changed |= self.credentials.remove(name).is_some();
        } else if self.credentials.get(name) != Some(&credentials) {
            self.credentials.insert(name.clone(), credentials);
            self.credentials_changed = true;
        }
    }

    fn update_one(&mut self, sources: Sources<'_>, name: &Name, config: &mut Arc<ProxyConfig>) -> bool {
        let made = self.entries.get(name).and_then(|entry| make(sources, &entry.id));
        let Some((cluster, endpoints)) = made else {
            if !config.clusters.contains_key(name) {
                return false;
            }
            self.note_credentials(name, Credentials::default());
            let config = Arc::make_mut(config);
            config.clusters.remove(name);
            config.endpoints.remove(name);
            return true;
        };
        let same_cluster = config.clusters.get(name).is_some_and(|old| **old == cluster);
        let same_endpoints = config.endpoints.get(name).is_some_and(|old| **old == endpoints);
        if let Some(credentials) = self.entries.get(name).map(|entry| Credentials::of(sources, &entry.id, &cluster)) {
            self.note_credentials(name, credentials);
        }
        if same_cluster && same_endpoints {
            return false;
        }
        let config = Arc::make_mut(config);
        if !same_cluster {
            config.clusters.insert(name.clone(), Arc::new(cluster));
        }
        if !same_endpoints {
            config.endpoints.insert(name.clone(), Arc::new(endpoints));
        }
        true
    }
}

/// What is different on a sidecar, which knows where its workload was going and what it speaks.
fn on_sidecar(cluster: &mut Cluster, service: &Service, port: &Port) {
    if service.passthrough {
        cluster.discovery = Discovery::OriginalDst;
        cluster.lb_policy = LbPolicy::ClusterProvided;
        cluster.port_override = match (&service.source, &port.target) {
            (Source::ServiceEntry(_), TargetPort::Number(target)) if *target != port.number => Some(*target),
            _ => None,
        };
    }
    if port.protocol.is_none() && cluster.protocol == UpstreamProtocol::Http1 {
        cluster.protocol = UpstreamProtocol::Downstream;
    }
}

fn make(sources: Sources<'_>, id: &ClusterId) -> Option<(Cluster, Endpoints)> {
    if id.external {
        return external::make(sources.gateway_api?, sources.mesh, id);
    }
    let service = sources.registry.service(&id.host, &sources.node.namespace).filter(|one| one.alias.is_none())?;
    let rules = sources.rules.of_service(service, sources.node, sources.mesh);
    let Built { mut cluster, labels, policy } =
        cluster::build(Parts { mesh: sources.mesh, id, service, rules: &rules })?;
    if id.sni_dnat {
        cluster.tls = None;
    }
    if sources.node.kind == ProxyKind::Sidecar {
        on_sidecar(&mut cluster, service, id.port_of(service)?);
    }
    if let Some(forward) = dynamic_forward::of(service, id.port_of(service)?, sources.node) {
        cluster.discovery = Discovery::DynamicForward;
        cluster.lb_policy = LbPolicy::ClusterProvided;
        cluster.dynamic_forward = Some(Arc::new(forward));
    }
    let located = endpoints(sources.resources, sources.mesh, service, id.port_of(service)?, labels);
    let of_service =
        sources.gateway_api.filter(|policies| policies.to_services).and_then(|_| cluster_address(service, id));
    let gateway_api = sources.gateway_api.filter(|_| matches!(id.carried, Carried::AsPort | Carried::Http2));
    if let Some(tls) = gateway_api.and_then(|policies| policies.tls(service, id.port)) {
        // Without settings that can be used there is no cluster, so that nothing is sent in plaintext.
        cluster.tls = Some(Arc::new(tls.upstream(cluster.protocol)?));
    } else if !id.sni_dnat && id.carried != Carried::Udp && of_service.is_none() {
        mesh_tls(sources, &mut cluster, id, service, &policy, &located);
    }
    cluster.service = Some(Arc::new(service.name_for_metrics()));
    if let Some(address) = of_service {
        return Some((cluster, Endpoints { endpoints: vec![Endpoint::new(address)], ..Endpoints::default() }));
    }
    let endpoints = match cluster.discovery {
        Discovery::OriginalDst | Discovery::DynamicForward => Endpoints::default(),
        _ => {
            let detects_outliers = cluster.outlier_detection.is_some();
            let preference = Preference::new(policy.load_balancer, detects_outliers, sources.node, sources.mesh);
            cluster.locality_weighted = preference.is_weighted();
            preference.apply(located)
        }
    };
    Some((cluster, endpoints))
}

/// The cluster address of a Service, where someone else balances; a headless one has none.
fn cluster_address(service: &Service, id: &ClusterId) -> Option<Address> {
    let Source::Service(object) = &service.source else { return None };
    let address: IpAddr = object.spec.cluster_ip.parse().ok()?;
    Some(Address::Socket(SocketAddr::new(address, id.port)))
}

/// Mutual TLS of the mesh: towards the identities of the endpoints where a DestinationRule asks for it, and where no
/// rule says anything of TLS towards those endpoints that speak it. Where nobody knows which endpoint a connection goes
/// to, all of them have to.
fn mesh_tls(
    sources: Sources<'_>,
    cluster: &mut Cluster,
    id: &ClusterId,
    service: &Service,
    policy: &Policy<'_>,
    located: &Located<'_>,
) {
    if let Some(settings) = policy.tls {
        if settings.mode == ClientTlsMode::IstioMutual
            && settings.subject_alt_names.is_empty()
            && let Some(tls) = &mut cluster.tls
        {
            upstream_tls::expect(Arc::make_mut(tls), &located.identities);
        }
        return;
    }
    let Sources { mesh, resources, .. } = sources;
    let mode = || resources.peer_authentications.mode(&mesh.root_namespace, service.namespace(), None, 0);
    if !mesh.auto_mtls || service.is_external() || mode() == Mode::Disable {
        return;
    }
    let automatic = || Arc::new(upstream_tls::automatic(id, service, cluster.protocol, &located.identities));
    if cluster.discovery != Discovery::OriginalDst {
        cluster.auto_tls = Some(automatic());
    } else if !located.endpoints.is_empty() && located.endpoints.iter().all(|endpoint| endpoint.mesh_tls) {
        cluster.tls = Some(automatic());
    }
}
