//! The objects that are applied, from the API.

use super::AnalyzeArgs;
use crate::client;
use anyhow::{Context, anyhow};
use meridian_analyze::Objects;
use meridian_control::standalone;
use meridian_kube::Error;
use meridian_resources::{Kind, decode, kind};
use serde_json::Value;

/// What is read: group, version, plural.
const KINDS: [(&str, &str, &str); 8] = [
    ("networking.istio.io", "v1", "gateways"),
    ("networking.istio.io", "v1", "virtualservices"),
    ("networking.istio.io", "v1", "destinationrules"),
    ("networking.istio.io", "v1", "serviceentries"),
    ("", "v1", "services"),
    ("", "v1", "pods"),
    ("", "v1", "secrets"),
    ("", "v1", "namespaces"),
];

/// Reads all objects that analyzers look at.
///
/// # Errors
/// There is no kubeconfig, or the API does not answer.
pub(super) async fn load(args: &AnalyzeArgs, objects: &mut Objects) -> anyhow::Result<()> {
    let server = client::connect(args.kubeconfig.as_deref(), args.context.as_deref(), None)
        .await
        .context("to look at files only, add --use-kube=false")?;
    for (group, version, plural) in KINDS {
        let root = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let list = server.get(&format!("/{root}/{plural}")).await.map_err(|error| match error {
            Error::Unavailable(reason) => {
                anyhow!("cannot reach the API at {}: {reason}: is `meridian up` running?", server.server())
            }
            error => anyhow!("the API at {} refuses to list {plural}: {error}", server.server()),
        })?;
        let known = kind::by_plural(group, plural).expect("these kinds are in the registry");
        for item in list["items"].as_array().into_iter().flatten() {
            put(objects, known, item.clone());
        }
    }
    Ok(())
}

/// The gateways that `meridian up` runs, for files alone.
pub(super) fn defaults(objects: &mut Objects) {
    for (kind, object) in ["ingressgateway", "egressgateway"].into_iter().flat_map(standalone::installed) {
        put(objects, kind, object);
    }
}

fn put(objects: &mut Objects, kind: &'static Kind, mut item: Value) {
    item["apiVersion"] = kind.preferred_api_version().into();
    item["kind"] = kind.kind.into();
    let Ok(resource) = decode(kind, &item) else { return };
    let name = resource.object_ref();
    objects.put(resource);
    objects.note(name, meridian_resources::validate(kind, &item), meridian_resources::warnings(kind, &item));
}
