//! Gateway API between two translations: its objects, what is attached to what, and what is said of each.
//!
//! Objects are put and deleted; what must be looked at again is noted at once with the help of an [`Index`], and
//! [`GatewayApi::update`] looks at nothing else.

mod attach;
pub(crate) mod backend;
mod class;
mod condition;
mod conflict;
mod experimental;
mod extension;
mod features;
mod hostname;
mod index;
mod listener;
pub(crate) mod merge;
pub(crate) mod model;
mod namespace;
mod policy;
pub(crate) mod proxy;
mod reference;
pub(crate) mod route;
mod stale;
mod state;
mod status;
mod update;

use crate::key::Key;
use crate::resources::{Objects, same_meta};
use extension::Extension;
use index::{Index, Parent};
use meridian_ir::Name;
use meridian_resources::core::Namespace;
use meridian_resources::envoy_gateway::{self, EnvoyProxy};
use meridian_resources::gateway_api::{
    BackendTlsPolicy, EXPERIMENTAL_GROUP, GROUP, Gateway, GatewayClass, GrpcRoute, HttpRoute, ListenerSet,
    ReferenceGrant, TcpRoute, TlsRoute, UdpRoute, XBackend, XBackendTrafficPolicy, XMesh,
};
use meridian_resources::{Object, ObjectRef, Resource, Spec};
use model::{BackendTls, GatewayModel, ManagedGateway, Provision, Route};
use reference::Credentials;
use route::{RouteId, RouteKind};
use serde_json::Value;
use stale::Stale;
use state::{GatewayState, RouteState};
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    /// In order, so that those of a namespace are found.
    pub(crate) grants: BTreeMap<Key, Arc<Object<ReferenceGrant>>>,
    pub(crate) backend_tls_policies: Objects<BackendTlsPolicy>,
    pub(crate) backends: Objects<XBackend>,
    pub(crate) traffic_policies: Objects<XBackendTrafficPolicy>,
    pub(crate) meshes: HashMap<Name, Arc<Object<XMesh>>>,
    pub(crate) envoy_proxies: Objects<EnvoyProxy>,
    pub(crate) namespaces: HashMap<Name, Arc<Object<Namespace>>>,
    /// The version of the CRDs, where there are any.
    pub(crate) bundle: Option<String>,
    /// What became of what Gateways need to be reached.
    pub(crate) provisions: HashMap<Key, Provision>,
    /// The Gateways of ours.
    pub(crate) models: BTreeMap<Key, Arc<GatewayModel>>,
    index: Index,
    states: HashMap<Key, GatewayState>,
    routes: HashMap<RouteId, RouteState>,
    /// Policies of Envoy Gateway.
    extensions: BTreeMap<(&'static str, Key), Extension>,
    /// Routes whose requests are answered with an error, because policies protect them that are not supported.
    pub(crate) closed: BTreeSet<RouteId>,
    /// What the BackendTLSPolicies ask for.
    backend_tls: HashMap<Key, Arc<BackendTls>>,
    credentials: Credentials,
    /// What was said of each object.
    said: HashMap<ObjectRef, Arc<Value>>,
    managed: HashMap<Key, Arc<ManagedGateway>>,
    revision: u64,
    stale: Stale,
}

/// Whether nothing that translation reads or says is different.
fn is_same<T: Spec + PartialEq>(a: &Object<T>, b: &Object<T>) -> bool {
    same_meta(&a.meta, &b.meta)
        && a.meta.generation == b.meta.generation
        && a.meta.uid == b.meta.uid
        && a.spec == b.spec
}

/// Puts an object; the one before, unless they are the same, in which case that one is kept.
fn replace<T: Spec + PartialEq>(
    objects: &mut Objects<T>,
    object: &Arc<Object<T>>,
) -> Result<Option<Arc<Object<T>>>, ()> {
    let key = Key::of(&object.meta);
    if objects.get(&key).is_some_and(|before| is_same(before, object)) {
        return Err(());
    }
    Ok(objects.insert(key, object.clone()))
}

