//! Which lists of Kubernetes' own kinds are merged item by item, and by which field.
//!
//! The same table drives strategic merge patches here and, as extensions of the OpenAPI documents, those that `kubectl`
//! computes. Lists that are not in it are replaced as a whole.

use crate::resource::ApiResource;

/// How a list is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListMerge {
    /// Items are objects, told apart by this field.
    By(&'static str),
    /// Items are scalars; the list is a set.
    Set,
}

use ListMerge::{By, Set};

/// Lists by the path of their field; the lists on the way are not marked.
type Paths = &'static [(&'static str, ListMerge)];

const METADATA: Paths = &[("metadata.ownerReferences", By("uid")), ("metadata.finalizers", Set)];

const SERVICE: Paths = &[("spec.ports", By("port")), ("status.conditions", By("type"))];

const SERVICE_ACCOUNT: Paths = &[("secrets", By("name"))];

const NAMESPACE: Paths = &[("status.conditions", By("type"))];

const POD: Paths = &[
    ("spec.containers", By("name")),
    ("spec.containers.env", By("name")),
    ("spec.containers.ports", By("containerPort")),
    ("spec.containers.volumeDevices", By("devicePath")),
    ("spec.containers.volumeMounts", By("mountPath")),
    ("spec.initContainers", By("name")),
    ("spec.initContainers.env", By("name")),
    ("spec.initContainers.ports", By("containerPort")),
    ("spec.initContainers.volumeDevices", By("devicePath")),
    ("spec.initContainers.volumeMounts", By("mountPath")),
    ("spec.ephemeralContainers", By("name")),
    ("spec.hostAliases", By("ip")),
    ("spec.imagePullSecrets", By("name")),
    ("spec.topologySpreadConstraints", By("topologyKey")),
    ("spec.volumes", By("name")),
    ("status.conditions", By("type")),
    ("status.hostIPs", By("ip")),
    ("status.podIPs", By("ip")),
];

/// The merged lists of a resource, beside those of the metadata.
fn of_resource(resource: &ApiResource) -> Paths {
    match (resource.group, resource.plural) {
        ("", "services") => SERVICE,
        ("", "namespaces") => NAMESPACE,
        ("", "serviceaccounts") => SERVICE_ACCOUNT,
        ("", "pods") => POD,
        _ => &[],
    }
}

/// The fields that tell the items of a list apart when an object is applied: for some lists more than when it is patched.
/// `None` for a list that is applied as a whole.
pub(crate) fn applied_by(path: &str, key: &'static str) -> Option<&'static [&'static str]> {
    match (path.rsplit('.').next().unwrap_or(path), key) {
        ("ports", "port") => Some(&["port", "protocol"]),
        ("ports", "containerPort") => Some(&["containerPort", "protocol"]),
        ("topologySpreadConstraints", _) => Some(&["topologyKey", "whenUnsatisfiable"]),
        ("hostIPs", _) => None,
        (_, "uid") => Some(&["uid"]),
        (_, "type") => Some(&["type"]),
        (_, "ip") => Some(&["ip"]),
        (_, "devicePath") => Some(&["devicePath"]),
        (_, "mountPath") => Some(&["mountPath"]),
        _ => Some(&["name"]),
    }
}

/// Objects that are applied as a whole.
pub(crate) fn atomic_maps(resource: &ApiResource) -> &'static [&'static str] {
    match (resource.group, resource.plural) {
        ("", "services") => &["spec.selector"],
        ("networking.k8s.io", "ingresses") => &["spec.defaultBackend.service.port", "spec.defaultBackend.resource"],
        _ => &[],
    }
}

/// Every merged list of a resource.
pub(crate) fn all(resource: &ApiResource) -> impl Iterator<Item = (&'static str, ListMerge)> {
    METADATA.iter().chain(of_resource(resource)).copied()
}

/// How the list at a path is merged; `None` when it is replaced.
pub(crate) fn find(resource: &ApiResource, path: &str) -> Option<ListMerge> {
    all(resource).find(|(known, _)| *known == path).map(|(_, merge)| merge)
}
