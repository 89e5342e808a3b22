//! DestinationRules: which of them speak for a service, and the traffic policy that they add up to.

mod findings;

use crate::host;
use crate::key::{Age, Key};
use crate::mesh::MeshConfig;
use crate::proxy::node::{ProxyNode, selects};
use crate::registry::service::{ExportTo, Service};
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::istio::DestinationRule;
use meridian_resources::istio::destination_rule::{
    ClientTlsSettings, ConnectionPoolSettings, LoadBalancerSettings, OutlierDetection, PortTrafficPolicy,
    ProxyProtocol, Subset, TrafficPolicy, TunnelSettings,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) use findings::findings;

/// All DestinationRules, by namespace and host.
#[derive(Debug, Default)]
pub(crate) struct DestinationRules {
    by_namespace: HashMap<Name, BTreeMap<String, Vec<Rule>>>,
}

/// One DestinationRule.
#[derive(Debug)]
struct Rule {
    age: Age,
    export_to: ExportTo,
    object: Arc<Object<DestinationRule>>,
}

/// The rules that speak for one service, as one: those of the same namespace and host, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules<'r>(Vec<&'r Arc<Object<DestinationRule>>>);

impl DestinationRules {
    /// Adds a rule, or puts it in the place of the one with its name.
    pub(crate) fn put(&mut self, object: Arc<Object<DestinationRule>>, mesh: &MeshConfig) {
        self.remove(&object, mesh);
        let meta = &object.meta;
        let rule = Rule {
            age: Age::of(meta),
            export_to: ExportTo::or_default(
                object.spec.export_to.iter().map(String::as_str),
                &mesh.default_export_to.destination_rules,
                &meta.namespace,
            ),
            object: object.clone(),
        };
        let hosts = self.by_namespace.entry(meta.namespace.clone()).or_default();
        let rules = hosts.entry(host_of(&object, mesh)).or_default();
        let at = rules.partition_point(|other| other.age <= rule.age);
        rules.insert(at, rule);
    }

    /// Removes a rule.
    pub(crate) fn remove(&mut self, object: &Object<DestinationRule>, mesh: &MeshConfig) {
        let Some(hosts) = self.by_namespace.get_mut(&object.meta.namespace) else { return };
        let host = host_of(object, mesh);
        if let Some(rules) = hosts.get_mut(&host) {
            rules.retain(|rule| rule.object.meta.name != object.meta.name);
            if rules.is_empty() {
                hosts.remove(&host);
            }
        }
    }

    /// The rules for `service` as `node` sees them: those of the proxy's namespace (in the root namespace only those
    /// that it keeps to itself), else those of the service's namespace, else those of the root namespace; in a
    /// namespace those of the most specific host.
    pub(crate) fn of_service(&self, service: &Service, node: &ProxyNode, mesh: &MeshConfig) -> Rules<'_> {
        let in_root = node.namespace == mesh.root_namespace;
        let private = |rule: &Rule| !in_root || matches!(rule.export_to, ExportTo::Only(_));
        let exported = |rule: &Rule| rule.export_to.includes(&node.namespace);
        (self.most_specific(&node.namespace, service, node, private))
            .or_else(|| self.most_specific(service.namespace(), service, node, exported))
            .or_else(|| self.most_specific(&mesh.root_namespace, service, node, exported))
            .unwrap_or_default()
    }

    fn most_specific(
        &self,
        namespace: &Name,
        service: &Service,
        node: &ProxyNode,
        visible: impl Fn(&Rule) -> bool,
    ) -> Option<Rules<'_>> {
        let hosts = self.by_namespace.get(namespace)?;
        let wildcards = hosts.range("*".to_owned()..).take_while(|(host, _)| host.starts_with('*'));
        let mut covering: Vec<(&String, &Vec<Rule>)> =
            wildcards.filter(|(host, _)| ***host != *service.host && host::is_subset(&service.host, host)).collect();
        covering.sort_by_key(|(host, _)| std::cmp::Reverse(host.len()));
        let exact = hosts.get_key_value(&*service.host);
        exact.into_iter().chain(covering).find_map(|(_, rules)| {
            let visible: Vec<&Rule> = rules.iter().filter(|rule| visible(rule)).collect();
            speaking_to(node, &visible)
        })
    }
}

/// Of the rules for one host those that are for `node`: rules that select its labels, else rules that select nobody.
fn speaking_to<'r>(node: &ProxyNode, rules: &[&'r Rule]) -> Option<Rules<'r>> {
    let selecting = |rule: &&&Rule| {
        rule.object.meta.namespace == node.namespace
            && rule.object.spec.workload_selector.as_ref().is_some_and(|s| selects(&s.match_labels, &node.labels))
    };
    let general = |rule: &&&Rule| rule.object.spec.workload_selector.is_none();
    let objects = |rules: Vec<&&'r Rule>| rules.into_iter().map(|rule| &rule.object).collect::<Vec<_>>();
    let selected = objects(rules.iter().filter(selecting).collect());
    let found = if selected.is_empty() { objects(rules.iter().filter(general).collect()) } else { selected };
    (!found.is_empty()).then_some(Rules(found))
}

