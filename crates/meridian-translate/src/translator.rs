//! The translator: objects and proxies in, configurations and statuses out.

use crate::condition::Condition;
use crate::gateway_api::GatewayApi;
use crate::gateway_api::model::{ManagedGateway, Provision};
use crate::host;
use crate::istio::credential::Source as Credential;
use crate::istio::delegate::{self, Delegations};
use crate::istio::destination_rule::{DestinationRules, host_of};
use crate::istio::http_route::{MESH, resolve_gateway};
use crate::key::{Age, Key};
use crate::kubernetes::Ingresses;
use crate::kubernetes::ingresses::Sources;
use crate::mesh::MeshConfig;
use crate::pool::Pool;
use crate::proxy::AnyProxy;
use crate::proxy::credentials::WorkloadIdentity;
use crate::proxy::node::{ProxyKind, ProxyNode, selects};
use crate::proxy::state::{Inputs, Stale};
use crate::proxy::targets;
use crate::registry::service::{Service, Source};
use crate::registry::{Maker, Registry};
use crate::resources::{Put, Resources, put, same_meta};
use crate::status::{self, Reporter};
use crate::telemetry::{self, Logs};
use meridian_ir::{Name, ProxyConfig};
use meridian_resources::core::Pod;
use meridian_resources::istio::{AuthorizationPolicy, DestinationRule, ServiceEntry, VirtualService, WorkloadEntry};
use meridian_resources::{Object, ObjectRef, Resource, StringMap};
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// How many times in one translation a similar name is looked for, which takes a look at every service.
const MOST_SUGGESTIONS: u32 = 50;

/// Translates objects to the configurations of proxies; owns everything that is kept from one translation to the next.
#[derive(Debug)]
pub struct Translator {
    mesh: MeshConfig,
    resources: Resources,
    registry: Registry,
    rules: DestinationRules,
    bindings: Bindings,
    delegations: Delegations,
    ingresses: Ingresses,
    gateway_api: GatewayApi,
    proxies: Vec<AnyProxy>,
    /// What proxies log, of those that Telemetries may have been about.
    logs: HashMap<Name, Logs>,
    pool: Pool,
    changes: Changes,
    reports: status::Reports,
}

/// What changed since the last translation.
#[derive(Debug, Default)]
pub struct Output {
    /// The proxies that have a new configuration, by id.
    pub proxies: Vec<(Name, Arc<ProxyConfig>)>,
    /// The objects of which something else is to be said.
    pub statuses: Vec<(ObjectRef, Arc<[Condition]>)>,
    /// What is to be said of objects that have no conditions, a line each.
    pub notes: Vec<String>,
    /// What is to be said of objects of Gateway API: their whole status as far as it is ours, without times.
    pub gateway_api: Vec<(ObjectRef, Arc<Value>)>,
    /// What Gateways need to be reached, where that is different; `None`: nothing any more.
    pub managed: Vec<(Name, Name, Option<Arc<ManagedGateway>>)>,
}

/// Which VirtualServices are bound to which Gateway (`namespace/name`), by age.
#[derive(Debug, Default)]
pub(crate) struct Bindings(HashMap<Name, BTreeSet<Age>>);

impl Bindings {
    /// The VirtualServices of a Gateway, oldest first.
    pub(crate) fn keys_of(&self, gateway: &str) -> impl Iterator<Item = Key> {
        self.0.get(gateway).into_iter().flatten().map(Age::key)
    }

    fn add(&mut self, object: &Object<VirtualService>, pool: &mut Pool) {
        for gateway in gateways_of(object) {
            let gateway = pool.name(&gateway);
            self.0.entry(gateway).or_default().insert(Age::of(&object.meta));
        }
    }

    fn remove(&mut self, object: &Object<VirtualService>) {
        for gateway in gateways_of(object) {
            if let Some(ages) = self.0.get_mut(&*gateway) {
                ages.remove(&Age::of(&object.meta));
                if ages.is_empty() {
                    self.0.remove(&*gateway);
                }
            }
        }
    }
}

