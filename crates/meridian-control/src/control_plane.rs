//! The loop that keeps proxies and statuses in step with the objects of an API.

use crate::auto_addresses::AutoAddresses;
use crate::cluster::{Change, Changes, Cluster, Ended, Observed};
use crate::identity::{Identities, Manager};
use crate::ingress_status::IngressAddresses;
use crate::injection::{InjectionSources, is_injector_config_map};
use crate::managed::{Gateways, Installation, LocalHandle, Provisioned};
use crate::mesh::MeshSources;
use crate::proxies::{self, Proxies, Registry};
use crate::root_certificates::RootCertificates;
use crate::status_writer::{Report, Said, StatusWriter};
use crate::{mesh, source};
use meridian_discovery::server::{self, Arrival, Subscription};
use meridian_identity::MeshAuthority;
use meridian_ir::{Origin, ProxyConfig};
use meridian_resources::core::{Pod, pod};
use meridian_resources::networking::ingress;
use meridian_resources::{Kind, Object, ObjectRef, Resource, kind};
use meridian_store::{GroupResource, Key};
use meridian_translate::{Condition, MeshConfig, ProxyNode, Translator};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};

/// How many changes are taken in before the proxies get their effect, so that a flood of changes still goes live in
/// steps.
const ROUND: usize = 1024;

/// One proxy that the control plane drives: who it is, and where its configurations go. The newest one counts; a proxy
/// that is slow skips those in between.
pub struct ProxyFeed {
    /// Who it is.
    pub node: ProxyNode,
    /// Its configurations.
    pub sender: watch::Sender<Arc<ProxyConfig>>,
}

/// What the control plane has to do with proxies that come and go.
#[derive(Default)]
pub struct Discovery {
    /// What happens to their streams; `None`: there are none.
    pub events: Option<mpsc::UnboundedReceiver<server::Event>>,
    /// Where those that are connected are to be seen.
    pub registry: Registry,
    /// What the mesh configuration is made of, beside its ConfigMap.
    pub mesh: MeshSources,
    /// What injection is told, beside its ConfigMap.
    pub injection: InjectionSources,
    /// Who signs certificates in the mesh; the control plane keeps it as the API's Secrets say.
    pub authority: MeshAuthority,
    /// Told when everything that exists has been read once, and the proxies have what follows from it.
    pub in_step: watch::Sender<bool>,
    /// What the pods of Gateways have in common.
    pub installation: Installation,
    /// Who runs Gateways as processes of this machine, on the embedded API.
    pub local: Option<LocalHandle>,
}

/// Follows an API, translates what changed, feeds the proxies, and reports on the objects. Owned by one task.
///
/// Several control planes may follow one API: each serves proxies, and only the one that leads writes.
pub struct ControlPlane {
    changes: Changes,
    /// The objects that exist, and a number that is another one when what is translated of them is.
    known: HashMap<Key, u64>,
    /// Until everything has been read once, nothing is written and no proxy is told anything: what is missing might
    /// only not have been read yet.
    in_step: watch::Sender<bool>,
    leads: watch::Receiver<bool>,
    mesh: MeshConfig,
    /// What it is made of.
    sources: MeshSources,
    injection: InjectionSources,
    translator: Translator,
    feeds: HashMap<String, watch::Sender<Arc<ProxyConfig>>>,
    nodes: Vec<ProxyNode>,
    identities: Identities,
    authority: MeshAuthority,
    events: Option<mpsc::UnboundedReceiver<server::Event>>,
    proxies: Proxies,
    /// Proxies that were let in and wait for their first configuration.
    arrivals: Vec<Arrival>,
    kinds: HashMap<GroupResource, &'static Kind>,
    statuses: StatusWriter,
    /// What was last said of each object.
    reports: HashMap<Key, Arc<[Condition]>>,
    /// The same of objects of Gateway API.
    gateway_api: HashMap<Key, Arc<Value>>,
    /// Why objects are not readable.
    unreadable: HashMap<Key, String>,
    /// Objects of which something new is to be said, or the same again for a new generation.
    outdated: HashSet<Key>,
    addresses: IngressAddresses,
    auto_addresses: AutoAddresses,
    /// What `status.addresses` of ServiceEntries is to say.
    allocated: HashMap<Key, Arc<Value>>,
    /// Where Ingresses are reached, as it was last told.
    load_balancer: Arc<Value>,
    pods: HashMap<Key, Arc<Object<Pod>>>,
    root_certificates: RootCertificates,
    /// Makes what Gateways need to be reached.
    gateways: Gateways,
    /// Makes the mesh's authority where there is none; `None`: others do.
    authority_manager: Option<Manager>,
}