/// The host of a rule, with short names resolved.
pub(crate) fn host_of(object: &Object<DestinationRule>, mesh: &MeshConfig) -> String {
    mesh.resolve_host(&object.spec.host, &object.meta.namespace)
}

impl<'r> Rules<'r> {
    /// The subset of this name; of several rules that have it, the oldest counts.
    pub(crate) fn subset(&self, name: &str) -> Option<&'r Subset> {
        self.0.iter().flat_map(|rule| &rule.spec.subsets).find(|subset| subset.name == name)
    }

    /// Names of all subsets.
    pub(crate) fn subsets(&self) -> impl Iterator<Item = &'r str> {
        self.0.iter().flat_map(|rule| &rule.spec.subsets).map(|subset| subset.name.as_str())
    }

    /// The rules themselves, oldest first.
    pub(crate) fn objects(&self) -> &[&'r Arc<Object<DestinationRule>>] {
        &self.0
    }

    /// Where the TLS settings that apply to `port` are written: the rule, and the field's path there.
    pub(crate) fn place_of_tls(&self, port: u16, subset: &str) -> Option<(Key, String)> {
        let of_subset = self.0.iter().find_map(|rule| {
            let index = rule.spec.subsets.iter().position(|candidate| candidate.name == subset)?;
            Some((
                rule,
                rule.spec.subsets[index].traffic_policy.as_ref()?,
                format!("spec.subsets[{index}].trafficPolicy"),
            ))
        });
        let general = self
            .0
            .iter()
            .find_map(|rule| Some((rule, rule.spec.traffic_policy.as_ref()?, "spec.trafficPolicy".to_owned())));
        for (rule, layer, path) in [of_subset, general].into_iter().flatten() {
            let mut settings = layer.port_level_settings.iter();
            let for_port = settings.position(|s| s.port.is_some_and(|p| p.number == u32::from(port)));
            let key = Key::of(&rule.meta);
            match for_port {
                Some(index) => return Some((key, format!("{path}.portLevelSettings[{index}].tls"))),
                None if layer.tls.is_some() => return Some((key, format!("{path}.tls"))),
                None => {}
            }
        }
        None
    }

    /// What applies to `port`, for all endpoints or for a subset.
    pub(crate) fn policy(&self, port: u16, subset: Option<&'r Subset>) -> Policy<'r> {
        let mut policy = Policy::default();
        let general = self.0.iter().find_map(|rule| rule.spec.traffic_policy.as_ref());
        for layer in [general, subset.and_then(|subset| subset.traffic_policy.as_ref())].into_iter().flatten() {
            policy.lay_over(layer, port);
        }
        policy
    }
}

/// A traffic policy for one port; what is `None` has Istio's defaults.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy<'r> {
    pub(crate) connection_pool: Option<&'r ConnectionPoolSettings>,
    pub(crate) load_balancer: Option<&'r LoadBalancerSettings>,
    pub(crate) outlier_detection: Option<&'r OutlierDetection>,
    pub(crate) tls: Option<&'r ClientTlsSettings>,
    pub(crate) proxy_protocol: Option<&'r ProxyProtocol>,
    /// Not supported: nothing may be sent without it.
    pub(crate) tunnel: Option<&'r TunnelSettings>,
}

impl<'r> Policy<'r> {
    /// Fields that `layer` gives replace those below; a policy for this port replaces all of those that it could have.
    fn lay_over(&mut self, layer: &'r TrafficPolicy, port: u16) {
        self.connection_pool = layer.connection_pool.as_ref().or(self.connection_pool);
        self.load_balancer = layer.load_balancer.as_ref().or(self.load_balancer);
        self.outlier_detection = layer.outlier_detection.as_ref().or(self.outlier_detection);
        self.tls = layer.tls.as_ref().or(self.tls);
        self.proxy_protocol = layer.proxy_protocol.as_ref().or(self.proxy_protocol);
        self.tunnel = layer.tunnel.as_ref().or(self.tunnel);
        let for_port = |settings: &&PortTrafficPolicy| settings.port.is_some_and(|p| p.number == u32::from(port));
        if let Some(settings) = layer.port_level_settings.iter().find(for_port) {
            self.connection_pool = settings.connection_pool.as_ref();
            self.load_balancer = settings.load_balancer.as_ref();
            self.outlier_detection = settings.outlier_detection.as_ref();
            self.tls = settings.tls.as_ref();
        }
    }
}
