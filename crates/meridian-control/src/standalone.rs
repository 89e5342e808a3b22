//! The objects that a process without Kubernetes starts with: what an installation of Istio puts into `istio-system`.

use crate::{identity, mesh};
use meridian_apiserver::{Api, ApiError};
use meridian_resources::gateway_api::GROUP;
use meridian_resources::{Kind, kind};
use meridian_store::{EventType, GroupResource, Key, Selection, WatchError};
use meridian_translate::{CONTROLLER_NAME, MeshConfig};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The namespace of gateways.
pub const NAMESPACE: &str = mesh::NAMESPACE;

/// The annotation of a gateway's Pod that says where its admin endpoint is.
pub const ADMIN_ANNOTATION: &str = "meridian.dev/admin-address";

/// The annotation of a gateway's Pod that says where the control plane that drives it tells how far the gateway is.
pub const CONTROL_PLANE_ANNOTATION: &str = "meridian.dev/control-plane-address";

/// The ConfigMap in `istio-system` that says where the control plane's debug endpoint is (key `debugAddress`).
pub const CONTROL_PLANE_MAP: &str = "meridian";

/// The classes of the Gateways of Gateway API that are served: that of an installation on Kubernetes, and the one that
/// Istio's tutorials name.
const GATEWAY_CLASSES: [&str; 2] = ["meridian", "istio"];

/// Says where the control plane's debug endpoint is.
///
/// # Errors
/// The store cannot be written.
pub async fn announce(api: &Api, debug: SocketAddr) -> Result<(), ApiError> {
    let map = json!({
        "metadata": {"name": CONTROL_PLANE_MAP, "namespace": NAMESPACE},
        "data": {"debugAddress": debug.to_string()},
    });
    replace(api, "", "ConfigMap", map).await
}

/// A gateway that runs in this process.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its name, for example `ingressgateway`.
    pub name: String,
    /// Where its servers listen.
    pub address: IpAddr,
    /// Where its admin endpoint listens.
    pub admin: SocketAddr,
    /// Where the control plane's debug endpoint listens.
    pub control_plane: SocketAddr,
}

impl Gateway {
    /// The labels that Gateways select by.
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("istio".into(), self.name.clone()), ("app".into(), self.service())])
    }

    /// The name of its Service.
    pub fn service(&self) -> String {
        format!("istio-{}", self.name)
    }

    /// The address at which this machine reaches it.
    pub fn reachable(&self) -> IpAddr {
        if self.address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { self.address }
    }
}

/// Makes the objects: the mesh configuration, the mesh's authority, the GatewayClasses and the gateways' Services where
/// they do not exist, so that a user's changes stay; the gateways' EndpointSlices and Pods as they are now.
///
/// # Errors
/// The store cannot be written.
pub async fn prepare(api: &Api, gateways: &[Gateway]) -> Result<(), ApiError> {
    let mesh = json!({"metadata": {"name": mesh::NAME, "namespace": NAMESPACE}, "data": {"mesh": "accessLogFile: /dev/stdout\n"}});
    make(api, "", "ConfigMap", mesh).await?;
    let made = identity::self_signed(NAMESPACE, &MeshConfig::default().trust_domain, std::time::SystemTime::now());
    match made {
        Ok(authority) => make(api, "", "Secret", authority).await?,
        Err(error) => {
            tracing::error!("the mesh has no authority: {error}; servers with mode ISTIO_MUTUAL refuse handshakes")
        }
    }
    for class in GATEWAY_CLASSES {
        let spec = json!({"controllerName": CONTROLLER_NAME});
        make(api, GROUP, "GatewayClass", json!({"metadata": {"name": class}, "spec": spec})).await?;
    }
    for gateway in gateways {
        make(api, "", "Service", service(gateway)).await?;
        replace(api, "discovery.k8s.io", "EndpointSlice", endpoint_slice(gateway)).await?;
        replace(api, "", "Pod", pod(gateway)).await?;
    }
    replace(api, "", "Pod", control_plane_pod(gateways)).await
}

/// Makes the Pod of a gateway or of the control plane again that a user has deleted, as tutorials do to restart them; what
/// it stands for goes on. Ends with the store.
pub async fn keep(api: Api, gateways: Vec<Gateway>) {
    let pods = GroupResource::of(known("", "Pod"));
    loop {
        let revision = api.store().revision();
        for pod in gateways.iter().map(pod).chain([control_plane_pod(&gateways)]) {
            if let Err(error) = make(&api, "", "Pod", pod).await {
                tracing::warn!(%error, "a Pod cannot be made again");
            }
        }
        match deletion(&api, &pods, revision).await {
            Ok(()) => {}
            Err(WatchError::Closed) => return,
            Err(error) => tracing::debug!(%error, "looking at the gateways' Pods again"),
        }
    }
}

