//! The loop that keeps proxies and statuses in step with the store.

use crate::auto_addresses::AutoAddresses;
use crate::identity::Identities;
use crate::ingress_status::IngressAddresses;
use crate::mesh::MeshSources;
use crate::proxies::{self, Proxies, Registry};
use crate::status_writer::{Report, StatusWriter};
use crate::{identity, mesh, source};
use meridian_discovery::server::{self, Arrival, Subscription};
use meridian_identity::MeshAuthority;
use meridian_ir::{Origin, ProxyConfig};
use meridian_resources::core::pod;
use meridian_resources::istio::service_entry;
use meridian_resources::networking::ingress;
use meridian_resources::{Kind, ObjectRef, Resource, kind};
use meridian_store::{Event, EventType, GroupResource, Key, Selection, Store, StoredObject, Watch, WatchError};
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
    /// Who signs certificates in the mesh; the control plane keeps it as the store's Secrets say.
    pub authority: MeshAuthority,
}

/// Follows a store, translates what changed, feeds the proxies, and reports on the objects. Owned by one task.
pub struct ControlPlane {
    store: Store,
    mesh: MeshConfig,
    /// What it is made of.
    sources: MeshSources,
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
    /// Objects of which something new is to be said, or the same again for a new generation.
    outdated: HashSet<Key>,
    addresses: IngressAddresses,
    auto_addresses: AutoAddresses,
    /// What `status.addresses` of ServiceEntries is to say.
    allocated: HashMap<Key, Arc<Value>>,
    /// Where Ingresses are reached, as it was last told.
    load_balancer: Arc<Value>,
}

impl ControlPlane {
    /// A control plane for these proxies, and for those that come by discovery. Statuses are written by a task of the
    /// current tokio runtime.
    pub fn new(store: Store, feeds: Vec<ProxyFeed>, discovery: Discovery) -> ControlPlane {
        let mut translator = Translator::new(mesh::base());
        let (mut senders, mut nodes) = (HashMap::new(), Vec::new());
        for feed in feeds {
            senders.insert(feed.node.id.to_string(), feed.sender);
            nodes.push(feed.node.clone());
            translator.add_proxy(feed.node);
        }
        let mut identities = Identities::new(discovery.authority.clone());
        identities.set_trust_domain(&mesh::base().trust_domain, &[]);
        ControlPlane {
            statuses: StatusWriter::spawn(store.clone()),
            store,
            mesh: MeshConfig::default(),
            sources: discovery.mesh,
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
            outdated: HashSet::new(),
            addresses: IngressAddresses::default(),
            auto_addresses: AutoAddresses::default(),
            allocated: HashMap::new(),
            load_balancer: Arc::new(json!({})),
        }
    }

    /// Runs until the store closes.
    pub async fn run(mut self) {
        self.read_mesh();
        let mut known = HashSet::new();
        loop {
            let (mut changes, keys) = match self.start_over(&known) {
                Ok(started) => started,
                Err(error) => return tracing::info!(%error, "the control plane ends"),
            };
            known = keys;
            match self.follow(&mut changes, &mut known).await {
                WatchError::Closed => return tracing::info!("the control plane ends: the store is closed"),
                error => tracing::warn!(%error, "too many changes at once: reading all objects again"),
            }
        }
    }

    /// Takes in the whole store; `known` are the objects that an earlier round took in.
    fn start_over(&mut self, known: &HashSet<Key>) -> Result<(Watch, HashSet<Key>), WatchError> {
        let snapshot = self.store.list_all();
        let changes = self.store.watch(Selection::default(), snapshot.revision)?;
        let keys: HashSet<Key> = snapshot.objects.iter().map(|object| object.key().clone()).collect();
        for gone in known.difference(&keys) {
            self.forget(gone);
        }
        for object in &snapshot.objects {
            self.put(object);
        }
        self.publish();
        Ok((changes, keys))
    }