impl ControlPlane {
    /// A control plane for these proxies, and for those that come by discovery. Statuses are written by a task of the
    /// current tokio runtime.
    pub fn new(cluster: Cluster, feeds: Vec<ProxyFeed>, discovery: Discovery) -> ControlPlane {
        let mut translator = Translator::new(mesh::base());
        let (mut senders, mut nodes) = (HashMap::new(), Vec::new());
        for feed in feeds {
            senders.insert(feed.node.id.to_string(), feed.sender);
            nodes.push(feed.node.clone());
            translator.add_proxy(feed.node);
        }
        let namespace = discovery.mesh.namespace.clone();
        let mut identities = Identities::new(discovery.authority.clone(), namespace.clone());
        identities.set_trust_domain(&mesh::base().trust_domain, &[]);
        ControlPlane {
            statuses: StatusWriter::spawn(cluster.clone()),
            root_certificates: RootCertificates::spawn(cluster.clone()),
            gateways: Gateways::spawn(&cluster, discovery.installation, discovery.local),
            changes: cluster.changes(),
            known: HashMap::new(),
            in_step: discovery.in_step,
            leads: cluster.leadership(),
            authority_manager: cluster.is_kubernetes().then(|| Manager::new(cluster)),
            mesh: MeshConfig::default(),
            sources: discovery.mesh,
            injection: discovery.injection,
            translator,
            feeds: senders,
            nodes,
            identities,
            authority: discovery.authority,
            events: discovery.events,
            proxies: Proxies::new(discovery.registry),
            arrivals: Vec::new(),
            kinds: kind::all().iter().map(|kind| (GroupResource::of(kind), *kind)).collect(),
            reports: HashMap::new(),
            gateway_api: HashMap::new(),
            unreadable: HashMap::new(),
            pods: HashMap::new(),
            outdated: HashSet::new(),
            addresses: IngressAddresses::new(namespace),
            auto_addresses: AutoAddresses::default(),
            allocated: HashMap::new(),
            load_balancer: Arc::new(json!({})),
        }
    }

    /// Runs until the API closes.
    pub async fn run(mut self) {
        self.read_mesh();
        while self.turn().await.is_ok() {
            self.publish();
        }
        tracing::info!("the control plane ends: the store is closed");
    }

