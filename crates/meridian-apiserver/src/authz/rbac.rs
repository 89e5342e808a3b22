//! Who has which rules, by the roles and bindings of the store.

use meridian_store::{GroupResource, Key, Store};
use serde_json::Value;

use super::Attributes;
use super::roles;
use super::rules::Rule;
use crate::caller::{Caller, MASTERS};
use crate::values::text;

/// The group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";
/// Their version.
const VERSION: &str = "rbac.authorization.k8s.io/v1";

/// Decides by the objects of a store as they are at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authorizer<'a> {
    store: &'a Store,
}

/// The rules that somebody has, and roles that bindings name but that there are not.
#[derive(Debug, Default)]
pub(super) struct Held {
    grants: Vec<Grant>,
    missing: Vec<String>,
}

/// The rules of a role, and by which binding somebody has them.
#[derive(Debug)]
struct Grant {
    rules: Vec<Rule>,
    by: String,
}

impl<'a> Authorizer<'a> {
    pub(crate) fn new(store: &'a Store) -> Authorizer<'a> {
        Authorizer { store }
    }

    /// Whether somebody may do something; and why, in Kubernetes' words, which are empty for `system:masters`.
    ///
    /// # Errors
    /// Why not: the roles that bindings name and that there are not; often none.
    pub(crate) fn decide(&self, caller: &Caller, wanted: &Attributes) -> Result<String, Vec<String>> {
        if caller.is_in(MASTERS) {
            return Ok(String::new());
        }
        let namespace = match wanted {
            Attributes::Resource { namespace, .. } => namespace.as_str(),
            Attributes::Path { .. } => "",
        };
        let held = self.held(caller, namespace);
        let grant = held.grants.into_iter().find(|grant| grant.rules.iter().any(|rule| rule.allows(wanted)));
        grant.map(|grant| format!("RBAC: allowed by {}", grant.by)).ok_or(held.missing)
    }

    /// The rules that somebody has in a namespace, or everywhere when it is empty.
    pub(super) fn held(&self, caller: &Caller, namespace: &str) -> Held {
        let mut held = Held::default();
        for group in &caller.groups {
            for role in roles::bound_to_group(group) {
                let by = format!("ClusterRoleBinding {role:?} of ClusterRole {role:?} to Group {group:?}");
                held.grants.extend(self.cluster_role(role).map(|rules| Grant { rules, by }));
            }
        }
        for binding in self.list("clusterrolebindings", None, "ClusterRoleBinding") {
            if let Some(subject) = subject(&binding, caller, "") {
                self.add_role(&mut held, &binding, "", &subject);
            }
        }
        if !namespace.is_empty() {
            for binding in self.list("rolebindings", Some(namespace), "RoleBinding") {
                if let Some(subject) = subject(&binding, caller, namespace) {
                    self.add_role(&mut held, &binding, namespace, &subject);
                }
            }
        }
        held
    }

    /// The rules that a binding gives; `None` when there is no such role.
    pub(super) fn rules_of_binding(&self, binding: &Value, namespace: &str) -> Option<Vec<Rule>> {
        let role = &binding["roleRef"];
        let name = role["name"].as_str().unwrap_or_default();
        match role["kind"].as_str() {
            Some("ClusterRole") => self.cluster_role(name),
            Some("Role") if !namespace.is_empty() => {
                let key = Key::new(GroupResource::new(GROUP, "roles"), namespace, name);
                Some(rules_of(&self.store.get(&key)?.to_value(VERSION, "Role")))
            }
            _ => None,
        }
    }

    fn add_role(&self, held: &mut Held, binding: &Value, namespace: &str, subject: &str) {
        let (kind, role) = (text(&binding["roleRef"]["kind"]), text(&binding["roleRef"]["name"]));
        let name = text(&binding["metadata"]["name"]);
        let binding = match self.rules_of_binding(binding, namespace) {
            None => return held.missing.push(format!("{}.{GROUP} {role:?} not found", kind.to_lowercase())),
            Some(rules) if namespace.is_empty() => (rules, format!("ClusterRoleBinding {name:?}")),
            Some(rules) => (rules, format!("RoleBinding {:?}", format!("{name}/{namespace}"))),
        };
        let (rules, binding) = binding;
        held.grants.push(Grant { rules, by: format!("{binding} of {kind} {role:?} to {subject}") });
    }

    /// The rules of a ClusterRole: of the store, else of those that are always there.
    fn cluster_role(&self, name: &str) -> Option<Vec<Rule>> {
        let key = Key::new(GroupResource::new(GROUP, "clusterroles"), "", name);
        match self.store.get(&key) {
            Some(role) => {
                let role = role.to_value(VERSION, "ClusterRole");
                let mut rules = rules_of(&role);
                rules.extend(self.aggregated(&role));
                Some(rules)
            }
            None => roles::cluster_role(name),
        }
    }

    /// The rules of the ClusterRoles that an `aggregationRule` selects by their labels.
    fn aggregated(&self, role: &Value) -> Vec<Rule> {
        let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array().map(Vec::as_slice);
        let selectors = selectors.unwrap_or_default();
        if selectors.is_empty() {
            return Vec::new();
        }
        let selects = |role: &Value| {
            selectors.iter().any(|selector| {
                let labels = selector["matchLabels"].as_object();
                labels.is_some_and(|all| all.iter().all(|(key, value)| role["metadata"]["labels"][key] == *value))
            })
        };
        let others = self.list("clusterroles", None, "ClusterRole");
        others.filter(selects).flat_map(|role| rules_of(&role)).collect()
    }

    fn list(&self, plural: &'static str, namespace: Option<&str>, kind: &'static str) -> impl Iterator<Item = Value> {
        let objects = self.store.list(&GroupResource::new(GROUP, plural), namespace).objects;
        objects.into_iter().map(move |object| object.to_value(VERSION, kind))
    }
}

impl Held {
    /// All rules.
    pub(super) fn rules(self) -> Vec<Rule> {
        self.grants.into_iter().flat_map(|grant| grant.rules).collect()
    }
}

/// The rules of a role; those that are malformed allow nothing.
pub(super) fn rules_of(role: &Value) -> Vec<Rule> {
    let rules = role["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    rules.iter().filter_map(|rule| serde_json::from_value(rule.clone()).ok()).collect()
}

/// As whom a binding in `namespace` names somebody, in Kubernetes' words; `None` when it does not.
fn subject(binding: &Value, caller: &Caller, namespace: &str) -> Option<String> {
    let subjects = binding["subjects"].as_array().map(Vec::as_slice).unwrap_or_default();
    subjects.iter().find_map(|subject| {
        let text = |field: &str| subject[field].as_str().unwrap_or_default();
        let (kind, name) = (text("kind"), text("name"));
        let known = match kind {
            "User" => (name == caller.user).then(|| name.to_owned()),
            "Group" => caller.is_in(name).then(|| name.to_owned()),
            "ServiceAccount" => {
                let namespace = if text("namespace").is_empty() { namespace } else { text("namespace") };
                let is = !namespace.is_empty() && caller.user == format!("system:serviceaccount:{namespace}:{name}");
                is.then(|| format!("{name}/{namespace}"))
            }
            _ => None,
        };
        known.map(|name| format!("{kind} {name:?}"))
    })
}