    async fn follow(&mut self, changes: &mut Watch, known: &mut HashSet<Key>) -> WatchError {
        loop {
            let next = tokio::select! {
                next = changes.next() => next,
                event = next_event(&mut self.events) => {
                    self.take_events(event);
                    self.publish();
                    continue;
                }
                () = self.sources.changed() => {
                    self.read_mesh();
                    self.publish();
                    continue;
                }
                () = renewal(self.identities.due(SystemTime::now())) => {
                    self.publish();
                    continue;
                }
            };
            let mut event = match next {
                Ok(event) => event,
                Err(error) => return error,
            };
            for _ in 0..ROUND {
                self.take(&event, known);
                event = match changes.try_next() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(error) => return error,
                };
            }
            self.publish();
        }
    }

    fn take(&mut self, event: &Event, known: &mut HashSet<Key>) {
        let key = event.object.key();
        match event.event_type {
            EventType::Deleted => {
                known.remove(key);
                self.forget(key);
            }
            EventType::Added | EventType::Modified => {
                known.insert(key.clone());
                if !event.previous.as_deref().is_some_and(|previous| is_of_no_concern(previous, &event.object)) {
                    self.put(&event.object);
                }
            }
        }
    }

    fn put(&mut self, object: &StoredObject) {
        let Some(kind) = self.kinds.get(&object.key().resource) else { return };
        let value = object.to_value(&kind.preferred_api_version(), kind.kind);
        match meridian_resources::decode(kind, &value) {
            Ok(resource) => {
                self.outdated.insert(object.key().clone());
                self.put_resource(match source::of(&resource.meta().annotations) {
                    Some(source) => resource.with_source(source),
                    None => resource,
                });
            }
            // Admission accepts nothing that cannot be read back; a store written by another version may hold it.
            Err(errors) => {
                let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
                tracing::error!(object = %object.key(), reasons = reasons.join("; "), "passed over: not readable");
                self.forget(object.key());
            }
        }
    }

    fn put_resource(&mut self, resource: Resource) {
        if let Resource::ConfigMap(map) = &resource
            && self.sources.put(map)
        {
            self.read_mesh();
        }
        if let Resource::Pod(pod) = &resource {
            self.pod_changed(&pod.meta.namespace, &pod.meta.name, &pod.meta.labels);
        }
        if let Resource::Secret(secret) = &resource
            && identity::is_authority(&secret.object_ref())
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
        self.mesh = mesh.clone();
        self.identities.set_trust_domain(&mesh.trust_domain, &mesh.trust_domain_aliases);
        self.translator.set_mesh(mesh);
    }

    fn forget(&mut self, key: &Key) {
        let told = self.reports.remove(key).is_some();
        self.outdated.remove(key);
        if told && key.resource == GroupResource::of(&ingress::KIND) {
            // Its events go with it.
            let report =
                Report { conditions: Arc::default(), load_balancer: Some(self.load_balancer.clone()), addresses: None };
            self.statuses.write(std::iter::once((key.clone(), report)));
        }
        let Some(kind) = self.kinds.get(&key.resource) else { return };
        let namespace = (!key.namespace.is_empty()).then(|| key.namespace.clone());
        let object = ObjectRef { kind, namespace, name: key.name.clone() };
        if mesh::is_mesh_config_map(&object) {
            self.sources.forget();
            self.read_mesh();
        }
        if identity::is_authority(&object) {
            self.identities.forget(&object.name);
        }
        self.addresses.forget(&object);
        self.auto_addresses.forget(key);
        self.allocated.remove(key);
        self.translator.delete(&object);
    }

    /// Translates what changed, feeds the proxies, and reports.
    fn publish(&mut self) {
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
        self.look_for_addresses();
        for (key, addresses) in self.auto_addresses.allocate() {
            self.outdated.insert(key.clone());
            self.allocated.insert(key, Arc::new(addresses));
        }
        let (reports, allocated) = (&mut self.reports, &self.allocated);
        let (kinds, proxies) = (&self.kinds, &self.proxies);
        let collection = GroupResource::of(&ingress::KIND);
        self.statuses.write(self.outdated.drain().filter_map(|key| {
            let addresses = allocated.get(&key).cloned();
            let conditions = match reports.get(&key) {
                Some(conditions) => with_rejections(conditions, &key, kinds, proxies),
                None if addresses.is_some() => Arc::default(),
                None => return None,
            };
            let load_balancer = (key.resource == collection).then(|| self.load_balancer.clone());
            if conditions.is_empty() {
                // It is not ours any more.
                reports.remove(&key);
            }
            Some((key, Report { conditions, load_balancer, addresses }))
        }));
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
        let pod = self.store.get(&Key::new(GroupResource::of(&pod::KIND), namespace, name))?;
        Some(pod.metadata().labels)
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

/// Whether nothing that is translated has changed.
fn is_of_no_concern(previous: &StoredObject, object: &StoredObject) -> bool {
    let is_entry = object.key().resource == GroupResource::of(&service_entry::KIND);
    only_status_differs(previous, object) && !(is_entry && addresses_of(previous) != addresses_of(object))
}

/// The addresses that were allocated to the hosts of a ServiceEntry, in its status.
fn addresses_of(object: &StoredObject) -> Value {
    object.to_value("", "")["status"]["addresses"].take()
}

/// Whether a change concerns the status alone, our own reports above all: then there is nothing to translate.
fn only_status_differs(previous: &StoredObject, object: &StoredObject) -> bool {
    if !object.key().resource.has_generation() {
        return false;
    }
    let (before, after) = (previous.metadata(), object.metadata());
    after.generation == before.generation && after.labels == before.labels && after.annotations == before.annotations
}
