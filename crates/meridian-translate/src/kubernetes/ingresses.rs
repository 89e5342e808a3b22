//! All Ingresses between two translations, and the objects that are made of them.

use crate::condition::{Finding, Topic};
use crate::key::{Age, Key};
use crate::kubernetes::class::{Claim, claim};
use crate::kubernetes::{gateway, virtual_service};
use crate::mesh::MeshConfig;
use crate::registry::{Maker, Registry};
use crate::resources::{Objects, Resources, put};
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::istio::{Gateway, VirtualService};
use meridian_resources::networking::{Ingress, IngressClass};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Ingresses, their classes, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Ingresses {
    objects: Objects<Ingress>,
    classes: HashMap<Name, Arc<Object<IngressClass>>>,
    served: HashMap<Key, Served>,
    hosts: BTreeMap<Name, Host>,
    /// Ingresses that have a certificate for a host; the oldest counts.
    certificates: HashMap<Name, BTreeSet<Age>>,
    /// Hosts whose VirtualServices look port names up in a Service.
    port_names: HashMap<Key, BTreeSet<Name>>,
    /// Who has, or wants, the name of a Gateway or VirtualService.
    gateway_names: HashMap<Key, Key>,
    virtual_service_names: HashMap<Key, Name>,
    changes: Changes,
}

/// What changed since the last update.
#[derive(Debug, Default)]
struct Changes {
    ingresses: BTreeSet<Key>,
    hosts: BTreeSet<Name>,
}

/// An Ingress that is served, or would be.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) object: Arc<Object<Ingress>>,
    /// Whether it is served: the class that it names exists.
    class_exists: bool,
    /// Hosts for which it has paths.
    pub(super) hosts: BTreeSet<Name>,
    certificates: BTreeSet<Name>,
    /// Its Gateway; `None` when its class is not defined.
    pub(super) gateway: Option<gateway::Made>,
    /// What stands in the way of all of it.
    pub(super) obstacle: Option<Finding>,
}

/// A host with paths.
#[derive(Debug, Default)]
struct Host {
    ingresses: BTreeSet<Age>,
    made: Option<virtual_service::Made>,
    obstacle: Option<Finding>,
}

/// Objects that are to be put, or, as `None`, removed; and Ingresses of which something else may be to be said.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) gateways: Vec<(Key, Option<Arc<Object<Gateway>>>)>,
    pub(crate) virtual_services: Vec<(Key, Option<Arc<Object<VirtualService>>>)>,
    pub(crate) stale: BTreeSet<Key>,
}

/// What the objects are made from.
pub(crate) struct Sources<'a> {
    pub(crate) mesh: &'a MeshConfig,
    pub(crate) registry: &'a Registry,
    pub(crate) resources: &'a Resources,
}

impl Ingresses {
    /// Takes in an Ingress.
    pub(crate) fn put(&mut self, object: Arc<Object<Ingress>>) {
        let key = Key::of(&object.meta);
        if put(&mut self.objects, object).changed() {
            self.changes.ingresses.insert(key);
        }
    }

    /// Forgets an Ingress.
    pub(crate) fn delete(&mut self, key: &Key) {
        if self.objects.remove(key).is_some() {
            self.changes.ingresses.insert(key.clone());
        }
    }

    /// Takes in an IngressClass.
    pub(crate) fn put_class(&mut self, object: Arc<Object<IngressClass>>) {
        let name = object.meta.name.clone();
        self.of_class_changed(&name);
        self.classes.insert(name, object);
    }

    /// Forgets an IngressClass.
    pub(crate) fn delete_class(&mut self, name: &str) {
        self.classes.remove(name);
        self.of_class_changed(name);
    }

    fn of_class_changed(&mut self, name: &str) {
        let of_class = |object: &Object<Ingress>| object.spec.ingress_class_name.as_deref() == Some(name);
        let keys = self.objects.iter().filter(|(_, object)| of_class(object)).map(|(key, _)| key.clone());
        self.changes.ingresses.extend(keys);
    }

    /// Notes that the mesh's settings are others.
    pub(crate) fn all_changed(&mut self) {
        self.changes.ingresses.extend(self.objects.keys().cloned());
    }

    /// Notes that a Service is another one.
    pub(crate) fn service_changed(&mut self, key: &Key) {
        self.changes.hosts.extend(self.port_names.get(key).into_iter().flatten().cloned());
    }

    /// Notes that somebody else put or removed a Gateway of this name.
    pub(crate) fn gateway_changed(&mut self, key: &Key) {
        self.changes.ingresses.extend(self.gateway_names.get(key).cloned());
    }

    /// Notes that somebody else put or removed a VirtualService of this name.
    pub(crate) fn virtual_service_changed(&mut self, key: &Key) {
        self.changes.hosts.extend(self.virtual_service_names.get(key).cloned());
    }

