//! What is said of objects: the conditions of each, told again only when they are others.

use crate::condition::{Condition, Finding, Topic, conditions};
use crate::istio;
use crate::istio::delegate::Delegations;
use crate::istio::{destination_rule, http_route, service_entry};
use crate::key::Key;
use crate::kubernetes::Ingresses;
use crate::mesh::MeshConfig;
use crate::proxy::AnyProxy;
use crate::proxy::node::ProxyKind;
use crate::proxy::state::Stale;
use crate::registry::Maker;
use crate::registry::Registry;
use crate::registry::service::Source;
use crate::resources::Resources;
use crate::security::authorization;
use crate::suggest;
use crate::telemetry;
use crate::translator::Changes;
use meridian_resources::istio::{DestinationRule, VirtualService};
use meridian_resources::istio::{
    authorization_policy as ap, destination_rule as dr, gateway, peer_authentication as pa, service_entry as se,
    sidecar, telemetry as te, virtual_service,
};
use meridian_resources::networking::ingress;
use meridian_resources::{Kind, Object, ObjectRef, StringMap};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What was said of each object.
#[derive(Debug, Default)]
pub(crate) struct Reports(HashMap<ObjectRef, Arc<[Condition]>>);

impl Reports {
    /// Looks again at objects of which something else may be to be said; what is different is returned.
    pub(crate) fn update(
        &mut self,
        reporter: &Reporter<'_>,
        stale: &Stale,
        changes: &Changes,
    ) -> Vec<(ObjectRef, Arc<[Condition]>)> {
        let mut news = Vec::new();
        for key in reporter.ingresses(stale) {
            match reporter.ingress(&key) {
                Some(findings) => self.say(&ingress::KIND, &key, Some(findings), &mut news),
                None => self.take_back(&ingress::KIND, &key, &mut news),
            }
        }
        for key in &stale.gateways {
            self.say(&gateway::KIND, key, reporter.gateway(key), &mut news);
        }
        for key in &stale.virtual_services {
            self.say(&virtual_service::KIND, key, reporter.virtual_service(key), &mut news);
        }
        for key in reporter.destination_rules(changes).union(&stale.destination_rules) {
            self.say(&dr::KIND, key, reporter.destination_rule(key), &mut news);
        }
        if !changes.telemetries.is_empty() {
            // Which of several counts depends on all of them.
            for key in reporter.resources.telemetries.keys().chain(changes.telemetries.iter().cloned()) {
                self.say(&te::KIND, &key, reporter.telemetry(&key), &mut news);
            }
        }
        if !changes.sidecars.is_empty() {
            // Which of several counts depends on all of them.
            for key in reporter.resources.sidecars.keys() {
                self.say(&sidecar::KIND, key, reporter.sidecar(key), &mut news);
            }
        }
        for key in changes.service_entries.union(&stale.service_entries) {
            self.say(&se::KIND, key, reporter.service_entry(key), &mut news);
        }
        for key in &reporter.peer_authentications(changes) {
            self.say(&pa::KIND, key, reporter.peer_authentication(key), &mut news);
        }
        for key in &changes.authorization_policies {
            self.say(&ap::KIND, key, reporter.authorization_policy(key), &mut news);
        }
        news
    }

    fn say(
        &mut self,
        kind: &'static Kind,
        key: &Key,
        findings: Option<Vec<Finding>>,
        news: &mut Vec<(ObjectRef, Arc<[Condition]>)>,
    ) {
        let Some(findings) = findings else { return };
        let object = ObjectRef { kind, namespace: Some(key.namespace.clone()), name: key.name.clone() };
        let said = conditions(&findings);
        if self.0.get(&object) != Some(&said) {
            self.0.insert(object.clone(), said.clone());
            news.push((object, said));
        }
    }

    /// Says nothing any more of an object that is not ours.
    fn take_back(&mut self, kind: &'static Kind, key: &Key, news: &mut Vec<(ObjectRef, Arc<[Condition]>)>) {
        let object = ObjectRef { kind, namespace: Some(key.namespace.clone()), name: key.name.clone() };
        if self.0.remove(&object).is_some() {
            news.push((object, Arc::default()));
        }
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&mut self, object: &ObjectRef) {
        self.0.remove(object);
    }
}

/// What reports are made of.
pub(crate) struct Reporter<'a> {
    pub(crate) mesh: &'a MeshConfig,
    pub(crate) resources: &'a Resources,
    pub(crate) registry: &'a Registry,
    pub(crate) delegations: &'a Delegations,
    pub(crate) ingresses: &'a Ingresses,
    pub(crate) proxies: &'a [AnyProxy],
}

