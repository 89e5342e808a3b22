//! What routes send to: the cluster of each reference, and what it depends on.

use super::external;
use crate::gateway_api::GatewayApi;
use crate::gateway_api::backend::Backends;
use crate::gateway_api::model::Backend;
use crate::gateway_api::route::{Reference, RouteKind};
use crate::istio::cluster::{Carried, ClusterId};
use crate::istio::destination::Scope;
use crate::istio::hash_policy;
use meridian_ir::Name;
use meridian_ir::hash_policy::HashPolicy;
use std::collections::BTreeSet;

/// The cluster of what leads nowhere. There is none of this name: requests are answered with an error, and connections
/// are closed.
pub(crate) const NOWHERE: &str = "BlackHoleCluster";

/// How a backend is spoken to, beyond what its Service says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// HTTP as the Service's port says it, or bytes.
    Plain,
    /// HTTP/2, whatever the Service's port says.
    Grpc,
    /// Bytes that are not ours to wrap in TLS.
    Raw,
    /// Packets.
    Udp,
}

/// On what the routes of an object depend, beside the object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dependencies {
    /// Clusters that they name, each once.
    pub(crate) clusters: Vec<ClusterId>,
    /// Hosts of Services that they refer to, existing or not.
    pub(crate) hosts: BTreeSet<Name>,
    /// Whether they are different for another port, or without TLS.
    pub(crate) on_server: bool,
}

/// What routes are compiled with.
pub(crate) struct Compiler<'a, 's> {
    pub(crate) scope: &'a mut Scope<'s>,
    pub(crate) api: &'a GatewayApi,
    /// Kind and namespace of the route.
    pub(crate) kind: RouteKind,
    pub(crate) namespace: &'a Name,
    pub(crate) dependencies: Dependencies,
}

impl Compiler<'_, '_> {
    /// The cluster of a reference; `None` when it leads nowhere.
    pub(crate) fn cluster<'r>(&mut self, reference: impl Into<Reference<'r>>, speech: Speech) -> Option<ClusterId> {
        let (host, port) = match self.resolve(reference.into())? {
            Backend::Service { host, port } => (host, port),
            Backend::External { object, host, port } => {
                let carried = if speech == Speech::Grpc { Carried::Http2 } else { Carried::AsPort };
                let id = external::cluster_id(self.scope.pool, &object, &host, port, carried);
                return Some(self.depend_on(id));
            }
        };
        let service = self.scope.registry.service(&host, &self.scope.node.namespace)?;
        // What is sent to another name goes to the one that it stands for.
        let host = service.alias.clone().unwrap_or(host);
        let service = self.scope.registry.service(&host, &self.scope.node.namespace)?;
        let is_http2 = || service.port(port).and_then(|port| port.protocol).is_some_and(|protocol| protocol.is_http2());
        let id = match speech {
            Speech::Grpc if !is_http2() => ClusterId::carrying(self.scope.pool, &host, port, Carried::Http2),
            Speech::Udp => ClusterId::carrying(self.scope.pool, &host, port, Carried::Udp),
            Speech::Raw => ClusterId::carrying(self.scope.pool, &host, port, Carried::Raw),
            Speech::Grpc | Speech::Plain => ClusterId::new(self.scope.pool, &host, port, ""),
        };
        Some(self.depend_on(id))
    }

    fn depend_on(&mut self, id: ClusterId) -> ClusterId {
        self.dependencies.hosts.insert(id.host.clone());
        if !self.dependencies.clusters.contains(&id) {
            self.dependencies.clusters.push(id.clone());
        }
        id
    }

    /// What the DestinationRules for a cluster hash of requests, if they balance by hash.
    pub(crate) fn hash_policy(&self, id: &ClusterId) -> Option<HashPolicy> {
        let service = self.scope.registry.service(&id.host, &self.scope.node.namespace)?;
        let rules = self.scope.rules.of_service(service, self.scope.node, self.scope.mesh);
        hash_policy::compile(rules.policy(id.port, None).load_balancer)
    }

    fn resolve(&mut self, reference: Reference<'_>) -> Option<Backend> {
        if reference.kind == "Service" {
            let namespace = reference.namespace.unwrap_or(self.namespace);
            let host = self.scope.mesh.service_host(reference.name, namespace).to_ascii_lowercase();
            self.dependencies.hosts.insert(self.scope.pool.name(&host));
        }
        let backends = Backends { api: self.api, registry: self.scope.registry };
        backends.resolve(self.kind, self.namespace, reference).ok()
    }
}
