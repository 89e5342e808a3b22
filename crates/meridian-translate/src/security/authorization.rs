//! AuthorizationPolicies as the access-control filters of one proxy (Istio's `pilot/pkg/security/authz`).

mod findings;
mod rule;
mod text;
mod trust_domain;

#[cfg(test)]
mod tests;

pub(crate) use findings::findings;

use crate::key::Key;
use crate::mesh::MeshConfig;
use crate::proxy::node::{ProxyNode, selects};
use crate::resources::Resources;
use meridian_ir::rbac::{Effect, Permission, Policy, Principal, Rbac, Rules};
use meridian_ir::{Name, rbac};
use meridian_resources::Object;
use meridian_resources::istio::AuthorizationPolicy;
use meridian_resources::istio::authorization_policy::{Action, DRY_RUN, PolicyTargetReference};
use rule::{Maker, Width};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The label by which a gateway of the Gateway API names its Gateway.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
/// The group of the Gateway API.
const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// The filters of a proxy, in the order in which they are asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Authorization {
    /// For requests.
    pub(crate) http: Vec<Arc<Rbac>>,
    /// For connections that are not HTTP.
    pub(crate) tcp: Vec<Arc<Rbac>>,
}

/// What of a connection a filter judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Http,
    Tcp,
}

impl Authorization {
    /// The filters of `node`: what CUSTOM policies match is denied, because nobody can be asked; then come AUDIT, DENY
    /// and ALLOW.
    pub(crate) fn of_proxy(mesh: &MeshConfig, resources: &Resources, node: &ProxyNode) -> Self {
        let policies = selected(mesh, resources, node);
        if policies.is_empty() {
            return Self::default();
        }
        let layer = |layer: Layer| {
            let actions = [Action::Custom, Action::Audit, Action::Deny, Action::Allow];
            actions.iter().filter_map(|action| filter(mesh, &policies, *action, layer)).map(Arc::new).collect()
        };
        Self { http: layer(Layer::Http), tcp: layer(Layer::Tcp) }
    }
}

/// Whether policies that changed may be some of a proxy's.
pub(crate) fn may_concern(changed: &BTreeSet<Key>, mesh: &MeshConfig, node: &ProxyNode) -> bool {
    changed.iter().any(|key| key.namespace == node.namespace || key.namespace == mesh.root_namespace)
}

/// The policies that apply to a proxy: those of the root namespace, then those of its own.
fn selected<'r>(mesh: &MeshConfig, resources: &'r Resources, node: &ProxyNode) -> Vec<&'r Object<AuthorizationPolicy>> {
    let own = Some(&node.namespace).filter(|namespace| **namespace != mesh.root_namespace);
    let namespaces = [Some(&mesh.root_namespace), own].into_iter().flatten();
    let policies = namespaces.flat_map(|namespace| resources.authorization_policies_in(namespace));
    policies.map(|policy| &**policy).filter(|policy| applies(policy, mesh, node)).collect()
}

/// Whether a policy applies to a proxy (Istio's `ShouldAttachPolicy`).
pub(crate) fn applies(policy: &Object<AuthorizationPolicy>, mesh: &MeshConfig, node: &ProxyNode) -> bool {
    let namespace = &policy.meta.namespace;
    if *namespace != node.namespace && *namespace != mesh.root_namespace {
        return false;
    }
    let mut targets = targets(&policy.spec).peekable();
    if targets.peek().is_none() {
        return policy.spec.selector.as_ref().is_none_or(|selector| selects(&selector.match_labels, &node.labels));
    }
    let Some(gateway) = node.labels.get(GATEWAY_NAME) else { return false };
    let is_own = |target: &PolicyTargetReference| {
        target.group == GATEWAY_API && target.kind == "Gateway" && target.name == *gateway
    };
    *namespace == node.namespace && targets.any(is_own)
}

