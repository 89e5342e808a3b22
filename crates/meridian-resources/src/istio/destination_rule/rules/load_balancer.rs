//! Load balancing: hashing, localities, slow start.

use std::collections::BTreeSet;

use crate::istio::destination_rule::{
    ConsistentHashLb, Failover, LoadBalancerSettings, LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting,
};
use crate::rules::{Findings, net};
use crate::schema::path::Path;

/// Envoy's limit for Maglev's table.
const LARGEST_MAGLEV_TABLE: u64 = 5_000_011;

const TOPOLOGY_LABELS: [&str; 3] =
    ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

/// Checks load balancing; `outlier` when outlier detection is configured, which failover needs.
pub(super) fn check(findings: &mut Findings, path: &Path<'_>, settings: Option<&LoadBalancerSettings>, outlier: bool) {
    let Some(settings) = settings else { return };
    if let Some(hash) = &settings.consistent_hash {
        check_hash(findings, &path.field("consistentHash"), hash);
    }
    if settings.locality_lb_setting.is_some() && settings.zone_aware_lb_setting.is_some() {
        findings.forbidden(path, "only one of localityLbSetting and zoneAwareLbSetting can be set");
    }
    if let Some(locality) = &settings.locality_lb_setting {
        check_locality(findings, &path.field("localityLbSetting"), locality, outlier);
    }
    if let Some(zone) = &settings.zone_aware_lb_setting {
        check_zone(findings, &path.field("zoneAwareLbSetting"), zone, outlier);
    }
    if let Some(warmup) = &settings.warmup {
        let path = path.field("warmup");
        net::duration(findings, &path.field("duration"), Some(warmup.duration));
        if let Some(aggression) = warmup.aggression.filter(|aggression| *aggression <= 0.0) {
            findings.invalid(&path.field("aggression"), aggression, "aggression should be greater than 0");
        }
    }
}

fn check_hash(findings: &mut Findings, path: &Path<'_>, hash: &ConsistentHashLb) {
    if let Some(cookie) = &hash.http_cookie {
        let path = path.field("httpCookie");
        if cookie.name.is_empty() {
            findings.required(&path.field("name"), "name required for HttpCookie");
        }
        let list = path.field("attributes");
        let mut names = BTreeSet::new();
        for (index, attribute) in cookie.attributes.iter().enumerate() {
            let path = list.index(index);
            let (path, name) = (path.field("name"), attribute.name.as_str());
            if name.is_empty() {
                findings.required(&path, "cookie attribute name cannot be empty");
            } else if !names.insert(name) {
                findings.duplicate(&path, name, format!("duplicate cookie attribute name: {name}"));
            }
        }
    }
    if hash.minimum_ring_size != 0 {
        let path = path.field("minimumRingSize");
        if hash.ring_hash.is_some() || hash.maglev.is_some() {
            findings.forbidden(&path, "only one of MinimumRingSize or Maglev/Ringhash can be specified");
        }
        let detail =
            "consistent hash MinimumRingSize is deprecated, use ConsistentHashLB's RingHash configuration instead";
        findings.warn(&path, detail);
    }
    if let Some(maglev) = &hash.maglev {
        let (path, size) = (path.field("maglev"), maglev.table_size);
        let path = path.field("tableSize");
        if size == 0 {
            findings.required(&path, "tableSize must be set for maglev");
            findings.required(&path, "tableSize must be a prime number for maglev");
        } else if size >= LARGEST_MAGLEV_TABLE {
            findings.invalid(&path, size, format!("tableSize must be less than {LARGEST_MAGLEV_TABLE} for maglev"));
        } else if !is_prime(size) {
            findings.invalid(&path, size, "tableSize must be a prime number for maglev");
        }
    }
}

/// As Envoy decides it, for which 1 is one.
fn is_prime(number: u64) -> bool {
    match number {
        1..=3 => true,
        even if even % 2 == 0 => false,
        odd => (3..).step_by(2).take_while(|factor| factor * factor <= odd).all(|factor| odd % factor != 0),
    }
}

