//! What the control plane may do. Every rule says what needs it; `docs/install.md` has them as a table.

use super::ISTIOD;
use crate::values::Values;
use meridian_resources::kind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn objects(values: &Values) -> Vec<Value> {
    let namespace = &values.namespace;
    // Two installations on one cluster each have their own.
    let cluster_wide = format!("{ISTIOD}-{namespace}");
    let subject = json!([{"kind": "ServiceAccount", "name": ISTIOD, "namespace": namespace}]);
    let group = "rbac.authorization.k8s.io";
    vec![
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": ISTIOD, "namespace": namespace},
            "imagePullSecrets": super::pull_secrets(values),
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRole",
            "metadata": {"name": cluster_wide},
            "rules": cluster_rules(values),
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
            "metadata": {"name": cluster_wide},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": cluster_wide},
            "subjects": subject,
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role",
            "metadata": {"name": ISTIOD, "namespace": namespace},
            "rules": own_rules(),
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": {"name": ISTIOD, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": ISTIOD},
            "subjects": subject,
        }),
    ]
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

/// In all namespaces.
fn cluster_rules(values: &Values) -> Vec<Value> {
    let mut rules = vec![
        // Which of the kinds the API server has, and when one comes.
        rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &["get", "list", "watch"]),
        // A proxy shows its service account's token when it asks for its certificate.
        rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
        // What became of an object, for `kubectl describe`.
        rule(&["", "events.k8s.io"], &["events"], &["get", "create", "patch"]),
        // The mesh's root certificate, in every namespace; which ones there are is known from the rules below.
        rule(&[""], &["configmaps"], &["create", "update", "patch"]),
        // What a Gateway is served by. They are where the Gateway is, so it is all namespaces; there is nothing that
        // they could do which the control plane may not do itself, for their pods have no rights at the API server.
        rule(&["apps"], &["deployments"], MANAGED),
        rule(&[""], &["services", "serviceaccounts"], MANAGED),
        rule(&["autoscaling"], &["horizontalpodautoscalers"], MANAGED),
        rule(&["policy"], &["poddisruptionbudgets"], MANAGED),
        // Owner references that block the owner's deletion need it where the API server checks them (OpenShift).
        rule(&["gateway.networking.k8s.io"], &["gateways/finalizers"], &["update"]),
        // A class in use keeps its finalizer.
        rule(&["gateway.networking.k8s.io"], &["gatewayclasses"], &["update", "patch"]),
    ];
    rules.extend(kinds_that_are_read());
    rules.extend(statuses_that_are_written());
    if values.injector.enabled {
        // The authority of the webhook's certificate goes into its configuration.
        let mut own = rule(&["admissionregistration.k8s.io"], &["mutatingwebhookconfigurations"], &["get", "patch"]);
        own["resourceNames"] = json!([super::control_plane::webhook_name(values)]);
        rules.push(own);
    }
    rules
}

/// What the control plane makes, keeps as it is to be, and takes away with the Gateway's class.
const MANAGED: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

/// One rule for each group of the kinds that Meridian knows.
///
/// Secrets are among them: a Gateway may name one of its own namespace, or of another that grants it.
fn kinds_that_are_read() -> Vec<Value> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kind in kind::all() {
        groups.entry(kind.group).or_default().insert(kind.plural);
    }
    groups
        .iter()
        .map(|(group, plurals)| rule(&[group], &plurals.iter().copied().collect::<Vec<_>>(), &["get", "list", "watch"]))
        .collect()
}

/// The statuses of what users write; those of Kubernetes' own kinds are written by Kubernetes, but for Ingress.
fn statuses_that_are_written() -> Vec<Value> {
    let mut groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let users = |group: &str| group.contains('.') && (!group.ends_with(".k8s.io") || group.contains("gateway"));
    for kind in kind::all() {
        if kind.status_subresource && (users(kind.group) || kind.kind == "Ingress") {
            groups.entry(kind.group).or_default().insert(format!("{}/status", kind.plural));
        }
    }
    groups
        .iter()
        .map(|(group, all)| rule(&[group], &all.iter().map(String::as_str).collect::<Vec<_>>(), &["update", "patch"]))
        .collect()
}

/// In the namespace of the installation.
fn own_rules() -> Vec<Value> {
    let named = |groups: &[&str], resource: &str, names: &[&str], verbs: &[&str]| {
        let mut rule = rule(groups, &[resource], verbs);
        rule["resourceNames"] = json!(names);
        rule
    };
    vec![
        // The authority of the mesh. To create something cannot be confined to a name.
        rule(&[""], &["secrets"], &["create"]),
        named(&[""], "secrets", &["istio-ca-secret"], &["update", "patch"]),
        // One control plane writes.
        rule(&["coordination.k8s.io"], &["leases"], &["create"]),
        named(&["coordination.k8s.io"], "leases", &["meridian-leader"], &["get", "update", "patch"]),
    ]
}
