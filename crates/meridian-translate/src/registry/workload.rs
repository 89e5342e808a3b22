//! What is known of the workload at an endpoint: who it is in the mesh, and whether it speaks the mesh's mutual TLS.

use crate::istio::peer_authentication::Mode;
use crate::mesh::MeshConfig;
use crate::proxy::node::ProxyNode;
use crate::resources::Resources;
use meridian_ir::Name;
use meridian_ir::endpoint::Workload;
use meridian_resources::core::Pod;
use meridian_resources::istio::WorkloadEntry;
use meridian_resources::{Object, StringMap};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// The label by which a workload says whether a sidecar with mutual TLS is beside it; injection sets it.
const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";
const TLS_MODE_ISTIO: &str = "istio";
/// The annotation that injection leaves on Pods with a sidecar.
const INJECTED_ANNOTATION: &str = "sidecar.istio.io/status";

/// Labels that Deployments, StatefulSets, DaemonSets and Jobs set on their Pods.
const POD_TEMPLATE_HASH_LABEL: &str = "pod-template-hash";
const STATEFUL_SET_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const CONTROLLER_REVISION_LABEL: &str = "controller-revision-hash";
const JOB_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

/// The Kubernetes cluster, as Istio calls it where nothing else is said.
fn cluster() -> Name {
    static CLUSTER: OnceLock<Name> = OnceLock::new();
    CLUSTER.get_or_init(|| "Kubernetes".into()).clone()
}

/// The revision of a workload that has none.
fn latest() -> Name {
    static LATEST: OnceLock<Name> = OnceLock::new();
    LATEST.get_or_init(|| "latest".into()).clone()
}

/// What an endpoint was made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Described<'r> {
    /// A Pod.
    Pod(&'r Object<Pod>),
    /// A WorkloadEntry, or an endpoint of a ServiceEntry, of this name and namespace.
    Entry(&'r WorkloadEntry, &'r Name, &'r Name),
    /// An address of which nothing is said, in this namespace.
    Address(&'r Name),
}

/// One workload. What objects say of it goes before what a sidecar says that is connected for its address: who may write
/// objects is the cluster's to decide.
pub(crate) struct Known<'r> {
    described: Described<'r>,
    /// The sidecar that is beside it.
    sidecar: Option<&'r ProxyNode>,
}

impl<'r> Known<'r> {
    /// The workload at `address`.
    pub(crate) fn new(resources: &'r Resources, described: Described<'r>, address: Option<IpAddr>) -> Self {
        let sidecar = address.and_then(|address| resources.attached.get(&address));
        Self { described, sidecar: sidecar.map(|node| &**node) }
    }

    fn namespace(&self) -> &'r Name {
        match (self.described, self.sidecar) {
            (Described::Pod(pod), _) => &pod.meta.namespace,
            (Described::Entry(_, _, namespace), _) => namespace,
            (Described::Address(_), Some(node)) => &node.namespace,
            (Described::Address(namespace), None) => namespace,
        }
    }

    fn labels(&self) -> Option<&'r StringMap> {
        match self.described {
            Described::Pod(pod) => Some(&pod.meta.labels),
            Described::Entry(entry, ..) => Some(&entry.labels),
            Described::Address(_) => self.sidecar.map(|node| &node.labels),
        }
    }

    fn account(&self) -> Option<&'r str> {
        let connected = || self.sidecar.map(|node| &*node.service_account);
        match self.described {
            Described::Pod(pod) if pod.spec.service_account_name.is_empty() => Some("default"),
            Described::Pod(pod) => Some(&pod.spec.service_account_name),
            Described::Entry(entry, ..) if !entry.service_account.is_empty() => Some(&entry.service_account),
            Described::Entry(..) | Described::Address(_) => connected(),
        }
    }

    /// Its identities in the mesh, one for each of the mesh's trust domains.
    pub(crate) fn identities(&self, mesh: &MeshConfig) -> impl Iterator<Item = Name> {
        let account = self.account().map(|account| (self.namespace(), account));
        let domains = std::iter::once(&mesh.trust_domain).chain(&mesh.trust_domain_aliases);
        account.into_iter().flat_map(move |(namespace, account)| {
            let identity = move |domain| Name::from(format!("spiffe://{domain}/ns/{namespace}/sa/{account}"));
            domains.clone().map(identity)
        })
    }

    /// Whether mutual TLS of the mesh is spoken on its port: a sidecar is there, and no PeerAuthentication switched it
    /// off.
    pub(crate) fn has_mesh_tls(&self, resources: &Resources, mesh: &MeshConfig, port: u16) -> bool {
        let policies = &resources.peer_authentications;
        let mode = || policies.mode(&mesh.root_namespace, self.namespace(), self.labels(), port);
        self.has_sidecar() && mode() != Mode::Disable
    }

    fn has_sidecar(&self) -> bool {
        if let Some(mode) = self.labels().and_then(|labels| labels.get(TLS_MODE_LABEL)) {
            return mode == TLS_MODE_ISTIO;
        }
        self.sidecar.is_some()
            || match self.described {
                Described::Pod(pod) => pod.meta.annotations.contains_key(INJECTED_ANNOTATION),
                Described::Entry(entry, ..) => !entry.service_account.is_empty(),
                Described::Address(_) => false,
            }
    }

    /// What metrics call it; `None` when nobody knows who it is.
    pub(crate) fn for_metrics(&self) -> Option<Arc<Workload>> {
        let name: Name = match (self.described, self.sidecar) {
            (Described::Pod(pod), _) => controller(pod).into(),
            (Described::Entry(_, name, _), _) => name.clone(),
            (Described::Address(_), Some(node)) => node.name.clone(),
            (Described::Address(_), None) => return None,
        };
        let label = |names: [&str; 3]| {
            let labels = self.labels()?;
            names.iter().find_map(|name| labels.get(*name)).map(|value| Name::from(value.as_str()))
        };
        let canonical = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
        let revision = ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];
        Some(Arc::new(Workload {
            canonical_name: label(canonical).unwrap_or_else(|| name.clone()),
            canonical_revision: label(revision).unwrap_or_else(latest),
            name,
            namespace: self.namespace().clone(),
            cluster: cluster(),
        }))
    }
}