/// The Gateways that a VirtualService is bound to, resolved; all sidecars (`mesh`) when it names none.
fn gateways_of(object: &Object<VirtualService>) -> Vec<String> {
    match &object.spec.gateways[..] {
        [] => vec![MESH.to_owned()],
        gateways => gateways.iter().map(|gateway| resolve_gateway(gateway, &object.meta.namespace)).collect(),
    }
}

/// Objects that are different since the last translation, and hosts whose service or endpoints are.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) gateways: BTreeSet<Key>,
    /// Which services lead to which proxy may have changed.
    pub(crate) targets: bool,
    pub(crate) virtual_services: BTreeSet<Key>,
    pub(crate) destination_rules: BTreeSet<Key>,
    pub(crate) service_entries: BTreeSet<Key>,
    pub(crate) sidecars: BTreeSet<Key>,
    pub(crate) telemetries: BTreeSet<Key>,
    pub(crate) peer_authentications: BTreeSet<Key>,
    pub(crate) authorization_policies: BTreeSet<Key>,
    /// Secrets and ConfigMaps.
    pub(crate) credentials: BTreeSet<Credential>,
    /// Pods of proxies.
    pub(crate) pods: BTreeSet<Key>,
    /// Services that are others now, or that other DestinationRules speak for.
    pub(crate) hosts: BTreeSet<Name>,
    /// Services whose endpoints changed.
    pub(crate) endpoints: BTreeSet<Name>,
}

impl Translator {
    /// A translator that knows no object and no proxy.
    pub fn new(mesh: MeshConfig) -> Self {
        Self {
            mesh,
            resources: Resources::default(),
            registry: Registry::default(),
            rules: DestinationRules::default(),
            bindings: Bindings::default(),
            delegations: Delegations::default(),
            ingresses: Ingresses::default(),
            gateway_api: GatewayApi::default(),
            proxies: Vec::new(),
            logs: HashMap::new(),
            pool: Pool::default(),
            changes: Changes::default(),
            reports: status::Reports::default(),
        }
    }

    /// Replaces the mesh's settings. When they are different, all proxies are translated anew.
    pub fn set_mesh(&mut self, mesh: MeshConfig) {
        if mesh == self.mesh {
            return;
        }
        let resolved_alike =
            mesh.cluster_domain == self.mesh.cluster_domain && mesh.default_export_to == self.mesh.default_export_to;
        self.mesh = mesh;
        if !resolved_alike {
            self.resolve_again();
        }
        self.proxies.iter_mut().for_each(AnyProxy::start_over);
        self.changes.telemetries.extend(self.resources.telemetries.keys());
        self.ingresses.all_changed();
        self.changes.gateways.extend(self.resources.gateways.keys().cloned());
        self.changes.virtual_services.extend(self.resources.virtual_services.keys().cloned());
        self.changes.destination_rules.extend(self.resources.destination_rules.keys().cloned());
        self.policies_apply_anew();
    }

    /// Names of services are made of the cluster's domain, and who sees them may be for the mesh to say: with other ones,
    /// all are made again.
    fn resolve_again(&mut self) {
        let services: Vec<_> = self.registry.all().cloned().collect();
        for service in services {
            match &service.source {
                Source::Service(object) => {
                    let made = Service::of_service(object, &self.mesh).map(Arc::new);
                    self.registry.put(Maker::Service(Key::of(&object.meta)), made.into_iter().collect());
                }
                Source::ServiceEntry(object) => {
                    let made = Service::of_service_entry(object, &self.mesh).into_iter().map(Arc::new).collect();
                    self.registry.put(Maker::ServiceEntry(Key::of(&object.meta)), made);
                }
            }
        }
        self.gateway_api.services_changed();
        self.rules = DestinationRules::default();
        for rule in self.resources.destination_rules.values() {
            self.rules.put(rule.clone(), &self.mesh);
        }
    }