/// Waits until a Pod in the gateways' namespace is deleted.
async fn deletion(api: &Api, pods: &GroupResource, revision: u64) -> Result<(), WatchError> {
    let selection = Selection { namespace: Some(NAMESPACE.into()), ..Selection::of(pods.clone()) };
    let mut watch = api.store().watch(selection, revision)?;
    loop {
        if watch.next().await?.event_type == EventType::Deleted {
            return Ok(());
        }
    }
}

/// The Service and the Pod of a gateway called `name`, as [`prepare`] makes them for one on loopback addresses.
pub fn installed(name: &str) -> [(&'static Kind, Value); 2] {
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    let gateway = Gateway {
        name: name.into(),
        address,
        admin: SocketAddr::new(address, 15000),
        control_plane: SocketAddr::new(address, 15014),
    };
    [(known("", "Service"), service(&gateway)), (known("", "Pod"), pod(&gateway))]
}

/// Creates an object unless it exists.
async fn make(api: &Api, group: &str, kind: &str, object: Value) -> Result<(), ApiError> {
    let kind = known(group, kind);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = if kind.namespaced { NAMESPACE } else { "" };
    if api.store().get(&Key::new(GroupResource::of(kind), namespace, name)).is_some() {
        return Ok(());
    }
    replace(api, group, kind.kind, object).await
}

async fn replace(api: &Api, group: &str, kind: &str, mut object: Value) -> Result<(), ApiError> {
    let kind = known(group, kind);
    object["apiVersion"] = kind.preferred_api_version().into();
    object["kind"] = kind.kind.into();
    api.put(kind, object).await.map(|_| ())
}

fn known(group: &str, name: &str) -> &'static Kind {
    kind::by_group_kind(group, name).expect("the kinds that this module names are in the registry")
}

/// The ports that Istio's gateways have: name, port, target port.
const PORTS: [(&str, u16, u16); 3] = [("status-port", 15021, 15021), ("http2", 80, 8080), ("https", 443, 8443)];

fn service(gateway: &Gateway) -> Value {
    let ports: Vec<Value> = PORTS
        .iter()
        .map(|(name, port, target)| json!({"name": name, "port": port, "protocol": "TCP", "targetPort": target}))
        .collect();
    json!({
        "metadata": {"name": gateway.service(), "namespace": NAMESPACE, "labels": gateway.labels()},
        "spec": {"type": "LoadBalancer", "selector": gateway.labels(), "ports": ports},
    })
}

fn endpoint_slice(gateway: &Gateway) -> Value {
    let mut labels = gateway.labels();
    labels.insert("kubernetes.io/service-name".into(), gateway.service());
    let ports: Vec<Value> =
        PORTS.iter().map(|(name, _, target)| json!({"name": name, "port": target, "protocol": "TCP"})).collect();
    json!({
        "metadata": {"name": gateway.service(), "namespace": NAMESPACE, "labels": labels},
        "addressType": if gateway.address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{
            "addresses": [gateway.reachable().to_string()],
            "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": gateway.name, "namespace": NAMESPACE},
        }],
        "ports": ports,
    })
}

fn pod(gateway: &Gateway) -> Value {
    let metadata = json!({
        "name": gateway.name,
        "namespace": NAMESPACE,
        "labels": gateway.labels(),
        "annotations": {
            ADMIN_ANNOTATION: gateway.admin.to_string(),
            CONTROL_PLANE_ANNOTATION: gateway.control_plane.to_string(),
        },
    });
    running(metadata, &gateway.name, "istio-proxy", gateway.reachable())
}

/// The Pod of the control plane, by the labels that Istio's has.
fn control_plane_pod(gateways: &[Gateway]) -> Value {
    let address = gateways.first().map_or(Ipv4Addr::LOCALHOST.into(), Gateway::reachable);
    let labels = json!({"app": "istiod", "istio": "pilot"});
    running(json!({"name": "istiod", "namespace": NAMESPACE, "labels": labels}), "istiod", "discovery", address)
}

/// A Pod whose one container runs.
fn running(metadata: Value, account: &str, container: &str, address: IpAddr) -> Value {
    let address = address.to_string();
    json!({
        "metadata": metadata,
        "spec": {"serviceAccountName": account, "containers": [{"name": container, "image": "meridian"}]},
        "status": {
            "phase": "Running",
            "podIP": address,
            "hostIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": container, "ready": true, "restartCount": 0, "image": "meridian", "imageID": "",
                "state": {"running": {}},
            }],
        },
    })
}
