//! What a proxy has been sent, and what it makes of it, without its stream.

use crate::Kind;
use crate::kind::PerKind;
use crate::message::{Any, DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource, Status};
use crate::resource;
use bytes::Bytes;
use meridian_ir::cluster::Discovery;
use meridian_ir::tls::{FILE_AUTHORITY, FILE_CERTIFICATE, MESH_AUTHORITY, WORKLOAD_CERTIFICATE};
use meridian_ir::{Authority, Name, ProxyConfig, RouteConfig, Secret, VirtualHost};
use meridian_xds::read::{ReadError, Unsupported};
use meridian_xds::secret::SecretKind;
use meridian_xds::{cluster, listener, load_assignment, name_table, references, route_configuration, secret, wire};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Code of a rejection (gRPC's INVALID_ARGUMENT), as Envoy gives it.
const INVALID: i32 = 3;

/// How many resources are kept on disk in one response.
const SAVED_TOGETHER: usize = 64;

/// Asks for a whole type.
const WILDCARD: &str = "*";

/// Who the proxy is in the mesh: what it does not ask the control plane for.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// Under the name `default`.
    pub certificate: Arc<Secret>,
    /// Under the name `ROOTCA`.
    pub authority: Arc<Authority>,
}

/// A configuration that is complete: everything that it refers to has come, or is known not to exist.
#[derive(Debug, Clone)]
pub struct Applicable(pub Arc<ProxyConfig>);

/// What follows from a response.
#[derive(Debug, Default)]
pub struct Step {
    /// To be sent at once, in order.
    pub requests: Vec<DeltaDiscoveryRequest>,
    /// To be applied, and then told to [`Machine::applied`].
    pub apply: Option<Applicable>,
    /// What the model cannot hold of the resources that came; for the log.
    pub unsupported: Vec<Unsupported>,
    /// What was rejected; for the log.
    pub rejected: Vec<String>,
}

/// All resources of a proxy.
#[derive(Debug, Default)]
pub struct Machine {
    kinds: PerKind<OfKind>,
    /// What the resources say; parts that did not change are shared with what was handed out before.
    draft: ProxyConfig,
    /// Virtual hosts that have come by themselves, by route configuration.
    hosts: BTreeMap<Name, BTreeMap<Name, Arc<VirtualHost>>>,
    /// Route configurations that are made of these.
    split: BTreeSet<Name>,
    /// Those of them that are to be made again.
    unmade: BTreeSet<Name>,
    own: Option<Own>,
    /// The draft differs from what was handed out last.
    is_dirty: bool,
    version: u64,
    /// Resources are never asked for again: see [`Machine::without_copies`].
    keeps_no_copies: bool,
    /// Responses with listeners, which are answered when these run.
    waiting: Vec<Waiting>,
}

#[derive(Debug, Default)]
struct OfKind {
    held: BTreeMap<Name, Held>,
    /// Asked for by name.
    wanted: BTreeSet<Name>,
    /// Of these, those that there are not.
    absent: BTreeSet<Name>,
    /// A response has come, in this life or an earlier one.
    has_answered: bool,
}

/// An answer that waits until it is known whether these listeners listen.
#[derive(Debug)]
struct Waiting {
    answer: DeltaDiscoveryRequest,
    listeners: Vec<Name>,
}

/// A resource as it came.
#[derive(Debug)]
struct Held {
    version: String,
    hash: resource::Version,
    /// What it is kept on disk from, or read again from; `None`: nobody needs it.
    bytes: Option<Bytes>,
}

impl OfKind {
    fn is_waiting(&self) -> bool {
        self.wanted.iter().any(|name| !self.held.contains_key(name) && !self.absent.contains(name))
    }
}

impl Machine {
    /// A proxy that has nothing yet, and is `own` in the mesh where it has an identity of its own.
    #[must_use]
    pub fn new(own: Option<Own>) -> Machine {
        let mut machine = Machine::default();
        machine.set_own(own);
        machine
    }

    /// The same for a proxy that keeps nothing on disk: once they are read, the bytes of resources are forgotten, which are
    /// as large as all that is made of them. There is nothing in [`Machine::saved`] then.
    #[must_use]
    pub fn without_copies(self) -> Machine {
        Machine { keeps_no_copies: true, ..self }
    }