    /// Makes again what depends on what changed.
    pub(crate) fn update(&mut self, sources: &Sources<'_>) -> Made {
        let changes = std::mem::take(&mut self.changes);
        let mut made = Made::default();
        let mut hosts = changes.hosts;
        let mut gateways: BTreeSet<Key> = BTreeSet::new();
        let mut certificates: BTreeSet<Name> = BTreeSet::new();
        for key in changes.ingresses {
            let before = self.leave(&key);
            let after = self.join(&key, sources.mesh);
            for served in before.iter().chain(after) {
                hosts.extend(served.hosts.iter().cloned());
                certificates.extend(served.certificates.iter().cloned());
            }
            match (before.and_then(|before| before.gateway), self.served.get_mut(&key)) {
                // Made again below, and compared there.
                (old, Some(after)) if after.class_exists => after.gateway = old,
                (Some(old), _) => self.remove_gateway(&old, sources, &mut made),
                (None, _) => {}
            }
            gateways.insert(key);
        }
        for certificate in certificates {
            let holders = self.certificates.get(&certificate).into_iter().flatten();
            gateways.extend(holders.map(Age::key));
            hosts.insert(certificate);
        }
        for key in gateways {
            self.gateway(&key, sources, &mut made);
            made.stale.insert(key);
        }
        for host in hosts {
            self.virtual_service(&host, sources, &mut made);
        }
        made
    }

    /// Takes an Ingress out of the indexes.
    fn leave(&mut self, key: &Key) -> Option<Served> {
        let served = self.served.remove(key)?;
        let age = Age::of(&served.object.meta);
        for host in &served.hosts {
            if let Some(host) = self.hosts.get_mut(host) {
                host.ingresses.remove(&age);
            }
        }
        for host in &served.certificates {
            if let Some(holders) = self.certificates.get_mut(host) {
                holders.remove(&age);
                if holders.is_empty() {
                    self.certificates.remove(host);
                }
            }
        }
        Some(served)
    }

    /// Puts an Ingress into the indexes, when it is ours.
    fn join(&mut self, key: &Key, mesh: &MeshConfig) -> Option<&Served> {
        let object = self.objects.get(key)?.clone();
        let class_name = object.spec.ingress_class_name.as_deref();
        let class = class_name.and_then(|name| self.classes.get(name));
        let mut served = Served {
            object: object.clone(),
            class_exists: true,
            hosts: BTreeSet::new(),
            certificates: BTreeSet::new(),
            gateway: None,
            obstacle: None,
        };
        match claim(mesh, &object, class.map(|class| &**class)) {
            Claim::Others => return None,
            Claim::Undefined => {
                served.class_exists = false;
                let message = "there is no such IngressClass; create one with controller istio.io/ingress-controller";
                served.obstacle = Some(Finding::at(Topic::NotProgrammed, "spec.ingressClassName", message));
            }
            Claim::Ours => {
                let has_paths = |rule: &&meridian_resources::networking::ingress::IngressRule| rule.http.is_some();
                let hosts = object.spec.rules.iter().filter(has_paths);
                served.hosts = hosts.map(|rule| virtual_service::host_of(&rule.host).into()).collect();
                let blocks = object.spec.tls.iter().filter(|block| !block.secret_name.is_empty());
                served.certificates =
                    blocks.flat_map(|block| gateway::written_hosts(&block.hosts)).map(Name::from).collect();
            }
        }
        let age = Age::of(&object.meta);
        for host in &served.hosts {
            self.hosts.entry(host.clone()).or_default().ingresses.insert(age.clone());
        }
        for host in &served.certificates {
            self.certificates.entry(host.clone()).or_default().insert(age.clone());
        }
        Some(&*self.served.entry(key.clone()).insert_entry(served).into_mut())
    }

    /// The Ingress whose certificate counts for a host.
    fn certificate(&self, host: &str) -> Option<Key> {
        self.certificates.get(host)?.first().map(Age::key)
    }

    fn remove_gateway(&mut self, old: &gateway::Made, sources: &Sources<'_>, made: &mut Made) {
        let key = Key::of(&old.object.meta);
        self.gateway_names.remove(&key);
        if sources.resources.gateways.get(&key).is_some_and(|there| Arc::ptr_eq(there, &old.object)) {
            made.gateways.push((key, None));
        }
    }

