//! Localities: where endpoints are, and which are preferred from where a proxy is (Istio's locality load balancing).

use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use meridian_ir::endpoint::{Endpoint, LocalityWeight};
use meridian_ir::{Endpoints, Name};
use meridian_resources::StringMap;
use meridian_resources::istio::destination_rule::LocalityLoadBalancerSetting as Setting;
use meridian_resources::istio::destination_rule::{Distribute, Failover, LoadBalancerSettings};
use std::collections::{BTreeMap, BTreeSet};

/// The label by which a workload says its locality: `region/zone/subzone`, or with dots.
const LOCALITY_LABEL: &str = "istio-locality";

/// Labels that stand for the parts of a locality.
pub(crate) const REGION_LABEL: &str = "topology.kubernetes.io/region";
pub(crate) const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
const SUBZONE_LABEL: &str = "topology.istio.io/subzone";

/// The parts of a locality; those that are not known are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Locality<'t> {
    region: &'t str,
    zone: &'t str,
    subzone: &'t str,
}

impl<'t> Locality<'t> {
    fn parse(text: &'t str) -> Self {
        let mut parts = text.splitn(3, '/');
        let mut next = || parts.next().unwrap_or_default();
        Self { region: next(), zone: next(), subzone: next() }
    }

    /// Whether a rule's `region/zone/subzone`, in which `*` and what is left out stand for any, means this locality.
    fn is_meant_by(self, rule: &str) -> bool {
        let rule = Locality::parse(rule);
        let any = |rule: &str, own: &str| matches!(rule, "" | "*") || rule == own;
        (rule.region == "*" || rule.region == self.region)
            && any(rule.zone, self.zone)
            && any(rule.subzone, self.subzone)
    }

    /// How far away `other` is: 0 for the same subzone, 3 for another region.
    fn distance(self, other: Self) -> u32 {
        match (self.region == other.region, self.zone == other.zone, self.subzone == other.subzone) {
            (true, true, true) => 0,
            (true, true, false) => 1,
            (true, false, _) => 2,
            (false, ..) => 3,
        }
    }
}

/// The locality that a workload's labels say; empty when they say nothing.
pub(crate) fn of_labels(labels: &StringMap) -> String {
    if let Some(locality) = labels.get(LOCALITY_LABEL) {
        return if locality.contains('/') { locality.clone() } else { locality.replace('.', "/") };
    }
    let parts = [REGION_LABEL, ZONE_LABEL, SUBZONE_LABEL].map(|label| labels.get(label).map_or("", String::as_str));
    join(parts)
}

/// `region/zone/subzone` up to the first part that is not known.
pub(crate) fn join(parts: [&str; 3]) -> String {
    let known = parts.iter().position(|part| part.is_empty()).unwrap_or(parts.len());
    parts[..known].join("/")
}

/// The endpoints of a service's port with the labels of their workloads.
#[derive(Debug, Default)]
pub(crate) struct Located<'r> {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) labels: Vec<&'r StringMap>,
    /// Who the workloads behind the port are in the mesh, also those that a subset leaves out.
    pub(crate) identities: BTreeSet<Name>,
}

/// How the endpoints of a cluster are preferred.
#[derive(Clone, Copy)]
pub(crate) struct Preference<'a> {
    setting: Option<&'a Setting>,
    /// Failing over needs somebody who notices failures: outlier detection.
    fails_over: bool,
    node: &'a ProxyNode,
}

impl<'a> Preference<'a> {
    /// That of a DestinationRule, or else that of the mesh.
    pub(crate) fn new(
        balancer: Option<&'a LoadBalancerSettings>,
        has_outlier_detection: bool,
        node: &'a ProxyNode,
        mesh: &'a MeshConfig,
    ) -> Self {
        let of_rule = balancer.and_then(|balancer| balancer.locality_lb_setting.as_ref());
        let setting = of_rule.unwrap_or(&mesh.locality_lb_setting);
        let setting = Some(setting).filter(|setting| setting.enabled != Some(false));
        Self { setting, fails_over: has_outlier_detection, node }
    }

    /// Whether a locality is chosen by its weight before an endpoint is.
    pub(crate) fn is_weighted(&self) -> bool {
        let Some(setting) = self.setting else { return false };
        let has_order = !setting.failover.is_empty() || !setting.failover_priority.is_empty();
        !setting.distribute.is_empty() || self.fails_over && has_order
    }

    /// The endpoints in their order of preference. A proxy that does not know where it is prefers none by its place.
    pub(crate) fn apply(&self, located: Located<'_>) -> Endpoints {
        let Located { mut endpoints, labels, .. } = located;
        let Some(setting) = self.setting else { return Endpoints { endpoints, locality_weights: Vec::new() } };
        let here = Locality::parse(&self.node.locality);
        let mut shares = None;
        if !setting.distribute.is_empty() {
            let meant = |distribute: &&Distribute| here.is_meant_by(&distribute.from);
            if let Some(distribute) = setting.distribute.iter().find(meant) {
                shares = Some(self::shares(&endpoints, &distribute.to));
            }
        } else if self.fails_over {
            if !setting.failover_priority.is_empty() {
                self.by_labels(&mut endpoints, &labels, &setting.failover_priority);
            }
            if (setting.failover_priority.is_empty() || !setting.failover.is_empty()) && !self.node.locality.is_empty()
            {
                by_distance(&mut endpoints, here, &setting.failover);
            }
            without_gaps(&mut endpoints);
        }
        if let Some(shares) = &shares {
            endpoints.retain(|endpoint| shares.contains_key(&endpoint.locality));
        }
        let locality_weights = if self.is_weighted() { weights(&endpoints, shares.as_ref()) } else { Vec::new() };
        Endpoints { endpoints, locality_weights }
    }

