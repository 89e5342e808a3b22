//! One proxy of a Gateway between two translations.

use super::backend_tls::BackendPolicies;
use super::backends::Dependencies;
use super::compiled::{self, Compiled, Server};
use super::difference::Difference;
use super::listeners::{self, Plan};
use super::settings::Settings;
use super::table::Table;
use crate::gateway_api::GATEWAY_NAME_LABEL;
use crate::gateway_api::backend::Backends;
use crate::gateway_api::model::{AttachedRoute, GatewayModel, ListenerModel, ListenerProtocol, Route};
use crate::gateway_api::route::RouteId;
use crate::istio::cluster::ClusterId;
use crate::key::Key;
use crate::mesh::GatewayTopology;
use crate::proxy::clusters::{Clusters, Sources};
use crate::proxy::credentials::{Credentials, Wanted, WorkloadIdentity};
use crate::proxy::listeners::share;
use crate::proxy::node::{ProxyKind, ProxyNode};
use crate::proxy::state::{Inputs, Stale, locality_of, scope, topology_of};
use crate::security::authorization::{self, Authorization};
use crate::translator::Changes;
use meridian_ir::{Listener, Name, ProxyConfig};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One proxy.
#[derive(Debug)]
pub(crate) struct GatewayState {
    pub(crate) node: ProxyNode,
    /// The Gateway.
    key: Key,
    /// Its locality where its Pod says none.
    given_locality: Name,
    /// Nothing was translated for it yet.
    fresh: bool,
    model: Option<Arc<GatewayModel>>,
    topology: GatewayTopology,
    authorization: Authorization,
    settings: Settings,
    tables: BTreeMap<Name, Table>,
    routes: HashMap<RouteId, Known>,
    /// Routes by the hosts that they refer to.
    referrers: HashMap<Name, BTreeSet<RouteId>>,
    listeners: BTreeMap<Name, Arc<Listener>>,
    /// Of the TLS, TCP and UDP routes.
    dependencies: Vec<Dependencies>,
    /// SDS names that listeners refer to, and whether they are authorities.
    wanted: BTreeSet<(Name, bool)>,
    credentials: Credentials,
    identity: Option<WorkloadIdentity>,
    identity_changed: bool,
    clusters: Clusters,
    config: Arc<ProxyConfig>,
}

/// An HTTPRoute or GRPCRoute that is served.
#[derive(Debug)]
struct Known {
    route: Route,
    /// See [`AttachedRoute::revision`].
    revision: u64,
    places: Vec<Place>,
    compiled: Vec<Arc<Compiled>>,
    clusters: Vec<ClusterId>,
    hosts: BTreeSet<Name>,
}

/// Where a route is served.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    table: Name,
    server: Server,
    hosts: Vec<Name>,
}

impl GatewayState {
    /// The Gateway that a proxy belongs to; `None`: it belongs to none.
    pub(crate) fn gateway_of(node: &ProxyNode) -> Option<Key> {
        let gateway = node.labels.get(GATEWAY_NAME_LABEL).filter(|_| node.kind == ProxyKind::Gateway)?;
        Some(Key { namespace: node.namespace.clone(), name: gateway.as_str().into() })
    }

    /// A proxy of the Gateway `key`.
    pub(crate) fn new(node: ProxyNode, key: Key) -> Self {
        Self {
            key,
            given_locality: node.locality.clone(),
            node,
            fresh: true,
            model: None,
            topology: GatewayTopology::default(),
            authorization: Authorization::default(),
            settings: Settings::default(),
            tables: BTreeMap::new(),
            routes: HashMap::new(),
            referrers: HashMap::new(),
            listeners: BTreeMap::new(),
            dependencies: Vec::new(),
            wanted: BTreeSet::new(),
            credentials: Credentials::default(),
            identity: None,
            identity_changed: false,
            clusters: Clusters::default(),
            config: Arc::default(),
        }
    }

    /// Sets who it is in the mesh.
    pub(crate) fn set_identity(&mut self, identity: WorkloadIdentity) {
        self.identity_changed |= self.identity.as_ref() != Some(&identity);
        self.identity = Some(identity);
    }

    /// Forgets everything but who it is and the version of its configuration.
    pub(crate) fn start_over(&mut self) {
        let version = self.config.version;
        let identity = self.identity.take();
        let node = ProxyNode { locality: self.given_locality.clone(), ..self.node.clone() };
        *self = Self { identity, ..Self::new(node, self.key.clone()) };
        self.config = Arc::new(ProxyConfig { version, ..ProxyConfig::default() });
    }