fn check_locality(findings: &mut Findings, path: &Path<'_>, locality: &LocalityLoadBalancerSetting, outlier: bool) {
    if !locality.distribute.is_empty() && !locality.failover.is_empty() {
        findings.forbidden(path, "can not simultaneously specify 'distribute' and 'failover'");
        return;
    }
    let topology = locality.failover_priority.iter().find(|label| TOPOLOGY_LABELS.contains(&label.as_str()));
    if let Some(label) = topology.filter(|_| !locality.failover.is_empty()) {
        let detail =
            format!("can not simultaneously set 'failover' and topology label '{label}' in 'failover_priority'");
        findings.forbidden(&path.field("failoverPriority"), detail);
        return;
    }
    let list = path.field("distribute");
    // Istio ends its check of localities at the first weight that is wrong.
    let mut said = None;
    for (index, distribute) in locality.distribute.iter().enumerate() {
        let path = list.index(index);
        let to = path.field("to");
        for (place, weight) in distribute.to.iter().filter(|(_, weight)| !(1..=100).contains(*weight)) {
            findings.invalid(&to.key(place), *weight, "locality weight must be in range [1, 100]");
            said.get_or_insert(findings.errors.len());
        }
        let total: u64 = distribute.to.values().map(|weight| u64::from(*weight)).sum();
        if total != 100 {
            findings.invalid(&to, total, format!("total locality weight {total} != 100"));
            said.get_or_insert(findings.errors.len());
        }
        check_places(findings, &to, distribute.to.keys().map(String::as_str));
    }
    check_places(findings, &list, locality.distribute.iter().map(|distribute| distribute.from.as_str()));
    if let Some(said) = said {
        findings.unsaid_since(said);
    }
    let words = Words {
        same: "locality lb failover settings must specify different regions",
        deeper: "locality lb failover only specify region",
        wildcard: "locality lb failover region should not contain '*' wildcard",
    };
    check_failover(findings, path, &locality.failover, &words);
    warn_without_outlier(findings, path, outlier, &locality.failover, &locality.failover_priority);
}

fn check_zone(findings: &mut Findings, path: &Path<'_>, zone: &ZoneAwareLoadBalancerSetting, outlier: bool) {
    let list = path.field("failoverPriority");
    for (index, label) in zone.failover_priority.iter().enumerate() {
        if TOPOLOGY_LABELS.contains(&label.as_str()) {
            let detail = format!(
                "'failover_priority' for zone aware lb must not use topology label '{label}'; region- and zone-level \
                 routing are handled automatically"
            );
            findings.invalid(&list.index(index), label.as_str(), detail);
        }
    }
    let words = Words {
        same: "zone aware lb failover settings must specify different regions",
        deeper: "zone aware lb failover only specifies region; zone and subzone failover are handled automatically",
        wildcard: "zone aware lb failover region should not contain '*' wildcard",
    };
    check_failover(findings, path, &zone.failover, &words);
    warn_without_outlier(findings, path, outlier, &zone.failover, &zone.failover_priority);
}

/// What Istio says about failover in one of the two settings.
struct Words {
    same: &'static str,
    deeper: &'static str,
    wildcard: &'static str,
}

fn check_failover(findings: &mut Findings, path: &Path<'_>, failover: &[Failover], words: &Words) {
    let list = path.field("failover");
    for (index, Failover { from, to }) in failover.iter().enumerate() {
        let path = list.index(index);
        if from == to {
            findings.forbidden(&path, words.same);
        }
        if from.contains('/') || to.contains('/') {
            findings.forbidden(&path, words.deeper);
        }
        if from.contains('*') || to.contains('*') {
            findings.forbidden(&path, words.wildcard);
        }
    }
}

fn warn_without_outlier(
    findings: &mut Findings,
    path: &Path<'_>,
    outlier: bool,
    failover: &[Failover],
    priority: &[String],
) {
    if !outlier && (!failover.is_empty() || !priority.is_empty()) {
        findings.warn(path, "outlier detection policy must be provided for failover");
    }
}

/// Localities `region/zone/subzone`, a wildcard only at the end, none within another.
fn check_places<'l>(findings: &mut Findings, path: &Path<'_>, places: impl Iterator<Item = &'l str>) {
    let mut seen: Vec<&str> = Vec::new();
    for place in places {
        let wildcards = place.matches('*').count();
        let problem = if wildcards > 1 || (wildcards == 1 && !place.ends_with('*')) {
            Some(format!("locality {place} wildcard '*' number can not exceed 1 and must be in the end"))
        } else if place.splitn(3, '/').any(str::is_empty) {
            Some(format!("locality {place} must not contain empty region/zone/subzone info"))
        } else if seen.iter().any(|earlier| places_overlap(earlier, place)) {
            Some(format!("locality {place} overlap with previous specified ones"))
        } else {
            None
        };
        if let Some(detail) = problem {
            findings.invalid(path, place, detail);
            return;
        }
        seen.push(place);
    }
}

/// Whether one locality is within the other: parts that are absent or `*` stand for all.
fn places_overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.splitn(3, '/'), other.splitn(3, '/'));
    loop {
        match (one.next(), other.next()) {
            (None | Some("*"), _) | (_, None | Some("*")) => return true,
            (Some(one), Some(other)) if one != other => return false,
            _ => {}
        }
    }
}