    /// Another certificate. A configuration is returned when there is one already.
    pub fn set_own(&mut self, own: Option<Own>) -> Option<Applicable> {
        if self.own == own {
            return None;
        }
        if let Some(own) = &own {
            self.draft.secrets.insert(WORKLOAD_CERTIFICATE.into(), own.certificate.clone());
            self.draft.authorities.insert(MESH_AUTHORITY.into(), own.authority.clone());
            // Without a certificate of its own it would have asked for one.
            let secrets = &mut self.kinds[Kind::Secret];
            for name in [WORKLOAD_CERTIFICATE, MESH_AUTHORITY] {
                secrets.wanted.remove(name);
                secrets.absent.remove(name);
                secrets.held.remove(name);
            }
        }
        self.own = own;
        self.is_dirty = true;
        self.applicable()
    }

    /// The requests that a stream begins with: all that is wanted, and what of it is there already. Whoever sends them
    /// sets the node of the first.
    pub fn connected(&mut self) -> Vec<DeltaDiscoveryRequest> {
        self.waiting.clear();
        let mut requests = Vec::new();
        for kind in Kind::ALL {
            let own = &mut self.kinds[kind];
            // The control plane may know better now.
            own.absent.clear();
            if !kind.is_whole() && own.wanted.is_empty() {
                continue;
            }
            let mut names: Vec<String> = own.wanted.iter().map(ToString::to_string).collect();
            if kind.is_whole() && !kind.is_wildcard() {
                names.push(WILDCARD.to_owned());
            }
            let versions = own.held.iter().map(|(name, held)| (name.to_string(), held.version.clone()));
            requests.push(DeltaDiscoveryRequest {
                type_url: kind.type_url().to_owned(),
                resource_names_subscribe: names,
                initial_resource_versions: versions.collect(),
                ..DeltaDiscoveryRequest::default()
            });
        }
        requests
    }