/// The name of what made a Pod, as the Pod's labels let it be known; that of the Pod where nothing did.
fn controller(pod: &Object<Pod>) -> &str {
    let (name, labels) = (&*pod.meta.name, &pod.meta.labels);
    let without_last = || name.rsplit_once('-').map(|(rest, _)| rest);
    let of_deployment = || {
        let hash = labels.get(POD_TEMPLATE_HASH_LABEL)?;
        without_last()?.strip_suffix(hash.as_str())?.strip_suffix('-')
    };
    let of_job = || JOB_LABELS.iter().find_map(|label| labels.get(*label)).map(String::as_str);
    let numbered = || {
        let made = labels.contains_key(STATEFUL_SET_LABEL) || labels.contains_key(CONTROLLER_REVISION_LABEL);
        made.then(without_last).flatten()
    };
    of_deployment().or_else(of_job).or_else(numbered).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_resources::{Meta, Spec};

    #[test]
    fn pods_are_called_by_what_made_them() {
        for (name, labels, expected) in [
            ("httpbin-5d8c6f9b7-x2x4z", &[("pod-template-hash", "5d8c6f9b7")][..], "httpbin"),
            ("a-b-5d8c6f9b7-x2x4z", &[("pod-template-hash", "5d8c6f9b7")], "a-b"),
            ("db-0", &[("statefulset.kubernetes.io/pod-name", "db-0"), ("controller-revision-hash", "db-1")], "db"),
            ("agent-x7k2p", &[("controller-revision-hash", "7cf")], "agent"),
            ("backup-28000-abcde", &[("job-name", "backup-28000")], "backup-28000"),
            ("lonely-pod", &[("app", "x")], "lonely-pod"),
        ] {
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let meta = Meta { name: name.into(), labels, ..Meta::default() };
            let status = <Pod as Spec>::Status::default();
            let pod = Object { meta, spec: Pod::default(), status, source: None };
            assert_eq!(controller(&pod), expected, "{name}");
        }
    }
}
