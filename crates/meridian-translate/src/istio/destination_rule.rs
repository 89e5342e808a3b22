//! DestinationRules: which of them speak for a service, and the traffic policy that they add up to.

use crate::condition::{Finding, Topic};
use crate::host;
use crate::key::Age;
use crate::mesh::MeshConfig;
use crate::proxy::node::{ProxyNode, selects};
use crate::registry::service::{ExportTo, Service};
use meridian_ir::Name;
use meridian_resources::Object;
use meridian_resources::istio::DestinationRule;
use meridian_resources::istio::destination_rule::{
    ClientTlsMode, ConnectionPoolSettings, H2UpgradePolicy, LoadBalancerSettings, PortTrafficPolicy, SimpleLb, Subset,
    TrafficPolicy,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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
            export_to: ExportTo::new(object.spec.export_to.iter().map(String::as_str), &meta.namespace),
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
    /// Whether something is asked for without which nothing may be sent: TLS, a tunnel, the PROXY protocol.
    pub(crate) unusable: bool,
}

impl<'r> Policy<'r> {
    /// Fields that `layer` gives replace those below; a policy for this port replaces all of them.
    fn lay_over(&mut self, layer: &'r TrafficPolicy, port: u16) {
        self.connection_pool = layer.connection_pool.as_ref().or(self.connection_pool);
        self.load_balancer = layer.load_balancer.as_ref().or(self.load_balancer);
        if let Some(tls) = &layer.tls {
            self.unusable = tls.mode != ClientTlsMode::Disable;
        }
        let for_port = |settings: &&PortTrafficPolicy| settings.port.is_some_and(|p| p.number == u32::from(port));
        if let Some(settings) = layer.port_level_settings.iter().find(for_port) {
            self.connection_pool = settings.connection_pool.as_ref();
            self.load_balancer = settings.load_balancer.as_ref();
            self.unusable = settings.tls.as_ref().is_some_and(|tls| tls.mode != ClientTlsMode::Disable);
        }
        self.unusable |= layer.tunnel.is_some() || layer.proxy_protocol.is_some();
    }
}

/// What is to be said of a rule by itself: fields that are not supported.
pub(crate) fn findings(object: &Object<DestinationRule>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(policy) = &object.spec.traffic_policy {
        of_policy(policy, "spec.trafficPolicy", &mut findings);
    }
    for (index, subset) in object.spec.subsets.iter().enumerate() {
        if let Some(policy) = &subset.traffic_policy {
            of_policy(policy, &format!("spec.subsets[{index}].trafficPolicy"), &mut findings);
        }
    }
    findings
}

fn of_policy(policy: &TrafficPolicy, path: &str, findings: &mut Vec<Finding>) {
    let closed = "is not supported yet; rather than without it, requests are answered 503 (NC) until it is removed";
    let mut fail_closed =
        |field: &str| findings.push(Finding::at(Topic::Unsupported, &format!("{path}.{field}"), closed));
    if policy.tls.as_ref().is_some_and(|tls| tls.mode != ClientTlsMode::Disable) {
        fail_closed("tls.mode");
    }
    if policy.tunnel.is_some() {
        fail_closed("tunnel");
    }
    if policy.proxy_protocol.is_some() {
        fail_closed("proxyProtocol");
    }
    for (index, settings) in policy.port_level_settings.iter().enumerate() {
        let path = format!("portLevelSettings[{index}]");
        if settings.tls.as_ref().is_some_and(|tls| tls.mode != ClientTlsMode::Disable) {
            fail_closed(&format!("{path}.tls.mode"));
        }
    }
    let without = "is not supported yet and has no effect";
    let mut note = |path: String, present: bool| {
        if present {
            findings.push(Finding::at(Topic::Unsupported, &path, without));
        }
    };
    note(format!("{path}.outlierDetection"), policy.outlier_detection.is_some());
    note(format!("{path}.retryBudget"), policy.retry_budget.is_some());
    of_parts(policy.connection_pool.as_ref(), policy.load_balancer.as_ref(), path, &mut note);
    for (index, settings) in policy.port_level_settings.iter().enumerate() {
        let path = format!("{path}.portLevelSettings[{index}]");
        note(format!("{path}.outlierDetection"), settings.outlier_detection.is_some());
        of_parts(settings.connection_pool.as_ref(), settings.load_balancer.as_ref(), &path, &mut note);
    }
}

fn of_parts(
    pool: Option<&ConnectionPoolSettings>,
    balancer: Option<&LoadBalancerSettings>,
    path: &str,
    note: &mut impl FnMut(String, bool),
) {
    let mut fields = |path: &str, fields: &[(&str, bool)]| {
        fields.iter().for_each(|(field, present)| note(format!("{path}.{field}"), *present));
    };
    if let Some(balancer) = balancer {
        fields(
            &format!("{path}.loadBalancer"),
            &[
                ("consistentHash", balancer.consistent_hash.is_some()),
                ("localityLbSetting", balancer.locality_lb_setting.is_some()),
                ("zoneAwareLbSetting", balancer.zone_aware_lb_setting.is_some()),
                ("warmup", balancer.warmup.is_some()),
                ("warmupDurationSecs", balancer.warmup_duration_secs.is_some()),
                ("simple (PASSTHROUGH)", balancer.simple == Some(SimpleLb::Passthrough)),
            ],
        );
    }
    if let Some(tcp) = pool.and_then(|pool| pool.tcp.as_ref()) {
        fields(
            &format!("{path}.connectionPool.tcp"),
            &[
                ("tcpKeepalive", tcp.tcp_keepalive.is_some()),
                ("maxConnectionDuration", tcp.max_connection_duration.is_some()),
                ("idleTimeout", tcp.idle_timeout.is_some()),
            ],
        );
    }
    if let Some(http) = pool.and_then(|pool| pool.http.as_ref()) {
        fields(
            &format!("{path}.connectionPool.http"),
            &[
                ("h2UpgradePolicy", http.h2_upgrade_policy == H2UpgradePolicy::Upgrade),
                ("useClientProtocol", http.use_client_protocol),
                ("maxConcurrentStreams", http.max_concurrent_streams != 0),
                ("http2KeepAlive", http.http2_keep_alive.is_some()),
            ],
        );
    }
}