    /// Makes the Gateway of an Ingress.
    fn gateway(&mut self, ingress: &Key, sources: &Sources<'_>, made: &mut Made) {
        let Some(served) = self.served.get(ingress).filter(|served| served.class_exists) else { return };
        let older = |host: &str| {
            let owner = self.certificate(host).filter(|owner| owner != ingress)?;
            let holds = |hosts: &[String]| gateway::written_hosts(hosts).any(|held| held == host);
            let blocks = self.served.get(&owner).into_iter().flat_map(|owner| &owner.object.spec.tls);
            let mut blocks = blocks.filter(|block| !block.secret_name.is_empty());
            let block = blocks.find(|block| holds(&block.hosts))?;
            Some(gateway::Older { secret: block.secret_name.clone(), ingress: owner })
        };
        let new = gateway::make(&served.object, sources.mesh, older);
        let key = Key::of(&new.object.meta);
        let there = sources.resources.gateways.get(&key);
        let own = |there: &&Arc<_>| served.gateway.as_ref().is_some_and(|old| Arc::ptr_eq(there, &old.object));
        let occupied = there.is_some_and(|there| !own(&there));
        self.gateway_names.insert(key.clone(), ingress.clone());
        if let Some(served) = self.served.get_mut(ingress) {
            served.obstacle = occupied.then(|| {
                let message = format!("is not served: Gateway {key} exists, whose name it needs; delete that Gateway");
                Finding::at(Topic::Conflicted, "metadata.name", message)
            });
            if !occupied {
                made.gateways.push((key, Some(new.object.clone())));
            }
            served.gateway = Some(new);
        }
    }

    /// Makes the VirtualService of a host.
    fn virtual_service(&mut self, name: &Name, sources: &Sources<'_>, made: &mut Made) {
        let certificate = self.certificate(name);
        let Some(host) = self.hosts.get_mut(name) else { return };
        let old = host.made.take();
        let objects = host.ingresses.iter().filter_map(|age| self.served.get(&age.key()));
        let objects: Vec<_> = objects.map(|served| served.object.clone()).collect();
        let service = |key: &Key| sources.registry.made_by(&Maker::Service(key.clone())).first();
        let new = virtual_service::make(name, &objects, certificate.as_ref(), sources.mesh, service);
        let concerned =
            |made: &virtual_service::Made| made.origins.iter().map(|o| o.ingress.clone()).collect::<Vec<_>>();
        made.stale.extend(old.iter().chain(&new).flat_map(concerned));
        let new_key = new.as_ref().map(|new| Key::of(&new.object.meta));
        let all = &sources.resources.virtual_services;
        let own = |key: &Key| match (all.get(key), &old) {
            (Some(there), Some(old)) => Arc::ptr_eq(there, &old.object),
            _ => false,
        };
        if let Some(old) = &old {
            let key = Key::of(&old.object.meta);
            for service in &old.services {
                if let Some(hosts) = self.port_names.get_mut(service) {
                    hosts.remove(name);
                }
            }
            if new_key.as_ref() != Some(&key) {
                self.virtual_service_names.remove(&key);
                if own(&key) {
                    made.virtual_services.push((key, None));
                }
            }
        }
        let (Some(new), Some(key)) = (new, new_key) else {
            self.hosts.remove(name);
            return;
        };
        for service in &new.services {
            self.port_names.entry(service.clone()).or_default().insert(name.clone());
        }
        self.virtual_service_names.insert(key.clone(), name.clone());
        let occupied = all.contains_key(&key) && !own(&key);
        host.obstacle = occupied.then(|| {
            let message =
                format!("host {name:?} is not served: VirtualService {key} exists, whose name it needs; delete that");
            Finding::at(Topic::Conflicted, "spec.rules", message)
        });
        if !occupied {
            made.virtual_services.push((key, Some(new.object.clone())));
        }
        host.made = Some(new);
    }

    /// An Ingress that is served, or would be.
    pub(super) fn served(&self, key: &Key) -> Option<&Served> {
        self.served.get(key)
    }

    /// The VirtualService of a host, or what stands in its way.
    pub(super) fn host(&self, host: &str) -> Option<(&virtual_service::Made, Option<&Finding>)> {
        let host = self.hosts.get(host)?;
        Some((host.made.as_ref()?, host.obstacle.as_ref()))
    }

    /// Whether a Gateway was made from an Ingress: from which.
    pub(crate) fn of_gateway(&self, key: &Key, object: &Arc<Object<Gateway>>) -> Option<&Key> {
        let ingress = self.gateway_names.get(key)?;
        let made = self.served.get(ingress)?.gateway.as_ref()?;
        Arc::ptr_eq(&made.object, object).then_some(ingress)
    }

    /// Whether a VirtualService was made from Ingresses: from which.
    pub(crate) fn of_virtual_service(&self, key: &Key, object: &Arc<Object<VirtualService>>) -> BTreeSet<Key> {
        let host = self.virtual_service_names.get(key).and_then(|host| self.hosts.get(host));
        let made = host.and_then(|host| host.made.as_ref()).filter(|made| Arc::ptr_eq(&made.object, object));
        made.into_iter().flat_map(|made| &made.origins).map(|origin| origin.ingress.clone()).collect()
    }
}