    /// Adds a proxy, or replaces the one of its id.
    pub fn add_proxy(&mut self, node: ProxyNode) {
        self.remove_proxy(&node.id.clone());
        if node.kind == ProxyKind::Sidecar {
            let attached = Arc::new(node.clone());
            self.resources.attached.extend(node.ip_addresses.iter().map(|address| (*address, attached.clone())));
            self.endpoints_at(&node.ip_addresses);
        }
        self.proxies.push(AnyProxy::new(node));
        // What is said of Gateways and of what is bound to them depends on which proxies there are.
        self.changes.gateways.extend(self.resources.gateways.keys().cloned());
        self.policies_apply_anew();
    }

    /// To which proxies policies apply may be different.
    fn policies_apply_anew(&mut self) {
        self.changes.authorization_policies.extend(self.resources.authorization_policies.keys().cloned());
    }

    /// Sets who a proxy is in the mesh: what it shows and trusts where `ISTIO_MUTUAL` is asked for.
    pub fn set_identity(&mut self, proxy: &str, identity: WorkloadIdentity) {
        if let Some(proxy) = self.proxies.iter_mut().find(|known| *known.node().id == *proxy) {
            proxy.set_identity(identity);
        }
    }

    /// Removes a proxy.
    pub fn remove_proxy(&mut self, id: &str) {
        let sidecars = self.resources.attached.values();
        if let Some(attached) = sidecars.into_iter().find(|node| *node.id == *id).cloned() {
            self.resources.attached.retain(|_, node| *node.id != *id);
            self.endpoints_at(&attached.ip_addresses);
        }
        self.proxies.retain(|proxy| *proxy.node().id != *id);
        self.logs.remove(id);
        self.changes.gateways.extend(self.resources.gateways.keys().cloned());
        self.changes.sidecars.extend(self.resources.sidecars.keys().cloned());
        self.policies_apply_anew();
    }

    /// Says what became of what a Gateway needs to be reached.
    pub fn provisioned(&mut self, namespace: &str, name: &str, provision: Provision) {
        let key = Key { namespace: namespace.into(), name: name.into() };
        self.gateway_api.provisioned(key, provision);
    }

    /// Says of which version the CRDs of Gateway API are (annotation `gateway.networking.k8s.io/bundle-version`), which
    /// GatewayClasses report as `SupportedVersion`; `None`: there are none, and nothing is reported.
    pub fn set_gateway_api_version(&mut self, bundle: Option<String>) {
        self.gateway_api.set_bundle(bundle);
    }

