//! A rule of a role (`PolicyRule` of `rbac.authorization.k8s.io/v1`).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Attributes;

/// What may be done with what. All lists are alternatives; `*` stands for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    /// What may be done.
    pub(crate) verbs: Vec<String>,
    /// In which groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) api_groups: Vec<String>,
    /// With which resources: `pods`, `pods/log`, `*/scale`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    /// With which objects; with all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_names: Vec<String>,
    /// With which documents: `/healthz`, `/openapi/*`.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) non_resource_urls: Vec<String>,
}

impl Rule {
    /// A rule about resources.
    pub(crate) fn resources(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Rule {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Rule { verbs: owned(verbs), api_groups: owned(groups), resources: owned(resources), ..Rule::default() }
    }

    /// A rule about documents.
    pub(crate) fn paths(verbs: &[&str], paths: &[&str]) -> Rule {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Rule { verbs: owned(verbs), non_resource_urls: owned(paths), ..Rule::default() }
    }

    /// Whether the rule allows this.
    pub(crate) fn allows(&self, wanted: &Attributes) -> bool {
        match wanted {
            Attributes::Resource { verb, group, resource, subresource, name, .. } => {
                has(&self.verbs, verb)
                    && has(&self.api_groups, group)
                    && self.resources.iter().any(|own| is_resource(own, resource, subresource))
                    && (self.resource_names.is_empty() || self.resource_names.contains(name))
            }
            Attributes::Path { verb, path } => {
                has(&self.verbs, verb) && self.non_resource_urls.iter().any(|own| is_path(own, path))
            }
        }
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|own| own == "*" || own == wanted)
}

fn is_resource(own: &str, resource: &str, subresource: &str) -> bool {
    if own == "*" {
        return true;
    }
    match own.split_once('/') {
        None => subresource.is_empty() && own == resource,
        Some((of, part)) => !subresource.is_empty() && part == subresource && (of == "*" || of == resource),
    }
}

fn is_path(own: &str, path: &str) -> bool {
    own == path || own.strip_suffix('*').is_some_and(|start| path.starts_with(start))
}

/// The parts of `wanted` that none of `held` covers: what somebody would give away without having it.
pub(super) fn uncovered(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    wanted.iter().flat_map(single).filter(|single| !held.iter().any(|rule| covers(rule, single))).collect()
}

/// Single rules with those about the same objects made one, as Kubernetes shows them.
pub(super) fn compact(single: Vec<Rule>) -> Vec<Rule> {
    let mut all: Vec<Rule> = Vec::new();
    for mut rule in single {
        let is_of_paths = !rule.non_resource_urls.is_empty();
        let is_about_the_same = |known: &&mut Rule| {
            known.api_groups == rule.api_groups
                && known.resources == rule.resources
                && known.resource_names == rule.resource_names
        };
        match all.iter_mut().find(|known| !is_of_paths && is_about_the_same(known)) {
            Some(known) => known.verbs.append(&mut rule.verbs),
            None => all.push(rule),
        }
    }
    all
}

/// A rule as Kubernetes writes it in one line.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let quoted = |list: &[String]| list.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" ");
        let said = fields.iter().filter(|(_, list)| !list.is_empty());
        let parts: Vec<String> = said.map(|(name, list)| format!("{name}:[{}]", quoted(list))).collect();
        write!(f, "{{{}}}", parts.join(", "))
    }
}

/// A rule as rules of one verb, one group, one resource and one name.
fn single(rule: &Rule) -> Vec<Rule> {
    let mut all = Vec::new();
    for verb in &rule.verbs {
        for path in &rule.non_resource_urls {
            all.push(Rule::paths(&[verb], &[path]));
        }
        for group in &rule.api_groups {
            for resource in &rule.resources {
                let one = Rule::resources(&[verb], &[group], &[resource]);
                if rule.resource_names.is_empty() {
                    all.push(one.clone());
                }
                for name in &rule.resource_names {
                    all.push(Rule { resource_names: vec![name.clone()], ..one.clone() });
                }
            }
        }
    }
    all
}

/// Whether a rule allows all that a single one does.
fn covers(rule: &Rule, single: &Rule) -> bool {
    let within = |own: &[String], one: &[String]| one.iter().all(|one| has(own, one));
    if !within(&rule.verbs, &single.verbs) {
        return false;
    }
    if let [path] = &single.non_resource_urls[..] {
        return rule.non_resource_urls.iter().any(|own| is_path(own, path));
    }
    let resources = single.resources.iter().all(|one| {
        let (resource, subresource) = one.split_once('/').unwrap_or((one, ""));
        rule.resources.iter().any(|own| own == one || is_resource(own, resource, subresource))
    });
    let names = rule.resource_names.is_empty()
        || (!single.resource_names.is_empty() && within(&rule.resource_names, &single.resource_names));
    resources && names && within(&rule.api_groups, &single.api_groups)
}