    /// Takes in the next thing that happens, and all changes that wait.
    async fn turn(&mut self) -> Result<(), Ended> {
        let change = tokio::select! {
            change = self.changes.next() => change?,
            event = next_event(&mut self.events) => {
                self.take_events(event);
                return Ok(());
            }
            () = self.sources.changed() => {
                self.read_mesh();
                return Ok(());
            }
            provisioned = self.gateways.next() => {
                self.take_provisions(provisioned);
                return Ok(());
            }
            leads = next_leader(&mut self.leads) => {
                self.leadership_changed(leads);
                return Ok(());
            }
            () = renewal(self.identities.due(SystemTime::now())) => return Ok(()),
        };
        self.take(change);
        for _ in 1..ROUND {
            match self.changes.try_next() {
                Some(change) => self.take(change),
                None => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Put(observed) => self.put(&observed),
            Change::Gone(key) => self.gone(&key),
            Change::Listed(collection, keys) => {
                let of_list = |key: &&Key| key.resource == collection;
                let gone: Vec<Key> =
                    self.known.keys().filter(of_list).filter(|key| !keys.contains(key)).cloned().collect();
                gone.iter().for_each(|key| self.gone(key));
            }
            Change::InStep => {
                self.in_step.send_replace(true);
            }
        }
    }

    fn gone(&mut self, key: &Key) {
        if self.known.remove(key).is_some() {
            self.forget(key);
        }
    }

    /// Takes in what became of Gateways, with all that waits.
    fn take_provisions(&mut self, first: Provisioned) {
        let mut next = Some(first);
        while let Some(Provisioned { namespace, name, provision }) = next {
            self.translator.provisioned(&namespace, &name, provision);
            next = self.gateways.try_next();
        }
    }

    /// Who leads from now on says everything; whoever led before may not have come to it.
    fn leadership_changed(&mut self, leads: bool) {
        if leads {
            let told = self.reports.keys().chain(self.gateway_api.keys()).chain(self.unreadable.keys());
            self.outdated.extend(told.chain(self.allocated.keys()).cloned());
            self.root_certificates.start_over();
        }
    }

    fn put(&mut self, observed: &Observed) {
        let key = &observed.key;
        let fingerprint = observed.fingerprint();
        if self.known.insert(key.clone(), fingerprint) == Some(fingerprint) {
            if !observed.own && self.is_told(key) {
                // Only the status is different: should somebody have changed what is ours, it is put back.
                self.outdated.insert(key.clone());
            }
            return;
        }
        match meridian_resources::decode(observed.kind, &observed.object) {
            Ok(resource) => {
                self.unreadable.remove(key);
                self.outdated.insert(key.clone());
                self.put_resource(match source::of(&resource.meta().annotations) {
                    Some(source) => resource.with_source(source),
                    None => resource,
                });
            }
            // Admission accepts nothing that cannot be read back; a store written by another version may hold it, and
            // so may an API whose definitions are others than ours.
            Err(errors) => {
                let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
                let reasons = reasons.join("; ");
                tracing::error!(object = %key, reasons, "not readable; what was last read of it counts on");
                self.unreadable.insert(key.clone(), reasons);
                self.outdated.insert(key.clone());
            }
        }
    }

    fn is_told(&self, key: &Key) -> bool {
        self.reports.contains_key(key) || self.gateway_api.contains_key(key) || self.allocated.contains_key(key)
    }

    fn put_resource(&mut self, resource: Resource) {
        if let Resource::ConfigMap(map) = &resource {
            self.injection.put(map);
            if self.sources.put(map) {
                self.read_mesh();
            }
        }
        self.root_certificates.put(&resource);
        self.gateways.put(&resource);
        if let Resource::Pod(pod) = &resource {
            self.pods.insert(key_of(&pod.object_ref()), pod.clone());
            self.pod_changed(&pod.meta.namespace, &pod.meta.name, &pod.meta.labels);
        }
        if let Resource::Secret(secret) = &resource
            && self.identities.is_authority(&secret.object_ref())
        {
            self.identities.put(secret);
        }
        self.addresses.put(&resource);
        if let Resource::ServiceEntry(entry) = &resource {
            self.auto_addresses.put(&key_of(&entry.object_ref()), entry);
        }
        self.translator.put(resource);
    }

    fn read_mesh(&mut self) {
        let mesh = self.sources.read();
        self.injection.set_mesh(self.sources.document());
        self.mesh = mesh.clone();
        self.identities.set_trust_domain(&mesh.trust_domain, &mesh.trust_domain_aliases);
        self.translator.set_mesh(mesh);
    }

    fn forget(&mut self, key: &Key) {
        let mut told = self.reports.remove(key).is_some();
        told |= self.gateway_api.remove(key).is_some();
        told |= self.unreadable.remove(key).is_some();
        self.outdated.remove(key);
        self.pods.remove(key);
        let Some(kind) = self.kinds.get(&key.resource) else { return };
        if told {
            // Its events go with it.
            self.statuses.write(std::iter::once((key.clone(), Report { kind, said: Said::Gone })));
        }
        let namespace = (!key.namespace.is_empty()).then(|| key.namespace.clone());
        let object = ObjectRef { kind, namespace, name: key.name.clone() };
        if self.sources.is_config_map(&object) {
            self.sources.forget();
            self.read_mesh();
        }
        if is_injector_config_map(&object) {
            self.injection.forget();
        }
        if self.identities.is_authority(&object) {
            self.identities.forget(&object.name);
        }
        self.root_certificates.forget(&object);
        self.gateways.forget(&object);
        self.addresses.forget(&object);
        self.auto_addresses.forget(key);
        self.allocated.remove(key);
        self.translator.delete(&object);
    }

    /// Translates what changed, feeds the proxies, and reports; as soon as everything that exists has been read.
    fn publish(&mut self) {
        if !*self.in_step.borrow() {
            return;
        }
        let leads = *self.leads.borrow_and_update();
        if leads && let Some(manager) = &mut self.authority_manager {
            manager.provide(&self.identities, &self.mesh.trust_domain);
        }
        for (proxy, identity) in self.identities.renew(self.nodes.iter(), SystemTime::now()) {
            self.translator.set_identity(&proxy, identity);
        }
        let output = self.translator.translate();
        for (name, config) in output.proxies {
            if let Some(feed) = self.feeds.get(&*name) {
                feed.send_replace(config);
            } else {
                self.proxies.feed(&name, &config);
            }
        }
        self.welcome();
        for note in output.notes {
            tracing::warn!("{note}");
        }
        for (object, conditions) in output.statuses {
            log_credentials(&object, &conditions);
            let key = key_of(&object);
            self.outdated.insert(key.clone());
            self.reports.insert(key, conditions);
        }
        self.gateways.want(output.managed);
        self.gateways.look_at(&self.nodes);
        for (object, status) in output.gateway_api {
            let key = key_of(&object);
            self.outdated.insert(key.clone());
            self.gateway_api.insert(key, status);
        }
        self.look_for_addresses();
        for (key, addresses) in self.auto_addresses.allocate() {
            self.outdated.insert(key.clone());
            self.allocated.insert(key, Arc::new(addresses));
        }
        if leads {
            if let Some(authority) = self.authority.current().authority {
                self.root_certificates.write(authority.roots());
            }
            self.report();
        } else {
            self.outdated.clear();
        }
    }

    /// Says what is new of objects.
    fn report(&mut self) {
        let outdated = std::mem::take(&mut self.outdated);
        let reports: Vec<_> = outdated.into_iter().filter_map(|key| self.report_of(key)).collect();
        self.statuses.write(reports.into_iter());
    }

    fn report_of(&mut self, key: Key) -> Option<(Key, Report)> {
        let kind = *self.kinds.get(&key.resource)?;
        if let Some(reasons) = self.unreadable.get(&key) {
            return Some((key, Report { kind, said: Said::Unreadable(reasons.clone()) }));
        }
        if let Some(status) = self.gateway_api.get(&key) {
            return Some((key, Report { kind, said: Said::GatewayApi(status.clone()) }));
        }
        let addresses = self.allocated.get(&key).cloned();
        let conditions = match self.reports.get(&key) {
            Some(conditions) => with_rejections(conditions, &key, &self.kinds, &self.proxies),
            None if addresses.is_some() => Arc::default(),
            None => return None,
        };
        let load_balancer = (*kind == ingress::KIND).then(|| self.load_balancer.clone());
        if conditions.is_empty() {
            // It is not ours any more.
            self.reports.remove(&key);
        }
        Some((key, Report { kind, said: Said::Conditions { conditions, load_balancer, addresses } }))
    }

    /// Takes in what happened to proxies, with all that waits.
    fn take_events(&mut self, first: server::Event) {
        self.take_event(first);
        while let Some(Ok(event)) = self.events.as_mut().map(mpsc::UnboundedReceiver::try_recv) {
            self.take_event(event);
        }
    }

    fn take_event(&mut self, event: server::Event) {
        let concerned = match event {
            server::Event::Arrived(arrival) => match proxies::authorize(&arrival, &self.authority.current()) {
                Ok(()) => self.let_in(*arrival),
                Err(refusal) => {
                    // An error means that the proxy is gone already.
                    let _ = arrival.answer.send(Err(refusal));
                    return;
                }
            },
            server::Event::Rejections { stream, rejected } => self.proxies.reject(stream, rejected),
            server::Event::Departed { stream } => {
                self.arrivals.retain(|arrival| arrival.stream != stream);
                let Some((id, concerned)) = self.proxies.depart(stream) else { return };
                self.nodes.retain(|node| node.id != id);
                self.translator.remove_proxy(&id);
                concerned
            }
        };
        self.outdated.extend(concerned.iter().filter_map(key_of_origin));
    }

    fn let_in(&mut self, arrival: Arrival) -> Vec<Origin> {
        let labels = self.labels_of_pod(&arrival.node.namespace, &arrival.node.name);
        self.add_proxy(proxies::translated(&arrival.node, labels));
        let concerned = self.proxies.arrive(&arrival);
        self.arrivals.push(arrival);
        concerned
    }

    fn add_proxy(&mut self, node: ProxyNode) {
        self.nodes.retain(|known| known.id != node.id);
        self.nodes.push(node.clone());
        let identity = self.identities.issue(&node, SystemTime::now());
        let id = node.id.clone();
        self.translator.add_proxy(node);
        if let Some(identity) = identity {
            self.translator.set_identity(&id, identity);
        }
    }

    /// Those that were let in get their first configuration, which is there now.
    fn welcome(&mut self) {
        for arrival in std::mem::take(&mut self.arrivals) {
            if let Some(configs) = self.proxies.subscribe(arrival.stream) {
                // An error means that the proxy is gone already.
                let _ = arrival.answer.send(Ok(Subscription { configs }));
            }
        }
    }

    fn labels_of_pod(&self, namespace: &str, name: &str) -> Option<BTreeMap<String, String>> {
        let pod = self.pods.get(&Key::new(GroupResource::of(&pod::KIND), namespace, name))?;
        Some(pod.meta.labels.clone())
    }

    /// A Pod says with other labels than before what its proxy is.
    fn pod_changed(&mut self, namespace: &str, name: &str, labels: &BTreeMap<String, String>) {
        let proxies = self.proxies.of_pod(namespace, name);
        let changed: Vec<ProxyNode> = proxies
            .map(|node| proxies::translated(node, Some(labels.clone())))
            .filter(|node| !self.nodes.contains(node))
            .collect();
        changed.into_iter().for_each(|node| self.add_proxy(node));
    }

    /// When Ingresses are reached elsewhere, all of them are told.
    fn look_for_addresses(&mut self) {
        let load_balancer = self.addresses.load_balancer(&self.mesh);
        if *self.load_balancer == load_balancer {
            return;
        }
        self.load_balancer = Arc::new(load_balancer);
        let collection = GroupResource::of(&ingress::KIND);
        self.outdated.extend(self.reports.keys().filter(|key| key.resource == collection).cloned());
    }
}

fn key_of_origin(origin: &Origin) -> Option<Key> {
    let kind = kind::all().iter().find(|kind| kind.kind == origin.kind)?;
    Some(Key::new(GroupResource::of(kind), &origin.namespace, &origin.name))
}

/// What is to be said of an object, and that proxies reject what was made of it.
fn with_rejections(
    conditions: &Arc<[Condition]>,
    key: &Key,
    kinds: &HashMap<GroupResource, &'static Kind>,
    proxies: &Proxies,
) -> Arc<[Condition]> {
    let rejections = kinds.get(&key.resource).and_then(|kind| proxies.rejections(kind.kind, &key.namespace, &key.name));
    let Some(message) = rejections else { return conditions.clone() };
    let position = ["Programmed", "Accepted"]
        .iter()
        .find_map(|type_| conditions.iter().position(|condition| condition.type_ == *type_));
    let Some(position) = position else { return conditions.clone() };
    let mut conditions = conditions.to_vec();
    let own = &mut conditions[position];
    *own = Condition { type_: own.type_, status: false, reason: "RejectedByProxy", message };
    conditions.into()
}

/// The next thing that happens to a proxy; never, where there is no discovery.
async fn next_event(events: &mut Option<mpsc::UnboundedReceiver<server::Event>>) -> server::Event {
    match events {
        Some(receiver) => match receiver.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Whether this control plane leads, when that has changed; never again when the API is gone.
async fn next_leader(leads: &mut watch::Receiver<bool>) -> bool {
    match leads.changed().await {
        Ok(()) => *leads.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

/// Waits until certificates are to be renewed; for ever where there are none.
async fn renewal(due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due).await,
        None => std::future::pending().await,
    }
}

/// Logs what is wrong with the certificates of a Gateway: its clients see no more than failing handshakes.
fn log_credentials(object: &ObjectRef, conditions: &[Condition]) {
    let concerned = |condition: &&Condition| matches!(condition.reason, "SecretNotFound" | "InvalidSecret");
    for condition in conditions.iter().filter(concerned) {
        tracing::warn!(%object, reason = condition.reason, "{}", condition.message);
    }
}

fn key_of(object: &ObjectRef) -> Key {
    Key::new(GroupResource::of(object.kind), object.namespace.as_deref().unwrap_or_default(), &object.name)
}