    /// Takes in an object that is new or has changed. Changes of its status alone have no effect.
    pub fn put(&mut self, resource: Resource) {
        let Err(resource) = self.gateway_api.put(resource) else { return };
        match resource {
            Resource::Gateway(object) => {
                let key = Key::of(&object.meta);
                self.ingresses.gateway_changed(&key);
                if put(&mut self.resources.gateways, object).changed() {
                    self.changes.gateways.insert(key);
                }
            }
            Resource::VirtualService(object) => {
                self.ingresses.virtual_service_changed(&Key::of(&object.meta));
                self.put_virtual_service(object);
            }
            Resource::Ingress(object) => self.ingresses.put(object),
            Resource::IngressClass(object) => self.ingresses.put_class(object),
            Resource::DestinationRule(object) => self.put_destination_rule(object),
            Resource::ServiceEntry(object) => self.put_service_entry(&object),
            Resource::WorkloadEntry(object) => self.put_workload_entry(object),
            Resource::Service(object) => {
                let made = Service::of_service(&object, &self.mesh).map(Arc::new);
                let key = Key::of(&object.meta);
                self.ingresses.service_changed(&key);
                self.make(Maker::Service(key), made.into_iter().collect());
            }
            Resource::Endpoints(object) => {
                let key = Key::of(&object.meta);
                if put(&mut self.resources.endpoints, object).changed() {
                    self.endpoints_of_service(&key);
                }
            }
            Resource::EndpointSlice(object) => {
                for service in self.resources.put_slice(object) {
                    self.endpoints_of_service(&service);
                }
            }
            Resource::Secret(object) => {
                let key = Key::of(&object.meta);
                if put(&mut self.resources.secrets, object).changed() {
                    self.gateway_api.secret_changed(&key);
                    self.changes.credentials.insert(Credential::Secret(key));
                }
            }
            Resource::Pod(object) => self.put_pod(object),
            Resource::Namespace(object) => self.gateway_api.put_namespace(object),
            Resource::ConfigMap(object) => {
                let key = Key::of(&object.meta);
                if put(&mut self.resources.config_maps, object.clone()).changed() {
                    self.gateway_api.config_map_changed(&object.meta);
                    self.changes.credentials.insert(Credential::ConfigMap(key));
                }
            }
            Resource::Telemetry(object) => {
                let key = Key::of(&object.meta);
                if self.resources.telemetries.put(object) {
                    self.changes.telemetries.insert(key);
                }
            }
            Resource::Sidecar(object) => {
                let key = Key::of(&object.meta);
                if put(&mut self.resources.sidecars, object).changed() {
                    self.changes.sidecars.insert(key);
                }
            }
            Resource::PeerAuthentication(object) => {
                let key = Key::of(&object.meta);
                if self.resources.peer_authentications.put(object) {
                    self.peer_authentication_changed(key);
                }
            }
            Resource::AuthorizationPolicy(object) => {
                let key = Key::of(&object.meta);
                let before = self.resources.authorization_policies.insert(key.clone(), object.clone());
                let same = |before: &Arc<Object<AuthorizationPolicy>>| {
                    same_meta(&before.meta, &object.meta) && before.spec == object.spec
                };
                if !before.as_ref().is_some_and(same) {
                    self.changes.authorization_policies.insert(key);
                }
            }
            _ => {}
        }
    }

    /// Forgets an object.
    pub fn delete(&mut self, object: &ObjectRef) {
        let key = Key { namespace: object.namespace.clone().unwrap_or_default(), name: object.name.clone() };
        self.reports.forget(object);
        if self.gateway_api.delete(object) {
            return;
        }
        match object.kind.kind {
            "Gateway" => {
                self.ingresses.gateway_changed(&key);
                self.changes.gateways.extend(self.resources.gateways.remove(&key).map(|_| key));
            }
            "VirtualService" => {
                self.ingresses.virtual_service_changed(&key);
                self.remove_virtual_service(key);
            }
            "Ingress" => self.ingresses.delete(&key),
            "IngressClass" => self.ingresses.delete_class(&key.name),
            "DestinationRule" => {
                if let Some(before) = self.resources.destination_rules.remove(&key) {
                    self.rules.remove(&before, &self.mesh);
                    self.hosts_of_rule(&before);
                    self.changes.destination_rules.insert(key);
                }
            }
            "ServiceEntry" => self.make(Maker::ServiceEntry(key), Vec::new()),
            "Service" => {
                self.ingresses.service_changed(&key);
                self.make(Maker::Service(key), Vec::new());
            }
            "WorkloadEntry" => {
                if let Some(before) = self.resources.workload_entries.remove(&key) {
                    self.endpoints_selected(&key.namespace, &before.spec.labels);
                }
            }
            "Pod" => {
                if let Some(before) = self.resources.pods.remove(&key) {
                    self.changes.pods.insert(key.clone());
                    self.endpoints_selected(&key.namespace, &before.meta.labels);
                }
            }
            "Telemetry" => {
                let removed = self.resources.telemetries.remove(&key);
                self.changes.telemetries.extend(removed.then_some(key));
            }
            "Namespace" => self.gateway_api.delete_namespace(&key.name),
            "Sidecar" => {
                let before = self.resources.sidecars.remove(&key);
                self.changes.sidecars.extend(before.map(|_| key));
            }
            "PeerAuthentication" => {
                let removed = self.resources.peer_authentications.remove(&key).then_some(key);
                removed.into_iter().for_each(|key| self.peer_authentication_changed(key));
            }
            "Endpoints" => {
                let before = self.resources.endpoints.remove(&key);
                before.into_iter().for_each(|_| self.endpoints_of_service(&key));
            }
            "EndpointSlice" => {
                if let Some(service) = self.resources.delete_slice(&key) {
                    self.endpoints_of_service(&service);
                }
            }
            "AuthorizationPolicy" => {
                let before = self.resources.authorization_policies.remove(&key);
                self.changes.authorization_policies.extend(before.map(|_| key));
            }
            "Secret" => {
                let before = self.resources.secrets.remove(&key);
                self.gateway_api.secret_changed(&key);
                self.changes.credentials.extend(before.map(|_| Credential::Secret(key)));
            }
            "ConfigMap" => {
                let before = self.resources.config_maps.remove(&key);
                before.iter().for_each(|before| self.gateway_api.config_map_changed(&before.meta));
                self.changes.credentials.extend(before.map(|_| Credential::ConfigMap(key)));
            }
            _ => {}
        }
    }

