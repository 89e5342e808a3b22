//! What Istio writes into the metadata of resources about the objects behind them; `istioctl` shows it.

use meridian_ir::{Cluster, Origin};
use serde_json::{Map, Value, json};

/// API group and version of the kinds that Istio names in metadata, and the kind as Istio writes it there.
const KINDS: [(&str, &str, &str); 4] = [
    ("VirtualService", "networking.istio.io/v1", "virtual-service"),
    ("DestinationRule", "networking.istio.io/v1", "destination-rule"),
    ("Sidecar", "networking.istio.io/v1", "sidecar"),
    ("EnvoyFilter", "networking.istio.io/v1alpha3", "envoy-filter"),
];

/// `/apis/networking.istio.io/v1/namespaces/<namespace>/virtual-service/<name>`; `None` for kinds of which Istio does
/// not tell.
fn config(origin: &Origin) -> Option<String> {
    let (_, version, kind) = KINDS.iter().find(|(kind, ..)| *kind == origin.kind)?;
    Some(format!("/apis/{version}/namespaces/{}/{kind}/{}", origin.namespace, origin.name))
}

/// The metadata of a route or filter chain that was made from `origin`.
pub(crate) fn of_origin(origin: Option<&Origin>) -> Option<Value> {
    let config = config(origin?)?;
    Some(json!({"filterMetadata": {"istio": {"config": config}}}))
}

/// The metadata of a cluster: the services behind it, its subset and its DestinationRule.
pub(crate) fn of_cluster(cluster: &Cluster) -> Option<Value> {
    let mut fields = cluster.name.splitn(4, '|').skip(2);
    let (subset, host) = (fields.next()?, fields.next()?);
    let mut istio = Map::new();
    let services: Vec<Value> = (cluster.origins.iter())
        .filter(|origin| matches!(origin.kind, "Service" | "ServiceEntry"))
        .map(|origin| {
            let name = if origin.kind == "Service" { &*origin.name } else { host };
            json!({"host": host, "name": name, "namespace": &*origin.namespace})
        })
        .collect();
    if !services.is_empty() {
        istio.insert("services".into(), services.into());
    }
    let rule = cluster.origins.iter().find(|origin| origin.kind == "DestinationRule");
    if let Some(config) = rule.and_then(config) {
        istio.insert("config".into(), config.into());
        if !subset.is_empty() {
            istio.insert("subset".into(), subset.into());
        }
    }
    (!istio.is_empty()).then(|| json!({"filterMetadata": {"istio": istio}}))
}