    /// Takes `changes` in; a new configuration is returned when it has one.
    pub(crate) fn update(
        &mut self,
        inputs: &mut Inputs<'_>,
        changes: &Changes,
        stale: &mut Stale,
    ) -> Option<Arc<ProxyConfig>> {
        let fresh = std::mem::replace(&mut self.fresh, false);
        let before = self.config.clone();
        let surroundings_changed = self.read_surroundings(inputs, changes, fresh, stale);
        let api = inputs.gateway_api;
        let model = api.models.get(&self.key).cloned();
        let is_same = !fresh && self.model.as_ref().map(Arc::as_ptr) == model.as_ref().map(Arc::as_ptr);
        let difference = match is_same {
            true => Difference::default(),
            false => Difference::between(self.model.as_deref(), model.as_deref()),
        };
        let certificate = |model: &Option<Arc<GatewayModel>>| model.as_ref().and_then(|m| m.client_certificate.clone());
        if !is_same && certificate(&self.model) != certificate(&model) {
            self.clusters.touch_all();
        }
        self.model = model;
        let settings = self.model.as_ref().map_or_else(Settings::default, |model| Settings::of(api, model));
        let settings_changed = settings != self.settings;
        if settings_changed {
            self.settings = settings;
            self.clusters.touch_all();
        }
        let recompile = self.outdated(changes);
        if difference.listeners || !difference.routes.is_empty() || !recompile.is_empty() {
            self.place_routes(inputs, &difference, &recompile);
        }
        let refers_to =
            |dependencies: &Dependencies| changes.hosts.iter().any(|host| dependencies.hosts.contains(host));
        let model_changed = difference.listeners || difference.l4;
        let listeners_changed =
            model_changed || surroundings_changed || settings_changed || self.dependencies.iter().any(refers_to);
        if listeners_changed {
            self.make_listeners(inputs);
        }
        self.publish_routes();
        self.update_clusters(inputs, changes);
        let identity_changed = std::mem::replace(&mut self.identity_changed, false);
        let read_anew = self.credentials.depend_on(&changes.credentials, &self.node.namespace);
        let refer_to_others = self.clusters.credentials_changed();
        if fresh || listeners_changed || refer_to_others || identity_changed || read_anew {
            self.read_credentials(inputs, changes);
        }
        if Arc::ptr_eq(&before, &self.config) && !fresh {
            return None;
        }
        Arc::make_mut(&mut self.config).version += 1;
        Some(self.config.clone())
    }

    /// Whether what is in front of it, or the policies that apply to it, are others than before; where it is, too.
    fn read_surroundings(&mut self, inputs: &Inputs<'_>, changes: &Changes, fresh: bool, stale: &mut Stale) -> bool {
        let mut changed = false;
        let pod = Key { namespace: self.node.namespace.clone(), name: self.node.name.clone() };
        if fresh || changes.pods.contains(&pod) {
            let topology = topology_of(inputs, &self.node, stale);
            changed |= topology != self.topology;
            self.topology = topology;
            let locality = locality_of(inputs, &self.node, &self.given_locality);
            if locality != self.node.locality {
                self.node.locality = locality;
                self.clusters.touch_all();
            }
        }
        if fresh || authorization::may_concern(&changes.authorization_policies, inputs.mesh, &self.node) {
            let authorization = Authorization::of_proxy(inputs.mesh, inputs.resources, &self.node);
            changed |= authorization != self.authorization;
            self.authorization = authorization;
        }
        changed
    }

    /// Routes that refer to something that is different now.
    fn outdated(&self, changes: &Changes) -> BTreeSet<RouteId> {
        let of_host = |host: &Name| self.referrers.get(host).into_iter().flatten().cloned();
        changes.hosts.iter().flat_map(of_host).collect()
    }

    /// Puts routes in the places where the model has them: all, or those that are different while the listeners are as
    /// they were. Those of `recompile`, and others that are new or different, are compiled.
    fn place_routes(&mut self, inputs: &mut Inputs<'_>, difference: &Difference, recompile: &BTreeSet<RouteId>) {
        let model = self.model.clone();
        let concerned = |id: &RouteId| difference.listeners || difference.routes.contains(id) || recompile.contains(id);
        let wanted = self.lay_out(model.as_deref(), &concerned);
        let is_gone = |id: &&RouteId| concerned(id) && !wanted.contains_key(*id);
        let gone: Vec<RouteId> = self.routes.keys().filter(is_gone).cloned().collect();
        gone.iter().for_each(|id| self.replace(id, None));
        for (id, (route, places)) in wanted {
            let recompiled = recompile.contains(&id);
            if let Some(known) = self.routes.get_mut(&id).filter(|_| !recompiled)
                && known.revision == route.revision
                && known.places == places
                && known.route.is_same(&route.route)
            {
                continue;
            }
            let known = self.compile(inputs, &id, route, places);
            self.replace(&id, Some(known));
        }
    }