    /// Computes what follows from everything that was put, deleted and added since the last time.
    pub fn translate(&mut self) -> Output {
        let ingresses = self.ingresses();
        let mut changes = std::mem::take(&mut self.changes);
        let suggestions = Cell::new(MOST_SUGGESTIONS);
        let mut stale = Stale { ingresses, ..Stale::default() };
        let mut output = Output::default();
        let news = self.gateway_api.update(&self.registry, &self.resources, &mut self.pool);
        (output.gateway_api, output.managed) = (news.statuses, news.managed);
        self.logs_of_proxies(&changes);
        for proxy in &mut self.proxies {
            let mut inputs = Inputs {
                mesh: &self.mesh,
                resources: &self.resources,
                registry: &self.registry,
                rules: &self.rules,
                bindings: &self.bindings,
                gateway_api: &self.gateway_api,
                pool: &mut self.pool,
                suggestions: &suggestions,
            };
            if let Some(config) = proxy.update(&mut inputs, &changes, &mut stale) {
                output.proxies.push((proxy.node().id.clone(), config));
            }
        }
        for gateway in &changes.gateways {
            stale.virtual_services.extend(self.bindings.keys_of(&gateway.to_string()));
        }
        stale.gateways.append(&mut changes.gateways);
        stale.virtual_services.append(&mut changes.virtual_services);
        output.notes = std::mem::take(&mut stale.notes);
        let objects = stale.virtual_services.iter().filter_map(|key| self.resources.virtual_services.get(key));
        let leaves: Vec<Key> = objects.flat_map(|object| delegate::leaves_of(object)).collect();
        stale.virtual_services.extend(leaves);
        let reporter = Reporter {
            mesh: &self.mesh,
            resources: &self.resources,
            registry: &self.registry,
            delegations: &self.delegations,
            ingresses: &self.ingresses,
            proxies: &self.proxies,
        };
        output.statuses = self.reports.update(&reporter, &stale, &changes);
        output
    }

    /// Proxies that log something else now make anew what they listen on.
    fn logs_of_proxies(&mut self, changes: &Changes) {
        for proxy in &mut self.proxies {
            let node = proxy.node();
            if !telemetry::may_concern(&changes.telemetries, &self.mesh, node) {
                continue;
            }
            let logs = Logs::of_proxy(&self.mesh, &self.resources, node);
            if self.logs.get(&node.id) != Some(&logs) {
                self.logs.insert(node.id.clone(), logs);
                proxy.start_over();
            }
        }
    }

