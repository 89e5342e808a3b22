//! Which proxies there are: the Pods that say where their admin endpoints are.

use super::json::{items, text};
use anyhow::{Context, anyhow, bail};
use meridian_control::standalone::{ADMIN_ANNOTATION, CONTROL_PLANE_ANNOTATION, CONTROL_PLANE_MAP};
use meridian_kube::{Connection, Error};
use serde_json::Value;
use std::collections::BTreeSet;

/// The Pod of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodName {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

impl PodName {
    /// `NAME`, `NAME.NAMESPACE`, and either with `pod/` before it.
    ///
    /// # Errors
    /// It names something else than a Pod.
    pub(crate) fn parse(proxy: &str, namespace: &str) -> anyhow::Result<Self> {
        let name = match proxy.split_once('/') {
            None => proxy,
            Some(("pod" | "pods" | "po", name)) => name,
            Some((kind, name)) => {
                bail!("found {kind}/{name}, allowed: the name of a Pod, such as ingressgateway.istio-system")
            }
        };
        let (name, namespace) = name.rsplit_once('.').unwrap_or((name, namespace));
        if name.is_empty() || namespace.is_empty() {
            bail!("found {proxy:?}, allowed: NAME or NAME.NAMESPACE, such as ingressgateway.istio-system");
        }
        Ok(Self { name: name.to_owned(), namespace: namespace.to_owned() })
    }
}

/// Where control planes tell of their proxies: the one that keeps the API, and those that Pods name.
pub(crate) async fn control_planes(api: &Connection, pods: &Value) -> BTreeSet<String> {
    let mut all: BTreeSet<String> =
        annotations(pods, CONTROL_PLANE_ANNOTATION).into_iter().map(str::to_owned).collect();
    let path = format!("/api/v1/namespaces/istio-system/configmaps/{CONTROL_PLANE_MAP}");
    // An API without it, which another control plane reads, has told all with its Pods.
    if let Ok(map) = api.get(&path).await {
        all.extend(Some(text(&map, "/data/debugAddress").to_owned()).filter(|address| !address.is_empty()));
    }
    all
}

/// The Pods that the API has.
///
/// # Errors
/// The API does not answer, or refuses.
pub(crate) async fn pods(api: &Connection) -> anyhow::Result<Value> {
    api.get("/api/v1/pods").await.map_err(|error| match error {
        Error::Unavailable(reason) => anyhow!(
            "cannot reach the API at {}: {reason}: is `meridian up` running? Otherwise export KUBECONFIG for one that is, \
             or name the proxy's admin endpoint with --admin ADDR:PORT",
            api.server()
        ),
        error => anyhow!("the API at {} refuses: {error}", api.server()),
    })
}

/// What the annotation `key` of `pod` says.
///
/// # Errors
/// There is no such proxy; the message names those that there are.
pub(crate) fn annotation(pods: &Value, pod: &PodName, key: &str) -> anyhow::Result<String> {
    let PodName { name, namespace } = pod;
    let is_wanted = |pod: &&Value| text(pod, "/metadata/name") == name && text(pod, "/metadata/namespace") == namespace;
    match items(pods, "/items").find(is_wanted) {
        None => bail!("there is no proxy {name} in namespace {namespace}; {}", known(pods)),
        Some(pod) => annotated(pod, key).map(str::to_owned).with_context(|| {
            format!("Pod {name} in namespace {namespace} has no annotation {key}, so it is no proxy; {}", known(pods))
        }),
    }
}

fn annotated<'p>(pod: &'p Value, key: &str) -> Option<&'p str> {
    pod.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// The values of the annotation `key`, each once.
pub(crate) fn annotations<'p>(pods: &'p Value, key: &str) -> BTreeSet<&'p str> {
    items(pods, "/items").filter_map(|pod| annotated(pod, key)).collect()
}

/// The proxies that there are, for messages.
fn known(pods: &Value) -> String {
    let names: Vec<String> = items(pods, "/items")
        .filter(|pod| annotated(pod, ADMIN_ANNOTATION).is_some())
        .map(|pod| format!("{}.{}", text(pod, "/metadata/name"), text(pod, "/metadata/namespace")))
        .collect();
    if names.is_empty() { "no proxies are known".to_owned() } else { format!("known proxies are {}", names.join(", ")) }
}