    /// Makes the tables of the model's listeners, and finds the places of the routes that are `concerned`.
    fn lay_out<'m>(
        &mut self,
        model: Option<&'m GatewayModel>,
        concerned: &dyn Fn(&RouteId) -> bool,
    ) -> HashMap<RouteId, (&'m AttachedRoute, Vec<Place>)> {
        let mut own: BTreeMap<Name, (&ListenerModel, BTreeSet<Name>)> = BTreeMap::new();
        let mut wanted: HashMap<RouteId, (&'m AttachedRoute, Vec<Place>)> = HashMap::new();
        for listener in model.iter().flat_map(|model| &model.listeners) {
            let Some(table) = listeners::table_of(&self.key, listener) else { continue };
            let host = listeners::host_of(listener);
            own.entry(table.clone()).or_insert_with(|| (listener, BTreeSet::new())).1.insert(host.clone());
            let server = Server { port: listener.port, is_tls: listener.protocol == ListenerProtocol::Https };
            let narrower = model.map_or(Vec::new(), |model| listeners::narrower(model, listener));
            for attached in listener.routes.iter().map(|route| &**route) {
                let id = attached.route.id();
                if !concerned(&id) {
                    continue;
                }
                let listener_host = std::slice::from_ref(&host);
                let hosts = if attached.hostnames.is_empty() { listener_host } else { &attached.hostnames };
                let owned = hosts.iter().filter(|host| listeners::is_outside(host, &narrower));
                let hosts: Vec<Name> = owned.cloned().collect();
                if hosts.is_empty() || !matches!(attached.route, Route::Http(_) | Route::Grpc(_)) {
                    continue;
                }
                let entry = wanted.entry(id).or_insert_with(|| (attached, Vec::new()));
                entry.1.push(Place { table: table.clone(), server, hosts });
            }
        }
        self.tables.retain(|name, _| own.contains_key(name));
        for (name, (listener, hosts)) in own {
            let misdirected = match (listener.protocol, model) {
                (ListenerProtocol::Https, Some(model)) => misdirected(model, listener),
                _ => BTreeSet::new(),
            };
            let table = self.tables.entry(name.clone()).or_insert_with(|| Table::new(&name, listener.port));
            table.set_hosts(hosts, misdirected);
        }
        wanted
    }

    fn compile(&self, inputs: &mut Inputs<'_>, id: &RouteId, attached: &AttachedRoute, places: Vec<Place>) -> Known {
        let AttachedRoute { route, revision, .. } = attached;
        let before = self.routes.get(id).map_or(&[][..], |known| &known.compiled);
        let api = inputs.gateway_api;
        let mut scope = scope(inputs, &self.node);
        let mut compiled: Vec<Arc<Compiled>> = Vec::new();
        for place in &places {
            if !compiled.iter().any(|compiled| compiled.fits(place.server)) {
                let before = before.iter().find(|before| before.fits(place.server));
                compiled.push(compiled::compile(&mut scope, api, route, place.server, before));
            }
        }
        let mut known = Known {
            route: route.clone(),
            revision: *revision,
            places,
            compiled,
            clusters: Vec::new(),
            hosts: BTreeSet::new(),
        };
        for dependencies in known.compiled.iter().map(|compiled| &compiled.dependencies) {
            known.hosts.extend(dependencies.hosts.iter().cloned());
            for cluster in &dependencies.clusters {
                if !known.clusters.contains(cluster) {
                    known.clusters.push(cluster.clone());
                }
            }
        }
        known
    }

    /// Puts `new` in the place of the route of this name.
    fn replace(&mut self, id: &RouteId, new: Option<Known>) {
        let old = self.routes.remove(id);
        if let Some(old) = &old {
            for place in &old.places {
                let compiled = old.compiled.iter().find(|compiled| compiled.fits(place.server));
                if let (Some(table), Some(compiled)) = (self.tables.get_mut(&place.table), compiled) {
                    place.hosts.iter().for_each(|host| table.remove(host, compiled));
                }
            }
        }
        if let Some(new) = &new {
            for place in &new.places {
                let compiled = new.compiled.iter().find(|compiled| compiled.fits(place.server));
                if let (Some(table), Some(compiled)) = (self.tables.get_mut(&place.table), compiled) {
                    place.hosts.iter().for_each(|host| table.insert(host, compiled));
                }
            }
            self.clusters.acquire(&new.clusters);
            if old.as_ref().is_some_and(|old| old.revision != new.revision) {
                self.clusters.touch(&new.clusters);
            }
            for host in &new.hosts {
                self.referrers.entry(host.clone()).or_default().insert(id.clone());
            }
        }
        if let Some(old) = &old {
            self.clusters.release(&old.clusters);
            let left = old.hosts.iter().filter(|host| new.as_ref().is_none_or(|new| !new.hosts.contains(*host)));
            for host in left {
                if let Some(referrers) = self.referrers.get_mut(host) {
                    referrers.remove(id);
                    if referrers.is_empty() {
                        self.referrers.remove(host);
                    }
                }
            }
        }
        self.routes.extend(new.map(|new| (id.clone(), new)));
    }

    fn make_listeners(&mut self, inputs: &mut Inputs<'_>) {
        let made = match &self.model {
            None => listeners::Made::default(),
            Some(model) => {
                let api = inputs.gateway_api;
                let plan = Plan {
                    api,
                    model,
                    topology: &self.topology,
                    authorization: &self.authorization,
                    settings: &self.settings,
                };
                listeners::build(&mut scope(inputs, &self.node), plan)
            }
        };
        made.dependencies.iter().for_each(|dependencies| self.clusters.acquire(&dependencies.clusters));
        let before = std::mem::replace(&mut self.dependencies, made.dependencies);
        before.iter().for_each(|dependencies| self.clusters.release(&dependencies.clusters));
        // How TLS is spoken there may be different.
        self.dependencies.iter().for_each(|dependencies| self.clusters.touch(&dependencies.clusters));
        let listeners: BTreeMap<Name, Arc<Listener>> = (made.listeners.into_iter())
            .map(|listener| (listener.name.clone(), share(listener.clone(), self.listeners.get(&listener.name))))
            .collect();
        let same = listeners.len() == self.config.listeners.len()
            && std::iter::zip(&listeners, &self.config.listeners).all(|(new, old)| Arc::ptr_eq(new.1, old.1));
        if !same {
            Arc::make_mut(&mut self.config).listeners = listeners.clone();
        }
        self.listeners = listeners;
        self.wanted = made.credentials;
    }

    fn publish_routes(&mut self) {
        for (name, table) in &mut self.tables {
            table.refresh();
            if !self.config.routes.get(name).is_some_and(|old| Arc::ptr_eq(old, table.config())) {
                Arc::make_mut(&mut self.config).routes.insert(name.clone(), table.config().clone());
            }
        }
        if self.config.routes.len() != self.tables.len() {
            let tables = &self.tables;
            Arc::make_mut(&mut self.config).routes.retain(|name, _| tables.contains_key(name));
        }
    }

    fn update_clusters(&mut self, inputs: &Inputs<'_>, changes: &Changes) {
        let backends = Backends { api: inputs.gateway_api, registry: inputs.registry };
        let to_services = self.settings.to_services;
        let sources = Sources {
            mesh: inputs.mesh,
            node: &self.node,
            resources: inputs.resources,
            registry: inputs.registry,
            rules: inputs.rules,
            gateway_api: self.model.as_deref().map(|model| BackendPolicies { backends, model, to_services }),
        };
        self.clusters.update(sources, &changes.hosts, &changes.endpoints, &mut self.config);
    }

    fn read_credentials(&mut self, inputs: &Inputs<'_>, changes: &Changes) {
        let mut wanted = Wanted::default();
        self.wanted.iter().for_each(|(name, is_authority)| wanted.add(name, *is_authority));
        self.clusters.credentials().for_each(|(name, is_authority)| wanted.add(name, is_authority));
        let namespace = &self.node.namespace;
        let identity = self.identity.as_ref();
        self.credentials.update(inputs.resources, namespace, &wanted, &[], &changes.credentials, identity);
        self.credentials.publish(identity, &mut self.config);
    }
}

/// The hosts of the other listeners of a port that speak TLS: requests for them do not belong to this one.
fn misdirected(model: &GatewayModel, listener: &ListenerModel) -> BTreeSet<Name> {
    let others = model.listeners.iter().filter(|other| !std::ptr::eq(*other, listener));
    others.filter(|other| listeners::shares_port(listener, other)).map(listeners::host_of).collect()
}