    /// Puts the objects that are made of Ingresses; of which Ingresses something else may be to be said is returned.
    fn ingresses(&mut self) -> BTreeSet<Key> {
        let sources = Sources { mesh: &self.mesh, registry: &self.registry, resources: &self.resources };
        let made = self.ingresses.update(&sources);
        for (key, gateway) in made.gateways {
            let changed = match gateway {
                Some(gateway) => put(&mut self.resources.gateways, gateway).changed(),
                None => self.resources.gateways.remove(&key).is_some(),
            };
            if changed {
                self.changes.gateways.insert(key);
            }
        }
        for (key, virtual_service) in made.virtual_services {
            match virtual_service {
                Some(object) => self.put_virtual_service(object),
                None => self.remove_virtual_service(key),
            }
        }
        made.stale
    }

    fn remove_virtual_service(&mut self, key: Key) {
        if let Some(before) = self.resources.virtual_services.remove(&key) {
            self.bindings.remove(&before);
            self.delegations.remove(&before);
            self.changes.virtual_services.extend(delegate::leaves_of(&before));
            self.changes.virtual_services.extend(self.delegations.roots_of(&key).cloned());
            self.changes.virtual_services.insert(key);
        }
    }

    fn put_virtual_service(&mut self, object: Arc<Object<VirtualService>>) {
        let key = Key::of(&object.meta);
        let Put::Changed { before } = put(&mut self.resources.virtual_services, object.clone()) else { return };
        if let Some(before) = before {
            self.bindings.remove(&before);
            self.delegations.remove(&before);
            self.changes.virtual_services.extend(delegate::leaves_of(&before));
        }
        self.bindings.add(&object, &mut self.pool);
        self.delegations.add(&object);
        // Rules that are delegated to it stand in other VirtualServices.
        self.changes.virtual_services.extend(self.delegations.roots_of(&key).cloned());
        self.changes.virtual_services.insert(key);
    }

    fn put_destination_rule(&mut self, object: Arc<Object<DestinationRule>>) {
        let key = Key::of(&object.meta);
        let Put::Changed { before } = put(&mut self.resources.destination_rules, object.clone()) else { return };
        if let Some(before) = before {
            self.rules.remove(&before, &self.mesh);
            self.hosts_of_rule(&before);
        }
        self.rules.put(object.clone(), &self.mesh);
        self.hosts_of_rule(&object);
        self.changes.destination_rules.insert(key);
    }

    /// Notes the hosts that a DestinationRule may speak for.
    fn hosts_of_rule(&mut self, rule: &Object<DestinationRule>) {
        let host = host_of(rule, &self.mesh);
        if host.starts_with('*') {
            let covered = self.registry.all_hosts().filter(|known| host::is_subset(known, &host)).cloned();
            self.changes.hosts.extend(covered);
        } else {
            self.changes.hosts.insert(self.pool.name(&host));
        }
    }

    fn put_service_entry(&mut self, object: &Arc<Object<ServiceEntry>>) {
        let services = Service::of_service_entry(object, &self.mesh).into_iter().map(Arc::new).collect();
        self.make(Maker::ServiceEntry(Key::of(&object.meta)), services);
    }

    /// Replaces the services that one object makes.
    fn make(&mut self, maker: Maker, services: Vec<Arc<Service>>) {
        let before = self.registry.made_by(&maker).to_vec();
        if before.is_empty() && services.is_empty() {
            return;
        }
        if let (Some(old), Some(new)) = (before.first(), services.first())
            && old.source.is_same(&new.source)
        {
            return;
        }
        let concerned = before.iter().chain(&services);
        self.changes.endpoints.extend(concerned.clone().map(|service| service.host.clone()));
        let may_concern =
            |service: &Arc<Service>| self.proxies.iter().any(|proxy| targets::may_concern(service, proxy.node()));
        self.changes.targets |= concerned.clone().any(may_concern);
        match &maker {
            Maker::ServiceEntry(key) => drop(self.changes.service_entries.insert(key.clone())),
            Maker::Service(key) => self.gateway_api.service_changed(key),
        }
        self.changes.hosts.extend(self.registry.put(maker, services));
    }