/// What a policy names: `targetRefs`, or else the older `targetRef`.
fn targets(policy: &AuthorizationPolicy) -> impl Iterator<Item = &PolicyTargetReference> {
    let older = policy.target_ref.as_ref().filter(|_| policy.target_refs.is_empty());
    policy.target_refs.iter().chain(older)
}

/// Whether a policy is only tried.
fn is_dry_run(policy: &Object<AuthorizationPolicy>) -> bool {
    let value = policy.meta.annotations.get(DRY_RUN).map_or("", String::as_str);
    matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// The filter of the policies with `action`; `None` without any.
fn filter(mesh: &MeshConfig, policies: &[&Object<AuthorizationPolicy>], action: Action, layer: Layer) -> Option<Rbac> {
    let of_action: Vec<_> = policies.iter().filter(|policy| policy.spec.action == action).collect();
    if of_action.is_empty() {
        return None;
    }
    let effect = match action {
        Action::Allow => Effect::Allow,
        Action::Deny | Action::Custom => Effect::Deny,
        Action::Audit => Effect::Log,
    };
    let rules = |dry_run: bool| {
        let concerned = of_action.iter().filter(|policy| is_dry_run(policy) == dry_run);
        let mut names: HashSet<Name> = HashSet::new();
        let mut is_any = false;
        let made = concerned.inspect(|_| is_any = true).flat_map(|policy| rules_of(mesh, policy, layer));
        let made: Vec<Policy> = made.filter(|policy| names.insert(policy.name.clone())).collect();
        is_any.then(|| Rules::new(effect, made))
    };
    let (enforced, shadow) = (rules(false), rules(true));
    // As in Istio, also where there is nothing to count.
    let shadow_prefix = match (&shadow, action) {
        (Some(_), Action::Deny) => "istio_dry_run_deny_",
        _ => "istio_dry_run_allow_",
    };
    Some(Rbac {
        rules: enforced,
        shadow_rules: shadow,
        stat_prefix: if layer == Layer::Tcp { "tcp.".into() } else { "".into() },
        shadow_rules_stat_prefix: shadow_prefix.into(),
    })
}

/// One policy of the filter for each rule. A policy without rules never matches. A rule of an ALLOW policy that says
/// something of requests does not exist for other connections; such conditions of the other policies are left out
/// there, so that they match more.
fn rules_of(mesh: &MeshConfig, policy: &Object<AuthorizationPolicy>, layer: Layer) -> Vec<rbac::Policy> {
    let maker = Maker {
        mesh,
        namespace: &policy.meta.namespace,
        is_http: layer == Layer::Http,
        skips: policy.spec.action == Action::Allow,
        width: match policy.spec.action {
            Action::Allow => Width::Narrow,
            Action::Deny | Action::Custom => Width::Wide,
            Action::Audit => Width::Exact,
        },
    };
    if policy.spec.rules.is_empty() {
        let (permissions, principals) =
            (vec![Permission::Not(Box::new(Permission::Any))], vec![Principal::Not(Box::new(Principal::Any))]);
        return vec![Policy { name: name(policy, 0), permissions, principals }];
    }
    let rules = policy.spec.rules.iter().enumerate();
    let made = rules.filter_map(|(index, rule)| {
        let (permissions, principals) = maker.rule(rule).ok()?;
        Some(Policy { name: name(policy, index), permissions, principals })
    });
    made.collect()
}

/// The name of a rule in logs, as Istio has it.
fn name(policy: &Object<AuthorizationPolicy>, index: usize) -> Name {
    let name = format!("ns[{}]-policy[{}]-rule[{index}]", policy.meta.namespace, policy.meta.name);
    match (&policy.spec.action, &policy.spec.provider) {
        (Action::Custom, provider) => {
            let provider = provider.as_ref().map_or("", |provider| &provider.name);
            format!("istio-ext-authz-{provider}-{name}-deny-due-to-bad-CUSTOM-action").into()
        }
        _ => name.into(),
    }
}
