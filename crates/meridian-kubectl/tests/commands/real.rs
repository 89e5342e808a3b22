//! The same lines on a real kube-apiserver.

use crate::both::Lab;
use crate::cases::{APPLY, CHANGE, CREATE, DELETE, EXPLAIN, GET, files, same};
use meridian_kubernetes::Kubernetes;
use meridian_resources::crd;
use tokio::runtime::Runtime;

#[test]
fn a_real_api_is_used_as_kubectl_uses_it() {
    let Some(kubernetes) = Kubernetes::start_with(&[("CONTROLLERS", "namespace-controller")]) else { return };
    let documents = crd::kinds().filter_map(crd::document).map(|document| document.to_string());
    kubernetes.kubectl(&["create", "-f", "-"], &documents.collect::<Vec<_>>().join("\n"));
    let established = "wait --for=condition=Established crd --all --timeout=60s".split(' ').collect::<Vec<_>>();
    kubernetes.kubectl(&established, "");
    let kubeconfig = std::fs::read_to_string(kubernetes.kubeconfig()).unwrap();
    let lab = Lab::of(&kubeconfig, Runtime::new().unwrap());
    files(&lab);
    for lines in [APPLY, GET, CREATE, CHANGE, DELETE, EXPLAIN] {
        same(&lab, lines);
    }
}