    /// An endpoint comes the later, the earlier the first label of `priority` (`name` or `name=value`) in which it
    /// differs from the proxy.
    fn by_labels(&self, endpoints: &mut [Endpoint], labels: &[&StringMap], priority: &[String]) {
        let wanted: Vec<(&str, String)> = (priority.iter())
            .map(|label| match label.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (label.as_str(), label_of(&self.node.labels, &self.node.locality, label)),
            })
            .collect();
        for (endpoint, labels) in std::iter::zip(endpoints, labels) {
            let differs = |(name, value): &(&str, String)| label_of(labels, &endpoint.locality, name) != *value;
            let common = wanted.iter().position(differs).unwrap_or(wanted.len());
            endpoint.priority = (wanted.len() - common) as u32;
        }
    }
}

/// The value of a label; those of the topology are known from the locality, too.
fn label_of(labels: &StringMap, locality: &str, name: &str) -> String {
    let locality = Locality::parse(locality);
    let known = match name {
        REGION_LABEL => locality.region,
        ZONE_LABEL => locality.zone,
        SUBZONE_LABEL => locality.subzone,
        _ => "",
    };
    if known.is_empty() { labels.get(name).cloned().unwrap_or_default() } else { known.to_owned() }
}

/// Orders endpoints by their distance from `here`; of those in other regions, the one that takes over goes first. An
/// order that there is already goes before.
fn by_distance(endpoints: &mut [Endpoint], here: Locality<'_>, failover: &[Failover]) {
    let takes_over = failover.iter().find(|failover| failover.from == here.region);
    for endpoint in endpoints {
        let there = Locality::parse(&endpoint.locality);
        let distance = match (here.distance(there), takes_over) {
            (3, Some(failover)) if failover.to != there.region => 4,
            (distance, _) => distance,
        };
        endpoint.priority = endpoint.priority * 5 + distance;
    }
}

/// Makes priorities consecutive, from zero.
fn without_gaps(endpoints: &mut [Endpoint]) {
    let mut used: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.priority).collect();
    used.sort_unstable();
    used.dedup();
    for endpoint in endpoints {
        endpoint.priority = used.iter().position(|priority| *priority == endpoint.priority).unwrap_or(0) as u32;
    }
}

/// Weights of the localities that have endpoints: the sums of these.
fn sums(endpoints: &[Endpoint]) -> BTreeMap<Name, u32> {
    let mut sums = BTreeMap::new();
    for endpoint in endpoints {
        let sum: &mut u32 = sums.entry(endpoint.locality.clone()).or_default();
        *sum = sum.saturating_add(endpoint.weight);
    }
    sums
}

/// The share of each locality that `to` means; one that means several divides its share among them by their weights.
/// A locality that two of them mean belongs to the more specific.
fn shares(endpoints: &[Endpoint], to: &BTreeMap<String, u32>) -> BTreeMap<Name, u32> {
    let mut left = sums(endpoints);
    let mut shares = BTreeMap::new();
    let mut rules: Vec<(&String, &u32)> = to.iter().collect();
    rules.sort_by_key(|(rule, _)| std::cmp::Reverse(rule.split('/').filter(|part| !matches!(*part, "" | "*")).count()));
    for (rule, share) in rules {
        let meant: Vec<(Name, u32)> = (left.iter())
            .filter(|(locality, _)| Locality::parse(locality).is_meant_by(rule))
            .map(|(locality, sum)| (locality.clone(), *sum))
            .collect();
        let total: u64 = meant.iter().map(|(_, sum)| u64::from(*sum)).sum();
        for (locality, sum) in meant {
            left.remove(&locality);
            let part = (u64::from(sum) * u64::from(*share)).div_ceil(total.max(1));
            shares.insert(locality, u32::try_from(part).unwrap_or(u32::MAX).max(1));
        }
    }
    shares
}

/// Weights by priority and locality: the shares where there are some, else the sums of the endpoints' weights.
fn weights(endpoints: &[Endpoint], shares: Option<&BTreeMap<Name, u32>>) -> Vec<LocalityWeight> {
    let mut by_priority: BTreeMap<(u32, Name), u32> = BTreeMap::new();
    for endpoint in endpoints {
        let weight = by_priority.entry((endpoint.priority, endpoint.locality.clone())).or_default();
        *weight = weight.saturating_add(endpoint.weight);
    }
    let weight = |((priority, locality), sum): ((u32, Name), u32)| {
        let weight = shares.and_then(|shares| shares.get(&locality)).copied().unwrap_or(sum);
        LocalityWeight { locality, priority, weight }
    };
    by_priority.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localities_are_meant_by_their_beginning() {
        for (locality, rule, expected) in [
            ("r/z/s", "r/z/s", true),
            ("r/z/s", "r/z/*", true),
            ("r/z/s", "r/z", true),
            ("r/z/s", "r/*", true),
            ("r/z/s", "*", true),
            ("", "*", true),
            ("r/z/s", "r/y", false),
            ("r/z", "r/z/s", false),
        ] {
            assert_eq!(Locality::parse(locality).is_meant_by(rule), expected, "{locality} {rule}");
        }
    }

    #[test]
    fn labels_say_where_a_workload_is() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<StringMap>()
        };
        for (given, expected) in [
            (labels(&[(LOCALITY_LABEL, "r.z.s")]), "r/z/s"),
            (labels(&[(LOCALITY_LABEL, "r/z")]), "r/z"),
            (labels(&[(REGION_LABEL, "r"), (ZONE_LABEL, "z")]), "r/z"),
            (labels(&[(ZONE_LABEL, "z")]), ""),
            (labels(&[]), ""),
        ] {
            assert_eq!(of_labels(&given), expected);
        }
    }
}