    fn put_workload_entry(&mut self, object: Arc<Object<WorkloadEntry>>) {
        let key = Key::of(&object.meta);
        let before = self.resources.workload_entries.insert(key.clone(), object.clone());
        let same = |before: &Arc<Object<WorkloadEntry>>| {
            let same_health = before.status.conditions == object.status.conditions;
            same_meta(&before.meta, &object.meta) && before.spec == object.spec && same_health
        };
        if before.as_ref().is_some_and(same) {
            return;
        }
        if let Some(before) = before {
            self.endpoints_selected(&key.namespace, &before.spec.labels);
        }
        self.endpoints_selected(&key.namespace, &object.spec.labels);
    }

    fn put_pod(&mut self, object: Arc<Object<Pod>>) {
        let key = Key::of(&object.meta);
        let before = self.resources.pods.insert(key.clone(), object.clone());
        let same = |before: &Arc<Object<Pod>>| {
            same_meta(&before.meta, &object.meta) && before.spec == object.spec && before.status == object.status
        };
        if before.as_ref().is_some_and(same) {
            return;
        }
        if let Some(before) = before {
            self.endpoints_selected(&key.namespace, &before.meta.labels);
        }
        self.endpoints_selected(&key.namespace, &object.meta.labels);
        if self.proxies.iter().any(|proxy| proxy.node().name == key.name && proxy.node().namespace == key.namespace) {
            self.changes.pods.insert(key);
        }
    }

    /// Clients speak mutual TLS to the workloads of a namespace, or of the mesh, as PeerAuthentications say.
    fn peer_authentication_changed(&mut self, key: Key) {
        if key.namespace == self.mesh.root_namespace {
            self.changes.endpoints.extend(self.registry.all_hosts().cloned());
        } else {
            let hosts = self.registry.services_in(&key.namespace).map(|service| service.host.clone());
            self.changes.endpoints.extend(hosts);
        }
        self.changes.peer_authentications.insert(key);
    }

    /// Notes the services that have endpoints at one of `addresses`.
    fn endpoints_at(&mut self, addresses: &[IpAddr]) {
        let services = self.registry.all();
        let concerned = services.filter(|service| targets::has_endpoint_at(&self.resources, service, addresses));
        self.changes.endpoints.extend(concerned.map(|service| service.host.clone()));
    }

    fn endpoints_of_service(&mut self, service: &Key) {
        let host = self.mesh.service_host(&service.name, &service.namespace).to_ascii_lowercase();
        self.changes.endpoints.insert(self.pool.name(&host));
        let may_concern = |node: &ProxyNode| node.namespace == service.namespace && !node.ip_addresses.is_empty();
        self.changes.targets |= self.proxies.iter().any(|proxy| may_concern(proxy.node()));
    }

    /// Notes the services of a namespace that may have workloads with these labels among their endpoints. Endpoints of
    /// a Service without selector are written by others, who may mean any pod.
    fn endpoints_selected(&mut self, namespace: &Name, labels: &StringMap) {
        let selecting = |service: &&Arc<Service>| match &service.source {
            Source::Service(object) => selects(&object.spec.selector, labels),
            Source::ServiceEntry(object) => {
                object.spec.workload_selector.as_ref().is_some_and(|selector| selects(&selector.labels, labels))
            }
        };
        let hosts = self.registry.services_in(namespace).filter(selecting).map(|service| service.host.clone());
        self.changes.endpoints.extend(hosts);
    }
}

impl Source {
    /// Whether translation cannot tell the two objects apart.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service(a), Self::Service(b)) => same_meta(&a.meta, &b.meta) && a.spec == b.spec,
            (Self::ServiceEntry(a), Self::ServiceEntry(b)) => {
                same_meta(&a.meta, &b.meta) && a.spec == b.spec && a.status.addresses == b.status.addresses
            }
            _ => false,
        }
    }
}
