//! What Istio writes into the metadata of resources about the objects behind them; `istioctl` shows it.

use crate::cluster;
use crate::cluster::dynamic_forward;
use crate::ext_authz;
use crate::read::{Fields, Node, ReadError};
use meridian_ir::cluster::ServiceName;
use meridian_ir::dynamic_forward::DynamicForward;
use meridian_ir::endpoint::Workload;
use meridian_ir::{Cluster, Endpoint, ExtAuthz, Name, Origin, Route};
use serde_json::{Map, Value, json};
use std::sync::Arc;

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

/// The metadata of a cluster: the services behind it, its subset and its DestinationRule. The service that metrics name
/// is the first.
pub(crate) fn of_cluster(cluster: &Cluster) -> Option<Value> {
    let mut fields = cluster.name.splitn(4, '|').skip(2);
    let (subset, host) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    let mut istio = Map::new();
    let mut services: Vec<Value> = (cluster.service.iter())
        .map(|one| json!({"host": &*one.host, "name": &*one.name, "namespace": &*one.namespace}))
        .collect();
    for origin in cluster.origins.iter().filter(|origin| matches!(origin.kind, "Service" | "ServiceEntry")) {
        let name = if origin.kind == "Service" { &*origin.name } else { host };
        let service = json!({"host": host, "name": name, "namespace": &*origin.namespace});
        if !services.contains(&service) {
            services.push(service);
        }
    }
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
    let mut filters = Map::new();
    if !istio.is_empty() {
        filters.insert("istio".into(), istio.into());
    }
    if let Some((name, settings)) = cluster.dynamic_forward.as_deref().map(dynamic_forward::settings) {
        filters.insert("meridian".into(), json!({name: settings}));
    }
    (!filters.is_empty()).then(|| json!({"filterMetadata": filters}))
}

/// Key of what Envoy has no place for, in the metadata of a resource.
const OWN: &str = "meridian";

/// Metadata with one thing that Envoy has no place for.
pub(crate) fn own(key: &str, settings: Value) -> Value {
    json!({"filterMetadata": {OWN: {key: settings}}})
}

/// What [`own`] has written under this key; other metadata is noted.
pub(crate) fn own_settings<'v>(fields: &Fields<'v>, key: &str) -> Result<Option<Node<'v>>, ReadError> {
    let settings = fields.some("metadata", |metadata| {
        metadata.message(|metadata| {
            metadata.some("filterMetadata", |filters| {
                filters.message(|filters| filters.some(OWN, |own| own.message(|own| Ok(own.get(key)))))
            })
        })
    })?;
    Ok(settings.flatten().flatten().flatten())
}

/// The metadata of a route that was made from `origin`, and what of its external authorization is nowhere else.
pub(crate) fn of_route(route: &Route) -> Option<Value> {
    let settings = route.ext_authz.as_deref().and_then(ext_authz::settings);
    let Some(settings) = settings else { return of_origin(route.origin.as_ref()) };
    let mut metadata = own(ext_authz::SETTINGS, settings);
    if let Some(config) = route.origin.as_ref().and_then(config) {
        metadata["filterMetadata"]["istio"] = json!({"config": config});
    }
    Some(metadata)
}

/// See [`of_route`]; what there is of external authorization goes into `authz`.
pub(crate) fn read_of_route(fields: &Fields<'_>, authz: Option<&mut ExtAuthz>) -> Result<Option<Origin>, ReadError> {
    let istio = |istio: &Node<'_>| istio.message(read_config);
    let origin = read_filters(fields, |filters| {
        if let (Some(own), Some(authz)) = (filters.get(OWN), authz) {
            own.message(|own| own.some(ext_authz::SETTINGS, |settings| ext_authz::read_settings(settings, authz)))?;
        }
        filters.some("istio", istio)
    })?;
    Ok(origin.flatten().flatten())
}