impl Reporter<'_> {
    fn gateway(&self, key: &Key) -> Option<Vec<Finding>> {
        let gateway = self.resources.gateways.get(key)?;
        if self.ingresses.of_gateway(key, gateway).is_some() {
            return None;
        }
        let reports: Vec<Vec<Finding>> = self.proxies.iter().filter_map(|proxy| proxy.gateway_findings(key)).collect();
        let mut findings: Vec<Finding> = Vec::new();
        if reports.is_empty() {
            findings.push(self.selects_nobody(&gateway.spec.selector));
        }
        findings.extend(reports.into_iter().flatten());
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            if !server.default_endpoint.is_empty() {
                let path = format!("spec.servers[{index}].defaultEndpoint");
                findings.push(Finding::at(Topic::Unsupported, &path, "has no effect, as in Istio"));
            }
        }
        Some(findings)
    }

    /// The Ingresses of which something else may be to be said: themselves, or the objects that are made of them.
    fn ingresses(&self, stale: &Stale) -> BTreeSet<Key> {
        let mut keys = stale.ingresses.clone();
        for key in &stale.gateways {
            let object = self.resources.gateways.get(key);
            keys.extend(object.and_then(|object| self.ingresses.of_gateway(key, object)).cloned());
        }
        for key in &stale.virtual_services {
            let object = self.resources.virtual_services.get(key);
            keys.extend(object.map(|object| self.ingresses.of_virtual_service(key, object)).into_iter().flatten());
        }
        keys
    }

    fn ingress(&self, key: &Key) -> Option<Vec<Finding>> {
        let selects_nobody = || self.selects_nobody(&self.mesh.ingress_gateway_selector()).message;
        self.ingresses.findings(key, self.proxies, selects_nobody)
    }

    fn selects_nobody(&self, selector: &StringMap) -> Finding {
        let labels = |labels: &StringMap| {
            let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("{{{}}}", pairs.join(", "))
        };
        let proxies: Vec<String> = (self.proxies.iter())
            .map(|proxy| format!("{} has {}", proxy.node().name, labels(&proxy.node().labels)))
            .collect();
        let known = if proxies.is_empty() { "there is none".to_owned() } else { proxies.join(", ") };
        let message = format!("{} are the labels of no proxy ({known})", labels(selector));
        Finding::at(Topic::NotProgrammed, "spec.selector", message)
    }

    fn virtual_service(&self, key: &Key) -> Option<Vec<Finding>> {
        let object = self.resources.virtual_services.get(key)?;
        if object.spec.hosts.is_empty() {
            return Some(self.delegate(key));
        }
        if !self.ingresses.of_virtual_service(key, object).is_empty() {
            return None;
        }
        let mut findings = Vec::new();
        let mut gateways: Vec<Key> = Vec::new();
        for (index, written) in object.spec.gateways.iter().enumerate() {
            let resolved = http_route::resolve_gateway(written, &key.namespace);
            let Some((namespace, name)) = resolved.split_once('/') else { continue };
            let gateway = Key { namespace: namespace.into(), name: name.into() };
            if self.resources.gateways.contains_key(&gateway) {
                gateways.push(gateway);
            } else {
                let message = self.unknown_gateway(written, &gateway);
                findings.push(Finding::at(Topic::GatewayNotFound, &format!("spec.gateways[{index}]"), message));
            }
        }
        let mut programmed = false;
        for proxy in self.proxies {
            let (found, serves) = proxy.virtual_service_findings(key);
            findings.extend(found);
            programmed |= serves;
        }
        if !programmed {
            findings.push(self.not_programmed(object, &gateways));
        }
        Some(findings)
    }

    /// A VirtualService without hosts, which is there for others to delegate to.
    fn delegate(&self, key: &Key) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut programmed = false;
        let roots: Vec<&Key> = self.delegations.roots_of(key).collect();
        for (root, proxy) in roots.iter().flat_map(|root| self.proxies.iter().map(move |proxy| (*root, proxy))) {
            let (found, serves) = proxy.delegate_findings(root, key);
            findings.extend(found);
            programmed |= serves;
        }
        if !programmed {
            let names: Vec<String> = roots.iter().map(|root| root.to_string()).collect();
            let message = match &names[..] {
                [] => "it has none, and no VirtualService delegates to it".to_owned(),
                names => format!("it has none, and {}, which delegates to it, has no effect", names.join(", ")),
            };
            findings.push(Finding::at(Topic::NotProgrammed, "spec.hosts", message));
        }
        findings
    }

    fn unknown_gateway(&self, written: &str, gateway: &Key) -> String {
        let of_namespace = self.resources.gateways.keys().filter(|known| known.namespace == gateway.namespace);
        let similar = suggest::closest(&gateway.name, of_namespace.map(|known| &*known.name));
        let elsewhere = || self.resources.gateways.keys().filter(|known| known.name == gateway.name).min();
        let suggestion = match (similar, elsewhere()) {
            (Some(similar), _) => format!("; did you mean {similar:?}?"),
            (None, Some(elsewhere)) => format!("; did you mean \"{elsewhere}\"?"),
            (None, None) => String::new(),
        };
        format!("{written:?} is no Gateway of namespace {}{suggestion}", gateway.namespace)
    }

    /// Why a VirtualService has no effect on any proxy.
    fn not_programmed(&self, object: &Object<VirtualService>, gateways: &[Key]) -> Finding {
        let not_programmed = |path: &str, message: String| Finding::at(Topic::NotProgrammed, path, message);
        let for_mesh = |gateway: &String| gateway == http_route::MESH;
        let names_mesh = object.spec.gateways.is_empty() || object.spec.gateways.iter().any(for_mesh);
        if names_mesh && gateways.is_empty() {
            let has_sidecars = self.proxies.iter().any(|proxy| proxy.node().kind == ProxyKind::Sidecar);
            let message = match has_sidecars {
                false => "is for sidecars (mesh), and there is none",
                true => {
                    "is for sidecars (mesh): none of them sees one of the hosts as a service (a Service, or a \
                     ServiceEntry), and only on port 80 other hosts have an effect; exportTo, match.gateways, \
                     match.port and match.sourceLabels must admit it, too"
                }
            };
            return not_programmed(if has_sidecars { "spec.hosts" } else { "spec.gateways" }, message.to_owned());
        }
        if gateways.is_empty() {
            return not_programmed("spec.gateways", "none of them exists".to_owned());
        }
        let selecting = |key: &&Key| self.proxies.iter().any(|proxy| proxy.is_selected_by(key));
        let selecting: Vec<&Key> = gateways.iter().filter(selecting).collect();
        if selecting.is_empty() {
            return not_programmed("spec.gateways", "none of them selects a proxy".to_owned());
        }
        let hosts: BTreeSet<&str> = (selecting.iter())
            .filter_map(|key| self.resources.gateways.get(*key))
            .flat_map(|gateway| &gateway.spec.servers)
            .flat_map(|server| server.hosts.iter().map(String::as_str))
            .collect();
        let names: Vec<String> = selecting.iter().map(|key| key.to_string()).collect();
        let message = format!(
            "no host and rule fits a server of Gateway {}, whose hosts are {}; exportTo and match.gateways must admit \
             it, too",
            names.join(", "),
            hosts.into_iter().collect::<Vec<_>>().join(", ")
        );
        not_programmed("spec.hosts", message)
    }

    /// The DestinationRules of which something else may be to be said.
    fn destination_rules(&self, changes: &Changes) -> BTreeSet<Key> {
        let mut keys = changes.destination_rules.clone();
        if !changes.hosts.is_empty() {
            let of_host =
                |rule: &Object<DestinationRule>| changes.hosts.contains(&*destination_rule::host_of(rule, self.mesh));
            let concerned = self.resources.destination_rules.iter().filter(|(_, rule)| of_host(rule));
            keys.extend(concerned.map(|(key, _)| key.clone()));
        }
        keys
    }

    fn destination_rule(&self, key: &Key) -> Option<Vec<Finding>> {
        let object = self.resources.destination_rules.get(key)?;
        let mut findings = destination_rule::findings(object);
        for proxy in self.proxies {
            findings.extend(proxy.destination_rule_findings(key).iter().cloned());
        }
        let host = destination_rule::host_of(object, self.mesh);
        if !host.starts_with('*') && self.registry.services(&host).is_empty() {
            let similar = suggest::closest(&host, self.registry.all_hosts().map(|known| &**known));
            let suggestion = similar.map_or(String::new(), |similar| format!("; did you mean {similar:?}?"));
            let message = format!("{:?} is no known service (looked for {host}){suggestion}", object.spec.host);
            findings.push(Finding::at(Topic::BackendNotFound, "spec.host", message));
        }
        Some(findings)
    }

    /// The PeerAuthentications of which something else may be to be said: those beside one that changed.
    fn peer_authentications(&self, changes: &Changes) -> BTreeSet<Key> {
        let namespaces: BTreeSet<_> = changes.peer_authentications.iter().map(|key| &key.namespace).collect();
        let objects = namespaces.into_iter().flat_map(|one| self.resources.peer_authentications.in_namespace(one));
        objects.map(|object| Key::of(&object.meta)).collect()
    }

    fn peer_authentication(&self, key: &Key) -> Option<Vec<Finding>> {
        self.resources.peer_authentications.get(key)?;
        Some(self.resources.peer_authentications.findings(key, &self.mesh.root_namespace))
    }

    fn authorization_policy(&self, key: &Key) -> Option<Vec<Finding>> {
        let object = self.resources.authorization_policies.get(key)?;
        Some(authorization::findings(object, self.mesh, self.proxies.iter().map(AnyProxy::node)))
    }

    fn telemetry(&self, key: &Key) -> Option<Vec<Finding>> {
        telemetry::findings(&self.resources.telemetries, key, self.mesh)
    }

    fn sidecar(&self, key: &Key) -> Option<Vec<Finding>> {
        let object = self.resources.sidecars.get(key)?;
        let nodes = self.proxies.iter().map(AnyProxy::node);
        Some(istio::sidecar::findings(object, self.resources, self.mesh, nodes))
    }

    fn service_entry(&self, key: &Key) -> Option<Vec<Finding>> {
        let made = self.registry.made_by(&Maker::ServiceEntry(key.clone())).first()?;
        match &made.source {
            Source::ServiceEntry(object) => {
                let mut findings = service_entry::findings(object);
                for finding in self.proxies.iter().flat_map(|proxy| proxy.service_entry_findings(key)) {
                    if !findings.contains(&finding) {
                        findings.push(finding);
                    }
                }
                Some(findings)
            }
            Source::Service(_) => None,
        }
    }
}