impl GatewayApi {
    /// Takes in an object of Gateway API; another one is given back.
    pub(crate) fn put(&mut self, resource: Resource) -> Result<(), Resource> {
        match resource {
            Resource::GatewayClass(object) => self.put_class(object),
            Resource::KubernetesGateway(object) => self.put_gateway(&object),
            Resource::ListenerSet(object) => self.put_set(&object),
            Resource::HttpRoute(object) => self.put_route(Route::Http(object)),
            Resource::GrpcRoute(object) => self.put_route(Route::Grpc(object)),
            Resource::TlsRoute(object) => self.put_route(Route::Tls(object)),
            Resource::TcpRoute(object) => self.put_route(Route::Tcp(object)),
            Resource::UdpRoute(object) => self.put_route(Route::Udp(object)),
            Resource::ReferenceGrant(object) => {
                let key = Key::of(&object.meta);
                let before = self.grants.insert(key.clone(), object.clone());
                if !before.is_some_and(|before| is_same(&before, &object)) {
                    self.grants_changed(&key.namespace);
                }
            }
            Resource::BackendTlsPolicy(object) => self.put_policy(&object),
            Resource::XBackend(object) => {
                if let Ok(before) = replace(&mut self.backends, &object) {
                    self.forget_if_new(before.map(|before| before.meta.uid.clone()), &object);
                    self.backend_changed(&Key::of(&object.meta));
                    self.stale.backends.insert(Key::of(&object.meta));
                }
            }
            Resource::XBackendTrafficPolicy(object) => {
                if let Ok(before) = replace(&mut self.traffic_policies, &object) {
                    before.iter().for_each(|before| self.traffic_policy_changed(before));
                    self.traffic_policy_changed(&object);
                    self.forget_if_new(before.map(|before| before.meta.uid.clone()), &object);
                    self.stale.traffic_policies.insert(Key::of(&object.meta));
                }
            }
            Resource::XMesh(object) => {
                self.meshes.insert(object.meta.name.clone(), object);
            }
            Resource::EnvoyProxy(object) => {
                if replace(&mut self.envoy_proxies, &object).is_ok() {
                    self.parameters_changed("EnvoyProxy", &object.meta);
                }
            }
            other => {
                let Some(extension) = Extension::of(&other) else { return Err(other) };
                self.extension_changed(extension.key(), Some(extension));
            }
        }
        Ok(())
    }

    /// Forgets an object. Whether it is one of Gateway API.
    pub(crate) fn delete(&mut self, object: &ObjectRef) -> bool {
        if ![GROUP, EXPERIMENTAL_GROUP, envoy_gateway::GROUP].contains(&object.kind.group) {
            return false;
        }
        self.said.remove(object);
        let key = Key { namespace: object.namespace.clone().unwrap_or_default(), name: object.name.clone() };
        match object.kind.kind {
            "GatewayClass" => {
                self.classes.remove(&key.name);
                self.class_changed(&key.name);
            }
            "Gateway" => {
                self.gateways.remove(&key);
                self.provisions.remove(&key);
                self.stale.gateways.insert(key);
            }
            "ListenerSet" => {
                if let Some(before) = self.listener_sets.remove(&key) {
                    self.set_changed(&before);
                    self.index.remove_set(&before);
                }
            }
            "HTTPRoute" => self.delete_route(&key, RouteKind::Http),
            "GRPCRoute" => self.delete_route(&key, RouteKind::Grpc),
            "TLSRoute" => self.delete_route(&key, RouteKind::Tls),
            "TCPRoute" => self.delete_route(&key, RouteKind::Tcp),
            "UDPRoute" => self.delete_route(&key, RouteKind::Udp),
            "ReferenceGrant" => {
                self.grants.remove(&key);
                self.grants_changed(&key.namespace);
            }
            "BackendTLSPolicy" => {
                if let Some(before) = self.backend_tls_policies.remove(&key) {
                    self.index.remove_policy(&before);
                    self.policy_changed(&before);
                }
            }
            "XBackend" => {
                self.backends.remove(&key);
                self.backend_changed(&key);
            }
            "XBackendTrafficPolicy" => {
                if let Some(before) = self.traffic_policies.remove(&key) {
                    self.traffic_policy_changed(&before);
                }
            }
            "XMesh" => {
                self.meshes.remove(&key.name);
            }
            "EnvoyProxy" => {
                if let Some(before) = self.envoy_proxies.remove(&key) {
                    self.parameters_changed("EnvoyProxy", &before.meta);
                }
            }
            name => {
                if let Some(kind) = extension::kind_of(name) {
                    self.extension_changed((kind.kind, key), None);
                }
            }
        }
        true
    }

    fn put_class(&mut self, object: Arc<Object<GatewayClass>>) {
        let name = object.meta.name.clone();
        if self.classes.get(&name).is_some_and(|before| is_same(before, &object)) {
            return;
        }
        self.forget_if_new(self.classes.get(&name).map(|before| before.meta.uid.clone()), &object);
        let before = self.classes.insert(name.clone(), object.clone());
        if before.is_none_or(|before| before.spec.controller_name != object.spec.controller_name) {
            self.class_changed(&name);
        }
        self.stale.touched.extend(self.gateways_of_class(&name));
        self.stale.classes.insert(name);
    }

    fn class_changed(&mut self, name: &Name) {
        self.stale.gateways.extend(self.gateways_of_class(name));
        self.stale.classes.insert(name.clone());
    }

    fn put_gateway(&mut self, object: &Arc<Object<Gateway>>) {
        if let Ok(before) = replace(&mut self.gateways, object) {
            self.forget_if_new(before.map(|before| before.meta.uid.clone()), object);
            self.stale.gateways.insert(Key::of(&object.meta));
        }
    }