/// Reads the parts of `metadata` that `read` knows; everything else is noted.
fn read_filters<T>(
    fields: &Fields<'_>,
    read: impl FnOnce(&Fields<'_>) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    let filters = |metadata: &Node<'_>| {
        metadata.message(|metadata| metadata.some("filterMetadata", |filters| filters.message(read)))
    };
    Ok(fields.some("metadata", filters)?.flatten())
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
    let istio = |istio: &Node<'_>| istio.message(read_config);
    Ok(read_filters(fields, |filters| filters.some("istio", istio))?.flatten().flatten())
}

/// What is behind a cluster.
#[derive(Default)]
pub(crate) struct OfCluster {
    /// Services and the DestinationRule.
    pub(crate) origins: Vec<Origin>,
    /// The service that metrics name.
    pub(crate) service: Option<Arc<ServiceName>>,
    /// Which hosts it goes to, where it goes to those that clients name.
    pub(crate) dynamic_forward: Option<DynamicForward>,
}

/// What is behind the cluster of that name. A service that is called by its host is a ServiceEntry's; what that is
/// called is not there.
pub(crate) fn read_of_cluster(fields: &Fields<'_>, cluster: &str) -> Result<OfCluster, ReadError> {
    let subset = cluster.split('|').nth(2).unwrap_or_default();
    let service = |node: &Node<'_>| {
        node.message(|service| {
            let host = service.name("host")?;
            // Services of a registry that does not name them have hosts only.
            let name = Some(service.name("name")?).filter(|name| !name.is_empty()).unwrap_or_else(|| host.clone());
            Ok(ServiceName { host, name, namespace: service.name("namespace")? })
        })
    };
    let of_istio = |istio: &Fields<'_>| {
        istio.known("subset", &json!(subset));
        let services = istio.each("services", service)?;
        let origin = |service: &ServiceName| {
            let kind = if service.name == service.host { "ServiceEntry" } else { "Service" };
            Origin { kind, namespace: service.namespace.clone(), name: service.name.clone() }
        };
        let mut origins: Vec<Origin> = services.iter().map(origin).collect();
        origins.extend(read_config(istio)?);
        Ok(OfCluster { origins, service: services.into_iter().next().map(Arc::new), dynamic_forward: None })
    };
    let found = read_filters(fields, |filters| {
        let found = filters.some("istio", |istio| istio.message(of_istio))?.unwrap_or_default();
        let settings = filters.some("meridian", |meridian| meridian.message(dynamic_forward::read_settings))?;
        Ok(OfCluster { dynamic_forward: settings.flatten(), ..found })
    })?;
    Ok(found.unwrap_or_default())
}

/// The metadata of an endpoint: whether it has mutual TLS of the mesh, and its workload.
pub(crate) fn of_endpoint(endpoint: &Endpoint) -> Option<Value> {
    let mut filters = Map::new();
    if endpoint.mesh_tls {
        filters.insert(TRANSPORT_SOCKET_MATCH.into(), cluster::mesh_tls());
    }
    if let Some(workload) = &endpoint.workload {
        let Workload { name, namespace, canonical_name, canonical_revision, cluster } = &**workload;
        let text = [name, namespace, canonical_name, canonical_revision, cluster].map(|part| &**part).join(";");
        filters.insert("istio".into(), json!({"workload": text}));
    }
    (!filters.is_empty()).then(|| json!({"filterMetadata": filters}))
}

/// What decides about the transport socket of an endpoint.
const TRANSPORT_SOCKET_MATCH: &str = "envoy.transport_socket_match";

/// See [`of_endpoint`].
pub(crate) fn read_of_endpoint(endpoint: &Fields<'_>) -> Result<(bool, Option<Arc<Workload>>), ReadError> {
    let read = |filters: &Fields<'_>| {
        let mesh_tls = filters.get(TRANSPORT_SOCKET_MATCH).is_some_and(|found| {
            let is_mesh = *found.value() == cluster::mesh_tls();
            if !is_mesh {
                found.unsupported();
            }
            is_mesh
        });
        let workload = filters.some("istio", |istio| istio.message(|istio| istio.some("workload", read_workload)))?;
        Ok((mesh_tls, workload.flatten()))
    };
    let filters = |metadata: &Node<'_>| {
        metadata.message(|metadata| metadata.some("filterMetadata", |filters| filters.message(read)))
    };
    Ok(endpoint.some("metadata", filters)?.flatten().unwrap_or_default())
}

fn read_workload(node: &Node<'_>) -> Result<Arc<Workload>, ReadError> {
    let parts: Vec<Name> = node.text()?.split(';').map(Name::from).collect();
    match <[Name; 5]>::try_from(parts) {
        Ok([name, namespace, canonical_name, canonical_revision, cluster]) => {
            Ok(Arc::new(Workload { name, namespace, canonical_name, canonical_revision, cluster }))
        }
        Err(_) => Err(node.error("name;namespace;canonical name;canonical revision;cluster")),
    }
}
