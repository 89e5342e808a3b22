//! The roles and bindings that are there without any object, as Kubernetes makes them at its start.
//!
//! A ClusterRole of the same name in the store counts instead of one of these.

use super::rules::Rule;
use crate::caller::{AUTHENTICATED, MASTERS, UNAUTHENTICATED};

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// Groups whose objects say how traffic goes: whoever may change workloads of a namespace may change these.
const TRAFFIC: &[&str] = &[
    "extensions.istio.io",
    "gateway.networking.k8s.io",
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
];
/// Groups of workloads.
const WORKLOADS: &[&str] = &["apps", "autoscaling", "batch", "policy"];
/// Core resources that everybody may read who may read a namespace.
const CORE: &[&str] = &[
    "configmaps",
    "endpoints",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "replicationcontrollers/scale",
    "serviceaccounts",
    "services",
];
/// Those that nobody writes by hand.
const CORE_STATUS: &[&str] = &[
    "bindings",
    "events",
    "limitranges",
    "namespaces",
    "namespaces/status",
    "persistentvolumeclaims/status",
    "pods/log",
    "pods/status",
    "replicationcontrollers/status",
    "resourcequotas",
    "resourcequotas/status",
    "services/status",
];
const NETWORKING: &[&str] = &["ingresses", "networkpolicies"];

/// The rules of a role by its name.
pub(super) fn cluster_role(name: &str) -> Option<Vec<Rule>> {
    Some(match name {
        "cluster-admin" => vec![Rule::resources(&["*"], &["*"], &["*"]), Rule::paths(&["*"], &["*"])],
        "admin" => admin(),
        "edit" => edit(),
        "view" => view(),
        "system:discovery" => vec![Rule::paths(
            &["get"],
            &[
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ],
        )],
        "system:basic-user" => vec![
            Rule::resources(
                &["create"],
                &["authorization.k8s.io"],
                &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            ),
            Rule::resources(&["create"], &["authentication.k8s.io"], &["selfsubjectreviews"]),
        ],
        "system:public-info-viewer" => {
            vec![Rule::paths(&["get"], &["/healthz", "/livez", "/readyz", "/version", "/version/"])]
        }
        "system:auth-delegator" => vec![
            Rule::resources(&["create"], &["authentication.k8s.io"], &["tokenreviews"]),
            Rule::resources(&["create"], &["authorization.k8s.io"], &["subjectaccessreviews"]),
        ],
        _ => return None,
    })
}

/// The cluster roles that a group has.
pub(super) fn bound_to_group(group: &str) -> &'static [&'static str] {
    match group {
        MASTERS => &["cluster-admin"],
        AUTHENTICATED => &["system:discovery", "system:basic-user", "system:public-info-viewer"],
        UNAUTHENTICATED => &["system:public-info-viewer"],
        _ => &[],
    }
}

fn view() -> Vec<Rule> {
    vec![
        Rule::resources(READ, &[""], CORE),
        Rule::resources(READ, &[""], CORE_STATUS),
        Rule::resources(READ, &["discovery.k8s.io"], &["endpointslices"]),
        Rule::resources(READ, &["networking.k8s.io"], NETWORKING),
        Rule::resources(READ, &["networking.k8s.io"], &["ingresses/status"]),
        Rule::resources(READ, WORKLOADS, &["*"]),
        Rule::resources(READ, TRAFFIC, &["*"]),
    ]
}

fn edit() -> Vec<Rule> {
    let mut rules = view();
    rules.extend([
        Rule::resources(READ, &[""], &["secrets", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"]),
        Rule::resources(&["impersonate"], &[""], &["serviceaccounts"]),
        Rule::resources(WRITE, &[""], CORE),
        Rule::resources(WRITE, &[""], &["events", "secrets"]),
        Rule::resources(
            &["create"],
            &[""],
            &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "pods/eviction", "serviceaccounts/token"],
        ),
        Rule::resources(WRITE, &["networking.k8s.io"], NETWORKING),
        Rule::resources(WRITE, WORKLOADS, &["*"]),
        Rule::resources(WRITE, TRAFFIC, &["*"]),
    ]);
    rules
}

fn admin() -> Vec<Rule> {
    let mut rules = edit();
    let all = [READ, WRITE].concat();
    rules.extend([
        Rule::resources(&["create"], &["authorization.k8s.io"], &["localsubjectaccessreviews"]),
        Rule::resources(&all, &["rbac.authorization.k8s.io"], &["roles", "rolebindings"]),
    ]);
    rules
}
