//! Roles, and who has them.

use crate::discovery::Discovery;
use crate::error::{Result, message};
use crate::io::Io;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// What can be done with objects.
const VERBS: [&str; 14] = [
    "*",
    "get",
    "delete",
    "list",
    "create",
    "update",
    "patch",
    "watch",
    "proxy",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
];
/// What can be done with paths.
const PATH_VERBS: [&str; 8] = ["*", "get", "post", "put", "delete", "patch", "head", "options"];
/// What there are no objects of, and whose name can be taken nevertheless: resource and group.
const IMPERSONATED: [(&str, &str); 3] = [("users", ""), ("groups", ""), ("userextras", "authentication.k8s.io")];

/// Options of `create role`
#[derive(clap::Args, Debug)]
pub(super) struct RoleArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    rule: RuleArgs,
}

/// Options of `create clusterrole`
#[derive(clap::Args, Debug)]
pub(super) struct ClusterRoleArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    rule: RuleArgs,
    /// A path such as /healthz, or /logs/*
    #[arg(long = "non-resource-url", value_name = "PATH", value_delimiter = ',')]
    paths: Vec<String>,
}

/// What may be done, and with what.
#[derive(clap::Args, Debug)]
struct RuleArgs {
    /// What may be done: get, list, watch, create, update, patch, delete, ...
    #[arg(long = "verb", value_name = "VERB", value_delimiter = ',')]
    verbs: Vec<String>,
    /// A kind, such as virtualservices, deployments.apps or deployments.apps/scale
    #[arg(long = "resource", value_name = "KIND", value_delimiter = ',')]
    resources: Vec<String>,
    /// Only the object of this name; repeat for several
    #[arg(long = "resource-name", value_name = "NAME")]
    names: Vec<String>,
}

impl RoleArgs {
    /// The Role.
    pub(super) fn object(&self, discovery: &Discovery, io: &mut Io) -> Result<Value> {
        if self.rule.verbs.is_empty() {
            return message("at least one verb must be specified");
        }
        if self.rule.resources.is_empty() {
            return message("at least one resource must be specified");
        }
        let rules = self.rule.rules(discovery, io)?;
        Ok(json!({"apiVersion": API_VERSION, "kind": "Role", "metadata": {"name": self.name}, "rules": rules}))
    }
}

impl ClusterRoleArgs {
    /// The ClusterRole.
    pub(super) fn object(&self, discovery: &Discovery, io: &mut Io) -> Result<Value> {
        if self.rule.verbs.is_empty() {
            return message("at least one verb must be specified");
        }
        if self.rule.resources.is_empty() && self.paths.is_empty() {
            return message("one of resource or nonResourceURL must be specified");
        }
        let mut rules = if self.rule.resources.is_empty() { Vec::new() } else { self.rule.rules(discovery, io)? };
        if !self.paths.is_empty() {
            let verbs = self.rule.verbs();
            if let Some(verb) = verbs.iter().find(|verb| !PATH_VERBS.contains(*verb)) {
                return message(format!("invalid verb: '{verb}' for nonResourceURL"));
            }
            for path in self.paths.iter().filter(|path| *path != "*") {
                if !path.starts_with('/') {
                    return message("nonResourceURL should start with /");
                }
                if path[..path.len() - 1].contains('*') {
                    return message("nonResourceURL only supports wildcard matches when '*' is at the end");
                }
            }
            rules.push(json!({"nonResourceURLs": unique(&self.paths), "verbs": verbs}));
        }
        Ok(json!({"apiVersion": API_VERSION, "kind": "ClusterRole", "metadata": {"name": self.name}, "rules": rules}))
    }
}

impl RuleArgs {
    fn verbs(&self) -> Vec<&str> {
        if self.verbs.iter().any(|verb| verb == "*") { vec!["*"] } else { unique(&self.verbs) }
    }