    /// Takes in a response.
    pub fn response(&mut self, response: DeltaDiscoveryResponse) -> Step {
        let mut step = Step::default();
        let mut answer = DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce,
            ..DeltaDiscoveryRequest::default()
        };
        let Some(kind) = Kind::of_type_url(&response.type_url) else {
            let known = Kind::ALL.map(Kind::type_url).join(", ");
            step.rejected.push(format!("type_url: found {:?}, allowed: {known}", response.type_url));
            answer.error_detail = Some(rejection(&step.rejected));
            step.requests.push(answer);
            return step;
        };
        self.kinds[kind].has_answered = true;
        for name in &response.removed_resources {
            self.remove(kind, name);
        }
        let names: Vec<Name> = response.resources.iter().map(|resource| resource.name.as_str().into()).collect();
        for resource in response.resources {
            if let Err(reason) = self.keep(kind, resource, &mut step.unsupported) {
                step.rejected.push(reason);
            }
        }
        if !step.rejected.is_empty() {
            answer.error_detail = Some(rejection(&step.rejected));
        }
        // Whether a listener can listen is known when it does.
        if kind == Kind::Listener && answer.error_detail.is_none() {
            self.waiting.push(Waiting { answer, listeners: names });
        } else {
            step.requests.push(answer);
        }
        if matches!(kind, Kind::Cluster | Kind::Listener) {
            step.requests.extend(self.subscribe());
        }
        step.apply = self.applicable();
        if step.apply.is_none() && !self.is_dirty {
            // Nothing of these listeners is new.
            step.requests.extend(self.waiting.drain(..).map(|waiting| waiting.answer));
        }
        step
    }

    /// A configuration runs; `errors` are listeners that do not, by name. The answers that waited for it are returned.
    pub fn applied(&mut self, errors: &[(Name, String)]) -> Vec<DeltaDiscoveryRequest> {
        let answer = |Waiting { mut answer, listeners }| {
            let own = errors.iter().filter(|(name, _)| listeners.contains(name));
            let lines: Vec<String> = own.map(|(name, reason)| format!("listener {name}: {reason}")).collect();
            answer.error_detail = (!lines.is_empty()).then(|| rejection(&lines));
            answer
        };
        self.waiting.drain(..).map(answer).collect()
    }

    /// Nobody answers for what is wanted: goes on without. A configuration is returned when there is a new one.
    pub fn give_up_waiting(&mut self) -> Option<Applicable> {
        for kind in Kind::ALL {
            let own = &mut self.kinds[kind];
            let missing: Vec<Name> = own.wanted.iter().filter(|name| !own.held.contains_key(*name)).cloned().collect();
            own.absent.extend(missing);
        }
        self.applicable()
    }

    /// Whether something is missing that was asked for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        // Nobody but who splits route configurations sends virtual hosts.
        let hosts = !self.split.is_empty() && !self.kinds[Kind::VirtualHost].has_answered;
        self.has_begun() && (hosts || Kind::ALL.iter().any(|kind| self.kinds[*kind].is_waiting()))
    }

    /// Clusters and listeners have come: without either there is nothing to run.
    fn has_begun(&self) -> bool {
        self.kinds[Kind::Cluster].has_answered && self.kinds[Kind::Listener].has_answered
    }

    /// The configuration, if it is complete and another than before.
    fn applicable(&mut self) -> Option<Applicable> {
        if !self.is_dirty || !self.has_begun() || self.is_waiting() {
            return None;
        }
        self.is_dirty = false;
        self.make_routes();
        self.version += 1;
        self.draft.version = self.version;
        Some(Applicable(Arc::new(self.draft.clone())))
    }

    /// Makes route configurations of the virtual hosts that have come. They are sorted, which is as good as any other
    /// order: no domain is in two of them.
    fn make_routes(&mut self) {
        for name in std::mem::take(&mut self.unmade) {
            if !self.split.contains(&name) {
                continue;
            }
            let hosts: Vec<_> =
                self.hosts.get(&name).map(|hosts| hosts.values().cloned().collect()).unwrap_or_default();
            let made = match self.draft.routes.get(&name) {
                Some(before) => before.with_virtual_hosts(&hosts),
                None => RouteConfig::new(name.clone(), hosts),
            };
            self.draft.routes.insert(name, Arc::new(made));
        }
    }

    fn remove(&mut self, kind: Kind, name: &str) {
        let own = &mut self.kinds[kind];
        if own.wanted.contains(name) {
            own.absent.insert(name.into());
        }
        if own.held.remove(name).is_none() {
            return;
        }
        self.is_dirty = true;
        match kind {
            Kind::Cluster => {
                self.draft.clusters.remove(name);
                self.draft.endpoints.remove(name);
            }
            Kind::Endpoints => {
                // A cluster that is another kind now has brought its own.
                if self.draft.clusters.get(name).is_none_or(|cluster| cluster.discovery == Discovery::Eds) {
                    self.draft.endpoints.remove(name);
                }
            }
            Kind::Listener => drop(self.draft.listeners.remove(name)),
            Kind::VirtualHost => {
                if let Some((table, host)) = name.split_once('/') {
                    self.hosts.get_mut(table).map(|hosts| hosts.remove(host));
                    self.unmade.insert(table.into());
                }
            }
            Kind::Route => {
                self.draft.routes.remove(name);
                self.split.remove(name);
            }
            Kind::Secret => {
                self.draft.secrets.remove(name);
                self.draft.authorities.remove(name);
            }
            Kind::Names => drop(self.draft.names.remove(name)),
        }
    }

    /// Takes in one resource; the reason to reject it otherwise, in which case the one before it stays.
    fn keep(&mut self, kind: Kind, resource: Resource, unsupported: &mut Vec<Unsupported>) -> Result<(), String> {
        let Resource { version, resource, name } = resource;
        let any = resource.ok_or_else(|| format!("{} {name}: found no resource, allowed: one", kind.short()))?;
        if any.type_url != kind.type_url() {
            return Err(format!("{} {name}: found type {}, allowed: {}", kind.short(), any.type_url, kind.type_url()));
        }
        let name: Name = name.into();
        let own = &self.kinds[kind];
        if !kind.is_whole() && !own.wanted.contains(&name) {
            // Not wanted any more, while it was on its way.
            return Ok(());
        }
        let hash = resource::version(&any.value);
        if own.held.get(&name).is_none_or(|held| held.hash != hash) {
            self.read(kind, &name, &any, unsupported)?;
            self.is_dirty = true;
        }
        let own = &mut self.kinds[kind];
        // Whoever waited for it waits no more, and the version counts from now on.
        own.absent.remove(&name);
        // A copy: the bytes that came are a part of a buffer, all of which they would keep.
        let is_needed = !self.keeps_no_copies || kind == Kind::Endpoints;
        let bytes = is_needed.then(|| Bytes::copy_from_slice(&any.value));
        own.held.insert(name, Held { version, hash, bytes });
        Ok(())
    }

    fn read(&mut self, kind: Kind, name: &Name, any: &Any, unsupported: &mut Vec<Unsupported>) -> Result<(), String> {
        let decoded = wire::decode(&any.type_url, &any.value);
        let mut value = decoded.map_err(|error| format!("{} {name}: {error}", kind.short()))?;
        if let Value::Object(fields) = &mut value {
            // It is known, and no field of the message.
            fields.remove("@type");
        }
        let said = resource::name_of(&value);
        let expected = match kind {
            Kind::VirtualHost => name.split_once('/').map_or("", |(_, host)| host),
            _ => name,
        };
        if said != expected {
            return Err(format!("{} {name}: found the name {said:?} in it, allowed: {expected:?}", kind.short()));
        }
        let refused = |error: ReadError| error.to_string();
        let (draft, name) = (&mut self.draft, name.clone());
        match kind {
            Kind::Cluster => {
                let read = cluster::read(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                return self.put_cluster(name, read.value, unsupported);
            }
            Kind::Endpoints => {
                let weighted = draft.clusters.get(&name).is_some_and(|cluster| cluster.locality_weighted);
                let read = load_assignment::read(&value, weighted).map_err(refused)?;
                unsupported.extend(read.unsupported);
                draft.endpoints.insert(name, Arc::new(read.value.1));
            }
            Kind::Listener => {
                let read = listener::read(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                draft.listeners.insert(name, Arc::new(read.value));
            }
            Kind::VirtualHost => {
                let read = route_configuration::read_host(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                let table: Name = name.split_once('/').map_or("", |(table, _)| table).into();
                let hosts = self.hosts.entry(table.clone()).or_default();
                hosts.insert(read.value.name.clone(), Arc::new(read.value));
                self.unmade.insert(table);
            }
            Kind::Route if route_configuration::has_virtual_hosts_elsewhere(&value) => {
                let read = route_configuration::read(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                self.split.insert(name.clone());
                self.unmade.insert(name);
            }
            Kind::Route => {
                self.split.remove(&name);
                let read = route_configuration::read(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                draft.routes.insert(name, Arc::new(read.value));
            }
            Kind::Secret => {
                let read = secret::read(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                match read.value {
                    SecretKind::Certificate(one) => drop(draft.secrets.insert(name, Arc::new(one))),
                    SecretKind::Authority(one) => drop(draft.authorities.insert(name, Arc::new(one))),
                }
            }
            // One name each, which was compared above.
            Kind::Names => {
                let read = name_table::read(&value).map_err(refused)?;
                unsupported.extend(read.unsupported);
                draft.names.extend(read.value);
            }
        }
        Ok(())
    }

    /// A cluster, with its endpoints where it carries them. What endpoints that come by themselves weigh depends on
    /// their cluster.
    fn put_cluster(
        &mut self,
        name: Name,
        (cluster, endpoints): (meridian_ir::Cluster, Option<meridian_ir::Endpoints>),
        unsupported: &mut Vec<Unsupported>,
    ) -> Result<(), String> {
        let (is_eds, weighted) = (cluster.discovery == Discovery::Eds, cluster.locality_weighted);
        let before = self.draft.clusters.insert(name.clone(), Arc::new(cluster));
        match endpoints {
            Some(endpoints) => drop(self.draft.endpoints.insert(name, Arc::new(endpoints))),
            None if !is_eds => drop(self.draft.endpoints.remove(&name)),
            None => {
                let weighting_changed = before.is_some_and(|before| before.locality_weighted != weighted);
                let held = self.kinds[Kind::Endpoints].held.get(&name).and_then(|held| held.bytes.as_ref());
                if let Some(value) = held.filter(|_| weighting_changed).cloned() {
                    let any = Any { type_url: Kind::Endpoints.type_url().to_owned(), value };
                    return self.read(Kind::Endpoints, &name, &any, unsupported);
                }
            }
        }
        Ok(())
    }

    /// Asks for everything that clusters and listeners refer to and was not asked for yet, and for nothing else any more.
    fn subscribe(&mut self) -> Vec<DeltaDiscoveryRequest> {
        let mut requests = Vec::new();
        for kind in [Kind::Endpoints, Kind::Route, Kind::Secret] {
            let referred = self.referred(kind);
            let own = &mut self.kinds[kind];
            let new: Vec<Name> = referred.difference(&own.wanted).cloned().collect();
            let gone: Vec<Name> = own.wanted.difference(&referred).cloned().collect();
            if new.is_empty() && gone.is_empty() {
                continue;
            }
            own.wanted = referred;
            for name in &gone {
                self.remove(kind, name);
                self.kinds[kind].absent.remove(name);
            }
            let text = |names: &[Name]| names.iter().map(ToString::to_string).collect();
            requests.push(DeltaDiscoveryRequest {
                type_url: kind.type_url().to_owned(),
                resource_names_subscribe: text(&new),
                resource_names_unsubscribe: text(&gone),
                ..DeltaDiscoveryRequest::default()
            });
        }
        requests
    }

    fn referred(&self, kind: Kind) -> BTreeSet<Name> {
        match kind {
            Kind::Endpoints => {
                let eds = self.draft.clusters.values().filter(|cluster| cluster.discovery == Discovery::Eds);
                eds.map(|cluster| cluster.name.clone()).collect()
            }
            Kind::Route => references::routes(&self.draft).into_iter().cloned().collect(),
            Kind::Secret => {
                let is_sent = |name: &&str| {
                    let is_own = self.own.is_some() && (*name == WORKLOAD_CERTIFICATE || *name == MESH_AUTHORITY);
                    !is_own && !name.starts_with(FILE_CERTIFICATE) && !name.starts_with(FILE_AUTHORITY)
                };
                references::secrets(&self.draft).into_iter().filter(is_sent).map(Name::from).collect()
            }
            Kind::Cluster | Kind::Listener | Kind::Names | Kind::VirtualHost => BTreeSet::new(),
        }
    }

    /// All resources, as they are kept on disk: responses that are made when they are asked for, one after another, so that
    /// never all resources are in memory twice.
    pub fn saved(&self) -> impl Iterator<Item = DeltaDiscoveryResponse> {
        let resource = |kind: Kind, name: &Name, held: &Held| {
            let any = Any { type_url: kind.type_url().to_owned(), value: held.bytes.clone()? };
            Some(Resource { version: held.version.clone(), resource: Some(any), name: name.to_string() })
        };
        let of_kind = move |kind: Kind| {
            let mut rest = self.kinds[kind].held.iter();
            // Also of a type of which there is none.
            (0..rest.len().div_ceil(SAVED_TOGETHER).max(1)).map(move |_| DeltaDiscoveryResponse {
                type_url: kind.type_url().to_owned(),
                resources: rest
                    .by_ref()
                    .take(SAVED_TOGETHER)
                    .filter_map(|(name, held)| resource(kind, name, held))
                    .collect(),
                ..DeltaDiscoveryResponse::default()
            })
        };
        // Listeners and clusters first: they say what is wanted of the others.
        let order =
            [Kind::Cluster, Kind::Listener, Kind::Endpoints, Kind::VirtualHost, Kind::Route, Kind::Secret, Kind::Names];
        order.into_iter().flat_map(of_kind)
    }

    /// Takes in what was kept on disk. What cannot be read any more is left out, and comes again.
    pub fn restore(&mut self, saved: impl IntoIterator<Item = DeltaDiscoveryResponse>) -> Option<Applicable> {
        let mut config = None;
        for response in saved {
            config = self.response(response).apply.or(config);
        }
        self.waiting.clear();
        self.give_up_waiting().or(config)
    }
}

fn rejection(reasons: &[String]) -> Status {
    Status { code: INVALID, message: reasons.join("\n") }
}
