//! What Istio writes into the metadata of resources about the objects behind them; `istioctl` shows it.

use crate::read::{Fields, Node, ReadError};
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

/// Reads `metadata` as far as Istio's part of it goes; everything else is noted.
fn read_istio<T>(
    fields: &Fields<'_>,
    read: impl FnOnce(&Fields<'_>) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    let read = |istio: &Node<'_>| istio.message(read);
    let filters = |metadata: &Node<'_>| {
        metadata.message(|metadata| {
            metadata.some("filterMetadata", |filters| filters.message(|filters| filters.some("istio", read)))
        })
    };
    Ok(fields.some("metadata", filters)?.flatten().flatten())
}

/// The object in `config`; a kind that Istio does not name there is noted.
fn read_config(istio: &Fields<'_>) -> Result<Option<Origin>, ReadError> {
    let Some(node) = istio.get("config") else { return Ok(None) };
    let path: Vec<&str> = node.text()?.split('/').collect();
    if let ["", "apis", group, version, "namespaces", namespace, kind, name] = path[..]
        && let Some((found, ..)) =
            KINDS.iter().find(|(_, api, known)| *known == kind && api.split_once('/') == Some((group, version)))
    {
        return Ok(Some(Origin { kind: found, namespace: namespace.into(), name: name.into() }));
    }
    node.unsupported();
    Ok(None)
}

/// The object behind a route or filter chain.
pub(crate) fn read_origin(fields: &Fields<'_>) -> Result<Option<Origin>, ReadError> {
    Ok(read_istio(fields, read_config)?.flatten())
}

/// The services and the DestinationRule behind the cluster of that name. A service that is called by its host is a
/// ServiceEntry's; what that is called is not there.
pub(crate) fn read_of_cluster(fields: &Fields<'_>, cluster: &str) -> Result<Vec<Origin>, ReadError> {
    let (subset, host) = {
        let mut parts = cluster.splitn(4, '|').skip(2);
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    };
    let service = |node: &Node<'_>| {
        node.message(|service| {
            service.known("host", &json!(host));
            // Services of a registry that does not name them have hosts only.
            let name = match service.name("name")? {
                name if name.is_empty() => service.name("host")?,
                name => name,
            };
            let kind = if *name == *host { "ServiceEntry" } else { "Service" };
            Ok(Origin { kind, namespace: service.name("namespace")?, name })
        })
    };
    let origins = read_istio(fields, |istio| {
        istio.known("subset", &json!(subset));
        let mut origins = istio.each("services", service)?;
        origins.extend(read_config(istio)?);
        Ok(origins)
    })?;
    Ok(origins.unwrap_or_default())
}