    fn put_set(&mut self, object: &Arc<Object<ListenerSet>>) {
        if let Ok(before) = replace(&mut self.listener_sets, object) {
            self.forget_if_new(before.as_ref().map(|before| before.meta.uid.clone()), object);
            if let Some(before) = before {
                self.set_changed(&before);
                self.index.remove_set(&before);
            }
            self.index.add_set(object);
            self.set_changed(object);
        }
    }

    /// The Gateway of a ListenerSet, and the routes that name it, must be looked at.
    fn set_changed(&mut self, set: &Object<ListenerSet>) {
        let key = Key::of(&set.meta);
        self.stale.gateways.extend(index::gateway_of(set));
        self.stale.routes.extend(self.index.routes_of(&Parent::ListenerSet(key.clone())).cloned());
        self.stale.orphans.insert(key);
    }

    fn put_route(&mut self, route: Route) {
        let id = route.id();
        let before = self.route(&id);
        if before.as_ref().is_some_and(|before| before.is_same(&route)) {
            return;
        }
        if let Some(before) = before {
            self.index.remove_route(&before);
            if before.meta().uid != route.meta().uid {
                self.said.remove(&id.object_ref());
            }
        }
        self.index.add_route(&route);
        let key = Key::of(route.meta());
        match route {
            Route::Http(object) => drop(self.http_routes.insert(key, object)),
            Route::Grpc(object) => drop(self.grpc_routes.insert(key, object)),
            Route::Tls(object) => drop(self.tls_routes.insert(key, object)),
            Route::Tcp(object) => drop(self.tcp_routes.insert(key, object)),
            Route::Udp(object) => drop(self.udp_routes.insert(key, object)),
        }
        self.stale.routes.insert(id);
    }

    fn delete_route(&mut self, key: &Key, kind: RouteKind) {
        let id = RouteId { namespace: key.namespace.clone(), name: key.name.clone(), kind };
        let Some(before) = self.route(&id) else { return };
        self.index.remove_route(&before);
        match kind {
            RouteKind::Http => drop(self.http_routes.remove(key)),
            RouteKind::Grpc => drop(self.grpc_routes.remove(key)),
            RouteKind::Tls => drop(self.tls_routes.remove(key)),
            RouteKind::Tcp => drop(self.tcp_routes.remove(key)),
            RouteKind::Udp => drop(self.udp_routes.remove(key)),
        }
        self.stale.routes.insert(id);
    }

    /// A route as it is now.
    pub(crate) fn route(&self, id: &RouteId) -> Option<Route> {
        let key = Key { namespace: id.namespace.clone(), name: id.name.clone() };
        match id.kind {
            RouteKind::Http => self.http_routes.get(&key).cloned().map(Route::Http),
            RouteKind::Grpc => self.grpc_routes.get(&key).cloned().map(Route::Grpc),
            RouteKind::Tls => self.tls_routes.get(&key).cloned().map(Route::Tls),
            RouteKind::Tcp => self.tcp_routes.get(&key).cloned().map(Route::Tcp),
            RouteKind::Udp => self.udp_routes.get(&key).cloned().map(Route::Udp),
        }
    }

    fn put_policy(&mut self, object: &Arc<Object<BackendTlsPolicy>>) {
        if let Ok(before) = replace(&mut self.backend_tls_policies, object) {
            self.forget_if_new(before.as_ref().map(|before| before.meta.uid.clone()), object);
            if let Some(before) = before {
                self.index.remove_policy(&before);
                self.policy_changed(&before);
            }
            self.index.add_policy(object);
            self.policy_changed(object);
        }
    }

    /// Routes to the Services of a policy, and other policies about them, must be looked at.
    fn policy_changed(&mut self, policy: &Object<BackendTlsPolicy>) {
        self.stale.policies.insert(Key::of(&policy.meta));
        for (service, _) in index::targets_of(policy) {
            self.stale.routes.extend(self.index.routes_to(&service).cloned());
            let others = self.index.policies_of(&service).into_iter().flat_map(index::Targeting::all);
            self.stale.policies.extend(others.cloned());
        }
    }

    fn traffic_policy_changed(&mut self, policy: &Object<XBackendTrafficPolicy>) {
        for target in &policy.spec.target_refs {
            let service = Key { namespace: policy.meta.namespace.clone(), name: target.name.as_str().into() };
            self.backend_changed(&service);
        }
    }

    /// Routes that send there must be looked at, and what proxies do with them.
    fn backend_changed(&mut self, key: &Key) {
        let routes: Vec<RouteId> = self.index.routes_to(key).cloned().collect();
        self.stale.routes.extend(routes.iter().cloned());
        self.stale.led_elsewhere.extend(routes);
    }

    /// What was said of the object of that name which is gone does not count for a new one.
    fn forget_if_new<T: Spec>(&mut self, before: Option<String>, object: &Object<T>) {
        if before.is_some_and(|uid| uid != object.meta.uid) {
            self.said.remove(&object.object_ref());
        }
    }
}