    /// A rule for each group of the resources.
    fn rules(&self, discovery: &Discovery, io: &mut Io) -> Result<Vec<Value>> {
        let verbs = self.verbs();
        for verb in verbs.iter().filter(|verb| !VERBS.contains(verb)) {
            io.warn(&format!("'{verb}' is not a standard resource verb"));
        }
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let all = self.resources.iter().any(|resource| resource == "*");
        let named = if all { vec!["*"] } else { unique(&self.resources) };
        for name in named {
            let (resource, subresource) = name.split_once('/').map_or((name, None), |(of, sub)| (of, Some(sub)));
            let (group, mut plural) = self.find(discovery, resource)?;
            if let Some(subresource) = subresource {
                plural = format!("{plural}/{subresource}");
            }
            let plurals = groups.entry(group).or_default();
            if !plurals.contains(&plural) {
                plurals.push(plural);
            }
        }
        let names = unique(&self.names);
        let rule = |(group, resources): (String, Vec<String>)| {
            let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
            if !names.is_empty() {
                rule["resourceNames"] = json!(names);
            }
            rule
        };
        Ok(groups.into_iter().map(rule).collect())
    }

    /// Group and plural of a resource.
    fn find(&self, discovery: &Discovery, name: &str) -> Result<(String, String)> {
        let (resource, group) = name.split_once('.').unwrap_or((name, ""));
        if resource.is_empty() {
            return message("resource must be specified if apiGroup/subresource specified");
        }
        let impersonated =
            self.verbs.iter().any(|verb| verb == "impersonate") && IMPERSONATED.contains(&(resource, group));
        if resource == "*" || impersonated {
            return Ok((group.to_owned(), resource.to_owned()));
        }
        let found = discovery.find_kind(name)?;
        Ok((found.group.clone(), found.plural.clone()))
    }
}

/// Each text once, in order.
fn unique(texts: &[String]) -> Vec<&str> {
    let mut unique: Vec<&str> = Vec::new();
    for text in texts {
        if !unique.contains(&text.as_str()) {
            unique.push(text);
        }
    }
    unique
}

/// Options of `create rolebinding`
#[derive(clap::Args, Debug)]
pub(super) struct RoleBindingArgs {
    /// Its name
    name: String,
    /// The role, of the same namespace
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// The role of all namespaces, such as view, edit or admin
    #[arg(long, value_name = "NAME")]
    clusterrole: Option<String>,
    #[command(flatten)]
    subjects: SubjectArgs,
}

/// Options of `create clusterrolebinding`
#[derive(clap::Args, Debug)]
pub(super) struct ClusterRoleBindingArgs {
    /// Its name
    name: String,
    /// The role, such as cluster-admin or view
    #[arg(long, value_name = "NAME", required = true)]
    clusterrole: String,
    #[command(flatten)]
    subjects: SubjectArgs,
}

/// Who has a role.
#[derive(clap::Args, Debug)]
struct SubjectArgs {
    /// A user; repeat for several
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// A group of users; repeat for several
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// A service account; repeat for several
    #[arg(long = "serviceaccount", value_name = "NAMESPACE:NAME")]
    accounts: Vec<String>,
}

impl RoleBindingArgs {
    /// The RoleBinding.
    pub(super) fn object(&self) -> Result<Value> {
        let named = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        match (named(&self.role), named(&self.clusterrole)) {
            (Some(role), None) => self.subjects.bind("RoleBinding", &self.name, ("Role", &role)),
            (None, Some(role)) => self.subjects.bind("RoleBinding", &self.name, ("ClusterRole", &role)),
            _ => message("exactly one of clusterrole or role must be specified"),
        }
    }
}

impl ClusterRoleBindingArgs {
    /// The ClusterRoleBinding.
    pub(super) fn object(&self) -> Result<Value> {
        self.subjects.bind("ClusterRoleBinding", &self.name, ("ClusterRole", &self.clusterrole))
    }
}

impl SubjectArgs {
    fn bind(&self, kind: &str, name: &str, (role_kind, role): (&str, &str)) -> Result<Value> {
        let mut subjects = Vec::new();
        for (kind, names) in [("User", &self.users), ("Group", &self.groups)] {
            subjects.extend(names.iter().map(|name| json!({"kind": kind, "apiGroup": GROUP, "name": name})));
        }
        for account in &self.accounts {
            match account.split_once(':') {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains(':') => {
                    subjects.push(json!({"kind": "ServiceAccount", "namespace": namespace, "name": name}));
                }
                _ => return message("serviceaccount must be <namespace>:<name>"),
            }
        }
        let mut binding = json!({
            "apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role},
        });
        if !subjects.is_empty() {
            binding["subjects"] = subjects.into();
        }
        Ok(binding)
    }
}
