//! Gateway API between two translations: its objects, what is attached to what, and what is said of each.

pub(crate) mod merge;
pub(crate) mod model;

use crate::key::Key;
use crate::resources::Objects;
use meridian_ir::Name;
use meridian_resources::gateway_api::{
    BackendTlsPolicy, EXPERIMENTAL_GROUP, GROUP, Gateway, GatewayClass, GrpcRoute, HttpRoute, ListenerSet,
    ReferenceGrant, TcpRoute, TlsRoute, UdpRoute, XBackend, XBackendTrafficPolicy, XMesh,
};
use meridian_resources::{Object, ObjectRef, Resource};
use model::{GatewayModel, Provision};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The controller whose GatewayClasses are served, as they name it.
pub const CONTROLLER_NAME: &str = "meridian.dev/gateway-controller";

/// The label of everything that is made for a Gateway, with its name; the proxies of a Gateway are known by it.
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// All objects of Gateway API.
#[derive(Debug, Default)]
pub(crate) struct GatewayApi {
    pub(crate) classes: HashMap<Name, Arc<Object<GatewayClass>>>,
    pub(crate) gateways: Objects<Gateway>,
    pub(crate) listener_sets: Objects<ListenerSet>,
    pub(crate) http_routes: Objects<HttpRoute>,
    pub(crate) grpc_routes: Objects<GrpcRoute>,
    pub(crate) tls_routes: Objects<TlsRoute>,
    pub(crate) tcp_routes: Objects<TcpRoute>,
    pub(crate) udp_routes: Objects<UdpRoute>,
    pub(crate) grants: Objects<ReferenceGrant>,
    pub(crate) backend_tls_policies: Objects<BackendTlsPolicy>,
    pub(crate) backends: Objects<XBackend>,
    pub(crate) traffic_policies: Objects<XBackendTrafficPolicy>,
    pub(crate) meshes: HashMap<Name, Arc<Object<XMesh>>>,
    /// What became of what Gateways need to be reached.
    pub(crate) provisions: HashMap<Key, Provision>,
    /// The Gateways of ours.
    pub(crate) models: BTreeMap<Key, Arc<GatewayModel>>,
    /// Something is different since the models were made.
    pub(crate) changed: bool,
}

impl GatewayApi {
    /// Takes in an object of Gateway API; another one is given back.
    pub(crate) fn put(&mut self, resource: Resource) -> Result<(), Resource> {
        macro_rules! put {
            ($($variant:ident => $field:ident),+ $(,)?) => {
                match resource {
                    $(Resource::$variant(object) => {
                        self.$field.insert(Key::of(&object.meta), object);
                    })+
                    Resource::GatewayClass(object) => {
                        self.classes.insert(object.meta.name.clone(), object);
                    }
                    Resource::XMesh(object) => {
                        self.meshes.insert(object.meta.name.clone(), object);
                    }
                    other => return Err(other),
                }
            };
        }
        put!(
            KubernetesGateway => gateways,
            ListenerSet => listener_sets,
            HttpRoute => http_routes,
            GrpcRoute => grpc_routes,
            TlsRoute => tls_routes,
            TcpRoute => tcp_routes,
            UdpRoute => udp_routes,
            ReferenceGrant => grants,
            BackendTlsPolicy => backend_tls_policies,
            XBackend => backends,
            XBackendTrafficPolicy => traffic_policies,
        );
        self.changed = true;
        Ok(())
    }

    /// Forgets an object. Whether it is one of Gateway API.
    pub(crate) fn delete(&mut self, object: &ObjectRef) -> bool {
        if ![GROUP, EXPERIMENTAL_GROUP].contains(&object.kind.group) {
            return false;
        }
        let key = Key { namespace: object.namespace.clone().unwrap_or_default(), name: object.name.clone() };
        match object.kind.kind {
            "GatewayClass" => self.classes.remove(&key.name).is_some(),
            "XMesh" => self.meshes.remove(&key.name).is_some(),
            "Gateway" => self.gateways.remove(&key).is_some(),
            "ListenerSet" => self.listener_sets.remove(&key).is_some(),
            "HTTPRoute" => self.http_routes.remove(&key).is_some(),
            "GRPCRoute" => self.grpc_routes.remove(&key).is_some(),
            "TLSRoute" => self.tls_routes.remove(&key).is_some(),
            "TCPRoute" => self.tcp_routes.remove(&key).is_some(),
            "UDPRoute" => self.udp_routes.remove(&key).is_some(),
            "ReferenceGrant" => self.grants.remove(&key).is_some(),
            "BackendTLSPolicy" => self.backend_tls_policies.remove(&key).is_some(),
            "XBackend" => self.backends.remove(&key).is_some(),
            "XBackendTrafficPolicy" => self.traffic_policies.remove(&key).is_some(),
            _ => false,
        };
        self.changed = true;
        true
    }
}
