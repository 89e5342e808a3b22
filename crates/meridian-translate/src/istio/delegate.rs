//! Delegation: HTTP rules that one VirtualService (the root) leaves to another (the leaf), as Istio merges them
//! (`mergeVirtualServicesIfNeeded`).

mod merge;

use crate::condition::{Finding, Topic};
use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::registry::service::ExportTo;
use crate::resources::Objects;
use crate::suggest;
use meridian_resources::Object;
use meridian_resources::istio::VirtualService;
use meridian_resources::istio::virtual_service::{Delegate, HttpRoute};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which VirtualServices delegate to which.
#[derive(Debug, Default)]
pub(crate) struct Delegations(HashMap<Key, BTreeSet<Key>>);

impl Delegations {
    /// The VirtualServices that delegate to `leaf`.
    pub(crate) fn roots_of(&self, leaf: &Key) -> impl Iterator<Item = &Key> {
        self.0.get(leaf).into_iter().flatten()
    }

    /// Notes the delegations of `root`.
    pub(crate) fn add(&mut self, root: &Object<VirtualService>) {
        for leaf in leaves_of(root) {
            self.0.entry(leaf).or_default().insert(Key::of(&root.meta));
        }
    }

    /// Forgets the delegations of `root`.
    pub(crate) fn remove(&mut self, root: &Object<VirtualService>) {
        for leaf in leaves_of(root) {
            if let Some(roots) = self.0.get_mut(&leaf) {
                roots.remove(&Key::of(&root.meta));
                if roots.is_empty() {
                    self.0.remove(&leaf);
                }
            }
        }
    }
}

/// The VirtualServices that `root` delegates to, whether they exist or not.
pub(crate) fn leaves_of(root: &Object<VirtualService>) -> impl Iterator<Item = Key> {
    let delegates = root.spec.http.iter().filter_map(|rule| rule.delegate.as_ref());
    delegates.map(|delegate| key_of(delegate, root))
}

fn key_of(delegate: &Delegate, root: &Object<VirtualService>) -> Key {
    let namespace = match &*delegate.namespace {
        "" => root.meta.namespace.clone(),
        namespace => namespace.into(),
    };
    Key { namespace, name: delegate.name.as_str().into() }
}

/// An HTTP rule with the VirtualService that wrote it.
pub(crate) struct Written<'o> {
    pub(crate) rule: Cow<'o, HttpRoute>,
    pub(crate) author: &'o Object<VirtualService>,
    /// Its place there: `spec.http[0]`.
    pub(crate) path: String,
}

/// What is to be said because of delegation.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Of the root.
    pub(crate) root: Vec<Finding>,
    /// Of each leaf that is used; nothing when all of its rules are.
    pub(crate) leaves: BTreeMap<Key, Vec<Finding>>,
}

/// The HTTP rules of `root`, with those of its leaves in their places. A leaf that does not exist or does not let
/// itself be seen leaves its place empty.
pub(crate) fn rules<'o>(
    known: &'o Objects<VirtualService>,
    root: &'o Object<VirtualService>,
    mesh: &MeshConfig,
    said: &mut Said,
) -> Vec<Written<'o>> {
    let mut rules = Vec::with_capacity(root.spec.http.len());
    for (index, rule) in root.spec.http.iter().enumerate() {
        let path = format!("spec.http[{index}]");
        let Some(delegate) = &rule.delegate else {
            rules.push(Written { rule: Cow::Borrowed(rule), author: root, path });
            continue;
        };
        let key = key_of(delegate, root);
        let leaf = match leaf(known, &key, root, mesh) {
            Ok(leaf) => leaf,
            Err(message) => {
                let path = format!("{path}.delegate");
                said.root.push(Finding::at(Topic::DelegateNotFound, &path, message));
                continue;
            }
        };
        let findings = said.leaves.entry(key).or_default();
        let context = merge::Context { root, leaf, mesh };
        for (index, leaf_rule) in leaf.spec.http.iter().enumerate() {
            let own = format!("spec.http[{index}]");
            match merge::rules(context, rule, leaf_rule) {
                Ok(merged) => rules.push(Written { rule: Cow::Owned(merged), author: leaf, path: own }),
                Err(field) => {
                    let message = format!(
                        "is not covered by the match of {path} of VirtualService {}, which delegates to this one; the \
                         rule has no effect there",
                        Key::of(&root.meta)
                    );
                    findings.push(Finding::at(Topic::Conflicted, &format!("{own}.{field}"), message));
                }
            }
        }
    }
    rules
}

/// The leaf that `root` delegates to, or why its rule is left out.
fn leaf<'o>(
    known: &'o Objects<VirtualService>,
    key: &Key,
    root: &Object<VirtualService>,
    mesh: &MeshConfig,
) -> Result<&'o Object<VirtualService>, String> {
    let Some(leaf) = known.get(key) else {
        let siblings =
            known.iter().filter(|(other, object)| other.namespace == key.namespace && object.spec.hosts.is_empty());
        let similar = suggest::closest(&key.name, siblings.map(|(other, _)| &*other.name));
        let suggestion = similar.map_or(String::new(), |similar| format!("; did you mean {similar:?}?"));
        return Err(format!("VirtualService {key} does not exist, so that this rule has no effect{suggestion}"));
    };
    if !leaf.spec.hosts.is_empty() {
        return Err(format!(
            "VirtualService {key} has hosts of its own, so that nothing is delegated to it; remove them there"
        ));
    }
    let export_to = leaf.spec.export_to.iter().map(String::as_str);
    let default = &mesh.default_export_to.virtual_services;
    if !ExportTo::or_default(export_to, default, &key.namespace).includes(&root.meta.namespace) {
        return Err(format!(
            "VirtualService {key} is not visible in namespace {}: its exportTo leaves it out",
            root.meta.namespace
        ));
    }
    Ok(leaf)
}
